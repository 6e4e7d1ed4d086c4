"""The end of a program that was started in a session of its own, and of all that it has started in turn."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress


def end_group(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End what is left of ``process`` and of its group: asked first, and after ``seconds`` no longer asked. It must
    have been started with ``start_new_session``, or the caller is of the group, too."""
    try:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    finally:  # a second interrupt ends the waiting, not the ending
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
