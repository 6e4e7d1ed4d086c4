"""The small distribution holds all that its modules import; built and installed it is by :mod:`.test_airflow`."""

from __future__ import annotations

import ast
import tomllib

from integrations_platform_tests.airflow_shim.airflows import ROOT, SHIM

PACKAGE = "integrations_platform"


def _modules() -> set[str]:
    build = tomllib.loads((SHIM / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    files = {place for place in build["targets"]["wheel"]["force-include"].values() if place.endswith(".py")}
    files |= {str(path.relative_to(ROOT)) for path in SHIM.glob("*.py")}
    return {file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in files}


def test_whatever_is_imported_at_once_is_in_the_wheel() -> None:
    """A module that is missing goes into `airflow_shim/pyproject.toml`, or is imported where it is used."""
    carried = _modules()
    for module in carried:
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                named = {f"{node.module}.{item.name}" for item in node.names}
                assert node.module in carried or named <= carried, f"{module} imports {node.module}"
                parts = str(node.module).split(".")
                assert {".".join(parts[:end]) for end in range(1, len(parts))} <= carried, node.module
