"""Snowflake itself, through the vendor's connector: sessions that are tagged, closed whatever happens, and silent.

Owns connections and the wording of their errors. The resource of dagster-snowflake is gone around here: it leaves the
connection and its transaction open when an exception passes (dagster-io/dagster#34147), and importing it costs ten
seconds of CPU in every run. Assets of your own can have it: `integrations_platform.defs.snowflake_resource`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.warehouse.copy_result import CopyResult
from integrations_platform.warehouse.errors import CopyError, WarehouseError
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.port import Answer, QueryTag
from integrations_platform.warehouse.redaction import redact, redacted_logs
from integrations_platform.warehouse.statement import CopyInto

_REFUSED_LOGIN = {250001, 390100, 390144, 390318, 394300}  # wrong user, password, key or token: no retry helps


@dataclass(frozen=True)
class SnowflakeWarehouse:
    """An account. ``arguments``: of the connector; ``secrets``: what must not be seen in any message. Both are made
    when a session is opened, so that nothing that holds a warehouse holds a secret."""

    arguments: Callable[[], tuple[Mapping[str, Any], Sequence[str]]]
    session_parameters: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "snowflake"

    @contextmanager
    def open(self, tag: QueryTag) -> Iterator[SnowflakeSession]:
        """A session whose statements carry ``tag`` as their QUERY_TAG. Raises WarehouseError."""
        import snowflake.connector

        arguments, secrets = self.arguments()
        parameters = {"QUERY_TAG": tag.json(), **self.session_parameters}
        with redacted_logs(secrets):
            try:
                connection = snowflake.connector.connect(**arguments, session_parameters=parameters)
            except snowflake.connector.errors.Error as fault:
                raise _told(fault, secrets) from None
            try:
                yield SnowflakeSession(connection, tuple(secrets))
            finally:
                # Closing ends an open transaction on the server; what is wrong with closing is nobody's concern.
                with suppress(snowflake.connector.errors.Error):
                    connection.close()


class SnowflakeSession:
    """One connection."""

    def __init__(self, connection: Any, secrets: tuple[str, ...]) -> None:
        self._connection, self._secrets = connection, secrets

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Answer:
        """Carry out one statement."""
        return self._execute(sql, values, ())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN … COMMIT. A failed statement does not end Snowflake's transaction, and a later COMMIT would keep half
        of it (airbytehq/airbyte#46936): so every exception is a ROLLBACK."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(WarehouseError):  # a connection that is lost is rolled back by the server
                self.execute("ROLLBACK")
            raise
        try:
            self.execute("COMMIT")
        except WarehouseError as fault:
            what = f"whether the transaction was committed is not known ({fault.message}); run it again, that is safe"
            raise WarehouseError(what, transient=True) from None

    def copy(self, statement: CopyInto) -> CopyResult:
        """Carry out a COPY."""
        secrets = statement.secrets()
        with redacted_logs(secrets):
            try:
                answer = self._execute(statement.sql(), (), secrets)
            except WarehouseError as fault:
                raise CopyError(fault.message, transient=fault.transient) from None
        return CopyResult.of_rows(answer.names, answer.rows, answer.query_id)

    def create_table(self, table: TableName, columns: Mapping[str, str], *, temporary: bool = False) -> None:
        """Make the table; its database and schema are the account's business."""
        said = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        how = "CREATE OR REPLACE TEMPORARY TABLE" if temporary else "CREATE TABLE IF NOT EXISTS"
        self.execute(f"{how} {table.sql} ({said})")

    def _execute(self, sql: str, values: Sequence[Any], secrets: Sequence[str]) -> Answer:
        import snowflake.connector

        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, tuple(values) or None)
            names = tuple(item.name for item in cursor.description or ())
            return Answer(
                names, tuple(tuple(row) for row in cursor.fetchall()), cursor.rowcount or 0, cursor.sfqid or ""
            )
        except snowflake.connector.errors.Error as fault:
            raise _told(fault, (*self._secrets, *secrets)) from None
        finally:
            cursor.close()


def _told(fault: Any, secrets: Sequence[str]) -> WarehouseError:
    """The vendor's own words, redacted; ``transient`` for what is wrong with the way to it, not with the request."""
    import snowflake.connector

    text = redact(str(fault.msg or fault), secrets)
    query = f" (query {fault.sfqid})" if getattr(fault, "sfqid", None) else ""
    refused = fault.errno in _REFUSED_LOGIN and not isinstance(fault, snowflake.connector.errors.OperationalError)
    passing = isinstance(fault, snowflake.connector.errors.OperationalError | snowflake.connector.errors.InternalError)
    return WarehouseError(f"Snowflake: {text}{query}", transient=passing and not refused)
