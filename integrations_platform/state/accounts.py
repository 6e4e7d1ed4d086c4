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


class SqlAccounts:
    """The rows, keyed by account. ``clock`` dates their changes. Any method raises :class:`StateError`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def change(self, account: str, step: Callable[[str | None], tuple[str, Result]]) -> Result:
        """Replace the account's text (None: there is none yet) by the first of what ``step`` gives, and return the
        second. Whoever comes meanwhile waits; nothing is changed when ``step`` raises."""
        mine = _account.c.account == account
        now = to_text(self._clock())
        locked = sa.select(_account.c.body).where(mine).with_for_update()  # SQLite's writers come one at a time anyway
        with self._database.write() as connection:
            row = connection.execute(locked).one_or_none()
            if row is None:  # a row to lock must be there first
                missing = {"account": account, "body": None, "changed_at": now}
                connection.execute(self._database.insert_missing(_account), missing)
                row = connection.execute(locked).one()
            changed, result = step(row.body)
            connection.execute(sa.update(_account).where(mine).values(body=changed, changed_at=now))
        return result

    def read(self, account: str) -> str | None:
        """The account's text, None when there is none."""
        query = sa.select(_account.c.body).where(_account.c.account == account)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()
