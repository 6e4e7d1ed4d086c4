"""Every type of field between every two SQL systems, by the stories that hold them to it on real servers (P40)."""

from __future__ import annotations

import re
from functools import partial

from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.parts.lived import run_pytest

STORIES = "end_to_end/test_full_circle.py"
KINDS, PAIRS = 12, 6  # types of fields; ordered pairs of PostgreSQL, MariaDB and SQLite
GENERATED = {200: "commit", 10_000: "nightly"}


def _run_types(size: int, processes: int) -> Shown:
    options = ("-k", "generated", "--profile", GENERATED[size])
    said, code = run_pytest(STORIES, processes=processes, options=options)
    values = size * KINDS * PAIRS
    return Shown(
        "fixed by pair and number",
        f"{size:,} values of each of {KINDS} types in each of {PAIRS} ordered pairs ({values:,} values) there and "
        f"back: one write each way, compared in plain SQL; {said}",
        {"values": values},
        () if code == 0 else (said,),
    )


def _run_matrix(_size: int, processes: int, *, paths: tuple[str, ...]) -> Shown:
    said, code = run_pytest(*paths, processes=processes)
    passed = re.search(r"(\d+) passed", said)
    return Shown(
        "no seeds",
        f"all {PAIRS} ordered pairs of PostgreSQL, MariaDB and SQLite, real servers, and the contract every "
        f"connector is held to: {said}",
        {"stories passed": int(passed[1]) if passed else 0},
        () if code == 0 else (said,),
    )


TYPES = Part(
    "types",
    "Types",
    "≥ 10,000 generated values per type and ordered pair: round trip, ≤ 1 write",
    "values per type and pair",
    {"short": 200, "nightly": 10_000},
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
