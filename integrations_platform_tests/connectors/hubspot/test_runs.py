"""Real runs of the engine between a portal and a table, under what networks and people do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.hubspot.operations import Operation
from integrations_platform.unified_sync.port import ErrorKind
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.connectors.hubspot.stage import Town, crm


def test_both_sides_come_to_hold_the_same_people(town: Town) -> None:
    town.crm.add(email="ada@x.example", firstname="Ada", city="Oslo")
    town.crm.add(email="both@x.example", firstname="Both")
    town.sql(
        "INSERT INTO person (email, name, city) VALUES ('BOTH@x.example', 'Both', NULL), ('cy@x.example', 'Cy', 'Graz')"
    )
    assert town.settle().status is RunStatus.SUCCEEDED
    emails = sorted(row["email"] for row in town.crm.everyone())
    assert emails == ["ada@x.example", "both@x.example", "cy@x.example"]
    assert sorted(email.lower() for (email,) in town.sql("SELECT email FROM person")) == emails
    assert not town.run().written


def test_edits_clears_and_deletes_travel_both_ways(town: Town) -> None:
    first, second = (town.crm.add(email=f"{name}@x.example", firstname=name, city="Oslo") for name in ("ada", "bea"))
    town.settle()
    town.crm.person("edit", id=first, properties={"firstname": "Ada!"})
    town.sql("UPDATE person SET city = NULL WHERE email = 'ada@x.example'")
    town.settle()
    assert town.sql("SELECT name, city FROM person WHERE email = 'ada@x.example'") == [("Ada!", None)]
    assert "city" not in town.crm.shown(first)
    town.crm.person("archive", id=second)
    town.sql("DELETE FROM person WHERE email = 'ada@x.example'")
    town.settle()
    assert town.sql("SELECT COUNT(*) FROM person") == [(0,)]
    assert town.crm.everyone() == []


def test_a_lost_answer_to_a_create_makes_no_second_record(town: Town) -> None:
    for number in range(5):
        town.sql("INSERT INTO person (email, name) VALUES (?, ?)", f"p{number}@x.example", f"P{number}")
    for kind in (FaultKind.DROP_AFTER, FaultKind.COMMIT_THEN_500, FaultKind.TRUNCATE, FaultKind.CUT_JSON):
        town.crm.hub.faults.add(Fault(kind, "objects.batch_create"))
    town.settle()
    assert sorted(row["email"] for row in town.crm.everyone()) == [f"p{number}@x.example" for number in range(5)]
    assert town.crm.count("objects.batch_create") == 1


def test_a_create_that_never_arrived_is_made_in_the_same_run(town: Town) -> None:
    town.sql("INSERT INTO person (email, name) VALUES ('p@x.example', 'P')")
    town.crm.hub.faults.add(Fault(FaultKind.DROP_BEFORE, "objects.batch_create"))
    assert town.run().status is RunStatus.SUCCEEDED
    assert len(town.crm.everyone()) == 1


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.COMMIT_THEN_500])
def test_a_lost_answer_to_an_update_costs_nothing(town: Town, kind: FaultKind) -> None:
    record = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    town.sql("UPDATE person SET city = 'Oslo'")
    town.crm.hub.faults.add(Fault(kind, "objects.batch_update"))
    assert town.settle().status is RunStatus.SUCCEEDED
    assert town.crm.shown(record)["city"] == "Oslo"


def test_limits_locks_and_gateways_are_waited_for(town: Town) -> None:
    town.sql("INSERT INTO person (email, name) VALUES ('p@x.example', 'P')")
    faults = town.crm.hub.faults
    faults.add(Fault(FaultKind.STATUS, "objects.list", retry_after="7"))
    faults.add(Fault(FaultKind.STATUS, "objects.batch_create", status=423))
    faults.add(Fault(FaultKind.HTML, "objects.list"))
    faults.add(Fault(FaultKind.STATUS, "objects.batch_read", status=503))
    began = town.crm.hub.clock.now()
    assert town.run().status is RunStatus.SUCCEEDED
    assert (town.crm.hub.clock.now() - began).total_seconds() >= 7 + 2 + 5
    assert len(town.crm.everyone()) == 1


def test_a_spent_day_ends_the_run_until_midnight_of_the_portal(town: Town) -> None:
    town.crm.add(email="ada@x.example")
    town.settle()
    town.crm.hub.limits.daily = town.crm.hub.limits.used_today + 3
    began = town.crm.hub.clock.now()
    report = town.run()
    assert (report.status, report.fault) == (RunStatus.FAILED, ErrorKind.TRANSIENT)
    assert "midnight" in report.message
    assert (town.crm.hub.clock.now() - began).total_seconds() < 60


def test_a_wrong_token_stops_the_run_and_names_the_variable(town: Town) -> None:
    town.crm.hub.expire_token()
    report = town.run()
    assert report.fault is ErrorKind.CONFIGURATION
    assert "HUBSPOT_API_TOKEN" in report.message
    assert "pat-na1" not in str(report.to_data())


def test_a_missing_scope_is_named(town: Town) -> None:
    hub = town.crm.hub
    ((token, held),) = hub.scopes.items()
    hub.scopes[token] = held - {"crm.objects.contacts.write"}
    town.sql("INSERT INTO person (email, name) VALUES ('p@x.example', 'P')")
    report = town.run()
    assert report.fault is ErrorKind.CONFIGURATION
    assert "crm.objects.contacts.write" in report.message
    hub.scopes[token] = held - {"crm.objects.contacts.read"}
    assert "crm.objects.contacts.read" in town.run().message
    hub.scopes[token] = held
    assert town.run().status is RunStatus.SUCCEEDED


def test_one_taken_address_holds_back_one_record_of_a_batch(town: Town) -> None:
    town.settle()
    for number in range(20):
        town.sql("INSERT INTO person (email, name) VALUES (?, ?)", f"p{number}@x.example", f"P{number}")
    winner, loser = town.crm.add(email="w@x.example"), town.crm.add(email="p7@x.example")
    town.crm.person("merge", id=winner, loser=loser)  # the address lives on as a second one of the winner
    assert town.run().status is RunStatus.PARTIAL
    assert len(town.crm.everyone()) == 20
    ((reason, message),) = town.quarantine()
    assert (reason, winner in message) == ("rejected", True)


def test_small_pages_hide_nobody(town: Town) -> None:
    town.page = 3
    for number in range(11):
        town.crm.add(email=f"p{number}@x.example", firstname=f"P{number}")
    town.settle()
    assert town.sql("SELECT COUNT(*) FROM person") == [(11,)]


def test_lost_state_makes_no_duplicates(town: Town) -> None:
    for number in range(6):
        town.crm.add(email=f"p{number}@x.example", firstname=f"P{number}")
    town.settle()
    town.sql("UPDATE person SET email = 'new' || email")
    (town.folder / "state.sqlite").unlink()
    town.run()
    assert (len(town.crm.everyone()), town.sql("SELECT COUNT(*) FROM person")) == (6, [(6,)])


def test_without_the_right_to_define_properties_it_works_all_the_same(town: Town) -> None:
    hub = town.crm.hub
    ((token, held),) = hub.scopes.items()
    hub.scopes[token] = held - {"crm.schemas.contacts.write"}
    town.sql("INSERT INTO person (email, name) VALUES ('p@x.example', 'P')")
    town.crm.add(email="ada@x.example", firstname="Ada")
    assert town.settle().status is RunStatus.SUCCEEDED
    assert len(town.crm.everyone()) == 2
    assert town.sql("SELECT COUNT(*) FROM person") == [(2,)]
    side = town.crm.side()
    assert any("crm.schemas.contacts.write" in problem.remedy and not problem.blocking for problem in side.check())


def test_two_portals_of_one_vendor_agree(town: Town) -> None:
    town.sync = """\
name: people
source: {system: crm, object: contacts}
target: {system: crm, object: companies}
match: [city]
fields:
  city: {source: city, target: city, type: text}
  name: {source: firstname, target: name, type: text}
"""
    town.crm.add(firstname="Ada", city="Oslo")
    town.crm.add("companies", name="Acme", city="Graz")
    assert town.settle().status is RunStatus.SUCCEEDED
    assert sorted(row["city"] for row in town.crm.everyone("companies")) == ["Graz", "Oslo"]
    assert sorted(row["firstname"] for row in town.crm.everyone()) == ["Acme", "Ada"]


# Merges and archives


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize("resolves", [False, True])
def test_a_merge_re_points_the_link_and_deletes_nobody(town: Town, new_id: bool, resolves: bool) -> None:
    switches = town.crm.hub.switches
    switches.merge_gives_new_id, switches.merged_ids_resolve = new_id, resolves
    linked = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    other = town.crm.add(email="ada.two@x.example", firstname="Ada Two")
    town.crm.person("merge", id=linked if new_id else other, loser=other if new_id else linked)
    town.run()
    town.settle()
    assert town.sql("SELECT COUNT(*) FROM person") == [(1,)]
    (record,) = town.crm.hub.portal.live("contacts")
    town.sql("UPDATE person SET city = 'Oslo'")
    town.settle()
    assert town.crm.shown(str(record.id))["city"] == "Oslo"


@pytest.mark.parametrize("new_id", [False, True])
def test_two_linked_people_merged_into_one_are_a_persons_case(town: Town, new_id: bool) -> None:
    town.crm.hub.switches.merge_gives_new_id = new_id
    first, second = (town.crm.add(email=f"{name}@x.example", firstname=name) for name in ("ada", "bea"))
    town.settle()
    town.crm.person("merge", id=first, loser=second)
    for _ in range(2):
        town.run()
    assert town.sql("SELECT COUNT(*) FROM person") == [(2,)], "nobody is deleted for a merge"
    assert len(town.crm.everyone()) == 1, "and nobody is created again"


def test_an_archived_person_changed_in_the_table_is_created_anew_because_the_api_restores_nobody(town: Town) -> None:
    record = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    town.crm.person("archive", id=record)
    town.sql("UPDATE person SET city = 'Oslo'")
    assert town.settle().status is RunStatus.SUCCEEDED
    (anew,) = town.crm.hub.portal.live("contacts")
    assert (str(anew.id) != record, anew.now["city"]) == (True, "Oslo")
    town.crm.person("edit", id=anew.id, properties={"firstname": "Ada again"})
    town.settle()
    assert town.sql("SELECT name, city FROM person") == [("Ada again", "Oslo")]


# People in between


class Interrupted(HubSpot):
    """A portal in which somebody acts at the very moment an operation arrives, before it is carried out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.limits.burst = 1_000_000
        self.interruptions: dict[str, list[dict[str, Any]]] = {}

    def _admit(self, request: Request, operation: Operation) -> None:
        super()._admit(request, operation)
        if waiting := self.interruptions.get(operation.name):
            self.person(waiting.pop(0))


@pytest.fixture
def busy_town(tmp_path: Path) -> Iterator[Town]:
    with crm(Interrupted()) as found:
        yield Town(found, tmp_path)


def interrupt(town: Town, operation: str, record: str, **properties: str) -> None:
    """Let somebody edit a record just before the next call of an operation."""
    assert isinstance(town.crm.hub, Interrupted)
    action = {"do": "edit", "type": "contacts", "id": record, "properties": properties}
    town.crm.hub.interruptions.setdefault(operation, []).append(action)


def test_an_edit_seen_in_the_last_look_is_not_overwritten(busy_town: Town) -> None:
    town = busy_town
    record = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    town.sql("UPDATE person SET name = 'Ada from the shop'")
    interrupt(town, "objects.batch_read", record, firstname="typed in the portal")
    for _ in range(2):  # the second run plans with what the first one saw in time
        town.run()
    assert town.crm.shown(record)["firstname"] == "typed in the portal"
    assert town.sql("SELECT name FROM person") == [("Ada from the shop",)]
    assert town.conflicts() == ["name"]


def test_an_edit_in_the_very_moment_of_our_write_is_found_again_and_kept(busy_town: Town) -> None:
    town = busy_town
    record = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    town.sql("UPDATE person SET name = 'Ada from the shop'")
    interrupt(town, "objects.batch_update", record, firstname="typed in the portal")
    town.run()
    assert "typed in the portal" in town.audited()
    assert town.conflicts() == ["name"]


def test_an_edit_of_another_field_in_between_lives_on_and_travels(busy_town: Town) -> None:
    town = busy_town
    record = town.crm.add(email="ada@x.example", firstname="Ada")
    town.settle()
    town.sql("UPDATE person SET name = 'Ada from the shop'")
    interrupt(town, "objects.batch_update", record, city="Oslo")
    town.settle()
    assert (town.crm.shown(record)["firstname"], town.crm.shown(record)["city"]) == ("Ada from the shop", "Oslo")
    assert town.sql("SELECT name, city FROM person") == [("Ada from the shop", "Oslo")]
    assert town.conflicts() == []
