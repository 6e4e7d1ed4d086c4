"""All twenty ordered pairs of the five systems, their users, faults and a process that dies, by drawn histories."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial

from integrations_platform_tests.matrix.history import PAIRS, one
from integrations_platform_tests.matrix.stage import process_stage
from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.trials import try_seeds
from integrations_platform_tests.servers import start_mysql, start_postgresql

COUNTED = ("runs", "steps inside runs", "faults", "deaths", "merges", "states lost", "exposed")


def _one(administrators: tuple[tuple[str, str], ...], seed: int) -> Counter[str]:
    return one(process_stage(administrators), seed)


def _run(size: int, processes: int) -> Shown:
    with ExitStack() as stack:
        administrators = []
        for kind, start in (("postgresql", start_postgresql), ("mysql", start_mysql)):
            server = start()
            stack.callback(server.stop)
            administrators.append((kind, server.url.render_as_string(hide_password=False)))
        found = try_seeds(partial(_one, tuple(administrators)), size, processes)
    counts = found.counts
    lived = ", ".join(f"{counts[name]:,} {name}" for name in COUNTED)
    met = sum(" to ".join(pair) in counts for pair in PAIRS)
    return Shown(
        f"0–{max(0, size - 1)}",
        f"{counts['violations']} violations in {counts['histories']:,} histories of {counts['events']:,} events "
        f"between {met} of {len(PAIRS)} ordered pairs of HubSpot, QuickBooks, Google Sheets, PostgreSQL and MariaDB: "
        f"services by HTTP behind stand-ins that check every call against the vendors' contracts, real servers for "
        f"both databases ({lived})",
        dict(counts),
        tuple(found.violations),
    )


MATRIX = Part(
    "systems-matrix",
    "Systems matrix",
    "all 20 ordered pairs of the five systems: 0 violations of P1–P3, P6, P9–P11, P25, P29, P31",
    "histories",
    {"quick": 20, "short": 80, "nightly": 2_000},
    _run,
)
