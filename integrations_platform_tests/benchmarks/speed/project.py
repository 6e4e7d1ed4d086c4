"""A project as a user has it: a folder with an environment, one sync and the state, and the command line in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SYNC = """\
name: customers
source: {system: source, object: customers, zone: UTC, modified: updated_at}
target: {system: target, object: customers, zone: UTC, modified: updated_at}
match: [id]
fields:
  id:         {source: id,         target: id,         type: integer}
  email:      {source: email,      target: email,      type: text}
  first_name: {source: first_name, target: first_name, type: text}
  last_name:  {source: last_name,  target: last_name,  type: text}
  company:    {source: company,    target: company,    type: text}
  city:       {source: city,       target: city,       type: text}
  notes:      {source: notes,      target: notes,      type: text, required: false}
  balance:    {source: balance,    target: balance,    type: decimal, scale: 2}
  birth_date: {source: birth_date, target: birth_date, type: date}
  updated_at: {source: updated_at, target: updated_at, type: datetime}
  active:     {source: active,     target: active,     type: boolean}
  attrs:      {source: attrs,      target: attrs,      type: json}
conflicts: {default: source_wins}
deletes: {source_to_target: archive, target_to_source: archive, max: 10, max_fraction: 0.05}
"""


@dataclass(frozen=True)
class Project:
    """The folder; ``run`` is the command that syncs."""

    folder: Path

    @classmethod
    def between(cls, folder: Path, source: str, target: str) -> Project:
        """A new one, that syncs the customers of two databases given by URL."""
        urls = {"source": source, "target": target}
        systems = {name: f"{{kind: {url.partition(':')[0]}, url: '{url}'}}" for name, url in urls.items()}
        return cls.of(folder, systems, _SYNC)

    @classmethod
    def of(cls, folder: Path, systems: Mapping[str, str], sync: str) -> Project:
        """A new one, with these systems, declared by name, and the sync ``customers``."""
        (folder / "syncs").mkdir(parents=True)
        declared = "".join(f"  {name}: {text}\n" for name, text in systems.items())
        state = f"state: {{url: 'sqlite:///{folder / 'state.sqlite'}'}}\n"
        (folder / "environment.yaml").write_text(f"systems:\n{declared}{state}", encoding="utf-8")
        (folder / "syncs" / "customers.yaml").write_text(sync, encoding="utf-8")
        return cls(folder)

    @property
    def run(self) -> list[str]:
        """As a person or a scheduler calls it, without the list of what was changed."""
        options = ["--env-file", str(self.folder / "environment.yaml"), "--syncs", str(self.folder / "syncs")]
        return [sys.executable, "-m", "integrations_platform.cli", *options, "sync", "run", "customers", "--json"]


def report(said: str) -> dict[str, Any]:
    """The report in a run's output."""
    found: dict[str, Any] = json.loads(said)
    return found
