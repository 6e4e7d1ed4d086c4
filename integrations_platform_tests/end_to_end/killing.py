"""The story every killed run is part of, and what must be true once the next runs have come to rest.

Owns the data of one story (its own pair of tables and its own sync), the users' edits before and after the kill, and
the outcome that plain SQL must show whatever the moment of the kill was.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform_tests.end_to_end.arrange import PEOPLE, SYNC, Base, World, add_people
from integrations_platform_tests.end_to_end.damage import Damage, inspect
from integrations_platform_tests.end_to_end.victim import BRIEF_LEASE, die_at

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120  # seconds; only a hanging process needs them
CONFLICTS = "batch_size: 2\nconflicts: {default: source_wins}\n"

# Victims are forked from a process that has loaded everything and run nothing: a kill costs no start of Python.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "integrations_platform_tests.end_to_end.victim", "integrations_platform.connectors.postgresql", "psycopg",
        "integrations_platform.connectors.mysql", "integrations_platform.connectors.relational", "pymysql",
        "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.mysql.pymysql", "alembic",
    ]
)  # fmt: skip

# What the users wrote last, by e-mail, and nobody deleted; the same on both sides.
OUTCOME: Mapping[str, tuple[str, Decimal | None]] = {
    "p0@example.org": ("Office 0", Decimal("100.00")),  # both sides edited different fields
    "p1@example.org": ("Office 1 again", Decimal("1.50")),  # edited before and after the kill
    "p2@example.org": ("Shop 2", Decimal("202.00")),  # the other field edited after the kill
    "p3@example.org": ("Person 3", Decimal("303.00")),
    "p5@example.org": ("Office wins 5", Decimal("5.50")),  # a conflict with a declared winner
    "p6@example.org": ("After the kill", Decimal("6.50")),
    "office@example.org": ("Office newcomer, renamed", Decimal("0.10")),  # created before, edited after the kill
    "shop@example.org": ("Shop newcomer", Decimal("-7.00")),
    "both@example.org": ("Known to both", Decimal("9.00")),
    "late@example.org": ("Came after the kill", None),
}


@dataclass(frozen=True)
class Story:
    """One pair of tables with edits waiting to be synced."""

    world: World

    @classmethod
    def begin(cls, folder: Path, a: Base, b: Base, state_url: str) -> Story:
        """Fresh tables, seven linked people, and edits of every kind on both sides."""
        for base in (a, b):
            for table in ("person", "integrations_ledger", "integrations_archive"):
                base.run(f"DROP TABLE IF EXISTS {table}")
            base.run(PEOPLE[base.kind])
        if state_url.startswith("postgresql"):
            Base.at("postgresql", state_url).run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        folder.mkdir()
        world = World(folder, a, b, state_url, SYNC + CONFLICTS, runtime=Runtime(lease_seconds=BRIEF_LEASE))
        add_people(a, [(f"p{number}@example.org", f"Person {number}", f"{number}.50") for number in range(7)])
        world.run()
        a.run(
            "UPDATE person SET name = 'Office 0' WHERE email = 'p0@example.org'",
            "UPDATE person SET name = 'Office 1' WHERE email = 'p1@example.org'",
            "UPDATE person SET balance = 303 WHERE email = 'p3@example.org'",
            "UPDATE person SET name = 'Office wins 5' WHERE email = 'p5@example.org'",
            "DELETE FROM person WHERE email = 'p4@example.org'",
        )
        b.run(
            "UPDATE person SET balance = 100 WHERE email = 'p0@example.org'",
            "UPDATE person SET name = 'Shop 2' WHERE email = 'p2@example.org'",
            "UPDATE person SET name = 'Shop loses 5' WHERE email = 'p5@example.org'",
        )
        add_people(a, [("office@example.org", "Office newcomer", "0.10"), ("both@example.org", "Known to both", "9")])
        add_people(b, [("shop@example.org", "Shop newcomer", "-7"), ("BOTH@example.org", "Known to both", "9")])
        return cls(world)

    def kill(self, boundary: int) -> None:
        """Run in a process that dies at a boundary."""
        said = self.victim(boundary, None)
        assert said is None, said

    def count_boundaries(self) -> int:
        """How many boundaries an undisturbed run passes."""
        said = self.victim(0, None)
        assert said is not None
        assert said[0]["status"] == "succeeded", said
        return int(said[-1]["boundaries"])

    def victim(self, boundary: int, seconds: float | None) -> list[dict[str, Any]] | None:
        """Run in a process of its own that dies at ``boundary`` (0: at none), or after so many seconds from outside.

        What it said; None: it was killed.
        """
        environment, sync = self.world.write_files()
        heard = self.world.folder / f"heard_{uuid4().hex}"
        process = FORKS.Process(target=die_at, args=(environment, sync, boundary, heard), daemon=True)
        process.start()
        process.join(PATIENCE if seconds is None else seconds)
        if process.exitcode is None:
            process.kill()
            process.join(PATIENCE)
            assert seconds is not None, f"the process hangs: {heard.read_text(encoding='utf-8')}"
        said = heard.read_text(encoding="utf-8") if heard.exists() else ""
        if process.exitcode == -signal.SIGKILL:
            return None
        assert process.exitcode == 0, f"{process.exitcode}: {said}"
        return [json.loads(line) for line in said.splitlines()]

    def edit_afterwards(self) -> None:
        """What users do between the kill and the next run."""
        self.world.a.run(
            "UPDATE person SET name = 'Office 1 again' WHERE email = 'p1@example.org'",
            "UPDATE person SET balance = 202 WHERE email = 'p2@example.org'",
            "UPDATE person SET name = 'Office newcomer, renamed' WHERE email = 'office@example.org'",
        )
        self.world.b.run("UPDATE person SET name = 'After the kill' WHERE email = 'p6@example.org'")
        add_people(self.world.b, [("late@example.org", "Came after the kill", None)])

    def come_to_rest(self) -> None:
        """Nothing may be lost, doubled, contested or left to a person."""
        damage = self.damage()
        assert not damage, damage

    def damage(self) -> Damage:
        """Run until nothing moves, and look at what plain SQL shows."""
        return inspect(self.world, OUTCOME, frozenset({'{"name":"Shop loses 5"}'}), removed=("Person 4",))


def ready_victim(folder: Path, stop: Path) -> subprocess.Popen[str]:
    """A process that has loaded, and once it is released runs the sync in ``folder`` until ``stop`` is there."""
    files = str(folder / "environment.yaml"), str(folder / "syncs" / "people.yaml"), str(stop)
    return subprocess.Popen(
        [sys.executable, "-m", "integrations_platform_tests.end_to_end.victim", *files],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    """What a process said on stdout and stderr once it ended with ``code``."""
    try:
        said, complained = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        said, complained = process.communicate()
        raise AssertionError(f"the process hangs: {said}\n{complained}") from None
    assert process.returncode == code, f"{process.returncode}: {said}\n{complained}"
    return said, complained
