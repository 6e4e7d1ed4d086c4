"""What a warehouse is to whoever loads into it: one protocol, two engines, the same statements.

Statements are in Snowflake's words, values are bound with `?`. A session is a short batch; whoever opens one closes it
by leaving the block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from integrations_platform.warehouse.copy_result import CopyResult
from integrations_platform.warehouse.names import TableName
from integrations_platform.warehouse.statement import CopyInto

_LONGEST_TAG = 1999


@dataclass(frozen=True)
class QueryTag:
    """What the engine's query history shall say about every statement of a session."""

    run_id: str
    asset: str
    partition: str = ""

    def json(self) -> str:
        """The tag as Snowflake takes it: JSON of less than 2,000 characters; too long a part loses its end."""
        said = {"run_id": self.run_id, "asset": self.asset, "partition": self.partition}
        text = json.dumps(said, separators=(",", ":"))
        while len(text) > _LONGEST_TAG:
            longest = max(said, key=lambda name: len(said[name]))
            said[longest] = said[longest][: len(said[longest]) // 2]
            text = json.dumps(said, separators=(",", ":"))
        return text


@dataclass(frozen=True)
class Answer:
    """What a statement answered. ``affected``: rows inserted, deleted or updated; -1 where that has no meaning."""

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    affected: int = -1
    query_id: str = ""


class Session(Protocol):
    """A connection for one batch of statements. Every method raises WarehouseError, redacted."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Answer:
        """Carry out one statement; `?` stand for ``values``."""

    def transaction(self) -> AbstractContextManager[None]:
        """BEGIN … COMMIT; whatever leaves the block by an exception, an interrupt too, is a ROLLBACK."""

    def copy(self, statement: CopyInto) -> CopyResult:
        """Carry out a COPY. Raises CopyError when it loaded nothing because of an error."""

    def create_table(self, table: TableName, columns: Mapping[str, str], *, temporary: bool = False) -> None:
        """Make the table unless it is there; a ``temporary`` one is made anew. Not within a transaction: in Snowflake
        this commits."""


class Warehouse(Protocol):
    """An engine."""

    @property
    def kind(self) -> str:
        """Which one it is, so that neither is mistaken for the other: embedded or snowflake."""

    def open(self, tag: QueryTag) -> AbstractContextManager[Session]:
        """A session. Raises WarehouseError when the engine cannot be reached."""
