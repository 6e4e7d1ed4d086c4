"""MySQL and MariaDB through PyMySQL: catalogue, fingerprints, writes row by row where the server makes the key.

Owns what only this family knows. Strict mode is set for every session, so that nothing is cut or rounded silently, and
text is compared byte for byte wherever the engine compares, whatever the column's collation says.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from integrations_platform.connectors import mysql_marks
from integrations_platform.connectors.dialect import (
    LOCK_SECONDS,
    Dialect,
    EngineTypes,
    Fingerprint,
    Quote,
    json_line,
    parsed_url,
    split_name,
)
from integrations_platform.connectors.introspection import Family, InboundKey, NativeColumn, TableShape
from integrations_platform.connectors.mysql_catalogue import COLUMNS, INBOUND, INTEGER_BITS, native_column
from integrations_platform.connectors.mysql_texts import MySQLSpeech
from integrations_platform.connectors.session import Row, Session
from integrations_platform.connectors.text_bulk import TextTable
from integrations_platform.connectors.whole_table import WholeTable
from integrations_platform.patience import IDLE_SECONDS, patient_mysql
from integrations_platform.unified_sync.loading_port import Texts
from integrations_platform.unified_sync.port import Problem
from integrations_platform.unified_sync.values import FieldType

_LONG = {"text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", "json"}


class MySQL(Dialect):
    """MySQL 8 and MariaDB 10.5 or later."""

    name = "mysql"
    scheme = "m2"
    begin_read = (
        mysql_marks.REMEMBER,
        "SET SESSION wait_timeout = @integrations_patience",  # a snapshot holds no locks, and waits for the plan
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    # READ COMMITTED: repeatable read would answer "what was written last?" from before a rival's commit.
    begin_write = (
        f"SET SESSION wait_timeout = LEAST(@integrations_patience, {IDLE_SECONDS})",
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "START TRANSACTION",
    )
    empty_insert = "() VALUES ()"
    batch_limit = 500  # each row is a round trip, and a batch must end long before the lease of its run
    types = EngineTypes(
        "varchar(190)", "varchar(512)", "varchar(190)", "longtext",
        "timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
        " ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    )  # fmt: skip

    def __init__(self) -> None:
        self._mariadb = False

    def engine(self, url: sa.URL, **options: Any) -> sa.Engine:
        """A silent server is given up; a long listing is not silent, its rows stream."""
        arguments = {"charset": "utf8mb4"}
        return sa.create_engine(patient_mysql(url), pool_size=1, max_overflow=2, connect_args=arguments, **options)

    def prepare(self, raw: Any) -> None:
        """UTC, strict, and patient within bounds, whatever the server's defaults are."""
        with raw.cursor() as cursor:
            cursor.execute(
                "SET time_zone = '+00:00', "
                "sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO', "
                # The server's defaults are 50 s for a row and a day for a table, which outlive the lease of the run.
                f"innodb_lock_wait_timeout = LEAST(@@innodb_lock_wait_timeout, {LOCK_SECONDS}), "
                f"lock_wait_timeout = LEAST(@@lock_wait_timeout, {LOCK_SECONDS}), "
                "@integrations_patience = @@wait_timeout"
            )

    def streaming_cursor(self, raw: Any) -> Any:
        """Unbuffered."""
        from pymysql.cursors import SSCursor

        return raw.driver_connection.cursor(SSCursor)

    def url(self, text: str) -> sa.URL:
        """mysql:// or mariadb://, any driver named in it replaced; the character set is ours."""
        url = parsed_url(text, "mysql+pymysql", ("mysql", "mariadb"))
        return url.difference_update_query(["charset"])

    def version(self, session: Session) -> str:
        """E.g. ``MariaDB 10.11.19`` or ``MySQL 8.4.2``."""
        text = str(session.rows("SELECT VERSION()")[0][0])
        return f"{'MariaDB' if 'mariadb' in text.lower() else 'MySQL'} {text.partition('-')[0]}"

    def learn(self, session: Session) -> None:
        """INSERT … RETURNING is MariaDB's, from 10.5."""
        self._mariadb = "mariadb" in str(session.rows("SELECT VERSION()")[0][0]).lower()

    def describe(self, session: Session, object_name: str) -> TableShape | None:
        """From information_schema."""
        schema, name = split_name(object_name)
        schema = schema or session.rows("SELECT DATABASE()")[0][0]
        found = session.rows(
            "SELECT t.table_name, t.table_type, t.engine, e.transactions FROM information_schema.tables t "
            "LEFT JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_schema = %s AND t.table_name = %s",
            (schema, name),
        )
        if not found:
            return None
        indexes = session.rows(
            "SELECT index_name, column_name FROM information_schema.statistics WHERE table_schema = %s "
            "AND table_name = %s AND non_unique = 0 ORDER BY index_name, seq_in_index",
            (schema, name),
        )
        by_index: dict[str, list[str]] = {}
        for index, column in indexes:
            by_index.setdefault(index, []).append(column)
        unique = {columns[0] for columns in by_index.values() if len(columns) == 1}
        rows = session.rows(COLUMNS, (schema, name))
        actual, table_type, engine, transactions = found[0]
        columns = tuple(native_column(row, row[0] in unique) for row in rows)
        return TableShape(
            schema, actual, columns, tuple(by_index.get("PRIMARY", ())),
            "VIEW" in table_type, transactions in ("YES", None), engine or "",
        )  # fmt: skip

    def object_names(self, session: Session, object_name: str) -> list[str]:
        """Of the named database, or of the one connected to."""
        schema, _ = split_name(object_name)
        rows = session.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = COALESCE(%s, DATABASE()) ORDER BY 1",
            (schema,),
        )
        return [f"{schema}.{row[0]}" if schema else row[0] for row in rows]

    def inbound_keys(self, session: Session, shape: TableShape) -> list[InboundKey]:
        """From information_schema, which shows only tables this user may see."""
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row in session.rows(INBOUND, (shape.schema, shape.name)):
            found.setdefault((row[0], row[1], row[2]), []).append(row)
        return [
            InboundKey(*key, tuple(row[4] for row in rows), tuple(row[5] for row in rows), rows[0][3])
            for key, rows in found.items()
        ]

    def _granted(self, session: Session, shape: TableShape) -> set[str] | None:
        """Privileges that SHOW GRANTS states for the object; None when roles make it impossible to tell."""
        granted: set[str] = set()
        for (line,) in session.rows("SHOW GRANTS"):
            parsed = re.match(r"GRANT (.+?) ON (?:TABLE )?(\S+) TO ", line)
            if parsed is None:
                return None  # a role
            privileges, scope = parsed.groups()
            names = [part.replace("\\", "").strip("`") for part in scope.split(".", 1)]
            if names[0] in ("*", shape.schema, "%") and names[-1] in ("*", shape.name):
                granted |= {re.sub(r"\s*\(.*", "", word).strip() for word in re.split(r",(?![^(]*\))", privileges)}
            elif "%" in names[0]:
                return None  # a pattern
        return granted

    def privileges(self, session: Session, shape: TableShape, *, written: bool) -> list[Problem]:
        """Read from SHOW GRANTS; where roles or patterns hide the answer, nothing is claimed."""
        problems = []
        granted = self._granted(session, shape)
        if granted is not None and not any(word.startswith("ALL PRIVILEGES") for word in granted):
            needed = ("SELECT", "INSERT", "UPDATE", "DELETE") if written else ("SELECT",)
            problems = [
                Problem(f"no {privilege} privilege on {shape.name}, as far as SHOW GRANTS tells",
                        f"GRANT {privilege} to the sync's user", blocking=privilege != "DELETE")
                for privilege in needed if privilege not in granted
            ]  # fmt: skip
        if written and str(session.rows("SELECT @@global.read_only")[0][0]) in ("1", "ON"):
            problems.append(Problem("the server only reads (read_only=1)", "point the system at the primary server",
                                    blocking=False))  # fmt: skip
        return problems

    def may_create_tables(self, session: Session, shape: TableShape) -> bool:
        """CREATE on the object's database."""
        granted = self._granted(session, TableShape(shape.schema, "*", ()))
        return granted is None or "CREATE" in granted or any(word.startswith("ALL PRIVILEGES") for word in granted)

    def table_exists(self, session: Session, schema: str | None, name: str) -> bool:
        """In that database."""
        sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
        return bool(session.rows(sql, (schema, name)))

    def moment(
        self, session: Session, shape: TableShape, _columns: Sequence[NativeColumn]
    ) -> tuple[str, int] | None:  # fmt: skip
        """See :mod:`.mysql_marks`."""
        return mysql_marks.moment(session, shape) if self._mariadb else None

    def texts(self, table: WholeTable) -> Texts | None:
        """By statements of many rows."""
        return TextTable(table, MySQLSpeech())

    def fingerprint(self, columns: Sequence[NativeColumn], quote: Quote, salt: str) -> Fingerprint:
        """Each value as bytes behind its length, NULL as '-'; long ones by their own MD5, since CONCAT has a limit."""
        parts = [f"'{salt}'"]
        for column in columns:
            name = quote(column.name)
            if column.storage in _LONG:
                parts.append(f"IFNULL(MD5(CAST({name} AS BINARY)), '-')")
                continue
            shown = name
            if column.storage == "float":
                shown = f"({name} + 0e0)"  # a float is printed with six digits only
            elif column.family is Family.BITS:
                shown = f"({name} + 0)"
            text = f"CAST({shown} AS BINARY)"
            parts.append(f"IFNULL(CONCAT(LENGTH({text}), ':', {text}), '-')")
        half = f"LEFT(MD5(CONCAT({', '.join(parts)})), 16)"
        return Fingerprint(f"TO_BASE64(UNHEX({half}))", f"CAST(CONV({half}, 16, 10) AS UNSIGNED)")

    def now(self, session: Session) -> datetime:
        """To the microsecond."""
        moment: datetime = session.rows("SELECT UTC_TIMESTAMP(6)")[0][0]
        return moment.replace(tzinfo=UTC)

    def moment_for(self, column: NativeColumn, zone: str) -> str:
        """UTC, except for wall-clock columns of another zone, which the server knows only with its zone tables."""
        if column.family is Family.DATETIME and zone != "UTC":
            return f"CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', '{zone.replace(chr(39), '')}')"
        return "UTC_TIMESTAMP(6)"

    def read_expression(self, column: NativeColumn, kind: FieldType, quote: Quote) -> str:
        """Bit fields as numbers."""
        if column.family is Family.BITS and kind is not FieldType.BOOLEAN:
            return f"({quote(column.name)} + 0)"
        return quote(column.name)

    def equals_exactly(self, column: NativeColumn, quote: Quote, marks: str) -> str:
        """Byte for byte for text."""
        if column.family not in (Family.TEXT, Family.ENUM):
            return super().equals_exactly(column, quote, marks)
        exact = ", ".join("CAST(%s AS BINARY)" for _ in range(marks.count("%s")))
        return f"CAST(CONVERT({quote(column.name)} USING utf8mb4) AS BINARY) IN ({exact})"

    def compares_loosely(self, column: NativeColumn) -> bool:
        """Text under any collation: even binary ones ignore trailing blanks."""
        return column.family in (Family.TEXT, Family.ENUM)

    def bind(self, _column: NativeColumn, value: Any) -> Any:
        """Instants without their zone: the session's is UTC."""
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value

    def replacing(self, columns: Sequence[str], key: Sequence[str]) -> str:
        """ON DUPLICATE KEY fires for any unique key: callers delete rows of other keys first."""
        return (
            f" ON DUPLICATE KEY UPDATE {', '.join(f'{name} = VALUES({name})' for name in columns if name not in key)}"
        )

    def insert(
        self, session: Session, table: str, columns: Sequence[str], keys: Sequence[NativeColumn],
        rows: Sequence[Row], given: Sequence[Row] | None, quote: Quote,
    ) -> list[Row]:  # fmt: skip
        """Multi-row when the rows hold their keys as they will be stored; else row by row, asking for each key."""
        sql = self.insert_sql(table, columns, quote)
        if given is not None and all(key.storage in (*INTEGER_BITS, "varchar") for key in keys):
            session.many(sql, rows)
            return list(given)
        if self._mariadb:
            shown = ", ".join(quote(key.name) for key in keys)
            return [row or () for row in session.each_row(f"{sql} RETURNING {shown}", rows)]
        if given is not None:
            session.many(sql, rows)
            return list(given)
        found = []
        for row in rows:
            session.run(sql, row)
            found.append((session.rows("SELECT LAST_INSERT_ID()")[0][0],))
        return found

    def row_expression(self, column: NativeColumn, quote: Quote) -> str:
        """Floats as doubles: six digits are printed otherwise."""
        return f"({quote(column.name)} + 0e0)" if column.storage == "float" else quote(column.name)

    def pack(self, values: Mapping[str, Any]) -> str:
        """Tagged by type where JSON has none."""
        return json_line({name: _packed(value) for name, value in values.items()})

    def unpack(self, body: str) -> dict[str, Any]:
        """Everything but bytes is bound as the text the server itself would print."""
        return {name: _unpacked(value) for name, value in json.loads(body).items()}


def _packed(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, timedelta):
        micros = value // timedelta(microseconds=1)
        sign, micros = ("-", -micros) if micros < 0 else ("", micros)
        seconds, fraction = divmod(micros, 1_000_000)
        return {"text": f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"}
    if isinstance(value, datetime):
        return {"text": value.isoformat(" ")}
    if isinstance(value, date | Decimal):
        return {"text": str(value)}
    raise TypeError(f"{type(value).__name__} has no archived form")


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"]) if "base64" in value else value["text"]
    return value
