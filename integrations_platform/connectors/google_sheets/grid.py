"""A tab as records: header to columns, rows to identities, cells to values.

**Identity.** A row's number means nothing: people sort, insert, paste and delete. Each row carries its id in the
engine-owned column ``_sync_id``. Beside it ``_sync_link:<sync>`` holds ``[id, link id, last operation]``, written in
the same atomic request as the values: the link survives loss of the state, a create is found again after a lost
answer, and the id in it is a second witness for a key that somebody cleared. Developer metadata at the tab only
remembers that the key column existed; at rows it would not follow a sort.

A row that a person typed has no id yet. It gets a provisional one from its content, which is the same as long as the
row is; the engine makes it lasting through ``Side.tag`` before it stores a link, and a mere look at the tab writes
nothing. Of rows with one id the first counts; the others are reported and left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from integrations_platform.connectors.google_sheets.cells import Raw, decode, is_marked, plain
from integrations_platform.unified_sync.port import BoundColumn, Presence, Record
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, Value, canonical, compact_json

KEY = "_sync_id"
LINK = "_sync_link"
MARK = "_deleted"


def normalised(header: object) -> str:
    """How headers are compared: trimmed, blanks collapsed, case folded."""
    return " ".join(str(header).split()).casefold()


def column_letters(index: int) -> str:
    """Column 0 is A."""
    letters, index = "", index + 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """A cell as people name it, from 0-based row and column."""
    return f"{column_letters(column)}{row + 1}"


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a tab, 0-based, ends exclusive. ``editable`` is about protected ones."""

    top: int
    left: int
    bottom: int
    right: int
    editable: bool = True

    @property
    def name(self) -> str:
        """As people name it."""
        return f"{cell_name(self.top, self.left)}:{cell_name(self.bottom - 1, self.right - 1)}"


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab as the spreadsheet's metadata shows it. ``keyed``: somebody left word that it has a key column."""

    sheet_id: int
    title: str
    row_count: int
    column_count: int
    zone: ZoneInfo
    merges: tuple[Area, ...] = ()
    protected: tuple[Area, ...] = ()
    keyed: bool = False

    @property
    def range(self) -> str:
        """The whole tab in A1 notation."""
        return "'" + self.title.replace("'", "''") + "'"


@dataclass(frozen=True)
class Binding:
    """What stays the same while a side is open: the declared columns, scope, and the engine's own columns."""

    spec: SideSpec
    columns: tuple[BoundColumn, ...]
    pair: str

    @property
    def link(self) -> str:
        """Header of the engine's link column: one per sync, because a tab may take part in several."""
        return f"{LINK}:{self.pair}"

    @property
    def mark(self) -> str:
        """Header of the column that marks archived rows."""
        return self.spec.soft_delete or MARK

    @property
    def wanted(self) -> list[str]:
        """Every column a person must have provided."""
        names = [column.name for column in self.columns] + list(self.spec.only)
        return list(dict.fromkeys(names + ([self.spec.soft_delete] if self.spec.soft_delete else [])))

    @cached_property
    def kinds(self) -> Mapping[str, FieldType]:
        """Types of the bound columns."""
        return {column.name: column.type for column in self.columns}

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of the bound columns in a fixed order."""
        return sorted(self.kinds)

    @cached_property
    def version_prefix(self) -> str:
        """Scheme and column list, so that versions over other columns never compare equal."""
        listed = "\n".join(f"{name}\t{self.kinds[name]}" for name in sorted(self.kinds))
        return f"sheet1:{hashlib.sha256(listed.encode()).hexdigest()[:6]}:"

    @cached_property
    def accepted(self) -> Mapping[str, tuple[Value, ...]]:
        """Scope: canonical values by column."""
        return {
            name: tuple(canonical(self.kinds.get(name, FieldType.TEXT), value, self.spec.zone or "UTC")
                        for value in values)
            for name, values in self.spec.only.items()
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """What the link cell of a row says."""

    id: str
    link_id: str
    op_id: str

    @property
    def text(self) -> str:
        """As it stands in the cell."""
        return json.dumps([self.id, self.link_id, self.op_id], ensure_ascii=False)

    @classmethod
    def read(cls, raw: Raw) -> Mark | None:
        """From a cell; None for anything that is not ours."""
        if not isinstance(raw, str) or not raw.startswith("["):
            return None
        try:
            parts = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(part, str) for part in parts):
            return None
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Line:
    """A row that is a record. ``at`` is its 0-based row now, ``key`` the text of its key cell, ``mark`` its link cell
    if that speaks of this very id."""

    at: int
    id: str
    key: str
    cells: Sequence[Raw]
    mark: Mark | None = None


@dataclass
class Page:
    """One reading of a tab. ``formulas`` are the cells (row, column) that hold one, where they were asked for."""

    binding: Binding
    tab: Tab
    rows: Sequence[Sequence[Raw]]
    formulas: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @cached_property
    def headers(self) -> Sequence[str]:
        """Headers as compared, by column."""
        return [normalised(header) for header in (self.rows[0] if self.rows else ())]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Columns by header; of two alike the first."""
        return {header: at for at, header in reversed(list(enumerate(self.headers))) if header}

    @cached_property
    def width(self) -> int:
        """Columns in use."""
        return max((len(row) for row in self.rows), default=0)

    def place(self, name: str) -> int | None:
        """The column of that name, if there is one."""
        if name not in self._named:
            self._named[name] = self.places.get(normalised(name))
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, int | None]:
        return {}  # asked for every cell, so each name is normalised once

    def raw(self, cells: Sequence[Raw], name: str) -> Raw:
        """One cell of a row by the name of its column."""
        at = self.place(name)
        return cells[at] if at is not None and at < len(cells) else ""

    def key(self, cells: Sequence[Raw]) -> str:
        """The text of a row's key cell."""
        raw = self.raw(cells, KEY)
        if isinstance(raw, bool):
            return "TRUE" if raw else "FALSE"
        return raw.strip() if isinstance(raw, str) else plain(raw)

    def mark(self, cells: Sequence[Raw]) -> Mark | None:
        """What a row's link cell says."""
        return Mark.read(self.raw(cells, self.binding.link))

    @cached_property
    def _sorted_out(self) -> tuple[list[Line], list[tuple[int, str]]]:
        keys = [(at, cells, self.key(cells)) for at, cells in enumerate(self.rows) if at]
        held = {key for _, _, key in keys if key}
        used: set[str] = set()
        lines, copies, unnamed = [], [], []
        for at, cells, key in keys:
            mark = self.mark(cells)
            # Where the key cell was cleared the link cell still knows, unless the row is a copy. It never outranks a
            # key: a write that went astray leaves a link cell of another row.
            own = mark.id if not key and mark is not None and mark.id not in held else key
            if not own:
                if any(self.raw(cells, name) != "" for name in self.binding.kinds):
                    unnamed.append((at, cells))
                continue
            if own in used:
                copies.append((at, own))
                continue
            used.add(own)
            lines.append(Line(at, own, key, cells, mark if mark is not None and mark.id == own else None))
        for at, cells in unnamed:
            own = self._provisional(cells, used)
            used.add(own)
            lines.append(Line(at, own, "", cells))
        lines.sort(key=lambda line: line.at)
        return lines, copies

    def _provisional(self, cells: Sequence[Raw], used: set[str]) -> str:
        content = compact_json(self.content(cells))
        number = 0
        while True:
            own = "n" + hashlib.sha256(f"{number}:{content}".encode()).hexdigest()[:20]
            if own not in used:
                return own
            number += 1

    @property
    def lines(self) -> list[Line]:
        """Rows that are records, in their order; each id once."""
        return self._sorted_out[0]

    @property
    def copies(self) -> list[tuple[int, str]]:
        """(row, id) of rows that repeat the id of an earlier one."""
        return self._sorted_out[1]

    @cached_property
    def by_id(self) -> Mapping[str, Line]:
        """Records by id."""
        return {line.id: line for line in self.lines}

    @cached_property
    def by_row(self) -> Mapping[int, Line]:
        """Records by row."""
        return {line.at: line for line in self.lines}

    def content(self, cells: Sequence[Raw]) -> list[Raw]:
        """The bound cells, in the order of their names."""
        return [self.raw(cells, name) for name in self.binding.names]

    def archived(self, line: Line) -> bool:
        """Whether the row is marked as archived."""
        return is_marked(self.raw(line.cells, self.binding.mark))

    def version(self, line: Line) -> str:
        """Changes with any bound cell, and when the row is archived."""
        said = compact_json([*self.content(line.cells), self.archived(line)])
        return self.binding.version_prefix + hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def presence(self, line: Line) -> Presence:
        """How the row stands."""
        if self.archived(line):
            return Presence.ARCHIVED
        for name, accepted in self.binding.accepted.items():
            kind = self.binding.kinds.get(name, FieldType.TEXT)
            if decode(kind, self.raw(line.cells, name), self.tab.zone) not in accepted:
                return Presence.OUT_OF_SCOPE
        return Presence.LIVE

    def record(self, line: Line) -> Record:
        """The row as the engine sees it."""
        values = {name: decode(kind, self.raw(line.cells, name), self.tab.zone)
                  for name, kind in self.binding.kinds.items()}  # fmt: skip
        mark = line.mark
        return Record(
            line.id, self.version(line), values, self.presence(line), None,
            mark.op_id or None if mark else None, mark.link_id or None if mark else None,
        )  # fmt: skip
