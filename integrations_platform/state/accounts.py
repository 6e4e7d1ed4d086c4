"""One text per account of a service, shared by all processes and changed by one of them at a time.

It stores; what the text says (calls used, renewed tokens) is its callers' business. It never sleeps and never calls
anybody while a row is held.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from integrations_platform.state import tables
from integrations_platform.state.database import Database
from integrations_platform.state.rows import to_text

Result = TypeVar("Result")
_account = tables.account

# Made once: every call of a service waits for them, and making them takes longer than running them.
_MINE = _account.c.account == sa.bindparam("mine")
_BODY = sa.select(_account.c.body).where(_MINE)
_LOCKED = _BODY.with_for_update()  # SQLite's writers come one at a time anyway
_REPLACE = sa.update(_account).where(_MINE).values(body=sa.bindparam("changed"), changed_at=sa.bindparam("at"))
_REPLACE_LAST = _REPLACE.where(_account.c.body == sa.bindparam("last"))


class SqlAccounts:
    """The rows, keyed by account. ``clock`` dates their changes. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._written: dict[str, str] = {}  # texts as this process left them; somebody may have changed them since

    def change(self, account: str, step: Callable[[str | None], tuple[str, Result]]) -> Result:
        """Replace the account's text (None: there is none yet) by the first of what ``step`` gives, and return the
        second. Whoever comes meanwhile waits; nothing is changed when ``step`` raises. It is tried first on what this
        process left there last, which is usually still there and need not be read."""
        now = to_text(self._clock())
        with self._database.write() as connection:
            last = self._written.get(account)
            if last is not None:
                changed, result = step(last)
                bound = {"mine": account, "last": last, "changed": changed, "at": now}
                if connection.execute(_REPLACE_LAST, bound).rowcount:
                    self._written[account] = changed
                    return result
            row = connection.execute(_LOCKED, {"mine": account}).one_or_none()
            if row is None:  # a row to lock must be there first
                missing = {"account": account, "body": None, "changed_at": now}
                connection.execute(self._database.insert_missing(_account), missing)
                row = connection.execute(_LOCKED, {"mine": account}).one()
            changed, result = step(row.body)
            connection.execute(_REPLACE, {"mine": account, "changed": changed, "at": now})
            self._written[account] = changed
        return result

    def read(self, account: str) -> str | None:
        """The account's text, None when there is none."""
        with self._database.read() as connection:
            return connection.execute(_BODY, {"mine": account}).scalar_one_or_none()
