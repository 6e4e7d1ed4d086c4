"""What can go wrong with a warehouse, in words that never hold a secret.

Owns the distinction that callers need: whether trying again can help, and which file and line stopped a load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrations_platform.warehouse.copy_result import FileResult


class WarehouseError(Exception):
    """A statement, a load or a connection failed; the message is redacted. ``transient``: it may pass by itself."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.transient = transient


class StatementError(WarehouseError):
    """A statement cannot be written or understood: a name, an option or a value is not allowed there."""


class CopyError(WarehouseError):
    """A COPY loaded nothing. ``results``: what is known of each file; ``errno`` and ``sqlstate`` as Snowflake's."""

    def __init__(
        self,
        message: str,
        results: Sequence[FileResult] = (),
        *,
        errno: int = 100069,
        sqlstate: str = "22000",
        transient: bool = False,
    ) -> None:
        super().__init__(message, transient=transient)
        self.results = tuple(results)
        self.errno = errno
        self.sqlstate = sqlstate


class ReloadRefused(WarehouseError):  # noqa: N818
    """A reload was rolled back, or never begun: lake and warehouse would not have agreed. The table is as it was."""
