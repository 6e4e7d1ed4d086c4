"""What administrators change in a portal between two runs, and what a run then says: system, object, field, remedy."""

from __future__ import annotations

import pytest

from integrations_platform.unified_sync.port import ErrorKind
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.connectors.hubspot.stage import Town

WRITES = ("objects.batch_create", "objects.batch_update", "objects.archive")


@pytest.fixture
def agreed(town: Town) -> Town:
    """Ada in both, and a new edit in the table that waits for the next run."""
    town.crm.add(email="ada@x.example", firstname="Ada", city="Oslo", lifecyclestage="lead")
    town.settle()
    town.sql("UPDATE person SET name = 'Ada L.'")
    town.crm.hub.calls.clear()
    return town


def refused(town: Town) -> str:
    """The message of a run that is refused before any write; nothing is lost by it."""
    before = town.sql("SELECT * FROM person"), town.crm.everyone()
    report = town.run()
    assert (report.status, report.fault) == (RunStatus.FAILED, ErrorKind.CONFIGURATION)
    assert sum(map(town.crm.count, WRITES)) == 0
    assert (town.sql("SELECT * FROM person"), town.crm.everyone()) == before
    return report.message


def test_a_removed_property_is_named_with_where_its_name_stands(agreed: Town) -> None:
    agreed.crm.person("remove_property", name="city")
    said = refused(agreed)
    assert said.startswith("crm: contacts has no property 'city', which a field names")
    assert "internal name" in said
    agreed.crm.person("add_property", name="city")
    assert agreed.run().status is RunStatus.SUCCEEDED
    assert agreed.crm.everyone()[0]["firstname"] == "Ada L."


@pytest.mark.parametrize(
    ("property_type", "remedy"), [("number", "declare type decimal"), ("date", "declare type date")]
)
def test_a_retyped_property_is_named_with_the_types_it_can_be_read_as(
    agreed: Town, property_type: str, remedy: str
) -> None:
    agreed.crm.person("change_property", name="lifecyclestage", property_type=property_type)
    message = refused(agreed)
    assert message.startswith(
        f"crm: property 'lifecyclestage' of contacts is {property_type}, which is not read as enum"
    )
    assert remedy in message


def test_a_retyped_property_that_can_still_be_read_holds_back_what_no_longer_fits_and_nothing_else(
    agreed: Town,
) -> None:
    agreed.crm.person("change_property", name="city", property_type="number", field_type="number")
    agreed.sql(
        "INSERT INTO person (email, name, city) VALUES ('bad@x.example', 'B', 'Oslo'), ('ok@x.example', 'C', '7')"
    )
    assert agreed.run().status is RunStatus.PARTIAL
    assert {row["firstname"] for row in agreed.crm.everyone()} == {"Ada L.", "C"}
    ((_, said),) = agreed.quarantine()
    assert "city" in said
    assert agreed.sql("SELECT city FROM person WHERE email = 'ada@x.example'") == [("Oslo",)]


def test_a_property_that_became_read_only_is_named(agreed: Town) -> None:
    agreed.crm.person("change_property", name="city", read_only=True)
    assert "crm: property 'city' of contacts is read-only in HubSpot and cannot be written" in refused(agreed)


def test_an_option_that_was_removed_holds_back_the_record_that_needs_it_and_no_other(agreed: Town) -> None:
    agreed.crm.person("change_property", name="lifecyclestage", options=["subscriber", "customer"])
    agreed.sql("INSERT INTO person (email, stage) VALUES ('old@x.example', 'lead'), ('new@x.example', 'customer')")
    assert agreed.run().status is RunStatus.PARTIAL
    assert {row["email"] for row in agreed.crm.everyone()} == {"ada@x.example", "new@x.example"}
    assert {row["lifecyclestage"] for row in agreed.crm.everyone()} == {"lead", "customer"}, "Ada keeps what she has"
    ((_, said),) = agreed.quarantine()
    assert "field stage: an option that is not among subscriber, customer" in said
    assert "choose one of these, or add it where they are kept" in said
    agreed.crm.person("change_property", name="lifecyclestage", options=["subscriber", "lead", "customer"])
    agreed.settle()
    assert len(agreed.crm.everyone()) == 3
    assert agreed.quarantine() == []


def test_an_unknown_option_is_held_back_with_its_reason_and_the_others_pass(agreed: Town) -> None:
    agreed.sql("INSERT INTO person (email, stage) VALUES ('bad@x.example', 'astronaut'), ('good@x.example', 'lead')")
    assert agreed.run().status is RunStatus.PARTIAL
    assert [row["email"] for row in agreed.crm.everyone()] == ["ada@x.example", "good@x.example"]
    assert agreed.sql("SELECT stage FROM person WHERE email = 'bad@x.example'") == [("astronaut",)]
    ((_, said),) = agreed.quarantine()
    assert "astronaut" not in said, "values are shown where people look at records, not in messages"
