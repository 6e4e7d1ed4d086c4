"""A folder that only this user can look into, for as long as a connector is talked to.

It holds a configuration with its secrets. A process that is killed cannot remove it; the next one does, and knows by
the lock, which dies with its process, that nobody uses it any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "integrations-connector-"
_LOCK = "lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """The folder; removed afterwards, and with it what killed processes have left."""
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Remove this user's folders whose process is gone; one that is just being made has no lock yet and is left."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, or removed by somebody else meanwhile
