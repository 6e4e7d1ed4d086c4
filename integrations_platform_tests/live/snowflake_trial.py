"""What is tried on a Snowflake account: what its documentation leaves open about COPY INTO. The same runs embedded.

Everything asked is about a table of its own and files of its own; both are gone afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from integrations_platform.warehouse.authentication import Authentication, Stage
from integrations_platform.warehouse.copy_result import CopyResult
from integrations_platform.warehouse.errors import WarehouseError
from integrations_platform.warehouse.file_format import JsonFormat
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.port import QueryTag, Session, Warehouse
from integrations_platform.warehouse.statement import CopyInto, MatchBy

Say = Callable[[str], None]


class _Undone(Exception):  # noqa: N818  no error: how a transaction is left
    """Raised to leave a transaction without its COMMIT."""


@dataclass
class Trial:
    """``put`` writes a file below ``location``, which ends with the trial's prefix and a slash; ``table`` is not there
    yet, in a schema that may be written to."""

    warehouse: Warehouse
    put: Callable[[str, bytes], None]
    location: str
    authentication: Authentication | None
    table: TableName
    say: Say

    def run(self) -> None:
        """Try everything; what must hold is asserted, what is open is said."""
        with self.warehouse.open(QueryTag("trial", self.table.sql)) as session:
            try:
                self._transactions(session)
                self._history(session)
                self._errors(session)
                self._names(session)
                self._stages(session)
                self._told(session)
            finally:
                for name in (self.table, self.table.beside("_typed")):
                    session.execute(f"DROP TABLE IF EXISTS {name.sql}")

    def _transactions(self, session: Session) -> None:
        """Items 1 to 3: COPY in a transaction, and what is remembered after it was undone."""
        self.put("one/a.json", b'{"x": 1}\n{"x": 2}\n')
        session.create_table(self.table, {"v": "VARIANT"})
        try:
            with session.transaction():
                self._copy(session, "one/")
                raise _Undone
        except _Undone:
            assert self._count(session) == 0, "ROLLBACK undoes a COPY"
        again = self._copy(session, "one/", force=None)
        self.say(f"after ROLLBACK a COPY without FORCE loads {again.rows_loaded} of 2 rows")
        for _ in range(3):
            with session.transaction():
                session.execute(f"DELETE FROM {self.table.sql}")
                self._copy(session, "one/")
        assert self._count(session) == 2, "three forced reloads, the same rows"
        try:
            with session.transaction():
                session.execute(f"DELETE FROM {self.table.sql}")
                self.put("bad/a.json", b"no json\n")
                try:
                    self._copy(session, "bad/")
                except WarehouseError as failed:
                    self.say(f"a COPY that fails: {failed.message[:160]}")
                assert self._count(session) == 0, "the transaction is still open"
                raise _Undone
        except _Undone:
            assert self._count(session) == 2

    def _history(self, session: Session) -> None:
        """Items 4 and 5: shapes of results, rewritten files, TRUNCATE."""
        second = self._copy(session, "one/", force=None)
        self.say(f"a second COPY answers {[(item.status, item.rows_loaded) for item in second.files] or '0 files'}")
        assert self._copy(session, "nothing/").files == ()
        (forced,) = self._copy(session, "one/").files
        self.say(f"a file is called {forced.file}")
        self.put("one/a.json", b'{"x": 3}\n')
        assert self._copy(session, "one/", force=None).rows_loaded == 1, "a rewritten file loads again"
        session.execute(f"TRUNCATE TABLE {self.table.sql}")
        self.say(
            f"after TRUNCATE a COPY without FORCE loads {self._copy(session, 'one/', force=None).rows_loaded} of 1 row"
        )

    def _errors(self, session: Session) -> None:
        """Item 6: bad records among good ones."""
        self.put("mixed/a.json", b'{"x": 1}\n{"x": \n{"x": 3}\n')
        session.execute(f"DELETE FROM {self.table.sql}")
        try:
            result = self._copy(session, "mixed/", on_error="CONTINUE")
            self.say(f"JSON with ON_ERROR=CONTINUE loads {result.rows_loaded} rows of 3, one of them broken")
        except WarehouseError as failed:
            self.say(f"JSON with ON_ERROR=CONTINUE: {failed.message[:160]}")

    def _names(self, session: Session) -> None:
        """Items 7 and 8: matching by name, metadata, patterns."""
        typed = self.table.beside("_typed")
        session.create_table(typed, {"x": "INTEGER", "f": "VARCHAR", "r": "INTEGER"})
        by_name = replace(
            self._statement("one/"), table=typed, match=MatchBy.CASE_INSENSITIVE,
            metadata={"f": "METADATA$FILENAME", "r": "METADATA$FILE_ROW_NUMBER"},
        )  # fmt: skip
        session.copy(by_name)
        ((x, name, row),) = session.execute(f"SELECT x, f, r FROM {typed.sql}").rows
        assert (x, row) == (3, 1)
        self.say(f"METADATA$FILENAME is {name}")
        self.put("other/a.json", b'{"y": 1}\n')
        session.execute(f"DELETE FROM {typed.sql}")
        session.copy(replace(self._statement("other/"), table=typed, match=MatchBy.CASE_INSENSITIVE))
        assert session.execute(f"SELECT x FROM {typed.sql}").rows == ((None,),), "no column matched: NULL, and no error"
        for pattern in ("a[.]json", ".*one/a[.]json"):
            found = session.copy(replace(self._statement("one/"), pattern=pattern)).files
            self.say(f"PATTERN {pattern!r} matches {len(found)} files")

    def _stages(self, session: Session) -> None:
        """Item 11: transformations."""
        select = f"COPY INTO {self.table.sql} FROM (SELECT $1 FROM '{self.location}one/') FILE_FORMAT=(TYPE=JSON)"
        try:
            session.execute(select)
            raise AssertionError("a transformation from a URL was carried out")
        except WarehouseError as refused:
            self.say(f"a transformation from a URL: {refused.message[:120]}")
        if isinstance(self.authentication, Stage):
            path = self.location.removeprefix(self.authentication.covers)
            answer = session.execute(
                f"COPY INTO {self.table.sql} FROM (SELECT $1 FROM @{self.authentication.name}/{path}one/) "
                "FILE_FORMAT=(TYPE=JSON) FORCE=TRUE"
            )
            assert answer.rows[0][1].upper() == "LOADED"

    def _told(self, session: Session) -> None:
        """Items 9 and 10: what the account remembers of a statement."""
        try:
            rows = session.execute(
                "SELECT query_tag, query_text FROM TABLE(information_schema.query_history_by_session()) LIMIT 100"
            ).rows
        except WarehouseError as fault:
            self.say(f"the query history cannot be asked: {fault.message[:120]}")
            return
        assert any(self.table.sql in json.loads(tag)["asset"] for tag, _ in rows if tag), "QUERY_TAG is in the history"
        secrets = self._statement("one/").secrets()
        shown = [text for _, text in rows for secret in secrets if secret in text]
        self.say(
            "credentials in the query history: " + ("shown" if shown else "not shown" if secrets else "none were sent")
        )

    def run_side_by_side(self) -> None:
        """Item 12: two loads into one table at once."""

        def load(part: str) -> int:
            with self.warehouse.open(QueryTag("trial", part)) as session:
                return self._copy(session, f"{part}/").rows_loaded

        for part in ("left", "right"):
            self.put(f"{part}/a.json", b'{"x": 1}\n' * 100)
        with self.warehouse.open(QueryTag("trial", "side by side")) as session:
            session.create_table(self.table, {"v": "VARIANT"})
        try:
            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(load, ("left", "right"))) == [100, 100]
        finally:
            with self.warehouse.open(QueryTag("trial", "side by side")) as session:
                assert self._count(session) == 200
                session.execute(f"DROP TABLE {self.table.sql}")

    def _statement(self, folder: str, **more: Any) -> CopyInto:
        return CopyInto(self.table, self.location + folder, JsonFormat(), self.authentication, force=True, **more)

    def _copy(self, session: Session, folder: str, force: bool | None = True, **more: Any) -> CopyResult:
        return session.copy(replace(self._statement(folder, **more), force=force))

    def _count(self, session: Session) -> int:
        return int(session.execute(f"SELECT COUNT(*) FROM {self.table.sql}").rows[0][0])
