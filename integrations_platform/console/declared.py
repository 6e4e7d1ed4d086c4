"""The declared syncs as their files say now: read again when a file has changed, and only then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integrations_platform.declarations import SYNCS_FOLDER, load_declared
from integrations_platform.unified_sync.spec import SyncSpec

_Signature = tuple[tuple[str, int, int], ...]


@dataclass
class Declared:
    """Those of ``folder``; None: the package's."""

    folder: Path | None
    _read: tuple[_Signature, Sequence[SyncSpec]] | None = field(default=None, repr=False)

    def specs(self) -> Sequence[SyncSpec]:
        """All of them, by name. Raises DeclarationError for as long as a file is wrong."""
        files = ((path.name, path.stat()) for path in sorted((self.folder or SYNCS_FOLDER).glob("*.y*ml")))
        now = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in files)
        if self._read is None or self._read[0] != now:
            self._read = now, load_declared(self.folder)
        return self._read[1]
