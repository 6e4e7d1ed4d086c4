"""The list of named jobs as Airflow reads it: the file beside this module, or the one INTEGRATIONS_CATALOGUE names.

Written by `integrations jobs --json`; Airflow needs none of the files it is made from.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

VARIABLE = "INTEGRATIONS_CATALOGUE"
SHIPPED = Path(__file__).with_name("catalogue.json")


class CatalogueError(Exception):
    """The file cannot be used; the message names it."""


@dataclass(frozen=True)
class Parameter:
    """As :class:`integrations_platform.jobs.Parameter`."""

    name: str
    type: str
    description: str
    default: Any
    required: bool
    minimum: int | None
    maximum: int | None
    choices: list[str]


@dataclass(frozen=True)
class Target:
    """As :class:`integrations_platform.jobs.Target`; ``days`` None: not by day."""

    name: str
    assets: list[str]
    owner: str | None
    days: dict[str, Any] | None


@dataclass(frozen=True)
class Job:
    """As :class:`integrations_platform.jobs.Job`."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    step: str
    schedule: str | None
    targets: tuple[Target, ...]
    owner: str | None
    retries: int
    alerts: str
    dag: str

    @property
    def days(self) -> dict[str, Any] | None:
        """The days it is run for, one run each; None: it is not run by day."""
        return self.targets[0].days if len(self.targets) == 1 else None


def load_jobs(path: Path | None = None) -> tuple[Job, ...]:
    """All jobs, in the order of the file. Raises CatalogueError."""
    path = path or Path(os.environ.get(VARIABLE) or SHIPPED)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_job(item) for item in said["jobs"])
    except (OSError, ValueError, TypeError, KeyError) as fault:
        remedy = f"write it with `integrations jobs --json`, and name it in {VARIABLE}"
        raise CatalogueError(f"{path} is no list of jobs ({type(fault).__name__}: {fault}); {remedy}") from None


def newest_day(days: dict[str, Any], at: datetime) -> str:
    """The newest day of ``days`` that there is at a moment in UTC."""
    day = at.date() - timedelta(days=0 if days["today"] else 1)
    return min(day, date.fromisoformat(days["ends"])).isoformat() if days["ends"] else day.isoformat()


def day_fault(days: dict[str, Any], day: str) -> str:
    """What is wrong with a day; empty when it is one of ``days``."""
    try:
        given = date.fromisoformat(day)
    except ValueError:
        return f"{day!r} is no day; write YYYY-MM-DD"
    inside = given >= date.fromisoformat(days["starts"]) and (
        days["ends"] is None or given <= date.fromisoformat(days["ends"])
    )
    return "" if inside else f"{day} is not among its days, {days['starts']} to {days['ends'] or 'now'}"


def _job(said: dict[str, Any]) -> Job:
    return Job(**{
        **said,
        "parameters": tuple(Parameter(**item) for item in said["parameters"]),
        "targets": tuple(Target(**item) for item in said["targets"]),
    })  # fmt: skip
