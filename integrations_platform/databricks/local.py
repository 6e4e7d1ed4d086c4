"""The same task file without a workspace: a process on this machine, with the same arguments and the same report.

What a cluster's driver does, this does: exit code 0 is success, anything else failure with the traceback and the end
of the output, a stopped step ends the process and what it started. It shares no memory and few variables with the step.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from integrations_platform.databricks.launch import PythonFile
from integrations_platform.databricks.looks import RunLook, RunReport, TaskLook
from integrations_platform.databricks.outcomes import Outcome, Verdict
from integrations_platform.databricks.workspace import TASK_KEY
from integrations_platform.process_group import end_group
from integrations_platform.waiting import Timing

HERE = "this machine"
LOOK_SECONDS = 0.5
END_SECONDS = 10.0  # how long a process that was asked to end may take
_MOST_OUTPUT = 20_000  # characters of the output that are reported: its end
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:.*\n)*?(?P<error>\S.*)", re.MULTILINE)

PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "POLARS_MAX_THREADS", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables a task gets of this process; everything else, credentials above all, it gets only when handed it."""


@dataclass
class LocalRun:
    """Runs ``launch`` here. ``variables`` is the task's environment; ``watch`` is called twice a second; ``timeout``
    in seconds ends it."""

    launch: PythonFile
    variables: Mapping[str, str]
    timeout: float | None = None
    timing: Timing = field(default_factory=Timing)
    note: Callable[[str], None] = lambda _: None
    watch: Callable[[], None] = lambda: None

    def report(self) -> RunReport:
        """Run to the end; whatever stops the step from outside ends the process and goes on."""
        started = self.timing.clock()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(  # noqa: S603  this interpreter, a file of ours, no shell
                [sys.executable, "-u", str(self.launch.file), *self.launch.arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=dict(self.variables),
                start_new_session=True,
            )  # fmt: skip
            self.note(f"{self.launch.file.name} runs as process {process.pid} of {HERE}")
            try:
                late = self._waited(process, started)
            finally:
                end_group(process, END_SECONDS)
            self.watch()
            return _told(process, late, self.timing.clock() - started, _tail(output))

    def _waited(self, process: subprocess.Popen[bytes], started: float) -> bool:
        """Wait for the end; whether the time is over instead."""
        while True:
            try:
                process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                self.watch()
                if self.timeout is not None and self.timing.clock() - started > self.timeout:
                    return True
            else:
                return False


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 4 * _MOST_OUTPUT))
    return output.read().decode("utf-8", "replace")[-_MOST_OUTPUT:]


def _told(process: subprocess.Popen[bytes], late: bool, seconds: float, said: str) -> RunReport:
    code = process.returncode
    tracebacks = list(_TRACEBACK.finditer(said))
    last = tracebacks[-1] if tracebacks and (code or late) else None
    if late:
        result, message = "TIMEDOUT", "it was ended because its time was over"
    elif code == 0:
        result, message = "SUCCESS", ""
    elif code < 0:
        result, message = "FAILED", f"the process was killed by {_name(-code)}"
    else:
        result, message = "FAILED", f"the process ended with exit code {code}"
    verdict = Verdict(Outcome.SUCCEEDED if result == "SUCCESS" else Outcome.FAILED)
    error, trace = (last["error"], last[0]) if last is not None else ("", said[-4_000:] if code else "")
    task = TaskLook(TASK_KEY, process.pid, "TERMINATED", result, message, seconds=seconds, error=error, trace=trace,
                    logs=said)  # fmt: skip
    run = RunLook(process.pid, "TERMINATED", result, message, seconds=seconds, tasks=(task,))
    return RunReport(HERE, run, verdict)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def task_file(name: str) -> Path:
    """A task file of this package by name, or a file named with its ``.py``, relative to the current directory.

    Raises FileNotFoundError that lists the known ones.
    """
    folder = Path(__file__).parent / "tasks"
    file = Path.cwd() / name if name.endswith(".py") else folder / f"{name}.py"
    if not file.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.py") if one.stem != "__init__"))
        raise FileNotFoundError(f"there is no task file {name}; there are {known}, or name a file that ends in .py")
    return file
