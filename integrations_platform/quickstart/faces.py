"""Both web pages on a quickstart's data, Dagster's and the console, each leading to the other.

The console is the command `integrations serve` in a process of its own, with a token made for this one time.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from integrations_platform.quickstart.folder import Folder, readable
from integrations_platform.quickstart.orchestrator import HOST, Instance, answering, interface, start, stop

CONSOLE_PORT = 8700


@dataclass(frozen=True)
class Faces:
    """Where both are. ``token``: what signs you in to the console, as an operator called `you`."""

    dagster: str
    console: str
    token: str
    process: subprocess.Popen[bytes]


@contextmanager
def both(folder: Folder, port: int) -> Iterator[Faces]:
    """Dagster on ``port`` and the console, up and answering; ``process`` is Dagster's. Both are stopped on exit.

    Raises QuickstartError when one does not come up.
    """
    there, token = _free_port(CONSOLE_PORT), secrets.token_hex(12)
    dagster, console = f"http://{HOST}:{port}", f"http://{HOST}:{there}/console"
    instance = Instance.of(folder)
    pages = {"DAGSTER_URL": dagster, "CONSOLE_URL": console}
    instance = replace(instance, variables={**instance.variables, **pages})
    log = folder.root / "console.log"
    words = ["--env-file", str(folder.environment), "--syncs", str(folder.syncs), "serve", "--port", str(there)]
    with readable(log), log.open("wb") as output:
        # Nobody else, whatever variables are set.
        people = {"CONSOLE_TOKENS": f"you:operator:{token}", "CONSOLE_TRUSTED_PROXIES": ""}
        served = replace(instance, variables={**instance.variables, **people})
        instance.prepare()
        process = start(served, [sys.executable, "-m", "integrations_platform.cli", *words], output.fileno())
        try:
            answering(process, there, "/health", log, "the console")
            with interface(instance, port) as webserver:
                yield Faces(dagster, console, token, webserver)
        finally:
            stop(process)


def free_dagster_port() -> int:
    """Dagster's usual port, or another one when somebody has it."""
    return _free_port(3000)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted
