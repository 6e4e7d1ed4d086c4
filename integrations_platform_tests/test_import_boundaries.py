"""The direction of imports holds, as linted and as seen by a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "integrations_platform"


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_linted_contracts_hold() -> None:
    _run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache")


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("integrations_platform.unified_sync.spec", {"dagster", "sqlalchemy", "pydantic", "yaml", "pandas"}),
        ("integrations_platform.unified_sync.port", {"dagster", "sqlalchemy", "pydantic", "yaml", "pandas"}),
        ("integrations_platform.settings", {"dagster", "pandas", "polars", "pydantic", "sqlalchemy"}),
        ("integrations_platform.declarations", {"dagster", "pandas", "pydantic", "sqlalchemy"}),
    ],
)
def test_a_fresh_import_stays_small(module: str, forbidden: set[str]) -> None:
    loaded = set(_run(sys.executable, "-c", f"import sys, {module}; print(*sys.modules)").split())
    assert module in loaded
    assert not loaded & forbidden


def test_the_engine_imports_the_standard_library_and_polars_only() -> None:
    allowed = {*sys.stdlib_module_names, "polars"}
    files = sorted((PACKAGE / "unified_sync").rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                inside = name.startswith("integrations_platform.unified_sync")
                assert inside or name.partition(".")[0] in allowed, f"{file.name} imports {name}"
