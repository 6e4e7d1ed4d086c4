"""What the HubSpot side finds out before a run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations_platform.connectors import introspect, probe
from integrations_platform.connectors.budgets import UNLIMITED, Budget
from integrations_platform.connectors.hubspot.side import HubSpotSide
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.unified_sync.port import BoundColumn, ErrorKind, SideError
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.hubspot.stage import Crm, added, crm
from integrations_platform_tests.connectors.hubspot.types import WIDE, with_types

# Looking before a run


def test_a_healthy_portal_has_no_blocking_problem(portal: Crm) -> None:
    assert [problem for problem in portal.side().check() if problem.blocking] == []


def test_a_missing_property_is_named_with_those_near_it(portal: Crm) -> None:
    (problem,) = portal.side(columns={"firstnaem": FieldType.TEXT}).check()
    assert (problem.column, "firstname" in problem.remedy) == ("firstnaem", True)
    with pytest.raises(SideError, match="firstnaem") as caught:
        portal.side(columns={"firstnaem": FieldType.TEXT}).read(["1"])
    assert caught.value.kind is ErrorKind.CONFIGURATION


def test_an_unknown_object_lists_those_there_are(portal: Crm) -> None:
    (problem,) = portal.side("unicorns", {"name": FieldType.TEXT}).check()
    assert "contacts, companies, deals" in problem.remedy


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"email": FieldType.EMAIL, "city": FieldType.DECIMAL}, "city"),
        ({"email": FieldType.EMAIL, "createdate": FieldType.DATETIME}, "createdate"),
        ({"email": FieldType.EMAIL, "likes": FieldType.ENUM}, "likes"),
        ({"email": FieldType.EMAIL, "associations.companies": FieldType.TEXT}, "associations.companies"),
    ],
)
def test_what_cannot_be_read_or_written_as_declared_is_found(
    portal: Crm, columns: dict[str, FieldType], word: str
) -> None:
    with_types(portal)
    problems = [problem for problem in portal.side(columns=columns).check() if problem.blocking]
    assert [problem.column for problem in problems] == [word]


def test_a_read_only_property_may_be_read(portal: Crm) -> None:
    bound = [BoundColumn("email", FieldType.EMAIL, written=True), BoundColumn("createdate", FieldType.DATETIME)]
    side = portal.side(bound=bound)
    assert not [problem for problem in side.check() if problem.blocking]
    assert side.columns()["createdate"].writable is False


def test_a_scope_that_no_record_can_match_is_found(portal: Crm) -> None:
    (problem,) = [each for each in portal.side(only={"lifecyclestage": ("astronaut",)}).check() if each.blocking]
    assert "astronaut" in problem.message


def test_administrators_rules_are_told_and_limit_lengths(portal: Crm) -> None:
    portal.person("change_property", name="city", rules=[("MAX_LENGTH", ["4"]), ("REGEX", ["[A-Z].*"])])
    side = portal.side()
    (told,) = [problem for problem in side.check() if problem.column == "city"]
    assert ("MAX_LENGTH" in told.message, told.blocking) == (True, False)
    assert side.columns()["city"].max_length == 4


def test_forms_tell_what_fits(portal: Crm) -> None:
    with_types(portal)
    forms = portal.side(columns=WIDE).columns()
    assert (forms["firstname"].max_length, forms["seen"].second_digits) == (65_536, 3)
    assert (forms["email"].unique, forms["email"].lower_cases, forms["firstname"].unique) == (True, True, False)
    assert forms["likes"].options == ("a", "b", "c")
    assert set(forms) == set(WIDE)


def test_the_clock_is_the_portals_to_the_second(portal: Crm) -> None:
    side = portal.side()
    assert abs(side.clock().offset) <= timedelta(seconds=2)
    behind = portal.hub.clock.now
    portal.hub.clock.advance(3600)

    slow = HubSpotSide("crm", portal.options(), SideSpec("crm", "contacts"), [], "p", "A",
                       clock=lambda: behind() - timedelta(hours=1), budget=Budget("crm", "t", UNLIMITED))  # fmt: skip
    reading = slow.clock()
    slow.close()
    assert abs(reading.offset - timedelta(hours=1)) <= reading.uncertainty + timedelta(seconds=1)


# Options


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"token": ""}, "HUBSPOT_API_TOKEN"),
        ({"api_version": "v9"}, "api_version"),
        ({"base_url": "http://x.example"}, "https"),
    ],
)
def test_options_that_cannot_be_used_say_which(portal: Crm, options: dict[str, str], word: str) -> None:
    with pytest.raises(SideError, match=word) as caught:
        portal.side(options=portal.options(**options))
    assert caught.value.kind is ErrorKind.CONFIGURATION


def test_a_migrating_account_is_left_alone_for_as_long_as_it_asks() -> None:
    with crm() as portal:
        portal.hub.migrating_until = portal.hub.clock.now() + timedelta(hours=20)
        with pytest.raises(SideError) as caught:
            portal.side().check()
        assert caught.value.kind is ErrorKind.TRANSIENT
        assert (caught.value.retry_after or 0) > 71_000


# Drafts


def test_an_object_is_described_for_a_draft(portal: Crm) -> None:
    with_types(portal)
    added(portal.side())  # defines our own property, which is nobody's field
    budget = Budget("crm", "t", UNLIMITED)
    described = introspect("hubspot", portal.options(), "contacts", "crm", budget)
    suggested = {column.name: column.suggested for column in described.columns}
    assert (suggested["email"], suggested["likes"], suggested["born"]) == (
        FieldType.EMAIL, FieldType.SET, FieldType.DATE
    )  # fmt: skip
    assert suggested["associations.companies"] is FieldType.REF
    assert not any(name.startswith("integrations_link_id") or name == "createdate" for name in suggested)
    with pytest.raises(SideError, match="contacts, companies, deals"):
        introspect("hubspot", portal.options(), "unicorns", "crm", budget)


def test_the_portal_says_who_it_is(portal: Crm) -> None:
    assert probe("hubspot", portal.options(), "crm", Budget("crm", "t", UNLIMITED)) == (
        "HubSpot portal 8001, America/New_York"
    )


# Calls


def test_looking_costs_few_calls(portal: Crm) -> None:
    side = portal.side()
    side.check()
    side.columns()
    side.read([portal.add(email="a@x.example")])
    counted = {
        operation: portal.count(operation) for operation in ("properties.list", "validations.list", "objects.list")
    }
    assert counted == {"properties.list": 1, "validations.list": 1, "objects.list": 1}
    assert len(portal.hub.calls) == 5


def test_a_token_that_may_not_see_validation_rules_goes_without(portal: Crm) -> None:
    portal.hub.faults.add(Fault(FaultKind.STATUS, "validations.list", status=403))
    assert not [problem for problem in portal.side().check() if problem.blocking]
