"""What a connector can read. Where that follows from a manifest of the platform it is asked once only: an answer takes
as long as a small read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from integrations_platform.airbyte.embedded.connectors import Definition
from integrations_platform.airbyte.embedded.installing import environment_of, is_installed
from integrations_platform.airbyte.embedded.protocol import StreamName, name_of
from integrations_platform.airbyte.embedded.reading import Conversation

Json = dict[str, Any]


def catalogue(definition: Definition, folder: Path, conversation: Conversation) -> dict[StreamName, Json]:
    """The connector's streams by name. Raises AirbyteFault."""
    kept = _place(definition, folder)
    streams = None if kept is None else _kept(kept)
    if streams is None:
        streams = list(conversation.discover())
        if kept is not None:
            _keep(kept, streams)
    return {name_of(stream): stream for stream in streams}


def _place(definition: Definition, folder: Path) -> Path | None:
    """Beside the environment that answered; None where every read must ask."""
    if definition.project is None or definition.manifest is None or not definition.fixed:
        return None
    if not is_installed(definition.project, folder):
        return None
    digest = hashlib.sha256(definition.manifest.read_bytes()).hexdigest()[:12]
    return environment_of(definition.project, folder) / f"catalogue-{definition.name}-{digest}.json"


def _kept(path: Path) -> list[Json] | None:
    try:
        streams = json.loads(path.read_bytes())
        return (
            streams if all(isinstance(stream["json_schema"], dict) and name_of(stream) for stream in streams) else None
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None  # asked again


def _keep(path: Path, streams: list[Json]) -> None:
    temporary = path.with_name(f"{path.name}.{uuid4().hex}")
    temporary.write_text(json.dumps(streams), encoding="utf-8")
    temporary.replace(path)
