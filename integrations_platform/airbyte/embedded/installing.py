"""Installing a connector's environment from its lock, by uv, once per lock and folder.

The environment is none of the platform's: connectors pin libraries of their own. Its folder is named by the lock, so
that a new lock is a new environment, and is used only when it was installed to the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from integrations_platform.airbyte.embedded.connectors import Project
from integrations_platform.airbyte.embedded.process import (
    NOTE_SECONDS,
    Connector,
    StuckError,
    UnstartableError,
    passed_on,
)
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.service_faults import FaultKind
from integrations_platform.settings import variable

_INSTALL_SECONDS = 900.0  # 220 MB on a slow line
_COMPLETE = "complete"
_LONGEST = 400  # characters of uv's own reason
_MINE = "or install it yourself and name its program in AIRBYTE_EMBEDDED_EXECUTABLE"
_UV = (
    "XDG_CACHE_HOME", "UV_CACHE_DIR", "UV_LINK_MODE", "UV_OFFLINE", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX",
    "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT",
    "UV_PYTHON_INSTALL_DIR", "UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_MIRROR",
)  # fmt: skip
_NETWORK = re.compile(
    r"network|failed to (?:download|fetch)|error sending request|dns error|timed out|connection", re.IGNORECASE
)


def lock_digest(project: Project) -> str:
    """What tells one lock from another."""
    return hashlib.sha256((project.folder / "uv.lock").read_bytes()).hexdigest()[:12]


def environment_of(project: Project, folder: Path) -> Path:
    """Where the environment of the project's present lock is, or will be."""
    return folder.expanduser().absolute() / f"{project.name}-{lock_digest(project)}"


def is_installed(project: Project, folder: Path) -> bool:
    """Whether it can be used at once."""
    return (environment_of(project, folder) / _COMPLETE).is_file()


def installed(project: Project, folder: Path, note: Callable[[str], None]) -> Path:
    """The program of the project, its environment installed below ``folder`` first if need be.

    Of two processes one installs and the other waits. Raises AirbyteFault: CONFIGURATION without uv or with a folder
    that cannot be written, TRANSIENT without a network.
    """
    target = environment_of(project, folder)
    program = target / ".venv" / "bin" / project.executable
    if is_installed(project, folder):
        return program
    uv = shutil.which("uv") or variable("UV")  # `uv run` tells its own path
    if uv is None:
        what = f"{project.what} needs an environment of its own, and uv, which makes it, is not on this machine"
        raise AirbyteFault(FaultKind.CONFIGURATION, f"{what}; install it (https://docs.astral.sh/uv/), {_MINE}")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with (target / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not is_installed(project, folder):
                for name in ("pyproject.toml", "uv.lock"):
                    shutil.copy(project.folder / name, target / name)
                _sync(uv, project, target, note)
                (target / _COMPLETE).touch()
    except OSError as fault:
        what = f"{project.what} cannot be installed into {target} ({fault.strerror or fault})"
        raise AirbyteFault(FaultKind.CONFIGURATION, f"{what}; name another folder in airbyte.folder") from None
    return program


def _sync(uv: str, project: Project, target: Path, note: Callable[[str], None]) -> None:
    began = told = time.monotonic()
    note(f"installing {project.what} into an environment of its own, once: about 220 MB")
    command = [uv, "sync", "--locked", "--no-dev", "--no-progress", "--project", str(target)]
    if sys.version_info[:2] < project.below:
        command += ["--python", sys.executable]
    variables = passed_on(*_UV)
    # Into its own folder whatever uv was told for the platform; what is never imported need not be compiled.
    variables |= {"UV_PROJECT_ENVIRONMENT": str(target / ".venv"), "UV_COMPILE_BYTECODE": "0"}

    def beat() -> None:
        nonlocal told
        if (now := time.monotonic()) - told >= NOTE_SECONDS:
            told = now
            note(f"installing {project.what}: {now - began:.0f} s")

    call = Connector(command, variables, timeout=_INSTALL_SECONDS, beat=beat)
    said = ""
    try:
        with closing(call.lines()) as lines:
            for _ in lines:
                continue
    except (StuckError, UnstartableError) as fault:
        said = str(fault)
    if call.code or said:
        _, _, reason = call.complaints.rpartition("error: ")
        said = said or " ".join(reason.partition("hint:")[0].split())[:_LONGEST]
        passing = bool(_NETWORK.search(said))
        remedy = "check the network and run again" if passing else "see https://docs.astral.sh/uv/"
        kind = FaultKind.TRANSIENT if passing else FaultKind.CONFIGURATION
        raise AirbyteFault(kind, f"{project.what} could not be installed: {said}; {remedy}, {_MINE}")
