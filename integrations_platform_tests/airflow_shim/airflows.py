"""Airflow environments for tests: built by uv from the committed constraints, once, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.3", "2.11")
SHIM = ROOT / "integrations_platform" / "airflow_shim"


def python_of(version: str) -> Path:
    """The interpreter of an environment with that Airflow and a migrated database beside it.

    Skips the test where it cannot be built, or fails it where Airflow is required.
    """
    constraints = ROOT / "environments" / "airflow" / f"constraints-{version}.txt"
    named = hashlib.sha256(constraints.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "integrations-platform" / f"airflow-{version}-{named}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "-q", "--python", sys.executable, str(folder))
        _uv("pip", "install", "-q", "--compile-bytecode", "--python", str(python), "-r", str(constraints))
        subprocess.run(
            [python, "-m", "airflow", "db", "migrate"],
            env=variables(folder),
            check=True,
            capture_output=True,
            timeout=300,
        )
        (folder / "complete").touch()
    return python


def variables(home: Path) -> dict[str, str]:
    """What an Airflow in ``home`` must be told, and nothing of ours."""
    ours = ("INTEGRATIONS_", "AIRFLOW", "AIRBYTE_", "ENABLE_", "SLACK_", "SMTP_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


def small_wheel(folder: Path) -> Path:
    """The small distribution, built as its users get it."""
    _uv("build", "-q", "--wheel", str(SHIM), "--out-dir", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _uv(*words: str) -> str:
    if shutil.which("uv") is None:
        _missing("there is no uv")
    done = subprocess.run(["uv", *words], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        _missing(f"uv {words[0]} {words[1]}: {done.stderr.strip()[-500:]}")
    return done.stdout + done.stderr


def would_install(python: Path, wheel: Path) -> str:
    """What installing the wheel into an environment would bring, in uv's words."""
    return _uv("pip", "install", "--dry-run", "--python", str(python), str(wheel))


def unpack(wheel: Path, folder: Path) -> None:
    """Install the wheel, and nothing it may need, into a folder."""
    _uv("pip", "install", "-q", "--no-deps", "--target", str(folder), str(wheel))


def _missing(reason: str) -> None:
    if os.environ.get("INTEGRATIONS_REQUIRE_AIRFLOW") == "1":
        pytest.fail(f"{reason} (INTEGRATIONS_REQUIRE_AIRFLOW=1)", pytrace=False)
    pytest.skip(reason)
