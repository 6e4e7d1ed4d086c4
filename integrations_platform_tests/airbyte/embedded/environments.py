"""The connectors' environments, installed once per machine and lock into a cache folder.

Skipped where uv or the network is missing; fails where INTEGRATIONS_REQUIRE_CONNECTORS=1 says that it must not be.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integrations_platform.airbyte.embedded.connectors import Project
from integrations_platform.airbyte.embedded.installing import installed
from integrations_platform.airbyte.faults import AirbyteFault


def connectors_folder(project: Project) -> Path:
    """The folder in which the project's environment is installed."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "integrations_platform" / "connectors"
    try:
        installed(project, folder, lambda _: None)
    except AirbyteFault as fault:
        if os.environ.get("INTEGRATIONS_REQUIRE_CONNECTORS") == "1":
            pytest.fail(f"{fault.message} (INTEGRATIONS_REQUIRE_CONNECTORS=1)", pytrace=False)
        pytest.skip(fault.message)
    return folder
