"""Small disks that can be full, and have room again: file systems in memory, where an administrator may mount them."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PIECE = b"\0" * 4096


@dataclass(frozen=True)
class Disk:
    """A file system of its own at ``folder``."""

    folder: Path

    def fill(self) -> None:
        """Leave no room for anything."""
        with self._ballast.open("ab", buffering=0) as ballast:
            while True:
                try:
                    if not ballast.write(_PIECE):
                        return
                except OSError as fault:
                    if fault.errno != errno.ENOSPC:
                        raise
                    return

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def grow(self, size: str) -> None:
        """Make the disk larger."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True, capture_output=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def small_disk(size: str) -> Iterator[Disk]:
    """A disk of this size, open to every user; a skip where none can be had."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("only an administrator can mount a small disk")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
        folder.rmdir()
