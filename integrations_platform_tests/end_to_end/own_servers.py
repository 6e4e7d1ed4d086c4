"""Servers of one test alone, which may be killed and started again on the same data and the same port.

Owns starting, killing and starting again. Unlike the shared ones these forget no commit when they are killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from integrations_platform_tests.servers import (
    Server,
    free_port,
    mariadb_binaries,
    postgresql_binaries,
    ready,
    skip,
    this_user,
    unprivileged,
)


@dataclass
class OwnServer:
    """A server as one command. ``stop_at_once`` ends it without any order."""

    command: Sequence[str | Path]
    url: sa.URL
    folder: Path
    stop_at_once: Callable[[subprocess.Popen[bytes]], None]
    options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; harmless while it runs."""
        if self.process is not None and self.process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd="/", **self.options)
        ready(self.server, self.process)

    def kill(self) -> None:
        """End it at once: every connection is cut, nothing is shut down in order."""
        assert self.process is not None
        self.stop_at_once(self.process)
        self.process.wait(60)

    def restart(self) -> None:
        """Kill it and start it again; it recovers by itself."""
        self.kill()
        self.start()

    @property
    def server(self) -> Server:
        """As the shared ones are seen."""
        return Server(self.url, lambda: None)

    def end(self) -> None:
        """For good."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextmanager
def own_postgresql(data: Path | None = None, **more: str | int) -> Iterator[OwnServer]:
    """A PostgreSQL whose commits last; ``data``: an empty folder on another disk for all it stores; ``more``: settings
    in place of or beside these."""
    binaries = postgresql_binaries()
    if binaries is None:
        skip("no PostgreSQL binaries of which a server could be killed: set PG_BIN")
        return
    identity, port = unprivileged(), free_port()
    with _folder("own-pg-") as folder:
        data = data or folder / "data"
        data.mkdir(exist_ok=True)
        for place in (folder, data):
            if identity:
                os.chown(place, identity["user"], identity["group"])
            place.chmod(0o700)
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **identity,
        )  # fmt: skip
        settings = {
            "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
            "synchronous_commit": "on", "shared_buffers": "32MB", "max_connections": 40, "max_wal_size": "64MB", **more,
        }  # fmt: skip
        command = [binaries / "postgres", "-D", data, *(p for n, v in settings.items() for p in ("-c", f"{n}={v}"))]
        url = sa.URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")

        def stop_at_once(_: subprocess.Popen[bytes]) -> None:
            stop = [binaries / "pg_ctl", "stop", "-D", data, "-m", "immediate", "-w"]
            subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd="/", **identity)

        with _running(OwnServer(command, url, folder, stop_at_once, identity)) as own:
            yield own


@contextmanager
def own_mariadb(*more: str) -> Iterator[OwnServer]:
    """A MariaDB whose commits last; ``more``: options after these, of which the last counts."""
    server, installer = mariadb_binaries()
    port = free_port()
    with _folder("own-my-") as folder:
        (folder / "tmp").mkdir()
        environment = os.environ | {"TMPDIR": str(folder / "tmp")}
        with (folder / "log").open("ab") as log:
            subprocess.run(
                [installer, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
                 f"--datadir={folder / 'data'}", *this_user()],
                check=True, stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        command = [
            server, "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={folder / 'socket'}", f"--port={port}",
            "--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=32M", "--skip-name-resolve", *this_user(), *more,
        ]  # fmt: skip
        url = sa.URL.create("mysql+pymysql", "root", host="127.0.0.1", port=port, query={"charset": "utf8mb4"})
        with _running(OwnServer(command, url, folder, subprocess.Popen.kill, {"env": environment})) as own:
            yield own


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(own: OwnServer) -> Iterator[OwnServer]:
    try:
        own.start()
        yield own
    finally:
        own.end()
