"""The catalogue of named jobs: what is declared, what may be asked of it, and which syncs a request means.

Pure data and choices, one source for every orchestrator: it imports none, opens no system and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from integrations_platform.declarations import DeclarationError, check_together, load_declared
from integrations_platform.schema_check import nearest
from integrations_platform.settings import Settings, load_settings, variable
from integrations_platform.unified_sync.spec import SIDES, Direction, Strategy, SyncSpec

SYNCS_VARIABLE = "INTEGRATIONS_SYNCS"
TYPES = ("postgresql", "mysql", "sqlite", "hubspot", "quickbooks", "google_sheets")
"""Kinds of systems that may stand for a system's name in ``source_type`` and ``target_type``."""

_MIRRORED = {
    Direction.SOURCE_TO_TARGET: Direction.TARGET_TO_SOURCE,
    Direction.TARGET_TO_SOURCE: Direction.SOURCE_TO_TARGET,
}
_MIRRORED_STRATEGY = {
    Strategy.SOURCE_WINS: Strategy.TARGET_WINS,
    Strategy.TARGET_WINS: Strategy.SOURCE_WINS,
}


class NoSuchJob(Exception):  # noqa: N818
    """What was asked for does not exist or cannot travel that way; the message lists what does."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a job: its type, bounds and default. ``default`` None without ``required``: as declared."""

    name: str
    type: Literal["string", "integer", "boolean", "strings"]
    description: str
    default: Any = None
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Days:
    """The days something is done for, a run each. ``ends`` None: it goes on; ``today``: the newest day is the one that
    goes on, not the one before."""

    starts: date
    ends: date | None = None
    today: bool = False


@dataclass(frozen=True)
class Target:
    """What a job brings up to date. ``assets``: their keys, parts joined by /."""

    name: str
    assets: tuple[str, ...]
    owner: str | None = None
    days: Days | None = None


@dataclass(frozen=True)
class Job:
    """One named job and its parameters, in the order people read them.

    ``step``: the one that takes the parameters. ``schedule``: cron, UTC. ``retries``: how often a run that did not come
    off is started again. ``alerts``: who tells that one failed: the history its sync keeps, or whoever started the run.
    ``dag``: what Airflow calls it; jobs that share one are its tasks.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    step: str = ""
    schedule: str | None = None
    targets: tuple[Target, ...] = ()
    owner: str | None = None
    retries: int = 2
    alerts: Literal["history", "run"] = "run"
    dag: str = ""

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name. Raises KeyError."""
        return {item.name: item for item in self.parameters}[name]


_OPTIONS = (
    Parameter(
        "direction",
        "string",
        "Which way values may travel in this run. It can only narrow what the sync declares; edits of the other side "
        "are neither carried nor overwritten, they wait for a run that may. Empty: as declared.",
        choices=("source_to_target", "target_to_source", "bidirectional"),
    ),
    Parameter("batch_size", "integer", "Records per write, 1 to 10000; empty: as declared.", minimum=1, maximum=10_000),
    Parameter(
        "dry_run",
        "boolean",
        "Plan and show what would be written; write nothing anywhere and claim nothing.",
        default=False,
    ),
    Parameter(
        "conflict_resolution",
        "string",
        "Who wins, in this run, where both sides changed one field; replaces the default and every field's own. "
        "Conflicts parked earlier stay with the person they wait for. Losing values are kept in the audit. "
        "Empty: as declared.",
        choices=("source_wins", "target_wins", "latest", "manual"),
    ),
)
SYNC = Job("sync", "Run one declared sync.", _OPTIONS)
DATA_SYNC_UNIFIED = Job(
    "data_sync_unified",
    "Run every declared sync that joins two systems, given by name or by kind, in either orientation.",
    (
        Parameter(
            "source_type",
            "string",
            f"One end: a system of the environment, or a kind ({', '.join(TYPES)}).",
            required=True,
        ),
        Parameter("target_type", "string", "The other end: a system or a kind.", required=True),
        *(
            replace(item, description=f"{item.description} Seen from source_type.") if item.choices else item
            for item in _OPTIONS
        ),
    ),
    step="sync_pair",
    alerts="history",
    dag="data_sync_unified",
)
RESET = Job(
    "airbyte_reset_then_sync",
    "Clear what a connection wrote, then sync it. Its name must be given twice.",
    (
        Parameter("connection", "string", "The connection, as declared.", required=True),
        Parameter(
            "confirm",
            "string",
            "The connection's name once more: what it wrote is removed at its destination, then read anew.",
            required=True,
        ),
        Parameter("streams", "strings", "Only these streams, as declared (namespace.name). Empty: all of them.", ()),
    ),
    step="clear_then_sync",
    retries=0,  # a run that died may have cleared already: somebody looks before it is done again
    dag="airbyte_reset_and_sync",
)


@dataclass(frozen=True)
class Options:
    """What a run may change about a sync; None: as declared."""

    direction: Direction | None = None
    batch_size: int | None = None
    strategy: Strategy | None = None

    def mirrored(self) -> Options:
        """The same wish, said from the other end."""
        direction, strategy = self.direction, self.strategy
        return replace(
            self,
            direction=_MIRRORED.get(direction, direction) if direction else None,
            strategy=_MIRRORED_STRATEGY.get(strategy, strategy) if strategy else None,
        )

    def suits(self, spec: SyncSpec) -> bool:
        """Whether anything of ``spec`` can travel in the direction asked for."""
        return self.direction is None or spec.direction.within(self.direction) is not Direction.NEVER

    def applied(self, spec: SyncSpec) -> SyncSpec:
        """``spec`` under these options. Raises NoSuchJob when it cannot travel that way at all."""
        if not self.suits(spec):
            raise NoSuchJob(f"sync {spec.name!r} is declared {spec.direction}; it cannot run {self.direction}")
        return spec.overridden(direction=self.direction, batch_size=self.batch_size, strategy=self.strategy)


@dataclass(frozen=True)
class Catalogue:
    """All declared syncs and the environment they run in."""

    settings: Settings
    specs: tuple[SyncSpec, ...]

    def kind(self, system: str) -> str | None:
        """The kind of a system; None when this environment has none of that name, which only a run complains about."""
        return self.settings.systems[system].kind if system in self.settings.systems else None

    def upstream(self) -> Mapping[str, tuple[str, ...]]:
        """By sync, the others whose records it refers to; of references in a circle the one that closes it is left out,
        because records may wait for one another but an order of runs cannot."""
        referred = {
            spec.name: sorted({item.references for item in spec.fields if item.references} - {spec.name})
            for spec in self.specs
        }
        edges: dict[str, tuple[str, ...]] = dict.fromkeys(referred, ())
        for name in sorted(referred):
            for earlier in referred[name]:
                if earlier in edges and name not in _reach(edges, earlier):
                    edges[name] = (*edges[name], earlier)
        return edges

    def in_order(self) -> tuple[SyncSpec, ...]:
        """All syncs, each after those it refers to, otherwise by name."""
        edges = self.upstream()
        depth = {name: len(_reach(edges, name)) for name in edges}
        return tuple(sorted(self.specs, key=lambda spec: (depth[spec.name], spec.name)))

    def pairs(self) -> tuple[str, ...]:
        """What is declared, one line per sync, for people who asked for something that is not."""
        return tuple(
            f"{spec.name}: " + " and ".join(f"{end} ({self.kind(end) or 'not in this environment'})" for end in ends)
            for spec in self.in_order()
            for ends in [(spec.source.system, spec.target.system)]
        )

    def joining(self, source_type: str, target_type: str, options: Options) -> list[tuple[SyncSpec, Options]]:
        """Every sync that joins the two ends, in order, with the options as each must take them.

        ``options`` are said from ``source_type``'s point of view: a sync declared the other way round gets them
        mirrored. Syncs that cannot travel the way asked for are left out. Raises NoSuchJob when none remains, and for
        an end that is neither a system nor a kind.
        """
        for end in (source_type, target_type):
            self._know(end)
        found = [
            (spec, options if straight else options.mirrored())
            for spec in self.in_order()
            for straight in [self._joins(spec, source_type, target_type)]
            if straight or self._joins(spec, target_type, source_type)
        ]
        listed = "; ".join(self.pairs()) or "none at all"
        if not found:
            raise NoSuchJob(f"no declared sync joins {source_type} and {target_type}. Declared are: {listed}")
        able = [(spec, mine) for spec, mine in found if mine.suits(spec)]
        if not able:
            names = ", ".join(f"{spec.name} ({spec.direction})" for spec, _ in found)
            raise NoSuchJob(
                f"no sync between {source_type} and {target_type} can run {options.direction}; between them are {names}"
            )
        return able

    def _know(self, end: str) -> None:
        known = {*TYPES, *self.settings.systems, *(spec.side(side).system for spec in self.specs for side in SIDES)}
        if end not in known:
            raise NoSuchJob(f"{end!r} is neither a system of this environment nor a kind; {nearest(end, known)}")

    def _joins(self, spec: SyncSpec, first: str, second: str) -> bool:
        return all(
            wanted in (end, self.kind(end))
            for wanted, end in ((first, spec.source.system), (second, spec.target.system))
        )


def load_catalogue(
    environment: str | None = None, env_file: Path | None = None, folders: Sequence[Path] | None = None
) -> Catalogue:
    """The syncs of the package and of the folder that ``INTEGRATIONS_SYNCS`` names, with the chosen environment.

    ``folders`` replaces both places. Opens nothing and needs no other variable. Raises SettingsError, DeclarationError.
    """
    settings = load_settings(environment, env_file=env_file)
    if folders is None:
        extra = variable(SYNCS_VARIABLE)
        specs = [*load_declared(), *(load_declared(Path(extra)) if extra else ())]
        check_together(specs)
    else:
        specs = [spec for folder in folders for spec in load_declared(folder)]
        check_together(specs)
    return Catalogue(settings, tuple(sorted(specs, key=lambda spec: spec.name)))


def _reach(edges: Mapping[str, Sequence[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(edges.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += edges.get(name, ())
    return seen


__all__ = [
    "DATA_SYNC_UNIFIED",
    "RESET",
    "SYNC",
    "SYNCS_VARIABLE",
    "TYPES",
    "Catalogue",
    "Days",
    "DeclarationError",
    "Job",
    "NoSuchJob",
    "Options",
    "Parameter",
    "Target",
    "load_catalogue",
]
