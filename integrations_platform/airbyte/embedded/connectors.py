"""Which connectors can be run without a server, and what of each a read needs to know.

Three ways to name one: a manifest of the platform, the path of a manifest of your own (`.yaml`), the path of a program
that speaks the Airbyte protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.schema_check import nearest
from integrations_platform.service_faults import FaultKind

HERE = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Project:
    """A locked environment: the folder of that ``name`` beside this file. ``below``: the first Python it does not
    take."""

    name: str
    executable: str
    what: str
    below: tuple[int, int]

    @property
    def folder(self) -> Path:
        """Where its pyproject.toml and uv.lock are."""
        return HERE / self.name


DECLARATIVE = Project("declarative", "source-declarative-manifest", "airbyte-cdk", (3, 14))
FAKER = Project("faker", "source-faker", "airbyte-source-faker", (3, 13))


@dataclass(frozen=True)
class Definition:
    """A connector. ``fixed``: its catalogue follows from the manifest alone. ``by_day``: rows are made for a day, any
    day, by a seed, so that nothing is remembered between reads."""

    name: str
    project: Project | None = None
    program: Path | None = None
    manifest: Path | None = None
    fixed: bool = False
    by_day: bool = False

    def configured(self, config: Mapping[str, Any], day: date) -> dict[str, Any]:
        """The configuration of a read for ``day``. In one thread, so that the same seed makes the same rows."""
        return {**config, "seed": day.toordinal(), "parallelism": 1} if self.by_day else dict(config)


KNOWN: Mapping[str, Definition] = {
    "hubspot": Definition("hubspot", DECLARATIVE, manifest=HERE / "hubspot.yaml", fixed=True),
    "faker": Definition("faker", FAKER, by_day=True),
}


def definition(connector: str) -> Definition:
    """The connector of that name or at that path, relative to the current directory. Raises AirbyteFault that lists
    the known ones."""
    if connector in KNOWN:
        return KNOWN[connector]
    path = Path.cwd() / Path(connector).expanduser()
    if not path.is_file():
        remedy = f"{nearest(connector, KNOWN)}, or give the path of a manifest or of a connector's program"
        raise AirbyteFault(FaultKind.CONFIGURATION, f"no embedded connector is named {connector!r}; {remedy}")
    if path.suffix in (".yaml", ".yml"):
        return Definition(path.stem, DECLARATIVE, manifest=path)
    return Definition(path.name, program=path)
