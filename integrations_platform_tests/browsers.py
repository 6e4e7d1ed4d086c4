"""A real browser for tests: the machine's own Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


def _absent(reason: str) -> Any:
    if os.environ.get("INTEGRATIONS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason} (INTEGRATIONS_REQUIRE_BROWSER=1)", pytrace=False)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser; the test is skipped without one, or fails where INTEGRATIONS_REQUIRE_BROWSER is 1."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        _absent("no Chromium on this machine")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("playwright is not installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield found
        found.close()
