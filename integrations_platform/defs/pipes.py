"""Dagster Pipes over the lake: the reader of what task files say.

Dagster's own readers poll from threads, by bucket client or DBFS; this one is asked at each look at the run, so that a
step has no thread of its own and its last messages are read before its result is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from integrations_platform.databricks.messages import Messages


class LakeMessageReader(dg.PipesMessageReader):
    """Hands the messages below ``folder`` to the step's Pipes session."""

    def __init__(self, messages: Messages, folder: str) -> None:
        self._messages, self._folder = messages, folder
        self._handler: Any = None

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[dict[str, Any]]:
        """For the time of the session; yields where the task is to write."""
        self._handler = handler
        try:
            yield {"folder": self._folder}
        except BaseException:
            self.look()  # what the task said explains best why; the reason the step ends for is kept
            raise
        self._messages.finish(handler.handle_message)

    def look(self) -> None:
        """Hand over what has come since."""
        if self._handler is not None:
            self._messages.pull(self._handler.handle_message)

    def no_messages_debug_text(self) -> str:
        """Said when a task said nothing at all."""
        return f"Messages were looked for in {self._folder} of the lake."
