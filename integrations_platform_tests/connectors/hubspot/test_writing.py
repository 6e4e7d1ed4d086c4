"""What becomes of writes to a HubSpot object: outcomes, link ids, associations."""

from __future__ import annotations

import pytest

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.unified_sync.port import ErrorKind, Kind, Presence, SideError, Status, Write
from integrations_platform.unified_sync.values import FieldType, Invalid
from integrations_platform_tests.connectors.hubspot.stage import Crm, added, change, create, only

# Writing


def test_outcomes_name_the_record_of_their_own_operation(portal: Crm) -> None:
    side = portal.side()
    outcomes = side.write([create(number) for number in range(100)])
    records = side.read([outcome.id or "" for outcome in outcomes])
    for outcome in outcomes:
        number = outcome.op_id.removeprefix("op-")
        assert records[outcome.id or ""].values["firstname"] == f"P{number}"
        assert records[outcome.id or ""].link_id == f"link-{number}"
    assert portal.count("objects.batch_create") == 1


def test_without_link_ids_outcomes_are_attributed_by_what_was_sent(portal: Crm) -> None:
    ((token, held),) = portal.hub.scopes.items()
    portal.hub.scopes[token] = held - {"crm.schemas.contacts.write"}
    side = portal.side()
    twins = [create(number, email=None, firstname="Twin") for number in (90, 91)]
    outcomes = side.write([*(create(number) for number in range(5)), *twins])
    assert not side.capabilities.tags
    assert {outcome.op_id for outcome in outcomes} == {f"op-{number}" for number in range(5)}
    records = side.read([outcome.id or "" for outcome in outcomes])
    for outcome in outcomes:
        assert records[outcome.id or ""].values["firstname"] == f"P{outcome.op_id.removeprefix('op-')}"


@pytest.mark.parametrize("conflict", [True, False])
def test_a_repeated_create_finds_its_record_and_makes_none(portal: Crm, conflict: bool) -> None:
    portal.hub.switches.taken_value_is_conflict = conflict
    first = {outcome.op_id: outcome.id for outcome in portal.side().write([create(1), create(2, email=None)])}
    again = portal.side().write([create(1), create(2, email=None), create(3)])
    assert {outcome.op_id: outcome.status for outcome in again} == {
        "op-1": Status.ALREADY, "op-2": Status.ALREADY, "op-3": Status.APPLIED
    }  # fmt: skip
    assert {outcome.op_id: outcome.id for outcome in again if outcome.op_id != "op-3"} == first
    assert len(portal.everyone()) == 3
    assert only(portal.side().write([create(1)])).status is Status.ALREADY


def test_a_taken_address_names_its_holder_and_spares_the_rest(portal: Crm) -> None:
    holder = portal.add(email="p3@x.example")
    outcomes = {outcome.op_id: outcome for outcome in portal.side().write([create(number) for number in range(6)])}
    refused = outcomes.pop("op-3")
    assert (refused.status, refused.code, refused.id) == (Status.REJECTED, "duplicate", holder)
    assert holder in refused.message
    assert "p3@x.example" not in refused.message
    assert {outcome.status for outcome in outcomes.values()} == {Status.APPLIED}


def test_an_update_of_a_record_that_is_gone_is_stale_and_spares_the_rest(portal: Crm) -> None:
    side = portal.side()
    records = [added(side, number) for number in range(4)]
    portal.person("archive", id=records[0].id)
    portal.person("merge", id=records[2].id, loser=records[1].id)
    outcomes = side.write([change(f"u{number}", record, city="Oslo") for number, record in enumerate(records)])
    statuses = {outcome.op_id: outcome.status for outcome in outcomes}
    assert statuses == {"u0": Status.STALE, "u1": Status.STALE, "u2": Status.APPLIED, "u3": Status.APPLIED}


def test_an_option_that_vanished_meanwhile_is_refused_with_the_property_named(portal: Crm) -> None:
    side = portal.side()
    records = [added(side, number) for number in range(2)]
    portal.person("change_property", name="lifecyclestage", options=["lead"])
    outcomes = side.write([change("u0", records[0], lifecyclestage="customer"), change("u1", records[1], city="Oslo")])
    refused, fine = sorted(outcomes, key=lambda outcome: outcome.op_id)
    assert (refused.status, fine.status) == (Status.REJECTED, Status.APPLIED)
    assert "lifecyclestage" in refused.message
    assert "INVALID_OPTION" in refused.message


@pytest.mark.parametrize("refused", [True, False])
def test_a_stage_is_never_moved_back(portal: Crm, refused: bool) -> None:
    portal.hub.switches.backwards_stage_is_refused = refused
    side = portal.side()
    record = added(side, lifecyclestage="customer")
    outcome = only(side.write([change("u", record, lifecyclestage="lead")]))
    assert outcome.status is Status.REJECTED
    assert "only moves forward" in outcome.message
    assert only(side.write([change("u2", record, lifecyclestage="evangelist")])).status is Status.APPLIED
    assert only(side.write([change("u3", record, lifecyclestage=None)])).status is Status.APPLIED
    assert only(side.write([change("u4", record, lifecyclestage="lead")])).status is Status.APPLIED


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.COMMIT_THEN_500, FaultKind.CUT_JSON])
@pytest.mark.parametrize("operation", ["objects.batch_create", "objects.batch_update"])
def test_a_lost_answer_to_a_write_is_an_open_question(portal: Crm, kind: FaultKind, operation: str) -> None:
    side = portal.side()
    record = added(side)
    portal.hub.faults.add(Fault(kind, operation))
    with pytest.raises(SideError) as caught:
        side.write([create(2)] if operation.endswith("create") else [change("u", record, city="Oslo")])
    assert (caught.value.kind, caught.value.effect_unknown) == (ErrorKind.TRANSIENT, True)


def test_archiving_is_done_again_without_harm(portal: Crm) -> None:
    side = portal.side()
    record = added(side)
    for _ in range(2):
        assert only(side.write([change("a", record, Kind.ARCHIVE)])).status is Status.APPLIED
    assert side.read([record.id])[record.id].presence is Presence.ARCHIVED


def test_bringing_back_is_for_people_and_the_refusal_says_so(portal: Crm) -> None:
    side = portal.side()
    record = added(side)
    side.write([change("a", record, Kind.ARCHIVE)])
    outcome = only(side.write([change("r", record, Kind.RESTORE)]))
    assert outcome.status is Status.REJECTED
    assert "restore it in HubSpot" in outcome.message


def test_deleting_a_contact_for_good_leaves_nothing(portal: Crm) -> None:
    side = portal.side()
    record = added(side)
    assert side.capabilities.delete
    assert not portal.side("companies", {"name": FieldType.TEXT}).capabilities.delete
    assert only(side.write([change("d", record, Kind.DELETE)])).status is Status.APPLIED
    assert side.read([record.id]) == {}


# Tags


def test_link_ids_survive_and_move(portal: Crm) -> None:
    ids = [portal.add(email=f"p{number}@x.example") for number in range(3)]
    side = portal.side()
    side.tag([(ids[0], "link-a"), (ids[1], "link-b")])
    side.tag([(ids[0], "link-a")])
    assert portal.side().find_tagged(["link-a", "link-b", "link-c"]) == {"link-a": ids[0], "link-b": ids[1]}
    side.tag([(ids[2], "link-a")])
    assert side.find_tagged(["link-a"]) == {"link-a": ids[2]}
    frame = side.tags()
    assert set(frame.rows()) == {(ids[1], "link-b"), (ids[2], "link-a")}
    assert portal.count("objects.search") == 0


def test_each_sync_keeps_link_ids_of_its_own(portal: Crm) -> None:
    record = portal.add(email="a@x.example")
    one, two = portal.side(pair="one"), portal.side(pair="two")
    one.tag([(record, "link-1")])
    two.tag([(record, "link-2")])
    assert (one.find_tagged(["link-1"]), two.find_tagged(["link-2"])) == ({"link-1": record}, {"link-2": record})


def test_two_processes_define_the_property_at_once(portal: Crm) -> None:
    one, two = portal.side(), portal.side()
    assert one.find_tagged([]) == two.find_tagged([]) == {}
    assert only(one.write([create(1)])).status is Status.APPLIED
    assert only(two.write([create(2)])).status is Status.APPLIED
    assert two.read([only(two.write([create(3)])).id or ""])


def test_a_property_of_that_name_that_is_not_unique_is_not_used(portal: Crm) -> None:
    portal.person("add_property", name="integrations_link_id_people_a")
    side = portal.side()
    (problem,) = side.check()
    assert not problem.blocking
    assert not side.capabilities.tags
    assert only(side.write([create(1)])).status is Status.APPLIED


# Associations


def company_columns() -> dict[str, FieldType]:
    return {"email": FieldType.EMAIL, "firstname": FieldType.TEXT, "associations.companies": FieldType.REF}


def test_a_reference_is_the_primary_company_and_moves(portal: Crm) -> None:
    acme, beta = portal.add("companies", name="Acme"), portal.add("companies", name="Beta")
    side = portal.side(columns=company_columns())
    record = added(side, **{"associations.companies": acme})
    assert record.values["associations.companies"] == acme
    with side.snapshot() as snapshot:
        assert snapshot.listing().frame["version"].to_list() == [record.version]
    assert only(side.write([change("u1", record, **{"associations.companies": beta})])).status is Status.APPLIED
    moved = side.read([record.id])[record.id]
    assert moved.values["associations.companies"] == beta
    assert moved.version != record.version
    assert only(side.write([change("u2", record, **{"associations.companies": None})])).status is Status.APPLIED
    assert side.read([record.id])[record.id].values["associations.companies"] is None


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_a_reference_without_a_primary_one_is_the_only_one(portal: Crm, version: str) -> None:
    ada, bea = portal.add(email="a@x.example"), portal.add(email="b@x.example")
    columns = {"dealname": FieldType.TEXT, "dealstage": FieldType.ENUM, "associations.contacts": FieldType.REF}
    side = portal.side("deals", columns, options=portal.options(api_version=version))
    values = {"dealname": "Big", "dealstage": "contractsent", "associations.contacts": ada}
    record_id = only(side.write([Write("op", Kind.CREATE, "link", values)])).id or ""
    record = side.read([record_id])[record_id]
    assert record.values["associations.contacts"] == ada
    side.write([change("u", record, **{"associations.contacts": bea})])
    assert side.read([record_id])[record_id].values["associations.contacts"] == bea
    portal.person("associate", "deals", id=record_id, to_type="contacts", to=ada)
    ambiguous = side.read([record_id])[record_id].values["associations.contacts"]
    assert isinstance(ambiguous, Invalid)
    assert "several" in ambiguous.reason


def test_an_association_with_nobody_is_refused_and_spares_the_rest(portal: Crm) -> None:
    acme = portal.add("companies", name="Acme")
    side = portal.side(columns=company_columns())
    records = [added(side, number) for number in range(2)]
    outcomes = side.write([
        change("u0", records[0], **{"associations.companies": "999999"}),
        change("u1", records[1], **{"associations.companies": acme, "firstname": "New"}),
    ])  # fmt: skip
    assert {outcome.op_id: outcome.status for outcome in outcomes} == {"u0": Status.REJECTED, "u1": Status.APPLIED}
    assert portal.shown(records[1].id)["firstname"] == "New"


# The other family of paths


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
def test_everything_works_under_a_date_version(portal: Crm, version: str) -> None:
    side = portal.side(columns=company_columns(), options=portal.options(api_version=version))
    assert not [problem for problem in side.check() if problem.blocking]
    assert side.columns()["email"].unique
    acme = portal.add("companies", name="Acme")
    records = [added(side, number, **{"associations.companies": acme}) for number in range(3)]
    side.tag([(records[0].id, "link-x")])
    assert side.find_tagged(["link-x"]) == {"link-x": records[0].id}
    assert side.tags().height == 3
    side.write([change("u", records[0], firstname="New", **{"associations.companies": None})])
    side.write([change("a", records[1], Kind.ARCHIVE)])
    side.write([change("d", records[2], Kind.DELETE)])
    with side.snapshot() as snapshot:
        listing = snapshot.listing()
        shown = snapshot.read([record.id for record in records])
    assert set(listing.frame["id"].to_list()) == set(shown) == {records[0].id, records[1].id}
    assert shown[records[0].id].values == {"email": "p0@x.example", "firstname": "New", "associations.companies": None}
    assert side.clock().uncertainty
    paths = {call.path for call in portal.hub.calls if call.operation != "validations.list"}
    assert all(f"/{version}/" in path for path in paths), paths


def test_each_sync_over_an_object_keeps_its_own_link_id_on_a_record(portal: Crm) -> None:
    """A property holds one value, and HubSpot takes ten unique ones an object: one for each sync."""
    record = portal.add(email="ada@x.example")
    sides = [portal.side(pair=pair) for pair in ("people", "books")]
    for number, side in enumerate(sides):
        side.tag([(record, f"A:{number}")])
    for number, side in enumerate(sides):
        assert side.find_tagged([f"A:{number}"]) == {f"A:{number}": record}
        assert side.tags().rows() == [(record, f"A:{number}")]
