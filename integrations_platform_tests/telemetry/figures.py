"""What `/metrics` says, read as Prometheus reads it; and the tool that judges it and the rules."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

OBSERVABILITY = Path(__file__).parents[2] / "environments" / "observability"
Labels = tuple[tuple[str, str], ...]


def figures(text: str) -> Mapping[str, Mapping[Labels, float]]:
    """Values by name of the series, and by labels in the order of their names."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labelled(**labels: str) -> Labels:
    """Labels as :func:`figures` has them."""
    return tuple(sorted(labels.items()))


def promtool(*words: str, said: str = "") -> str:
    """What promtool says to it, once it finds nothing wrong. Skipped where there is none, unless that must not be."""
    tool = shutil.which("promtool")
    if tool is None:
        reason = "no promtool on this machine (apt-get install prometheus)"
        if os.environ.get("INTEGRATIONS_REQUIRE_PROMTOOL") == "1":
            pytest.fail(f"{reason} (INTEGRATIONS_REQUIRE_PROMTOOL=1)", pytrace=False)
        pytest.skip(reason)
    done = subprocess.run([tool, *words], input=said, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
