"""One `COPY INTO table`, as data: what is loaded from where and how, and the text that both engines carry out.

Owns the rendering. Text is made when it is run, with the secrets of that moment; whatever is kept or shown is
:meth:`CopyInto.redacted`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from integrations_platform.warehouse.authentication import Authentication, Stage, render_authentication, secrets_of
from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.file_format import CsvFormat, FileFormat, render_format
from integrations_platform.warehouse.names import TableName, identifier, literal
from integrations_platform.warehouse.redaction import HIDDEN

MOST_FILES = 1000
"""Snowflake takes no more names in FILES."""
_LOCATION = re.compile(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*"
    r"|azure://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9$][a-z0-9-]{1,62}/.*"
    r"|file:///.+",
    re.ASCII,
)
_ON_ERROR = re.compile(r"ABORT_STATEMENT|CONTINUE|SKIP_FILE(_\d{1,9}|_(100|\d{1,2})%)?")
METADATA = (
    "METADATA$FILENAME",
    "METADATA$FILE_ROW_NUMBER",
    "METADATA$FILE_LAST_MODIFIED",
    "METADATA$START_SCAN_TIME",
    "METADATA$FILE_CONTENT_KEY",
)


class MatchBy(Enum):
    """Whether a file's columns find the table's by name."""

    NONE = "NONE"
    CASE_SENSITIVE = "CASE_SENSITIVE"
    CASE_INSENSITIVE = "CASE_INSENSITIVE"


@dataclass(frozen=True)
class CopyInto:
    """A load. ``location``: s3://, azure:// or file:// (embedded only); without a slash at its end it is a mere prefix
    of names, so that `date=2025-10-1` also means `date=2025-10-10`. ``metadata``: column → METADATA$….

    Raises StatementError for whatever cannot be written safely, or would not be allowed together.
    """

    table: TableName
    location: str
    file_format: FileFormat
    authentication: Authentication | None = None
    columns: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pattern: str | None = None
    match: MatchBy = MatchBy.NONE
    metadata: Mapping[str, str] = field(default_factory=dict)
    on_error: str | None = None
    size_limit: int | None = None
    force: bool | None = None
    purge: bool | None = None

    def __post_init__(self) -> None:
        if not _LOCATION.fullmatch(self.location):
            raise StatementError(
                f"{self.location!r} is no location; write s3://bucket/path/, "
                "azure://account.blob.core.windows.net/container/path/ or, embedded, file:///path/"
            )
        if isinstance(self.authentication, Stage) and not self.location.startswith(self.authentication.covers):
            raise StatementError(f"stage {self.authentication.name} is declared for another place than {self.location}")
        for name in self.columns:
            identifier(name, what="column")
        if len(self.files) > MOST_FILES:
            raise StatementError(f"{len(self.files):,} FILES; Snowflake takes {MOST_FILES:,} in one statement")
        if self.on_error is not None and not _ON_ERROR.fullmatch(self.on_error):
            raise StatementError(f"ON_ERROR={self.on_error}: use ABORT_STATEMENT, CONTINUE, SKIP_FILE[_n|_n%]")
        if self.size_limit is not None and self.size_limit < 1:
            raise StatementError("SIZE_LIMIT is at least 1")
        for column, source in self.metadata.items():
            identifier(column, what="column")
            if source not in METADATA:
                raise StatementError(f"{source} is no metadata of a file; there are {', '.join(METADATA)}")
        if self.metadata and self.match is MatchBy.NONE:
            raise StatementError("INCLUDE_METADATA needs MATCH_BY_COLUMN_NAME")
        csv = self.file_format if isinstance(self.file_format, CsvFormat) else None
        if csv and self.match is not MatchBy.NONE and not csv.parse_header:
            raise StatementError("CSV is loaded by name only with PARSE_HEADER=TRUE")
        if csv and self.metadata and csv.error_on_column_count_mismatch:
            raise StatementError("INCLUDE_METADATA of CSV needs ERROR_ON_COLUMN_COUNT_MISMATCH=FALSE")

    def sql(self) -> str:
        """The statement with its secrets, for an engine and nobody else. Raises what resolving a secret raises."""
        return self._text(None)

    def redacted(self) -> str:
        """The statement as it may be shown, stored and logged; needs no secret to be there."""
        return self._text(HIDDEN)

    def secrets(self) -> tuple[str, ...]:
        """What must not be seen in anything an engine says about this statement."""
        return secrets_of(self.authentication)

    def _text(self, hidden: str | None) -> str:
        columns = f"({', '.join(self.columns)})" if self.columns else ""
        lines = [
            f"COPY INTO {self.table.sql}{columns}",
            f"FROM {self._source()}",
            render_authentication(self.authentication, self.location, hidden),
            f"FILE_FORMAT={render_format(self.file_format)}",
        ]
        if self.files:
            lines.append(f"FILES=({', '.join(literal(name) for name in self.files)})")
        if self.pattern is not None:
            lines.append(f"PATTERN={literal(self.pattern)}")
        if self.match is not MatchBy.NONE:
            lines.append(f"MATCH_BY_COLUMN_NAME={self.match.value}")
        if self.metadata:
            said = ", ".join(f"{column}={source}" for column, source in self.metadata.items())
            lines.append(f"INCLUDE_METADATA=({said})")
        if self.on_error is not None:
            lines.append(f"ON_ERROR={literal(self.on_error) if '%' in self.on_error else self.on_error}")
        if self.size_limit is not None:
            lines.append(f"SIZE_LIMIT={self.size_limit}")
        for name, value in (("FORCE", self.force), ("PURGE", self.purge)):
            if value is not None:
                lines.append(f"{name}={'TRUE' if value else 'FALSE'}")
        return "\n".join(line for line in lines if line)

    def _source(self) -> str:
        if isinstance(self.authentication, Stage):
            # In quotes, so that a path with a blank or a parenthesis is still one word.
            return literal(f"@{self.authentication.name}/{self.location.removeprefix(self.authentication.covers)}")
        return literal(self.location)
