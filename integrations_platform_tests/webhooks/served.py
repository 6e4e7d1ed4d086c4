"""`integrations serve` in a process of its own, on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integrations_platform_tests.webhooks.senders import SECRET

ROOT = Path(__file__).parents[2]


@dataclass
class Served:
    """The command, while it runs."""

    process: subprocess.Popen[str]
    url: str
    said: list[str]


def environment(folder: Path, state: str) -> Path:
    """An environment with one source, of HubSpot's."""
    file = folder / "env.yaml"
    file.write_text(
        "systems: {}\n"
        f"state: {{url: '{state}'}}\n"
        f"webhooks: {{sources: {{hubspot: {{scheme: hubspot, secret: {SECRET}, max_per_second: 100000}}}}}}\n",
        encoding="utf-8",
    )
    return file


@contextmanager
def served(env_file: Path, **variables: str) -> Iterator[Served]:
    """The server; killed at the end if a story left it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations_platform.cli", "--env-file", str(env_file), "serve", "--port", "0"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **variables}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if "Ctrl-C ends it" in line:
                break
        started = [line for line in said if line.startswith("serving ")]
        assert started, f"{said} {process.communicate()[1]}"
        yield Served(process, started[0].split(" at ")[1], said)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
