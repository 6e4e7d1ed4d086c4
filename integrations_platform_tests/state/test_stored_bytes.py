"""What is stored of one fixed history, byte for byte: speed must not change a base, an intent or an audit line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from integrations_platform.state import SqlStore, open_store
from integrations_platform.state.database import Database
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.spec import OnDelete
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.unified_sync.arrange import Story, sync, text

FIELDS = (
    text("email", FieldType.EMAIL), text("name"), text("phone", FieldType.PHONE), text("street", group="address"),
    text("city", group="address"), text("visits", FieldType.INTEGER), text("balance", FieldType.DECIMAL, scale=2),
    text("active", FieldType.BOOLEAN), text("born", FieldType.DATE), text("seen", FieldType.DATETIME),
    text("tags", FieldType.SET), text("code", FieldType.UUID), text("more", FieldType.JSON),
)  # fmt: skip
ANN: dict[str, Value] = {
    "email": "Ann@x.org", "name": "Ann \"Å\" \u2028\\", "phone": "+41 44 123", "street": "Weg 1", "city": "Zürich",
    "visits": 7, "balance": Decimal("1234567890.5"), "active": True, "born": date(1980, 2, 29),
    "seen": datetime(2026, 1, 1, 9, 30, 0, 250, tzinfo=UTC), "tags": ("new", "vip"),
    "code": "0b6f7a52-7f55-4f6e-9d3b-1f2f0d8f6c11", "more": '{"a":[1,null]}',
}  # fmt: skip
EDITS: dict[str, Value] = {
    "name": "", "phone": None, "city": "Genève\t", "visits": -3, "balance": Decimal("0.01"), "active": False,
    "born": date(1, 1, 1), "seen": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "tags": (), "more": "[]",
}  # fmt: skip
TABLES = ("link", "base", "key", "op", "audit", "conflict", "quarantine", "tombstone")
ROWS = [4, 4, 2, 11, 25, 2, 1, 1]
DIGEST = "4bf09aa8eb26a801"
"""Of all rows of these tables after the history below. It changes only with the meaning of what is stored."""


class Hourly(Story):
    """A story whose clock stands still during a run, so that how often it is looked at does not matter."""

    def tick(self) -> datetime:
        """The hour of the run."""
        return self.time

    def lives(self, store: SqlStore) -> None:
        """Two systems with five records of every type of field, edited, disputed, refused and deleted."""
        self.shared_store = store
        shared = ANN | {"email": "bob@x.org"}
        rows = [self.a.insert(values) for values in (ANN, shared, {"email": "cy@x.org"}, dict.fromkeys(ANN))]
        self.b.insert(shared | {"name": "Bob", "balance": None})
        self.b.insert(ANN | {"email": "eve@x.org", "name": "refused"})
        self.a.refuses = self.b.refuses = lambda write: "refused" in write.values.values()
        self._next_run()
        self.a.edit(rows[0], **EDITS)
        self.b.remove(next(row for row in self.b.live() if row.values["email"] == "cy@x.org"))
        self._next_run()
        self.a.edit(rows[0], visits=8, city="Bern")
        self.b.edit(next(row for row in self.b.live() if row.values["email"] == "Ann@x.org"), visits=9, name="Anna")
        self._next_run()
        for row in store.conflicts(self.spec.name):
            store.decide(self.spec.name, row.conflict_id, row.n, "B", None, "clerk", self.tick(), "")
        self._next_run()
        self._next_run()

    def _next_run(self) -> None:
        self.time += timedelta(hours=1)
        self.run()


def test_a_fixed_history_is_stored_in_the_same_bytes_as_ever(
    state_url: str, database: Database, execute: Callable[[str], list[dict[str, object]]]
) -> None:
    spec = replace(sync(*FIELDS), on_delete={"A": OnDelete.ARCHIVE, "B": OnDelete.ARCHIVE})
    story = Hourly(spec)
    store = open_store(state_url, clock=story.tick)
    try:
        story.lives(store)
        assert verify_chain(store.audit(spec.name)) == (25, None)
    finally:
        store.close()
    tables = [sorted(repr(sorted(row.items())) for row in execute(f"SELECT * FROM sync_{name}")) for name in TABLES]
    assert [len(rows) for rows in tables] == ROWS
    assert hashlib.sha256("\n".join(line for rows in tables for line in rows).encode()).hexdigest()[:16] == DIGEST
