"""Where the next read of a stream begins, kept in the lake beside the manifests of its dataset.

It is replaced only when it still is what the read began from, and only after the rows it stands for are in place: what
a crash leaves between the two is read again, and not landed again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from integrations_platform.airbyte.embedded.protocol import StreamName
from integrations_platform.lake import Lake, LakeError, Trouble
from integrations_platform.lake.errors import Place

VERSION = 1
Json = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """The state as stored. ``state`` None: read from the beginning. ``etag`` None: nothing is stored."""

    state: Json | None = None
    etag: str | None = None


def kept(lake: Lake, dataset: str, connection: str, connector: str, stream: StreamName) -> Kept:
    """What is kept of the stream. State of another connection, connector or stream is none: it means nothing here.

    Raises LakeError(DAMAGED) for something that is no state.
    """
    found = lake.note(dataset)
    if found is None:
        return Kept()
    data, etag = found
    try:
        said = json.loads(data)
        if said["version"] != VERSION:
            raise ValueError(f"version {said['version']!r}")
        whose = (said["connection"], said["connector"], said["stream"], said["namespace"])
        state = dict(said["state"])
    except (ValueError, TypeError, KeyError, RecursionError) as fault:
        what = f"the state of stream {stream} is damaged ({type(fault).__name__})"
        remedy = f"forget it, and all is read again: integrations airbyte forget {connection}"
        raise LakeError(Trouble.DAMAGED, Place(dataset), what, remedy) from None
    return Kept(state if whose == (connection, connector, stream.name, stream.namespace) else None, etag)


def keep(
    lake: Lake,
    dataset: str,
    connection: str,
    connector: str,
    stream: StreamName,
    state: Json,
    before: Kept,
    run_id: str,
) -> None:
    """Keep ``state``, if ``before`` still is what is kept. Raises LakeError(CONTENDED) when it is not."""
    if state == before.state:
        return
    said = {
        "version": VERSION,
        "connection": connection,
        "connector": connector,
        "stream": stream.name,
        "namespace": stream.namespace,
        "state": state,
        "run_id": run_id,
        "kept_at": lake.clock().astimezone(UTC).isoformat(timespec="seconds"),
    }
    lake.keep_note(dataset, json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode(), before.etag)
