"""What it costs before anything is done: loading the definitions, and the command's help."""

from __future__ import annotations

import sys

from integrations_platform_tests.benchmarks.speed.figures import OURS, Figure, Round, figure
from integrations_platform_tests.benchmarks.speed.measuring import Cost, measure

IMPORT, HELP = "definitions beyond dagster", "integrations --help"
_NO_NETWORK = """
import sys
def watch(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        sys.exit(f"{event}: {given}")
sys.addaudithook(watch)
"""


def starting(repetitions: int) -> list[Figure]:
    """Both figures. Raises Failed when loading the definitions opens a connection or asks for an address."""
    imports, helps = [], []
    for name in ("dagster", "integrations_platform.definitions"):
        measure([sys.executable, "-c", f"import {name}"])  # byte code is made once
    for _ in range(repetitions):
        dagster = measure([sys.executable, "-c", "import dagster"])
        ours = measure([sys.executable, "-c", f"{_NO_NETWORK}import integrations_platform.definitions"])
        beyond = Cost(ours.client - dagster.client, 0.0, ours.wall - dagster.wall, ours.peak_mib, ours.load)
        imports.append(Round(beyond))
        helps.append(Round(measure([sys.executable, "-m", "integrations_platform.cli", "--help"])))
    return [figure(IMPORT, OURS, 0, imports), figure(HELP, OURS, 0, helps)]
