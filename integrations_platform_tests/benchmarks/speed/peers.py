"""Other tools, each in a virtual environment of its own that this command makes, in the versions that were compared.

They are called as their documentation says, incrementally by `updated_at`, with their telemetry off. What cannot be
installed is left out, and said.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations_platform_tests.benchmarks.speed.servers import Missing
from integrations_platform_tests.benchmarks.speed.tools import Command, Job

PANDAS_SECONDS = 240.0
SILENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_TELEMETRY": "0", "SLING_DISABLE_TELEMETRY": "true",
    "INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1",
}  # fmt: skip
_SCRIPTS = Path(__file__).parent / "peer_scripts"
_SLING = (
    "lib/python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"  # without the wrapper, which only starts it
)
_LINES = 3


@dataclass(frozen=True)
class Peer:
    """A tool from a package index. ``packages`` are what is installed, the tool itself first."""

    name: str
    packages: tuple[str, ...]
    environments: Path
    makes_table: bool = True
    once: bool = False

    @property
    def _folder(self) -> Path:
        return self.environments / "-".join(self.packages[0].replace("[", "-").replace("]", "").split("=="))

    @property
    def version(self) -> str:
        """Of the tool and of what reads and writes for it."""
        (_, own), *others = (
            (name.partition("[")[0], number) for name, number in (p.split("==") for p in self.packages)
        )
        return own + (f" ({', '.join(' '.join(each) for each in others)})" if others else "")

    def install(self) -> None:
        """Make its environment, unless it is there and whole. Raises Missing with what the installer said."""
        done = self._folder / "installed"
        wanted = "\n".join(self.packages)
        if done.exists() and done.read_text(encoding="utf-8") == wanted:
            return
        uv = shutil.which("uv")
        if uv is None:
            raise Missing("uv, which makes its environment, is not on the PATH")
        python = str(self._folder / "bin" / "python")
        for words in (
            ["venv", "--quiet", "--clear", "--python", sys.executable, str(self._folder)],
            ["pip", "install", "--quiet", "--compile-bytecode", "--python", python, *self.packages],
        ):
            made = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
            if made.returncode:
                raise Missing(" ".join(made.stderr.split("\n")[:_LINES]).strip())
        done.write_text(wanted, encoding="utf-8")

    def command(self, job: Job) -> Command:
        """Its own command line, or a script that calls it."""
        binaries = self._folder / "bin"
        # What a tool remembers is of this job alone; dlt keeps it elsewhere when root runs it.
        variables = SILENT | {"HOME": str(job.folder), "DLT_DATA_DIR": str(job.folder), "PYTHONPATH": ""}
        if self.name == "sling":
            url = "?sslmode=disable"
            sling = next(self._folder.glob(_SLING))
            return Command((
                str(sling), "run", "--src-conn", job.source + url, "--src-stream", "public.customers",
                "--tgt-conn", job.target + url, "--tgt-object", "public.customers", "--mode", "incremental",
                "--primary-key", "id", "--update-key", "updated_at",
            ), variables)  # fmt: skip
        if self.name == "ingestr":
            return Command((
                str(binaries / "ingestr"), "ingest", "--yes", "--source-uri", job.source, "--dest-uri", job.target,
                "--source-table", "public.customers", "--dest-table", "public.customers", "--sql-backend", "pyarrow",
                "--incremental-strategy", "merge", "--incremental-key", "updated_at", "--primary-key", "id",
            ), variables)  # fmt: skip
        script = str(_SCRIPTS / f"{self.name}_copy.py")
        words = (str(binaries / "python"), script, job.source, job.target)
        return Command(words, variables, PANDAS_SECONDS if self.name == "pandas" else Command.limit)


def peers(names: Sequence[str], environments: Path) -> list[Peer]:
    """The tools of these names."""
    known = (
        Peer("dlt", ("dlt[postgres,sql_database]==1.31.0", "connectorx==0.4.6", "pyarrow==26.0.1",
                     "adbc-driver-postgresql==1.13.0", "psycopg2-binary==2.9.13", "pymysql==1.2.4"), environments),
        Peer("sling", ("sling==1.4.11", "sling-linux-amd64==1.4.11"), environments),
        Peer("ingestr", ("ingestr==0.14.155",), environments),
        Peer("pandas", ("pandas==3.1.1", "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13"), environments, once=True),
    )  # fmt: skip
    return [each for each in known if each.name in names]


PEERS = tuple(each.name for each in peers(("dlt", "sling", "ingestr", "pandas"), Path()))
