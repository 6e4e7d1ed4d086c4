"""What takes part: a tool is a command that makes the target's table like the source's, as its users call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from integrations_platform_tests.benchmarks.speed.figures import OURS
from integrations_platform_tests.benchmarks.speed.project import Project


@dataclass(frozen=True)
class Job:
    """Two databases by URL, and a folder for what the tool remembers; empty at first, the same in all later runs."""

    source: str
    target: str
    folder: Path


@dataclass(frozen=True)
class Command:
    """Words, variables beside those of this process, and the seconds after which it is cut off."""

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    limit: float = 1800.0


class Tool(Protocol):
    """What :mod:`.bench` asks of a tool."""

    @property
    def name(self) -> str:
        """As it is known."""

    @property
    def makes_table(self) -> bool:
        """Whether it creates the target's table itself."""

    @property
    def once(self) -> bool:
        """Whether it knows no second run."""

    def command(self, job: Job) -> Command:
        """The command for every run of a job."""


@dataclass(frozen=True)
class Ours:
    """This platform, by its command line, with its state in a SQLite file beside the project."""

    name: str = OURS
    makes_table: bool = False
    once: bool = False
    options: tuple[str, ...] = ()

    def command(self, job: Job) -> Command:
        """`sync run`, in a project made at the first call."""
        folder = job.folder / "project"
        project = Project(folder) if folder.exists() else Project.between(folder, job.source, job.target)
        return Command((*project.run, *self.options))
