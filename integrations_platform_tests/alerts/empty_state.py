"""An empty state database, made once for a test process: making one is most of what a short story costs."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from integrations_platform.state import open_store


@cache
def _made() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="state-"))
    try:
        open_store(f"sqlite:///{folder}/state.sqlite").close()
        return (folder / "state.sqlite").read_bytes()
    finally:
        shutil.rmtree(folder)


def empty_state(folder: Path) -> str:
    """The URL of a new one in ``folder``."""
    (folder / "state.sqlite").write_bytes(_made())
    return f"sqlite:///{folder}/state.sqlite"
