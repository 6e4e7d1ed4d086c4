"""The group `integrations sync`: which module holds which command."""

from __future__ import annotations

import click

from integrations_platform.cli.lazy import Entry, LazyGroup

_HERE = "integrations_platform.cli"

COMMANDS = {
    "list": Entry(f"{_HERE}.reading:list_syncs", "The declared syncs."),
    "plan": Entry(f"{_HERE}.running:plan", "Show what a run would do, and keep it for review."),
    "apply": Entry(f"{_HERE}.running:apply", "Carry out a reviewed plan, exactly."),
    "run": Entry(f"{_HERE}.running:run", "Plan and apply in one go."),
    "unified": Entry(f"{_HERE}.unified:unified", "Run every sync between two systems, in order."),
    "status": Entry(f"{_HERE}.reading:status", "Where every sync stands."),
    "history": Entry(f"{_HERE}.reading:history", "Past runs, newest first."),
    "explain": Entry(f"{_HERE}.reading:explain", "Why a record is as it is."),
    "conflicts": Entry(f"{_HERE}.conflicts:conflicts", "Disagreements that wait for a person."),
    "quarantine": Entry(f"{_HERE}.quarantine:quarantine", "Records set aside, and another try for them."),
    "restore": Entry(f"{_HERE}.recalling:restore", "Bring back a value or record that a run replaced or removed."),
    "verify": Entry(f"{_HERE}.recalling:verify", "Compare both sides in full, value by value."),
    "audit": Entry(f"{_HERE}.recalling:audit", "What was written and what it replaced; check the hash chain."),
    "init": Entry(f"{_HERE}.authoring:init", "Draft a sync file from two tables."),
    "schema": Entry(f"{_HERE}.authoring:schema", "JSON Schema of sync and environment files, for editors."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def sync() -> None:
    """Plan, run and look after syncs.

    NAME is a declared sync; a path to a sync file, or --file SYNC.yaml, may stand in its place.
    """
