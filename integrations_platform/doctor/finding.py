"""What a visit of the doctor finds, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from integrations_platform.yaml_source import ConfigurationError


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing stops
    PROBLEM = "problem"  # something will not run, or not as declared


@dataclass(frozen=True)
class Finding:
    """One thing found. ``area``: settings, state, system, airbyte, webhooks, lake, warehouse, databricks, models or
    sync; ``subject``: which one."""

    level: Level
    area: str
    subject: str
    message: str
    remedy: str = ""

    def to_data(self) -> dict[str, str]:
        """JSON-safe form."""
        return {
            "level": self.level.value,
            "area": self.area,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass
class Checkup:
    """All findings of one visit, in order."""

    environment: str
    file: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> int:
        """How many findings are problems."""
        return sum(finding.level is Level.PROBLEM for finding in self.findings)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "environment": self.environment,
            "file": self.file,
            "problems": self.problems,
            "findings": [finding.to_data() for finding in self.findings],
        }


def of_settings(area: str, subject: str, fault: ConfigurationError) -> Iterator[Finding]:
    """Configuration faults keep their file and line."""
    for each in fault.faults:
        place = each.file if each.line is None else f"{each.file}:{each.line}"
        what = " ".join(filter(None, (each.path, each.what)))
        yield Finding(Level.PROBLEM, area, subject, f"{place}: {what}", each.remedy)
