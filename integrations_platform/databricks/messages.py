"""Dagster Pipes messages on their way through the lake: one object each, in a folder per process that writes.

The lake is the one place that a cluster, this machine and the orchestrator all reach, so no DBFS, volume or extra
credential is needed, and the same task file works everywhere. Knows the form of messages, not what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from integrations_platform.lake.errors import LakeError, Place, explained

FOLDER = "_messages"
KNOWN = frozenset(
    {"opened", "closed", "log", "log_external_stream", "report_asset_materialization", "report_asset_check",
     "report_custom_message"}
)  # fmt: skip
_AT_ONCE = frozenset({"opened", "log", "log_external_stream"})
_LONGEST = 1_000_000  # bytes of a message

Message = Mapping[str, Any]


class Messages:
    """What the task of one step says, below ``folder`` of an obstore store.

    A task that is tried again by Databricks or after a crash writes into a new folder. Lines of a log are handed over
    as they come; results only at the end, and only those of the newest process: an earlier one did not finish.
    """

    def __init__(self, store: Any, folder: str, warn: Callable[[str], None] = lambda _: None) -> None:
        self._store, self._folder, self._warn = store, folder, warn
        self._seen: set[str] = set()
        self._held: dict[str, list[Message]] = {}
        self._opened = False

    def pull(self, handle: Callable[[Message], None]) -> None:
        """Hand over what has come since, of what may be handed over at once. A lake that cannot be reached is no reason
        to stop a run that goes on: that is said, and what was missed comes with a later call."""
        try:
            self._pull(handle)
        except LakeError as fault:
            self._warn(f"messages of the task cannot be read now: {fault}")

    def finish(self, handle: Callable[[Message], None]) -> None:
        """Hand over the rest. Raises LakeError."""
        self._pull(handle)
        for message in self._held.get(max(self._held, default=""), ()):
            handle(message)
        self._held.clear()

    def clear(self) -> None:
        """Remove the messages, once nobody will ask for them again: a step that is tried again finds its run over and
        reads what it said. Raises LakeError."""
        import obstore

        if keys := self._keys():
            with explained(Place(file=self._folder)):
                obstore.delete(self._store, keys)

    def _pull(self, handle: Callable[[Message], None]) -> None:
        for key in self._keys():
            if key in self._seen or not key.endswith(".json"):
                continue
            message = self._message(self._content(key))
            self._seen.add(key)
            if message is None:
                self._warn(f"{key} is no Pipes message and is left out")
            elif message["method"] in _AT_ONCE:
                if message["method"] != "opened" or not self._opened:
                    handle(message)
                self._opened = self._opened or message["method"] == "opened"
            else:
                self._held.setdefault(key.rpartition("/")[0], []).append(message)

    def _keys(self) -> list[str]:
        import obstore

        with explained(Place(file=self._folder)):
            return sorted(item["path"] for batch in obstore.list(self._store, self._folder) for item in batch)

    def _content(self, key: str) -> bytes:
        import obstore

        with explained(Place(file=key)):
            return bytes(obstore.get(self._store, key).bytes())

    @staticmethod
    def _message(content: bytes) -> Message | None:
        if len(content) > _LONGEST:
            return None
        try:
            message = json.loads(content)
        except ValueError:
            return None
        if not isinstance(message, dict) or message.get("method") not in KNOWN:
            return None
        return message if isinstance(message.get("params"), dict | None) else None
