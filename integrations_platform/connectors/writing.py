"""Batches of writes to one bound table, each batch one transaction with its receipts.

Owns compare-and-set, exactly-once creates and the refusal to cascade. A batch is written whole or not at all; which of
its writes is the bad one is for the caller to find by halving it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations_platform.connectors.archive import Archive
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.introspection import InboundKey
from integrations_platform.connectors.ledger import Entry, Ledger
from integrations_platform.connectors.session import Row, Session
from integrations_platform.connectors.sql_errors import UnfitValueError, meaning_of
from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, Status, Write
from integrations_platform.unified_sync.values import Value

Known = Mapping[str, Entry]


class Writer:
    """Carries out batches inside a transaction that the caller opened. ``ledger`` and ``archive`` are None where their
    tables cannot be had: creates then lose their protection against repetition."""

    def __init__(
        self,
        binding: Binding,
        session: Session,
        ledger: Ledger | None,
        archive: Archive | None,
        inbound: Callable[[Session], Sequence[InboundKey]],
    ) -> None:
        self._binding = binding
        self._dialect = binding.dialect
        self._session = session
        self._ledger = ledger
        self._archive = archive
        self._inbound = inbound

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Outcomes of a batch of one kind. Raises driver errors and UnfitValueError, having written in part."""
        kind = writes[0].kind
        if kind is Kind.CREATE:
            return self._create(writes)
        ids = [write.id for write in writes if write.id is not None]
        known: Known = self._ledger.by_record(self._session, ids) if self._ledger else {}
        outcomes = []
        waiting: dict[str, Write] = {}
        for write in sorted(writes, key=lambda one: one.id or ""):  # one order of locks for all writers
            if write.id is None or self._binding.key(write.id) is None:
                outcomes.append(Outcome(write.op_id, Status.STALE, write.id, message="no key can have this id"))
            elif write.id in known and known[write.id].last_op == write.op_id:
                outcomes.append(Outcome(write.op_id, Status.ALREADY, write.id))
            else:
                waiting[write.id] = write
        step = {
            Kind.UPDATE: self._update,
            Kind.ARCHIVE: self._soft if self._binding.spec.soft_delete else self._move_out,
            Kind.RESTORE: self._soft if self._binding.spec.soft_delete else self._move_back,
            Kind.DELETE: self._delete,
        }[kind]
        applied = step(waiting) if waiting else set()
        self._receipt([waiting[record_id] for record_id in applied], known)
        return outcomes + self._settled(waiting, applied)

    def _settled(self, waiting: Mapping[str, Write], applied: set[str]) -> list[Outcome]:
        missed = [record_id for record_id in waiting if record_id not in applied]
        # A rival process may have carried out the same operation between our look and our write.
        now = self._ledger.by_record(self._session, missed) if self._ledger and missed else {}
        outcomes = []
        for record_id, write in waiting.items():
            if record_id in applied:
                status = Status.APPLIED
            else:
                done = record_id in now and now[record_id].last_op == write.op_id
                status = Status.ALREADY if done else Status.STALE
            outcomes.append(Outcome(write.op_id, status, record_id))
        return outcomes

    def _receipt(self, writes: Sequence[Write], known: Known) -> None:
        if self._ledger and writes:
            entries = [Entry(write.id or "", write.link_id or None, write.op_id) for write in writes]
            self._ledger.put(self._session, entries, known)

    # Create

    def _create(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes, fresh = self._already_created(writes)
        created: list[tuple[Write, str]] = []
        groups: dict[tuple[str, ...], list[tuple[Write, dict[str, Value]]]] = {}
        for write in fresh:
            values = self._binding.present(write.values)
            groups.setdefault(tuple(values), []).append((write, values))
        for columns, members in groups.items():
            rows = [tuple(self._binding.bound(name, values[name]) for name in columns) for _, values in members]
            keys = self._dialect.insert(
                self._session, self._binding.table, columns, self._binding.keys, rows, self._given(columns, rows),
                self._binding.quote,
            )  # fmt: skip
            created += [(write, self._binding.record_id(key)) for (write, _), key in zip(members, keys, strict=True)]
        if self._ledger and created:
            self._ledger.drop(self._session, "link_id", self._replaced)
            # A table may hand out an id again after a delete (SQLite does), so its old entry goes.
            self._ledger.drop(self._session, "record_id", [record_id for _, record_id in created])
            self._ledger.add(
                self._session, [Entry(record_id, write.link_id, write.op_id) for write, record_id in created]
            )
        return outcomes + [Outcome(write.op_id, Status.APPLIED, record_id) for write, record_id in created]

    def _given(self, columns: tuple[str, ...], rows: Sequence[Row]) -> list[Row] | None:
        names = [key.name for key in self._binding.keys]
        if not all(name in columns for name in names):
            return None
        places = [columns.index(name) for name in names]
        given = [tuple(row[place] for place in places) for row in rows]
        return given if all(part is not None for key in given for part in key) else None

    def _already_created(self, writes: Sequence[Write]) -> tuple[list[Outcome], list[Write]]:
        """Outcomes of creates that an earlier attempt carried out, and the rest."""
        self._replaced: list[str] = []
        if not self._ledger:
            return [], list(writes)
        entries = self._ledger.by_link(self._session, [write.link_id for write in writes])
        alive = self.existing([entry.record_id for entry in entries.values()])
        outcomes, fresh = [], []
        for write in writes:
            entry = entries.get(write.link_id)
            # The same operation never creates twice, even if its record was deleted since; a new operation for the
            # same link is the re-creation of a deleted record.
            if entry and (entry.record_id in alive or entry.last_op == write.op_id):
                outcomes.append(Outcome(write.op_id, Status.ALREADY, entry.record_id))
                continue
            if entry:
                self._replaced.append(write.link_id)
            fresh.append(write)
        return outcomes, fresh

    def existing(self, record_ids: Sequence[str]) -> set[str]:
        """Which of these records exist, live or archived."""
        found: set[str] = set()
        keys = [key for record_id in record_ids if (key := self._binding.key(record_id)) is not None]
        for start in range(0, len(keys), 1000):
            part = keys[start : start + 1000]
            rows = self._session.rows(
                f"SELECT {', '.join(self._binding.key_selects)} FROM {self._binding.table} "
                f"WHERE {self._dialect.keys_in(self._binding.key_columns, len(part))}",
                [value for key in part for value in key],
            )
            found.update(self._binding.record_id(row) for row in rows)
        if self._archive and record_ids:
            found.update(self._archive.find(self._session, record_ids))
        return found & set(record_ids)

    # Update in place

    def _update(self, waiting: Mapping[str, Write]) -> set[str]:
        return self._set(waiting, {})

    def _soft(self, waiting: Mapping[str, Write]) -> set[str]:
        column = self._binding.spec.soft_delete or ""
        native = self._binding.shape.by_name[column]
        restoring = next(iter(waiting.values())).kind is Kind.RESTORE
        if self._binding.soft_delete_is_flag:
            word = ("FALSE" if restoring else "TRUE") if self._dialect.name != "sqlite" else "01"[not restoring]
        elif restoring:
            word = "NULL"
        else:
            word = self._dialect.moment_for(native, self._binding.zone(native))
        return self._set(waiting, {column: word})

    def _set(self, waiting: Mapping[str, Write], fixed: Mapping[str, str]) -> set[str]:
        """Set values, and columns to ``fixed`` SQL words, where the version still holds; ids that were written."""
        groups: dict[tuple[tuple[str, ...], bool], list[tuple[str, Row]]] = {}
        for record_id, write in waiting.items():
            values = self._binding.present(write.values) if write.kind is not Kind.ARCHIVE else {}
            self._same_key(record_id, values)
            values = {name: value for name, value in values.items() if name not in fixed}
            bound = tuple(self._binding.bound(name, value) for name, value in values.items())
            key = self._binding.key_params(self._binding.key(record_id) or ())
            guard, held = self._guard(write)
            if not held:
                continue
            groups.setdefault((tuple(values), bool(guard)), []).append((record_id, (*bound, *key, *guard)))
        written: set[str] = set()
        for (columns, guarded), members in groups.items():
            changes = [f"{self._binding.quote(name)} = {self._dialect.mark}" for name in columns]
            changes += [f"{self._binding.quote(name)} = {word}" for name, word in fixed.items()]
            # Without a value to set the record is still to be found at its version, for the receipt.
            first = self._binding.key_columns[0]
            sql = (
                f"UPDATE {self._binding.table} SET {', '.join(changes) or f'{first} = {first}'} "
                f"WHERE {self._binding.key_predicate()}"
            )
            if guarded:
                sql += f" AND {self._binding.fingerprint} = {self._dialect.mark}"
            counts = self._session.each_count(sql, [params for _, params in members])
            written.update(record_id for (record_id, _), count in zip(members, counts, strict=True) if count)
        return written

    def _guard(self, write: Write) -> tuple[Row, bool]:
        """Parameters of the version guard, and whether the version can hold at all."""
        expected = write.expected_version
        if expected is None:
            return (), True
        prefix = self._binding.version_prefix
        return (expected.removeprefix(prefix),), expected.startswith(prefix)

    def _same_key(self, record_id: str, values: dict[str, Value]) -> None:
        names = [key.name for key in self._binding.keys]
        given = [name for name in names if name in values]
        if not given:
            return
        old = dict(zip(names, self._binding.key(record_id) or (), strict=True))
        for name in given:
            if str(self._binding.bound(name, values.pop(name))) != str(old[name]):
                raise UnfitValueError(
                    f"column {name} is part of the key, which identifies the record and never changes"
                )

    # Archive, restore, delete

    def _move_out(self, waiting: Mapping[str, Write]) -> set[str]:
        if self._archive is None:
            raise UnfitValueError("records cannot be archived: the engine may not create its table; grant CREATE or "
                               "declare `soft_delete:`")  # fmt: skip
        rows = self._held(waiting)
        self._archive.put(
            self._session, {record_id: (waiting[record_id].link_id, row) for record_id, row in rows.items()}
        )
        self._remove(list(rows))
        return set(rows)

    def _delete(self, waiting: Mapping[str, Write]) -> set[str]:
        rows = self._held(waiting)
        self._remove(list(rows))
        return set(rows)

    def _held(self, waiting: Mapping[str, Write]) -> dict[str, dict[str, Any]]:
        """Whole rows, locked, of those that still have the expected version. Refuses what would cascade."""
        keys = [self._binding.key(record_id) or () for record_id in waiting]
        reader = self._archive or Archive(self._binding)
        rows = reader.select_rows(self._session, keys)
        held = {
            record_id: rows[record_id][1]
            for record_id, write in waiting.items()
            if record_id in rows and write.expected_version in (None, rows[record_id][0])
        }
        if held:
            self._refuse_cascade([self._binding.key(record_id) or () for record_id in held])
        return held

    def _refuse_cascade(self, keys: Sequence[Row]) -> None:
        quote, table = self._binding.quote, self._binding.table
        for inbound in self._inbound(self._session):
            joined = " AND ".join(
                f"child.{quote(mine)} = parent.{quote(theirs)}"
                for mine, theirs in zip(inbound.columns, inbound.referenced, strict=True)
            )
            columns = [f"parent.{name}" for name in self._binding.key_columns]
            rows = self._session.rows(
                f"SELECT COUNT(*) FROM {table} parent WHERE {self._dialect.keys_in(columns, len(keys))} AND EXISTS "
                f"(SELECT 1 FROM {quote(inbound.schema, inbound.table)} child WHERE {joined})",
                [part for key in keys for part in key],
            )
            if rows[0][0]:
                raise UnfitValueError(
                    f"removing the record would {_EFFECT[inbound.on_delete]} rows of {inbound.table} ({inbound.name}, "
                    f"ON DELETE {inbound.on_delete}); archive those first, or declare `soft_delete:`"
                )

    def _remove(self, record_ids: Sequence[str]) -> None:
        sql = f"DELETE FROM {self._binding.table} WHERE {self._binding.key_predicate()}"
        keys = [self._binding.key(record_id) or () for record_id in record_ids]
        self._session.many(sql, [self._binding.key_params(key) for key in keys])

    def _move_back(self, waiting: Mapping[str, Write]) -> set[str]:
        if self._archive is None:
            return set()
        restored = set()
        for record_id, archived in self._archive.find(self._session, list(waiting)).items():
            if waiting[record_id].expected_version not in (None, self._archive.shown(archived.version)):
                continue
            row = self._dialect.unpack(archived.body)
            for name, value in self._binding.present(waiting[record_id].values).items():
                if name not in {key.name for key in self._binding.keys}:
                    row[name] = self._binding.bound(name, value)
            columns = [column for column in self._binding.shape.columns if column.name in row and not column.generated]
            sql = self._dialect.restore_sql(self._binding.table, columns, self._binding.quote)
            self._session.run(sql, [row[column.name] for column in columns])
            restored.add(record_id)
        self._archive.drop(self._session, list(restored))
        return restored


_EFFECT = {"CASCADE": "delete", "SET NULL": "detach", "SET DEFAULT": "detach"}


def is_unique_violation(fault: BaseException) -> bool:
    """Whether a driver's error says that someone else holds a value: perhaps an earlier attempt of ours."""
    code, meaning, _ = meaning_of(fault)
    return meaning.kind is ErrorKind.PERMANENT and (
        code in ("23505", "1062") or code.startswith(("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"))
    )
