"""An environment whose connections are those of the stand-in, and a Dagster instance that remembers its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from integrations_platform.definitions import build_definitions
from integrations_platform.defs.airbyte import airbyte_assets
from integrations_platform.defs.airbyte_jobs import reset_job
from integrations_platform.jobs import Catalogue, load_catalogue
from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform_tests.airbyte.conftest import Site

CHARGES, CUSTOMERS = (("airbyte", "stripe_to_postgres", name) for name in ("charges", "customers"))

ENVIRONMENT = """\
systems: {systems}
state: {{url: "sqlite:///{root}/state.sqlite"}}
lake: {{url: "file://{root}/lake"}}
airbyte:
  url: "{url}"
  client_id: {client_id}
  client_secret: {client_secret}
  connections:
    stripe_to_postgres:
      connection_id: {stripe}
      namespace: public
      streams: {streams}
      schedule: "0 */6 * * *"
{extra}"""


@dataclass
class House:
    """``extra``: further lines of the connection, and further connections; ``sync``: declarations beside them."""

    root: Path
    site: Site
    instance: dg.DagsterInstance
    url: str = ""
    systems: str = "{}"
    streams: str = "[charges, {name: customers, may_be_empty: true}]"
    extra: str = ""
    syncs: Mapping[str, str] = field(default_factory=dict)

    @property
    def catalogue(self) -> Catalogue:
        file = self.root / "house.yaml"
        file.write_text(
            ENVIRONMENT.format(
                root=self.root, url=self.url or self.site.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET,
                stripe=connection_id("stripe_to_postgres"), extra=self.extra, systems=self.systems,
                streams=self.streams,
            )
        )  # fmt: skip
        folder = self.root / "syncs"
        folder.mkdir(exist_ok=True)
        for name, text in self.syncs.items():
            (folder / f"{name}.yaml").write_text(text)
        return load_catalogue(env_file=file, folders=[folder])

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.catalogue)

    def sync(self, connection: str = "stripe_to_postgres", **options: Any) -> dg.ExecuteInProcessResult:
        """The step of that connection, in one run whose waits pass at once."""
        assets = airbyte_assets(self.catalogue, self.site.timing())
        chosen = [asset for asset in assets if asset.op.name == f"airbyte_{connection}"]
        return dg.materialize(chosen, instance=self.instance, raise_on_error=False, **options)

    def reset(self, **config: Any) -> dg.ExecuteInProcessResult:
        """The job that clears first."""
        return reset_job(self.catalogue, self.site.timing()).execute_in_process(
            run_config={"ops": {"clear_then_sync": {"config": config}}}, instance=self.instance, raise_on_error=False
        )

    def told(self, key: Sequence[str]) -> list[dict[str, Any]]:
        """Metadata of the materialisations of an asset, the newest first."""
        found = self.instance.fetch_materializations(dg.AssetKey(key), limit=100).records
        return [
            {name: value.value for name, value in record.asset_materialization.metadata.items()}
            for record in found if record.asset_materialization is not None
        ]  # fmt: skip

    def jobs_of(self, key: Sequence[str]) -> list[int]:
        """Airbyte's jobs that the asset was materialised by, the newest first."""
        return [each["airbyte_job_id"] for each in self.told(key)]


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Why the one step of a run failed."""
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.user_failure_data.description)


def may_retry(result: dg.ExecuteInProcessResult) -> bool:
    """Whether the step was tried again."""
    return any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], Any]:
    """Check evaluations by stream and name."""
    return {(item.asset_key.path[-1], item.check_name): item for item in result.get_asset_check_evaluations()}
