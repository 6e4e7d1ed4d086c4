"""Word from Airbyte over real HTTP: it makes the platform ask Airbyte at once, and is believed in nothing itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integrations_platform.defs.airbyte_foreign import FOREIGN
from integrations_platform.defs.webhooks import NAME
from integrations_platform.jobs import Catalogue
from integrations_platform.sandbox.airbyte.account import connection_id
from integrations_platform_tests.airbyte.conftest import Site, site
from integrations_platform_tests.airbyte.house import CHARGES, House
from integrations_platform_tests.webhooks.arrange import Receiving, Time, receiving, source
from integrations_platform_tests.webhooks.senders import signed

__all__ = ["site"]

WEBHOOKS = """\
webhooks:
  sources:
    airbyte: {scheme: airbyte, secret: hush}
    shop: {scheme: hmac, secret: hush, wakes: {airbyte: [stripe_to_postgres]}}
"""


class Told(House):
    """A house that Airbyte sends word to, and both sensors as Dagster's daemon asks them, each with its cursor."""

    cursors: dict[str, str | None]

    def tick(self, name: str) -> Any:
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursors.get(name), repository_def=repository, sensor_name=name
        )
        result = repository.get_sensor_def(name).evaluate_tick(context)
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        self.cursors[name] = result.cursor or self.cursors.get(name)
        return result


@pytest.fixture
def house(tmp_path: Path, site: Site) -> Iterator[Told]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Told(tmp_path, site, instance, extra=WEBHOOKS)
        made.cursors = {}
        yield made


@pytest.fixture
def receiver(house: Told) -> Iterator[Receiving]:
    catalogue: Catalogue = house.catalogue
    sources = source("airbyte", "airbyte"), source("shop", "hmac")
    # The sensors forget by the true time, so that this is received by it too.
    with receiving(catalogue.settings.state.url(), *sources, time=Time(time.time())) as running:
        yield running


def _word(receiver: Receiving, job: int, connection: str, **changed: Any) -> None:
    data = {"connection": {"id": connection, "name": "whatever"}, "jobId": job, "success": True,
            "recordsCommitted": 999_999, "finishedAt": "2026-03-04T05:02:05Z"} | changed  # fmt: skip
    body = json.dumps({"text": "…", "data": data}).encode()
    assert receiver.post("/webhooks/airbyte/hush", body).json == {"accepted": 1}


def test_word_of_a_sync_is_confirmed_by_asking_at_once(house: Told, receiver: Receiving) -> None:
    house.tick(FOREIGN)
    house.site.somebodys_job(age_seconds=600, seconds=60, streams={"charges": {"rows": 12}})
    assert "a moment ago" in house.tick(FOREIGN).skip_message, "without word it is asked once a minute"
    _word(receiver, 101, connection_id("stripe_to_postgres"))
    assert house.tick(NAME).run_requests == [], "what has ended needs no run"
    house.tick(FOREIGN)
    (told,) = house.told(CHARGES)
    assert (told["airbyte_job_id"], told["rows"]) == (101, 12), "what Airbyte answers, not what the word said"
    _word(receiver, 101, connection_id("stripe_to_postgres"))
    house.tick(NAME)
    assert "a moment ago" in house.tick(FOREIGN).skip_message
    assert len(house.told(CHARGES)) == 1


def test_word_of_what_never_was_changes_nothing(house: Told, receiver: Receiving) -> None:
    _word(receiver, 777, connection_id("stripe_to_postgres"))
    _word(receiver, 778, "00000000-0000-0000-0000-000000000000")
    house.tick(NAME)
    house.tick(FOREIGN)
    assert house.told(CHARGES) == []
    assert receiver.store.inbox.wake_ups() == []
    assert sorted(event.state.value for event in receiver.events()) == ["idle", "woke"]


def test_a_business_event_starts_the_connection(house: Told, receiver: Receiving) -> None:
    for number in range(3):
        body = json.dumps({"id": f"evt_{number}"}).encode()
        headers = {"X-Signature-256": signed("hush", body).hex()}
        assert receiver.post("/webhooks/shop", body, headers).status == 200
    (request,) = house.tick(NAME).run_requests
    assert request.job_name == "airbyte_stripe_to_postgres_job"
    assert request.tags["integrations/events"] == "3"
