"""The hash chain of the audit: each line's hash covers its content and the hash before it.

Whoever changes, removes or reorders a stored line breaks every later hash; ``verify_chain`` names the first bad line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from integrations_platform.unified_sync.store import AuditEntry, StoredAuditEntry
from integrations_platform.unified_sync.values import compact_json

GENESIS = "0" * 64


def chain_hash(previous_hash: str, number: int, entry: AuditEntry) -> str:
    """SHA-256 over the previous hash, the line's number and its content as sorted JSON."""
    content = {item.name: getattr(entry, item.name) for item in fields(entry)}
    return content_hash(previous_hash, number, content | {"at": entry.at.isoformat()})


def content_hash(previous_hash: str, number: int, content: dict[str, Any]) -> str:
    """:func:`chain_hash` of a line given as its columns, ``at`` in ISO 8601."""
    text = compact_json(content | {"number": number, "previous": previous_hash})
    return hashlib.sha256(text.encode()).hexdigest()


def verify_chain(
    entries: Iterable[StoredAuditEntry],
    head: tuple[int, str] | None = None,
    seal: Callable[[str], str | None] = lambda _: None,
) -> tuple[int, str | None]:
    """Check a pair's whole chain in order. Returns (lines checked, what is wrong with the first bad one or None).

    ``head``: number and hash of the last line as the state keeps them apart, taken before ``entries`` are read, without
    which lines cut off at the end cannot be missed. ``seal``: by operation id, what the line of a load of changes must
    hold as its new value, given the rows that are kept beside the audit; None for any other.
    """
    previous, expected_number = GENESIS, 1
    for stored in entries:
        if stored.number != expected_number:
            return expected_number - 1, f"audit line {expected_number} is missing (found {stored.number})"
        if stored.previous_hash != previous or chain_hash(previous, stored.number, stored.entry) != stored.hash:
            return expected_number - 1, f"audit line {stored.number} was altered"
        if head is not None and stored.number == head[0] and stored.hash != head[1]:
            return expected_number - 1, f"audit line {stored.number} was replaced"
        sealed = seal(stored.entry.op_id) if stored.entry.op_id is not None else None
        if sealed is not None and stored.entry.new != sealed:
            return expected_number - 1, f"the rows that audit line {stored.number} tells of were altered"
        previous, expected_number = stored.hash, expected_number + 1
    if head is not None and expected_number - 1 < head[0]:
        return expected_number - 1, f"audit lines after {expected_number - 1} are missing: {head[0]} were written"
    return expected_number - 1, None
