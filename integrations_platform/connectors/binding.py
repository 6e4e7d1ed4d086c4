"""One table bound to one side of one sync: which columns, which key, which scope, and their SQL.

Owns the spelling of everything reading and writing share. It runs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import polars as pl

from integrations_platform.connectors.dialect import Dialect, Fingerprint
from integrations_platform.connectors.encoding import TAKEN_AS_IS, decode, encode, id_text, key_parts
from integrations_platform.connectors.introspection import Family, NativeColumn, TableShape, suggested_type
from integrations_platform.connectors.session import Database, Row
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import (
    ABSENT,
    AS_READ,
    PLAIN_TEXT,
    FieldType,
    Value,
    Values,
    canonical,
)


@dataclass(frozen=True)
class Binding:
    """The parts of a side that stay the same while it is open. ``kinds`` holds the bound columns that exist.

    ``pair`` names sync and side in the engine-owned tables.
    """

    dialect: Dialect
    database: Database
    spec: SideSpec
    shape: TableShape
    kinds: Mapping[str, FieldType]
    pair: str

    def quote(self, *names: str | None) -> str:
        """Quoted identifiers joined by dots."""
        return self.database.quoted(*names)

    @cached_property
    def table(self) -> str:
        """The object, quoted."""
        return self.quote(self.shape.schema, self.shape.name)

    @cached_property
    def keys(self) -> tuple[NativeColumn, ...]:
        """The key's columns: declared, or the primary key."""
        return tuple(self.shape.by_name[name] for name in self.spec.key or self.shape.primary_key)

    @cached_property
    def key_columns(self) -> tuple[str, ...]:
        """The key's columns, quoted."""
        return tuple(self.quote(key.name) for key in self.keys)

    @cached_property
    def key_selects(self) -> tuple[str, ...]:
        """The key's columns as they are selected."""
        return tuple(self.dialect.read_expression(key, FieldType.TEXT, self.quote) for key in self.keys)

    @cached_property
    def column_selects(self) -> tuple[str, ...]:
        """The bound columns as they are selected, in the order of ``kinds``."""
        by_name = self.shape.by_name
        return tuple(self.dialect.read_expression(by_name[name], kind, self.quote) for name, kind in self.kinds.items())

    @cached_property
    def versioned(self) -> tuple[NativeColumn, ...]:
        """The columns that a version is made of."""
        names = dict.fromkeys(sorted(self.kinds))
        if self.spec.soft_delete:
            names[self.spec.soft_delete] = None
        # The key too, so that two records that change places are told from two that did not.
        names.update(dict.fromkeys(key.name for key in self.keys))
        return tuple(self.shape.by_name[name] for name in names)

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return self.dialect.fingerprint(self.versioned, self.quote, self.salt)

    @property
    def fingerprint(self) -> str:
        """The version's SQL, without its prefix."""
        return self._fingerprint.text

    @property
    def fingerprint_number(self) -> str | None:
        """The SQL of the number that the version is the text of, where it is one."""
        return self._fingerprint.number

    @property
    def digest(self) -> str | None:
        """The SQL of one number over all versions, or None where the server cannot."""
        return None if self.fingerprint_number is None else f"bit_xor({self.fingerprint_number})"

    def digest_of(self, versions: pl.Series) -> str | None:
        """What :attr:`digest` gives over these versions, as the digest of a listing."""
        if self.fingerprint_number is None:
            return None
        return self.digest_text(len(versions), xor_of(versions))

    def digest_text(self, count: int, number: int | None) -> str:
        """The digest of a listing without archived records: scheme, columns, count and number."""
        return f"{self.salt}{count}:{(number or 0) & (2**64 - 1):016x}"

    @cached_property
    def columns_digest(self) -> str:
        """Six hex digits of the column list, so that versions over other columns never compare equal."""
        listed = "\n".join(f"{column.name}\t{column.native_type}" for column in self.versioned)
        return hashlib.sha256(listed.encode()).hexdigest()[:6]

    @cached_property
    def salt(self) -> str:
        """Scheme and column list."""
        return f"{self.dialect.scheme}:{self.columns_digest}:"

    @cached_property
    def version_prefix(self) -> str:
        """The salt, where versions do not differ by it: twelve letters need no room of their own in a column of texts,
        which with a prefix takes three times as much."""
        return self.salt if self.fingerprint_number is None else ""

    @cached_property
    def archived_sql(self) -> str:
        """Whether a row is archived by its soft-delete column."""
        if not self.spec.soft_delete:
            return "1 = 0"
        column = self.shape.by_name[self.spec.soft_delete]
        name = self.quote(column.name)
        if column.family is Family.BOOLEAN and self.dialect.name == "postgresql":
            return f"coalesce({name}, false)"
        if column.family in (Family.BOOLEAN, Family.INTEGER, Family.BITS):
            return f"({name} IS NOT NULL AND {name} <> 0)"
        return f"({name} IS NOT NULL)"

    @property
    def soft_delete_is_flag(self) -> bool:
        """True for a boolean, False for a moment."""
        return self.shape.by_name[self.spec.soft_delete or ""].family in (Family.BOOLEAN, Family.INTEGER, Family.BITS)

    @cached_property
    def scope(self) -> tuple[str, tuple[Any, ...]]:
        """Whether a row is in scope, and the parameters of that."""
        parts, params = [], []
        for name, accepted in self.spec.only.items():
            column = self.shape.by_name[name]
            kind = self.kinds.get(name, suggested_type(column))
            values = [self.bound(name, canonical(kind, value, self.zone(column))) for value in accepted]
            present = [value for value in values if value is not None]
            choices = [f"{self.quote(name)} IS NULL"] if None in values else []
            if present:
                marks = ", ".join([self.dialect.mark] * len(present))
                choices.append(self.dialect.equals_exactly(column, self.quote, marks))
            parts.append(f"({' OR '.join(choices) or '1 = 0'})")
            params += present
        return (f"({' AND '.join(parts)})" if parts else "1 = 1"), tuple(params)

    def zone(self, column: NativeColumn) -> str:
        """The zone of a column's naive values: instants arrive in UTC, wall-clock times as declared."""
        return "UTC" if column.family is Family.INSTANT else self.spec.zone or "UTC"

    def bound(self, name: str, value: Value) -> Any:
        """A canonical value as the driver takes it for that column. Raises UnfitValueError."""
        return self.binders[name](value)

    @cached_property
    def binders(self) -> Mapping[str, Callable[[Value], Any]]:
        """:meth:`bound` of each column."""
        return {name: self._binder(column) for name, column in self.shape.by_name.items()}

    def _binder(self, column: NativeColumn) -> Callable[[Value], Any]:
        zone, bind = self._zones[column.name], self.dialect.bind
        as_is = TAKEN_AS_IS.get(column.family) if self.dialect.binds_as_is else None

        def bound(value: Value) -> Any:
            return value if value is None or type(value) is as_is else bind(column, encode(column, value, zone))

        return bound

    @cached_property
    def _zones(self) -> Mapping[str, str]:
        return {name: self.zone(column) for name, column in self.shape.by_name.items()}

    @cached_property
    def _readers(self) -> Mapping[str, tuple[Any, Callable[[Any], Value]]]:
        """Of each bound column: of which type its values are canonical as they come, and how any value is read."""
        by_name = self.shape.by_name
        readers: dict[str, tuple[Any, Callable[[Any], Value]]] = {}
        for name, kind in self.kinds.items():
            text = kind in PLAIN_TEXT and by_name[name].family is not Family.ARRAY
            as_read = str if text else AS_READ.get(kind)
            readers[name] = (as_read, partial(decode, by_name[name], kind, zone=self._zones[name]))
        return readers

    def values(self, raw: Sequence[Any]) -> Values:
        """Canonical values by column of a row selected through ``column_selects``."""
        found: dict[str, Value] = {}
        for (name, (as_read, read)), value in zip(self._readers.items(), raw, strict=True):
            if value is None or (
                type(value) is as_read and (as_read is not str or (value.isascii() and "\r" not in value))
            ):
                found[name] = value  # most values, which have but one form
            else:
                found[name] = read(value)
        return found

    def shown(self, raw: Sequence[Any], bound: Sequence[Any], written: Values) -> Values:
        """As :meth:`values`, of a row whose columns were ``written`` as ``bound``. What comes back as it was sent says
        what was meant by it (P40)."""
        if raw == bound:
            return written
        return {
            name: written[name] if value == sent else self._readers[name][1](value)
            for name, value, sent in zip(self.kinds, raw, bound, strict=True)
        }

    def present(self, values: Values) -> dict[str, Value]:
        """The values that say something."""
        return {name: value for name, value in values.items() if value is not ABSENT}

    def record_id(self, key: Row) -> str:
        """The id of a key as selected."""
        return id_text(key)

    def key(self, record_id: str) -> Row | None:
        """The key of an id as it is bound, or None."""
        return key_parts(self.keys, record_id)

    def key_predicate(self) -> str:
        """A predicate for exactly one key; see :meth:`key_params`."""
        mark = self.dialect.mark
        return " AND ".join(
            f"{self.quote(key.name)} = {mark} AND {self.dialect.equals_exactly(key, self.quote, mark)}"
            if self.dialect.compares_loosely(key)
            else f"{self.quote(key.name)} = {mark}"
            for key in self.keys
        )

    def key_params(self, key: Row) -> Row:
        """Parameters of :meth:`key_predicate`."""
        params: list[Any] = []
        for column, part in zip(self.keys, key, strict=True):
            params += [part, part] if self.dialect.compares_loosely(column) else [part]
        return tuple(params)


def xor_of(versions: pl.Series) -> int:
    """All versions that are numbers, as one; of none, nought."""
    number = pl.col("version").str.decode("base64").bin.reinterpret(dtype=pl.UInt64, endianness="big")
    return versions.to_frame("version").select(number.bitwise_xor()).item() or 0
