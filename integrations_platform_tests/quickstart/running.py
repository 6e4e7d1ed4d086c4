"""Running the command `integrations` as a real process, and stopping it as a terminal or a supervisor does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT = 300  # seconds; a test machine may be busy

_COMMAND = [sys.executable, "-c", "from integrations_platform.cli import main; main()"]


def integrations(*words: str, cwd: Path, without: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with no variable of ours set, and where ``without`` is given, on a machine that lacks
    that program."""
    environment = _environment()
    if without:
        environment.pop(without.upper(), None)
        folders = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(folder for folder in folders if not (Path(folder) / without).exists())
    return subprocess.run(
        [*_COMMAND, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@contextmanager
def running(*words: str, cwd: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process that goes on; ended by SIGTERM, or by force if that does not help."""
    with log.open("wb") as output:
        process = subprocess.Popen([*_COMMAND, *words], cwd=cwd, env=_environment(), stdout=output, stderr=output)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _environment() -> dict[str, str]:
    ours = ("INTEGRATIONS_", "DAGSTER_", "BILLING_", "SHOP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"PYTHONUNBUFFERED": "1"}
