"""The behaviour table, row by row, on a served stand-in."""

from __future__ import annotations

import pytest

from integrations_platform_tests.sandbox.hubspot import rows_requests, rows_rules  # noqa: F401  they fill the table
from integrations_platform_tests.sandbox.hubspot.behaviour import ROWS, Row
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}-{row.id}")
def test_the_stand_in_obeys(row: Row, api: PortalClient) -> None:
    row.run(api)


def test_every_row_cites_a_section_and_has_a_name_of_its_own() -> None:
    assert {row.section for row in ROWS} <= {str(number) for number in range(1, 12)}
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert any(row.assumption for row in ROWS)


def test_a_state_file_keeps_everything(api: PortalClient) -> None:
    api.hub.populate(20)
    record = next(iter(api.hub.portal.records["contacts"]))
    api.person("edit", id=record, properties={"city": "Turin"})
    kept = api.hub.dump()
    before = api.get("/crm/v3/objects/contacts", limit=100, associations="companies", properties="city,email").json()
    api.hub.load(kept)
    after = api.get("/crm/v3/objects/contacts", limit=100, associations="companies", properties="city,email").json()
    assert (len(after["results"]), after) == (20, before)
    assert api.hub.dump() == kept


def test_the_same_seed_gives_the_same_people(api: PortalClient) -> None:
    def people() -> list[str]:
        api.hub.reset()
        api.hub.populate(30)
        return [row["properties"]["email"] + str(row["properties"]["lastname"])
                for row in api.get("/crm/v3/objects/contacts", limit=100).json()["results"]]  # fmt: skip

    assert people() == people()
