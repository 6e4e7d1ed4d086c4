"""Listings and reads of one bound table inside one consistent transaction.

Owns the snapshot: ids and versions as columns, records by id. It decides nothing about absence; a listing is complete
because it is one statement of one snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import polars as pl

from integrations_platform.connectors.archive import Archive
from integrations_platform.connectors.binding import Binding
from integrations_platform.connectors.encoding import decode
from integrations_platform.connectors.introspection import Family
from integrations_platform.connectors.ledger import ARCHIVE_TABLE, LEDGER_TABLE, Ledger, chunks
from integrations_platform.connectors.session import Row, Session
from integrations_platform.unified_sync.port import LISTING_SCHEMA, Listing, Presence, Record, SideError
from integrations_platform.unified_sync.values import FieldType

_ROWS = 20_000  # rows of a listing held as objects
_BLOCK_BITS, _BLOCKS = 4, 65_536  # keys are counted by sixteen at least, in so many blocks at most


class RelationalSnapshot:
    """Fulfils :class:`port.Snapshot` on a session whose read transaction is open."""

    def __init__(self, binding: Binding, session: Session) -> None:
        self._binding = binding
        self._session = session
        self._fault: SideError | None = None
        schema = binding.shape.schema
        # Asked once per snapshot: the tables appear with the first write, which no snapshot spans.
        self._ledger = Ledger(binding) if binding.dialect.table_exists(session, schema, LEDGER_TABLE) else None
        self._archive = Archive(binding) if binding.dialect.table_exists(session, schema, ARCHIVE_TABLE) else None

    def listing(self) -> Listing:
        """Ids and versions in scope, chunk by chunk into columns; archived records are listed whatever the scope."""
        with self._asking():
            return self._listed(self._in_scope())

    def _listed(self, frame: pl.DataFrame, apart: pl.Series | None = None, *, moved: bool = False) -> Listing:
        """The listing of these rows in scope, and of the archive. If some of them ``moved``, there will be something to
        do, and no digest is needed."""
        away, rows = self._away(), None if moved else self._binding.digest_of(frame["version"])
        digest = None if rows is None else digest_of(rows, away)
        if away:  # someone may have inserted an archived record again by hand: live counts
            archived = _frame([row[0] for row in away], [row[1] for row in away], str(Presence.ARCHIVED))
            there = frame["id"].filter(frame["id"].is_in(archived["id"].implode()))
            archived = archived.filter(~pl.col("id").is_in(there.implode()))
            frame = pl.concat([frame, archived.unique("id", keep="first", maintain_order=True)])
        return Listing(frame, complete=True, digest=digest, mark=self._mark(away), apart=apart)

    def mark(self) -> str | None:
        """The table, the archive's digest, and the moment."""
        with self._asking():
            return self._mark(self._away())

    def _mark(self, away: Sequence[tuple[str, str]]) -> str | None:
        moment = self._binding.dialect.moment(self._session, self._binding.shape, self._binding.versioned)
        return None if moment is None else "|".join((moment[0], digest_of("", away), str(moment[1])))

    def _written_since(self, mark: str) -> tuple[str, str] | None:
        """The condition of rows written since, and the archive's digest then."""
        place, archive, number = mark.rsplit("|", 2)
        binding = self._binding
        moment = binding.dialect.moment(self._session, binding.shape, binding.versioned)
        if moment is None or moment[0] != place:
            return None
        written = binding.dialect.written_since(self._session, int(number))
        return None if written is None else (written, archive)

    def stands(self, mark: str, records: int) -> bool | None:
        """One look at who wrote each row, and no value of any is read."""
        binding = self._binding
        scope, params = binding.scope
        with self._asking():
            since = self._written_since(mark)
            if since is None:  # no row tells; but the whole may be known to be the same
                return True if self._mark(self._away()) == mark and self._has_rows(records) else None
            written, archive = since
            away = self._away()
            one = "count(CASE WHEN {} THEN 1 END)".format
            sql = f"SELECT {one(written)}, {one(scope)} FROM {binding.table}"
            moved, rows = self._session.rows(sql, params)[0]
        return moved == 0 and rows + len(away) == records and digest_of("", away) == archive

    def _has_rows(self, records: int) -> bool:
        """Whether the table was not emptied as a whole, which writes no row."""
        there = self._session.rows(f"SELECT 1 FROM {self._binding.table} LIMIT 1")
        return bool(there) or len(self._away()) == records

    def since(self, earlier: Listing) -> Listing | None:
        """What was written since, beside what was not; the rows there are counted, and if any are gone, looked for."""
        binding = self._binding
        with self._asking():
            since = None if earlier.mark is None else self._written_since(earlier.mark)
            if since is None:
                return None
            as_before = f"NOT ({since[0]} OR {binding.archived_sql})"
            shown = self._in_scope(f"({since[0]} OR {binding.archived_sql})")
            live = pl.col("presence") == str(Presence.LIVE)
            written = earlier.frame["id"].is_in(shown["id"].implode())
            stays = (earlier.frame["presence"] == str(Presence.LIVE)) & ~written
            gone = self._gone(earlier.frame["id"].filter(stays), as_before)
            if gone is None:
                return None
            if not gone.is_empty():
                stays &= ~earlier.frame["id"].is_in(gone.implode())
            rest = earlier.frame.filter(stays)
            anew = shown.filter(live).join(earlier.frame.filter(written), on=shown.columns, how="anti")
            apart = None if earlier.apart is None else pl.concat([earlier.apart, shown["id"], gone])
            return self._listed(pl.concat([rest, shown]), apart, moved=not (gone.is_empty() and anew.is_empty()))

    def _gone(self, ids: pl.Series, as_before: str) -> pl.Series | None:
        """Those of these records that are not there; None if others are. Where keys are whole numbers, they are counted
        in blocks, and looked for only where one lacks any."""
        binding = self._binding
        scope, params = binding.scope
        rest, key = f"FROM {binding.table} WHERE {scope} AND {as_before}", binding.key_columns[0]
        count: int = self._session.rows(f"SELECT count(*) {rest}", params)[0][0]
        if count == len(ids):
            return ids.clear()
        if len(binding.keys) == 1 and binding.keys[0].family is Family.INTEGER:
            bits = max(_BLOCK_BITS, (len(ids) // _BLOCKS).bit_length())
            block, theirs = pl.col("id").cast(pl.Int64) // 2**bits, f"({key}::bigint >> {bits})"
            counted = self._session.rows(f"SELECT {theirs}, count(*) {rest} GROUP BY 1", params)
            shown = pl.DataFrame(counted, schema={"block": pl.Int64, "shown": pl.UInt32}, orient="row")
            both = ids.to_frame().group_by(block=block).len("known").join(shown, on="block", how="full", coalesce=True)
            unlike = both.filter(pl.col("known").ne_missing(pl.col("shown")))["block"]
            ids = ids.to_frame().filter(block.is_in(unlike.implode()))["id"]
            # Of the very type, or the server compares with one block after the other.
            there = self._in_scope(f"{as_before} AND {theirs} = ANY (%s::bigint[])", unlike.to_list())["id"]
        else:
            there = self._in_scope(as_before)["id"]
        gone = ids.filter(~ids.is_in(there.implode()))
        return gone if len(ids) - len(gone) == len(there) else None

    def _away(self) -> list[tuple[str, str]]:
        return self._archive.versions(self._session) if self._archive is not None else []

    def digest(self) -> str | None:
        """One number over all versions in scope, made by the server, and the archive's own."""
        binding = self._binding
        if binding.digest is None:
            return None
        scope, params = binding.scope
        with self._asking():
            sql = f"SELECT COUNT(*), {binding.digest} FROM {binding.table} WHERE {scope}"
            count, number = self._session.rows(sql, params)[0]
            away = self._away()
        return digest_of(binding.digest_text(count, number), away)

    def newest(self) -> datetime | None:
        """The greatest of the declared times of change; an index on that column makes it free."""
        binding = self._binding
        if not binding.spec.modified:
            return None
        column = binding.shape.by_name[binding.spec.modified]
        greatest = binding.dialect.read_expression(
            column, FieldType.DATETIME, lambda *names: f"MAX({binding.quote(*names)})"
        )
        scope, params = binding.scope
        with self._asking():
            ((raw,),) = self._session.rows(f"SELECT {greatest} FROM {binding.table} WHERE {scope}", params)
        return self._modified(raw)

    def _in_scope(self, and_so: str = "1 = 1", *more: Any) -> pl.DataFrame:
        binding = self._binding
        scope, params = binding.scope[0], (*binding.scope[1], *more)
        rest = f"FROM {binding.table} WHERE {scope} AND {and_so}"
        number = binding.fingerprint_number
        pieces = (
            binding.dialect.listed(
                self._session, binding.keys[0], number, binding.archived_sql, rest, params, binding.quote
            )
            if len(binding.keys) == 1 and number is not None
            else None
        )
        if pieces is not None:
            live, archived = pl.lit(str(Presence.LIVE)), pl.lit(str(Presence.ARCHIVED))
            presence = pl.when("archived").then(archived).otherwise(live).cast(LISTING_SCHEMA["presence"])
            frames = [piece.select("id", "version", presence=presence) for piece in pieces]
        else:
            sql = f"SELECT {', '.join(binding.key_selects)}, {binding.fingerprint}, {binding.archived_sql} {rest}"
            frames = [self._of_rows(rows, len(binding.keys)) for rows in self._session.stream(sql, params, _ROWS)]
        return pl.concat(frames) if frames else pl.DataFrame(schema=LISTING_SCHEMA)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A transaction answers nothing more once a statement of it failed: asking again gets that first error."""
        if self._fault is not None:
            raise self._fault
        try:
            with self._binding.database.translated():
                yield
        except SideError as fault:
            self._fault = fault
            raise

    def _of_rows(self, rows: Sequence[Row], width: int) -> pl.DataFrame:
        prefix, record_id = self._binding.version_prefix, self._binding.record_id
        presences = (str(Presence.LIVE), str(Presence.ARCHIVED))
        return _frame(
            [record_id(row[:width]) for row in rows],
            [prefix + _text(row[width]) for row in rows],
            [presences[bool(row[width + 1])] for row in rows],
        )

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id, in statements of at most a thousand."""
        found: dict[str, Record] = {}
        with self._asking():
            for part in chunks(ids):
                found.update(self._read_chunk(part))
        return found

    def _read_chunk(self, ids: Sequence[str]) -> dict[str, Record]:
        binding = self._binding
        keys = {record_id: key for record_id in ids if (key := binding.key(record_id)) is not None}
        entries = self._ledger.by_record(self._session, ids) if self._ledger else {}
        found = {}
        for row in self._rows(list(keys.values())):
            record_id = binding.record_id(row[: len(binding.keys)])
            if record_id not in keys:
                continue  # the column calls it equal, we do not
            entry = entries.get(record_id)
            found[record_id] = self._record(
                record_id, row[len(binding.keys) :], entry.last_op if entry else None, entry.link_id if entry else None
            )
        missing = [record_id for record_id in ids if record_id not in found]
        if self._archive is not None and missing:
            for record_id, archived in self._archive.find(self._session, missing).items():
                entry = entries.get(record_id)
                found[record_id] = self._archive.record(archived, entry.last_op if entry else None)
        return found

    def _rows(self, keys: Sequence[Row]) -> list[Row]:
        if not keys:
            return []
        binding = self._binding
        scope, scope_params = binding.scope
        selects = [*binding.key_selects, binding.fingerprint, binding.archived_sql, scope]
        modified = binding.spec.modified
        if modified:
            column = binding.shape.by_name[modified]
            selects.append(binding.dialect.read_expression(column, FieldType.DATETIME, binding.quote))
        else:
            selects.append("NULL")
        sql = (
            f"SELECT {', '.join([*selects, *binding.column_selects])} FROM {binding.table} "
            f"WHERE {binding.dialect.keys_in(binding.key_columns, len(keys))}"
        )
        return self._session.rows(sql, (*scope_params, *(part for key in keys for part in key)))

    def _record(self, record_id: str, row: Row, last_op: str | None, link_id: str | None) -> Record:
        version, archived, in_scope, modified = row[:4]
        presence = Presence.ARCHIVED if archived else Presence.LIVE if in_scope else Presence.OUT_OF_SCOPE
        return Record(
            record_id, self._binding.version_prefix + _text(version), self._binding.values(row[4:]), presence,
            self._modified(modified), last_op, link_id,
        )  # fmt: skip

    def _modified(self, raw: Any) -> datetime | None:
        """The time of the last change; an unreadable one is no evidence, so it is left out."""
        if raw is None or not self._binding.spec.modified:
            return None
        column = self._binding.shape.by_name[self._binding.spec.modified]
        value = decode(column, FieldType.DATETIME, raw, zone=self._binding.zone(column))
        return value.astimezone(UTC) if isinstance(value, datetime) else None


def digest_of(rows: str, away: Sequence[tuple[str, str]] = ()) -> str:
    """The digest of a listing: of its rows, and of (record id, version) of what is archived."""
    archived = hashlib.sha256(repr(sorted(away)).encode()).hexdigest()[:16] if away else "-"
    return f"{rows}:{archived}"


def naive_guess(binding: Binding) -> list[str]:
    """Columns of wall-clock times whose zone nobody declared, taken as UTC."""
    if binding.spec.zone:
        return []
    dated = [name for name, kind in binding.kinds.items() if kind is FieldType.DATETIME]
    if binding.spec.modified and binding.spec.modified not in dated:
        dated.append(binding.spec.modified)
    by_name = binding.shape.by_name
    return [
        name for name in dated
        if name in by_name and by_name[name].family in (*binding.dialect.naive_zone_is_guess, Family.DATETIME)
    ]  # fmt: skip


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _frame(ids: Sequence[str], versions: Sequence[str], presences: Sequence[str] | str) -> pl.DataFrame:
    return pl.DataFrame({"id": ids, "version": versions, "presence": presences}, schema=LISTING_SCHEMA)
