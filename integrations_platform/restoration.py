"""Bringing back what was lost, as the command line and the console do it: which lines, what it would write, the run.

What is written and what is refused is the engine's; here it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.restoring import restorable

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.state import SqlStore
    from integrations_platform.unified_sync.plan import Plan
    from integrations_platform.unified_sync.spec import SyncSpec
    from integrations_platform.unified_sync.store import StoredAuditEntry


class NothingToRestore(Exception):  # noqa: N818
    """The audit has no such line, or nothing of what it names can be brought back."""


def lost_lines(
    store: SqlStore, pair: str, *, number: int | None = None, run_id: str | None = None
) -> list[StoredAuditEntry]:
    """What audit line ``number``, or the whole run, replaced or removed. Raises :class:`NothingToRestore`."""
    if number is not None:
        found = [line for line in store.audit(pair, after=number - 1, limit=1) if line.number == number]
    else:
        found = list(store.audit(pair, run_id=run_id))
    what = f"line {number}" if number is not None else f"run {run_id}"
    if not found:
        raise NothingToRestore(f"the audit of {pair!r} has no {what}")
    lines = restorable(found)
    if not lines:
        raise NothingToRestore(f"{what} replaced and removed nothing that could be brought back")
    return lines


def preview(platform: Platform, spec: SyncSpec, lines: Sequence[StoredAuditEntry]) -> Plan:
    """What bringing them back would write now. Raises SetupRefused, SideError, SettingsError."""
    with platform.sides(spec) as sides:
        return platform.engine(spec).plan_restore(spec, sides, lines)


def request(lines: Sequence[StoredAuditEntry], actor: str, shown: Collection[str] | None = None) -> Request:
    """The run that brings them back; the next one carries them on to the other side.

    ``shown``: ids of the operations somebody has looked at. What would be another one by now is left alone and named in
    the report's ``stale``.
    """
    only = None if shown is None else frozenset(shown)
    return Request(restore=tuple(lines), only_ops=only, actor=actor, trigger="restore")
