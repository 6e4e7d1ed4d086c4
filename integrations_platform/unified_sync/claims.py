"""Creates that are answered with a record which another link already has: who is meant is for a person to say.

A side that repeats its first answer may name a record that was made before our memory was lost and has been linked
otherwise since; a tag may stand on a record that users copied or merged. Joining the two would break both links.
"""

from __future__ import annotations

from collections.abc import Sequence

from integrations_platform.unified_sync.operations import Operation
from integrations_platform.unified_sync.spec import SideName, SyncSpec
from integrations_platform.unified_sync.store import Store

ALREADY_LINKED = "already_linked"


def claimed_by_others(
    store: Store, spec: SyncSpec, side: SideName, made: Sequence[tuple[Operation, str | None]]
) -> dict[str, str]:
    """In words, by operation, why these creates are not believed; ``made``: each with the id of the record it is said
    to have made. Of two creates with one record, the first has it."""
    ids = sorted({record_id for _, record_id in made if record_id is not None})
    holders = store.links_by_record(spec.name, side, ids) if ids else {}
    owners = {record_id: link_id for record_id, (link_id, _) in holders.items()}
    refused = {}
    for operation, record_id in made:
        if record_id is None:
            continue
        owner = owners.setdefault(record_id, operation.link_id)
        if owner != operation.link_id:
            refused[operation.op_id] = (
                f"{spec.side(side).system} answers that this record was created before, as {record_id}, which is "
                f"linked to another record by now ({owner}); remove the one that is too many, or the copied mark of "
                f"{operation.link_id}, and release this row"
            )
    return refused
