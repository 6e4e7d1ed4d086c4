"""The job of all connections, in the processes that a run has of it: each connection waits for none of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform_tests.airbyte.conftest import Site
from integrations_platform_tests.airbyte.house import CHARGES, House

HUBSPOT = f"""\
      timeout_hours: 0.02
    hubspot_to_postgres:
      connection_id: {connection_id("hubspot_to_postgres")}
      namespace: public
      streams: [charges, customers]
      timeout_hours: 0.02
"""


def all_connections() -> Any:
    """The job as a process of a run loads it: from the environment that a variable names."""
    from integrations_platform.definitions import build_definitions
    from integrations_platform.jobs import load_catalogue

    return build_definitions(load_catalogue(folders=[])).resolve_job_def("airbyte_all_job")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One whose runs other processes can see."""
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.mark.nightly
def test_syncs_that_only_end_together_do_end(
    tmp_path: Path, site: Site, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, site, instance)
    house.extra = HUBSPOT
    monkeypatch.setenv("INTEGRATIONS_ENV_FILE", str(house.catalogue.settings.file))
    site.vendor.person({"do": "script", "seconds": 100_000})
    account, look = site.vendor.account, site.vendor.account.job

    def ends_with_the_other(number: int) -> Any:
        if len(account.jobs) == 2:
            account.jobs[number].left = ["succeeded"]
        return look(number)

    monkeypatch.setattr(account, "job", ends_with_the_other)
    with dg.execute_job(dg.reconstructable(all_connections), instance=instance) as result:
        assert result.success
    assert len(house.jobs_of(CHARGES)) == len(house.jobs_of(("airbyte", "hubspot_to_postgres", "charges"))) == 1
    assert site.posts_and_deletes == (2, 0)
