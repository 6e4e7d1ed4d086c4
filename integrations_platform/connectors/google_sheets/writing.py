"""Writing rows: look, plan cells, change in one batch, look again.

Owns the write protocol of a service without compare-and-set. What went astray because somebody sorted, inserted or
deleted rows in between is put back as it was and reported as not done; nothing is taken for done because it was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from integrations_platform.connectors.google_sheets import edits as editing
from integrations_platform.connectors.google_sheets.cells import CellWrite, UnfitCell, encode
from integrations_platform.connectors.google_sheets.client import Sheets
from integrations_platform.connectors.google_sheets.edits import Edits, batches
from integrations_platform.connectors.google_sheets.grid import KEY, Line, Mark, Page, cell_name, normalised
from integrations_platform.connectors.google_sheets.reading import Reader
from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, SideError, Status, Write
from integrations_platform.unified_sync.values import ABSENT

_TRIES = 3  # rounds of putting back what went astray


class Writer:
    """Writes to the tab of one reader."""

    def __init__(self, sheets: Sheets, reader: Reader) -> None:
        self._sheets, self._reader = sheets, reader

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Outcomes of a batch of one kind. Raises SideError."""
        kind = writes[0].kind
        if kind is Kind.CREATE:
            return self._create(writes)
        page = self._reader.page_with_formulas()
        outcomes: list[Outcome] = []
        waiting: dict[str, tuple[Write, Line]] = {}
        for write in writes:
            line = page.by_id.get(write.id or "")
            if line is None:
                outcomes.append(Outcome(write.op_id, Status.STALE, write.id, message="the row is not there any more"))
            elif line.mark is not None and line.mark.op_id == write.op_id:
                outcomes.append(Outcome(write.op_id, Status.ALREADY, write.id))
            elif write.expected_version not in (None, page.version(line)):
                outcomes.append(Outcome(write.op_id, Status.STALE, write.id, message="the row was edited meanwhile"))
            else:
                waiting[line.id] = (write, line)
        if kind is Kind.DELETE:
            return outcomes + self._delete(page, waiting)
        return outcomes + self._set(page, waiting)

    # Cells

    def _set(self, page: Page, waiting: Mapping[str, tuple[Write, Line]]) -> list[Outcome]:
        if not waiting:
            return []
        kind = next(iter(waiting.values()))[0].kind
        own = [KEY, page.binding.link] + ([page.binding.mark] if kind is Kind.ARCHIVE else [])
        columns, wide = editing.new_columns(page, own)
        outcomes: list[Outcome] = []
        sent: dict[str, tuple[Write, Line]] = {}
        edits = Edits(wide)
        groups = []
        for own_id, (write, line) in waiting.items():
            try:
                cells = self._cells(wide, write, line)
            except UnfitCell as fault:
                outcomes.append(Outcome(write.op_id, Status.REJECTED, own_id, "cell", str(fault)))
                continue
            alone = Edits(wide)
            for name, cell in cells.items():
                edits.put(line, name, cell)
                alone.put(line, name, cell)
            groups.append(alone.requests())
            sent[own_id] = (write, line)
        if not sent:
            return outcomes
        with self._putting_back(edits):
            if refused := self._change(columns, groups, [write for write, _ in sent.values()]):
                return outcomes + refused
        after = self._settled(edits)
        for own_id, (write, _) in sent.items():
            now = after.by_id.get(own_id)
            done = now is not None and now.mark is not None and now.mark.op_id == write.op_id
            moved = "" if done else "the row was moved or deleted while it was written"
            outcomes.append(Outcome(write.op_id, Status.APPLIED if done else Status.RETRYABLE, own_id, message=moved))
        return outcomes

    def _cells(self, page: Page, write: Write, line: Line) -> dict[str, CellWrite]:
        cells = self._values(page, write)
        for name, cell in cells.items():
            column = page.places.get(normalised(name), 0)
            if (line.at, column) in page.formulas and not editing.same(page.raw(line.cells, name), cell.raw):
                raise UnfitCell(
                    f"{cell_name(line.at, column)} of tab {page.tab.title!r} (column {name}) holds a formula, which is "
                    "not overwritten; replace it by a value, or let the field travel only from this sheet"
                )
        if write.kind is Kind.ARCHIVE:
            cells = {page.binding.mark: CellWrite(True)}
        elif write.kind is Kind.RESTORE and page.place(page.binding.mark) is not None:
            cells[page.binding.mark] = CellWrite()
        link_id = write.link_id or (line.mark.link_id if line.mark is not None else "")
        cells[page.binding.link] = CellWrite(Mark(line.id, link_id, write.op_id).text)
        if line.key != line.id:
            cells[KEY] = CellWrite(line.id)
        return cells

    @staticmethod
    def _values(page: Page, write: Write) -> dict[str, CellWrite]:
        return {name: encode(name, value, page.tab.zone) for name, value in write.values.items() if value is not ABSENT}

    def _change(
        self, columns: Sequence[editing.Request], groups: Sequence[Sequence[editing.Request]], writes: Sequence[Write]
    ) -> list[Outcome]:
        """Send all; outcomes only where a single write was refused. Raises SideError."""
        for number, part in enumerate(batches([columns, *groups] if columns else groups)):
            try:
                self._sheets.change(part)
            except SideError as fault:
                if fault.kind is ErrorKind.PERMANENT and len(writes) == 1:
                    return [Outcome(writes[0].op_id, Status.REJECTED, writes[0].id, fault.code, fault.message)]
                if number:  # an earlier part is written: whoever repeats must ask first
                    raise SideError(ErrorKind.TRANSIENT, fault.message, code=fault.code, effect_unknown=True,
                                    retry_after=fault.retry_after) from None  # fmt: skip
                raise
        self._reader.grew(columns)
        return []

    def _settled(self, edits: Edits) -> Page:
        """The page after our edits, cells of others that they hit put back. Raises SideError."""
        after = self._look_again()
        for _ in range(_TRIES):
            astray = editing.strayed(edits, after)
            if not astray:
                return after
            edits.given_back += [(after.headers[column], cell.raw) for _, column, cell in astray]
            try:
                self._sheets.change(editing.restored_cells(after, astray))
            except SideError as fault:
                if not fault.effect_unknown:
                    raise
            after = self._look_again()
        return after

    @contextmanager
    def _putting_back(self, edits: Edits) -> Iterator[None]:
        """Where nobody knows whether a change was carried out, what of it went astray is put back before that is said:
        the next look would take it for edits of people."""
        try:
            yield
        except SideError as fault:
            if fault.effect_unknown:
                self._settled(edits)
            raise

    def _look_again(self) -> Page:
        """The page after a change. Whatever keeps us from seeing it leaves open what became of the change."""
        try:
            return self._reader.page()
        except SideError as fault:
            raise SideError(ErrorKind.TRANSIENT, fault.message, code=fault.code, effect_unknown=True,
                            retry_after=fault.retry_after) from None  # fmt: skip

    # Rows

    def _create(self, writes: Sequence[Write]) -> list[Outcome]:
        page = self._reader.page()
        by_link = {line.mark.link_id: line for line in page.lines if line.mark is not None}
        columns, wide = editing.new_columns(page, [KEY, page.binding.link])
        outcomes: list[Outcome] = []
        fresh: list[tuple[Write, str]] = []
        groups = []
        for write in writes:
            if (line := by_link.get(write.link_id)) is not None:
                outcomes.append(Outcome(write.op_id, Status.ALREADY, line.id))
                continue
            own = new_id(write.op_id)
            try:
                row = self._values(wide, write)
            except UnfitCell as fault:
                outcomes.append(Outcome(write.op_id, Status.REJECTED, None, "cell", str(fault)))
                continue
            row |= {KEY: CellWrite(own), page.binding.link: CellWrite(Mark(own, write.link_id, write.op_id).text)}
            groups.append(editing.appended(wide, [row]))
            fresh.append((write, own))
        if not fresh:
            return outcomes
        if refused := self._change(columns, groups, [write for write, _ in fresh]):
            return outcomes + refused
        return outcomes + [Outcome(write.op_id, Status.APPLIED, own) for write, own in fresh]

    def _delete(self, page: Page, waiting: Mapping[str, tuple[Write, Line]]) -> list[Outcome]:
        if not waiting:
            return []
        lines = [line for _, line in waiting.values()]
        if refused := self._change([], [editing.deleted(page, lines)], [write for write, _ in waiting.values()]):
            return refused
        after = self._look_again()
        left = [own for own in waiting if own in after.by_id]
        if left:  # somebody moved rows in between, so others were deleted in their place: they are brought back
            gone = [line for line in page.lines if line.id not in waiting and line.id not in after.by_id]
            if gone:
                self._sheets.change([editing.restored_row(page, line) for line in gone])
        return [
            Outcome(write.op_id, Status.RETRYABLE if own in left else Status.APPLIED, own,
                    message="rows were moved while it was deleted" if own in left else "")
            for own, (write, _) in waiting.items()
        ]  # fmt: skip

    # Tags

    def tag(self, links: Sequence[tuple[str, str]], given: Callable[[str], bool]) -> None:
        """Leave link ids on rows, and make provisional ids lasting; an empty link id leaves the link as it is.

        ``given``: whether an id is provisional. Raises SideError when such a row was edited since it was listed.
        """
        page = self._reader.page()
        columns, wide = editing.new_columns(page, [KEY, page.binding.link])
        edits = Edits(wide)
        groups = []
        wanted: dict[str, str] = {}
        for own, link_id in links:
            line = page.by_id.get(own)
            if line is None:
                if given(own):
                    message = "a new row was edited while it was about to be linked; nothing was written, run again"
                    raise SideError(ErrorKind.PERMANENT, f"{self._reader.place}: {message}", code="moving")
                continue
            old = line.mark or Mark(own, "", "")
            wanted[own] = link_id or old.link_id
            alone = Edits(wide)
            for name, text in ((KEY, own), (page.binding.link, Mark(own, wanted[own], old.op_id).text)):
                edits.put(line, name, CellWrite(text))
                alone.put(line, name, CellWrite(text))
            if alone.cells:
                groups.append(alone.requests())
        if not edits.cells:
            return
        with self._putting_back(edits):
            self._change(columns, groups, [])
        after = self._settled(edits)
        for own, link_id in wanted.items():
            now = after.by_id.get(own)
            if now is None or now.mark is None or now.mark.link_id != link_id:
                raise SideError(ErrorKind.TRANSIENT, f"{self._reader.place}: rows were moved while links were left on "
                                "them", code="moving")  # fmt: skip


def new_id(op_id: str) -> str:
    """The id of a row that an operation creates: the same however often it is tried."""
    return "s" + hashlib.sha256(op_id.encode()).hexdigest()[:20]
