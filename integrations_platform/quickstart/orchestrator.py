"""Dagster beside the quickstart: its home, its processes, and the run that materialises the sync.

Dagster always runs in processes of its own, so that the command line stays light and nothing here imports it. It
listens on 127.0.0.1 only, and every process started here is stopped here.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from integrations_platform.quickstart.folder import SYNC, Folder, QuickstartError, readable

HOST = "127.0.0.1"
_DAGSTER = (sys.executable, "-m", "dagster")
_MODULE = "integrations_platform.definitions"
_READY_SECONDS = 180
_STOP_SECONDS = 25
_RUN_SECONDS = 300
_RUN_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_INSTANCE = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},  # a newsletter window that would cover every page
    "concurrency": {"runs": {"max_concurrent_runs": 2}},
}
_WORKSPACE = {
    "load_from": [{"python_module": {"module_name": _MODULE, "location_name": "integrations_platform"}}],
}


@dataclass(frozen=True)
class Instance:
    """A persistent Dagster instance. ``variables``: what its processes get beside the present environment."""

    home: Path
    variables: Mapping[str, str]

    @classmethod
    def of(cls, folder: Folder) -> Instance:
        """The instance of a quickstart: its environment, and its sync beside the package's."""
        return cls(
            folder.dagster,
            {"INTEGRATIONS_ENV_FILE": str(folder.environment), "INTEGRATIONS_SYNCS": str(folder.syncs)},
        )

    def prepare(self) -> None:
        """Write what Dagster needs to find in its home; an existing dagster.yaml is left as it is."""
        with readable(self.home):
            self.home.mkdir(parents=True, exist_ok=True)
            settings = self.home / "dagster.yaml"
            if not settings.exists():
                settings.write_text(yaml.safe_dump(_INSTANCE, sort_keys=False), encoding="utf-8")
            self.workspace.write_text(yaml.safe_dump(_WORKSPACE, sort_keys=False), encoding="utf-8")

    @property
    def workspace(self) -> Path:
        """The workspace file: the one code location."""
        return self.home / "workspace.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process: the present one is passed on, not read."""
        return {**os.environ, **self.variables, "DAGSTER_HOME": str(self.home), "DAGSTER_DISABLE_TELEMETRY": "1"}


def materialise(instance: Instance) -> str:
    """Materialise the quickstart's sync as a Dagster asset, in a process of its own; returns the run's id.

    Raises QuickstartError with the last lines of the run's output when it fails.
    """
    instance.prepare()
    log = instance.home / "materialise.log"
    arguments = [*_DAGSTER, "asset", "materialize", "-m", _MODULE, "--select", SYNC]
    with readable(log), log.open("wb") as output:
        process = start(instance, arguments, output.fileno())
        try:
            code = process.wait(_RUN_SECONDS)
        except subprocess.TimeoutExpired as fault:
            raise QuickstartError(f"Dagster did not finish within {_RUN_SECONDS} s; its output is in {log}") from fault
        finally:
            stop(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    found = _RUN_ID.search(text)
    if code != 0 or found is None:
        raise QuickstartError(f"the Dagster run failed; {_last_words(text)}; all of its output is in {log}")
    return found.group()


@contextmanager
def interface(instance: Instance, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`dagster dev` on the instance, up and answering; stopped with everything it started on exit.

    Raises QuickstartError when the port is taken or Dagster does not come up.
    """
    _free(port)
    instance.prepare()
    log = instance.home / "ui.log"
    arguments = [*_DAGSTER, "dev", "-h", HOST, "-p", str(port), "-w", str(instance.workspace)]
    with readable(log), log.open("wb") as output:
        process = start(instance, arguments, output.fileno())
        try:
            answering(process, port, "/server_info", log, "Dagster")
            yield process
        finally:
            stop(process)


def start(instance: Instance, command: list[str], output: int) -> subprocess.Popen[bytes]:
    """A process of that instance, with its output there."""
    return subprocess.Popen(  # noqa: S603  this interpreter and fixed words
        command,
        cwd=instance.home,
        env=instance.environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
        preexec_fn=_default_signals,
    )


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop it in order, and then whatever it left behind."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # whatever it left behind
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as fault:
            raise QuickstartError(
                f"port {port} of {HOST} cannot be used ({fault.strerror}); give another --port"
            ) from fault


def answering(process: subprocess.Popen[bytes], port: int, path: str, log: Path, what: str) -> None:
    """Wait until the process answers. Raises QuickstartError with its last words when it does not."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(port, path):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
        if process.poll() is not None or time.monotonic() > deadline:
            text = log.read_text(encoding="utf-8", errors="replace")
            raise QuickstartError(f"{what} did not start; {_last_words(text)}; all of its output is in {log}")


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "Failure" in line or "ERROR" in line] or lines
    return " / ".join(telling[-3:])[:600] or "it said nothing"
