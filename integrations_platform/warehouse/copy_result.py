"""What a COPY says of its files, whichever engine carried it out.

Owns the two shapes in which Snowflake answers: a row for each file, and one row with one column when there was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = (
    "file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen",
    "first_error", "first_error_line", "first_error_character", "first_error_column_name",
)  # fmt: skip
NO_FILES = "Copy executed with 0 files processed."
LOADED, PARTIALLY_LOADED, LOAD_FAILED, LOAD_SKIPPED = "LOADED", "PARTIALLY_LOADED", "LOAD_FAILED", "LOAD_SKIPPED"


@dataclass(frozen=True)
class FileResult:
    """One file of a COPY. ``status`` is in upper case; documentation and wire differ in it."""

    file: str
    status: str
    rows_parsed: int
    rows_loaded: int
    error_limit: int | None = 1
    errors_seen: int = 0
    first_error: str | None = None
    first_error_line: int | None = None
    first_error_character: int | None = None
    first_error_column_name: str | None = None

    def row(self) -> tuple[Any, ...]:
        """The values in the order of :data:`COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)


@dataclass(frozen=True)
class CopyResult:
    """All files of one COPY, none when there was nothing to load. ``query_id``: under which the engine remembers it."""

    files: tuple[FileResult, ...]
    query_id: str = ""

    @property
    def rows_loaded(self) -> int:
        """Rows that came into the table."""
        return sum(item.rows_loaded for item in self.files)

    @classmethod
    def of_rows(cls, names: Sequence[str], rows: Sequence[Sequence[Any]], query_id: str = "") -> CopyResult:
        """The result read from a cursor's columns and rows. Raises ValueError for any other shape."""
        known = [name.lower() for name in names]
        if known == ["status"]:
            return cls((), query_id)
        missing = set(COLUMNS[:4]) - set(known)
        if missing:
            raise ValueError(f"a COPY answered without {', '.join(sorted(missing))}; it has {', '.join(known)}")
        found = []
        for row in rows:
            cells = dict(zip(known, row, strict=True))
            found.append(
                FileResult(
                    str(cells["file"]),
                    str(cells["status"]).upper(),
                    int(cells["rows_parsed"] or 0),
                    int(cells["rows_loaded"] or 0),
                    _whole(cells.get("error_limit")),
                    _whole(cells.get("errors_seen")) or 0,
                    cells.get("first_error"),
                    _whole(cells.get("first_error_line")),
                    _whole(cells.get("first_error_character")),
                    cells.get("first_error_column_name"),
                )
            )
        return cls(tuple(found), query_id)


def _whole(cell: Any) -> int | None:
    return None if cell is None else int(cell)
