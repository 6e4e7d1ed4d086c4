"""Two SQLite databases of people, an environment that names them, and one declared sync between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.definitions import build_definitions
from integrations_platform.jobs import Catalogue, load_catalogue

PEOPLE = """\
name: people
description: People of the crm kept in agreement with the shop.
source: {system: crm, object: person}
target: {system: shop, object: member}
match: [email]
fields:
  email: {source: email, target: mail, type: email, max_length: 80}
  name:  {source: name, target: full_name, type: text}
  city:  {source: city, target: town, type: text, required: false}
conflicts: {default: manual}
deletes: {max: 2, max_fraction: 0.01}
schedule: "*/15 * * * *"
owner: team:sales
tags: {domain: crm}
"""


@dataclass
class World:
    """The folder of one test. ``crm`` and ``shop`` are SQLite files; ``sync`` adds declarations."""

    root: Path

    @property
    def env_file(self) -> Path:
        return self.root / "world.yaml"

    @property
    def syncs(self) -> Path:
        return self.root / "syncs"

    @cached_property
    def catalogue(self) -> Catalogue:
        return load_catalogue(env_file=self.env_file, folders=[self.syncs])

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.catalogue)

    def sync(self, text: str, name: str = "people") -> None:
        (self.syncs / f"{name}.yaml").write_text(text, encoding="utf-8")

    def execute(self, system: str, *statements: str) -> None:
        with closing(sqlite3.connect(self.root / f"{system}.sqlite")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, system: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / f"{system}.sqlite")) as connection:
            return connection.execute(query).fetchall()


@dataclass
class Runner:
    """Runs jobs of a world's definitions on one ephemeral instance."""

    world: World
    instance: dg.DagsterInstance

    def asset(
        self, config: Mapping[str, Any] | None = None, name: str = "people", tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        return self.job(f"{name}_job", {name: dict(config or {})}, tags)

    def job(
        self, job: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        return self.world.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            run_config={"ops": {name: {"config": values} for name, values in (config or {}).items()}},
            tags=dict(tags or {}),
            raise_on_error=False,
        )


def metadata_of(result: dg.ExecuteInProcessResult, name: str = "people") -> dict[str, Any]:
    """Metadata of the one materialisation of ``name``."""
    (event,) = [
        event.materialization
        for event in result.filter_events(lambda event: event.is_step_materialization)
        if event.materialization.asset_key == dg.AssetKey(name)
    ]
    return {key: value.value for key, value in event.metadata.items()}


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Check evaluations by name."""
    return {item.check_name: item for item in result.get_asset_check_evaluations()}


def failure_of(result: dg.ExecuteInProcessResult) -> Any:
    """The failure data of the one failed step; None when none failed."""
    events = result.filter_events(lambda event: event.is_step_failure)
    return events[0].step_failure_data if events else None


def observations(result: dg.ExecuteInProcessResult) -> Sequence[Any]:
    """Logged observations."""
    events = result.filter_events(lambda event: event.event_type_value == "ASSET_OBSERVATION")
    return [event.asset_observation_data.asset_observation for event in events]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world with three people in the crm, one of them known to the shop."""
    made = World(tmp_path)
    made.syncs.mkdir()
    made.sync(PEOPLE)
    made.env_file.write_text(
        "systems:\n"
        + "".join(f"  {name}: {{kind: sqlite, path: {tmp_path}/{name}.sqlite}}\n" for name in ("crm", "shop", "third"))
        + f"state: {{url: 'sqlite:///{tmp_path}/state.sqlite'}}\n",
        encoding="utf-8",
    )
    made.execute(
        "crm",
        "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, city TEXT)",
        "INSERT INTO person VALUES (1, 'ana@example.com', 'Ana', 'Lima'), (2, 'bo@example.com', 'Bo', 'Oslo'), "
        "(3, 'cy@example.com', 'Cy', NULL)",
    )
    made.execute(
        "shop",
        "CREATE TABLE member (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, full_name TEXT NOT NULL, town TEXT)",
        "INSERT INTO member VALUES (10, 'ana@example.com', 'Ana', 'Lima')",
    )
    return made


@pytest.fixture
def run(world: World) -> Iterator[Runner]:
    """A runner on an ephemeral instance."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runner(world, instance)
