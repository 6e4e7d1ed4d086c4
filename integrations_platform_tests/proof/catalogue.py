"""Which parts the proof has, by name, in the order of the published table of figures.

Each is imported only when it is used; a part whose module is not there is not listed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from integrations_platform_tests.proof.part import Part

_FOLDER = "integrations_platform_tests.proof.parts"

PLACES = {
    "histories-calm": "lived:CALM",
    "histories-rough": "lived:ROUGH",
    "histories-hostile": "lived:HOSTILE",
    "planner-cases": "lived:CASES",
    "stories": "lived:STORIES",
    "long-histories": "lived:LONG",
    "lost-answers": "answers:LOST",
    "batches": "answers:BATCHES",
    "silent-lies": "answers:SILENT",
    "guards": "guards:GUARDS",
    "dry-run": "dry_run:DRY_RUN",
    "order": "order:ORDER",
    "latest": "latest:LATEST",
    "manual": "manual:MANUAL",
    "first-sync": "first_sync:FIRST_SYNC",
    "lost-state": "lost_state:LOST_STATE",
    "types": "types:TYPES",
    "sql-matrix": "types:MATRIX",
    "systems-matrix": "systems:MATRIX",
    "kill-boundaries": "kills:BOUNDARIES",
    "kill-random": "kills:RANDOM",
    "server-kills": "kills:SERVERS",
    "network-cuts": "kills:NETWORK",
    "full-disks": "kills:DISKS",
    "mutants": "lived:MUTANTS",
    "tool-mutation": "tool_mutation:PART",
    "soak": "soak:SOAK",
    "soak-memory": "soak:MEMORY",
    "no-op-run": "throughput:CALM_RUN",
    "planner-speed": "throughput:DECISIONS",
    "api-calls": "calls:CALLS",
    "detection": "detection:DETECTION",
    "audit": "audit:AUDIT",
    "replay": "shrinking:SHRINKING",
}

AREAS = (
    "Random histories",
    "Long histories",
    "Systems matrix",
    "kill -9",
    "Lost responses",
    "Batch of 100, k bad",
    "Silent lies",
    "Guards",
    "Dry run",
    "Order independence",
    "latest",
    "Manual",
    "First sync",
    "Loss of the state",
    "Types",
    "Mutation score",
    "Soak",
    "Throughput",
    "API calls",
    "Detection",
    "Audit",
    "Replay of failures",
)


def names() -> list[str]:
    """The names of all parts that are there."""
    return [name for name, place in PLACES.items() if find_spec(_module(place)) is not None]


def part(name: str) -> Part:
    """The part of that name. Raises KeyError."""
    found: Part = getattr(import_module(_module(PLACES[name])), PLACES[name].partition(":")[2])
    return found


def _module(place: str) -> str:
    module = place.partition(":")[0]
    return module if "." in module else f"{_FOLDER}.{module}"
