"""Values of every type by the thousand, between each two databases and back, compared in plain SQL (P4, P40, P41)."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import click

from integrations_platform_tests.end_to_end import every_type, generated
from integrations_platform_tests.end_to_end.arrange import Base, World
from integrations_platform_tests.end_to_end.misfits import refusals
from integrations_platform_tests.proof.part import PROCESSES, Part, Shown
from integrations_platform_tests.proof.parts.lived import run_pytest
from integrations_platform_tests.servers import Server, start_mysql, start_postgresql

FIELD_TYPES = list(every_type.VALUES)
KINDS = ("postgresql", "mysql", "sqlite")
STORIES = "end_to_end/test_full_circle.py"
MOVED = 1_000_000  # added to every code on the target, so that each record has one edit to bring back
REFUSED = 10  # one record that does not fit for so many values of each type that do
SHOWN = 5  # differences described of each pair; all are counted


def there_and_back(world: World, rows: list[dict[str, Any]]) -> tuple[Counter[str], list[str]]:
    """One bulk sync of these rows to the target and, after one edit of each there, back; what was counted and what
    did not hold."""
    counts, wrong = Counter[str](), list[str]()
    for base in (world.a, world.b):
        every_type.create(base, FIELD_TYPES)
    every_type.insert(world.a, rows)
    original = every_type.read(world.a, FIELD_TYPES)
    counts["values"] = len(rows) * len(FIELD_TYPES)
    for way in ("there", "back"):
        wanted = original if way == "there" else {code + MOVED: row for code, row in original.items()}
        if way == "back":
            world.b.run(f"UPDATE person SET code = code + {MOVED}")
        written = [world.run().written, world.run().written]
        counts["writes over one for a record"] += max(0, sum(written) - len(rows))
        wrong += [f"{way}: set aside: {text}" for text in world.quarantine()[:SHOWN]]
        if written != [len(rows), 0]:
            wrong.append(f"{way}: P40: {written} writes for {len(rows)} records")
        for name, base in (("source", world.a), ("target", world.b)):
            found = every_type.differences(every_type.read(base, FIELD_TYPES), wanted)
            counts["values that came out otherwise"] += len(found)
            wrong += [
                f"{way}, {name}: {kind} of {code}: {here!r}, not {there!r}"
                for (code, kind), (here, there) in list(found.items())[:SHOWN]
            ]
    return counts, wrong


@contextmanager
def _between(first: str, second: str, servers: Mapping[str, Server]) -> Iterator[World]:
    """The sync of every type between two empty databases of these kinds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bases = [
            Base.at(kind, stack.enter_context(servers[kind].database()))
            if kind in servers
            else Base.at(kind, f"sqlite:///{folder}/{name}.sqlite")
            for name, kind in (("office", first), ("shop", second))
        ]
        yield World(folder, *bases, sync=every_type.sync(FIELD_TYPES))


def _run_types(size: int, _processes: int) -> Shown:
    counts, wrong = Counter[str](), list[str]()
    with ExitStack() as stack:
        servers = {"postgresql": start_postgresql(), "mysql": start_mysql()}
        for server in servers.values():
            stack.callback(server.stop)
        for first, second in permutations(KINDS, 2):
            with _between(first, second, servers) as world:
                found, said = there_and_back(world, generated.rows(FIELD_TYPES, size, seed=f"{first} {second} {size}"))
            with _between(first, second, servers) as world:
                try:
                    found["refused before the call"] += refusals(world, size // REFUSED)["refused"]
                except AssertionError as fault:
                    said.append(str(fault))
            counts.update(found)
            counts["pairs"] += 1
            wrong += [f"{first} to {second}, {text}" for text in said]
            click.echo(f"  {first} to {second}: {len(said)} violations", err=True)
    return Shown(
        f"one for each pair and size: `PAIR PAIR {size}`",
        f"{size:,} values of each of {len(FIELD_TYPES)} types for each of {counts['pairs']} pairs, there and back: "
        f"{counts['values that came out otherwise']} came out otherwise, {counts['writes over one for a record']} "
        f"writes over one for a record; {counts['refused before the call']:,} that the other's columns cannot hold, "
        "all refused before the call",
        dict(counts),
        tuple(wrong),
    )


def _run_matrix(_size: int, processes: int, *, paths: tuple[str, ...]) -> Shown:
    said, code = run_pytest(*paths, processes=processes)
    passed = re.search(r"(\d+) passed", said)
    return Shown(
        "no seeds",
        "all ordered pairs of PostgreSQL, MariaDB and SQLite, real servers, and the contract every connector is held "
        f"to: {said}",
        {"stories passed": int(passed[1]) if passed else 0},
        () if code == 0 else (said,),
    )


TYPES = Part(
    "types",
    "Types",
    "≥ 10,000 generated values per type and ordered pair: round-trip law, ≤ 1 write",
    "values of each type for each pair",
    {"short": 500, "nightly": 10_000},
    _run_types,
)


MATRIX = Part(
    "sql-matrix",
    "Systems matrix",
    "all ordered pairs of systems, real SQL engines for the SQL sides",
    "time",
    {"short": 1, "nightly": 1},
    partial(
        _run_matrix,
        paths=(
            STORIES,
            "connectors/test_postgresql.py",
            "connectors/test_mysql.py",
            "connectors/test_sqlite.py",
        ),
    ),
)


@click.command("types")
@click.option("--nightly", is_flag=True, help="10,000 values of each type for each pair; without it 500.")
@click.option("--into", type=click.Path(path_type=Path), help="The folder of results.")
def command(*, nightly: bool, into: Path | None) -> None:
    """Send values of every type between each two databases and back; exit code 1 if anything did not hold."""
    from integrations_platform_tests.proof.report import INTO, run_parts

    (result,) = run_parts([TYPES.name], "nightly" if nightly else "short", into or INTO, PROCESSES, again=True)
    raise SystemExit(bool(result.shown.violations))
