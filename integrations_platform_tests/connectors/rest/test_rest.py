"""A described API behind the contract of services, and what only descriptions can get wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from integrations_platform.connectors import introspect, open_side, probe
from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.rest.client import has, put, within
from integrations_platform.connectors.rest.description import DescriptionError, load_api
from integrations_platform.platform import Platform
from integrations_platform.settings import load_settings
from integrations_platform.unified_sync.port import BoundColumn, ErrorKind, Kind, Side, SideError, Status, Write
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import ABSENT, FieldType, Values
from integrations_platform_tests.connectors.rest.crm import PAGES, SIZE, TOKEN, Crm, described, description
from integrations_platform_tests.connectors.saas_contract import (
    Account,
    SaasContract,
    create,
    created,
    failed,
    listed,
    only,
    update,
)
from integrations_platform_tests.sandbox.running import Start, running

COLUMNS = {
    "name": FieldType.TEXT, "contact.email": FieldType.EMAIL, "contact.city": FieldType.TEXT,
    "balance": FieldType.DECIMAL,
}  # fmt: skip


class People(Account):
    """The people of the CRM."""

    text, other, page, secret = "name", "contact.city", SIZE, TOKEN
    operations: ClassVar = {"list": "list", "read": "read", "create": "create", "update": "update"}

    def __init__(self, vendor: Crm, url: str, folder: Path, pages: str = "cursor", method: str = "PATCH") -> None:
        self.vendor: Crm = vendor
        self.options = described(folder, url, pages, method)

    def side(
        self, *, columns: Mapping[str, FieldType] | None = None, object_name: str = "", token: str = "", **spec: Any
    ) -> Side:
        bound = [BoundColumn(name, kind, written=True) for name, kind in (columns or COLUMNS).items()]
        options = self.options | ({"token": token} if token else {})
        budget = Budget(sleep=lambda _: None)
        where = SideSpec("crm", object_name or "people", **spec)
        return open_side("crm", "rest", options, where, bound, "pair", "A", budget=budget)

    def values(self, number: int) -> Values:
        return {"name": f"Person {number}", "contact.email": f"p{number}@x.example", "contact.city": "Oslo",
                "balance": Decimal("10.05") + number}  # fmt: skip

    def refused(self, number: int) -> Values:
        return {**self.values(number), "name": "x" * 41}

    def add(self, number: int) -> str:
        contact = {"email": f"p{number}@x.example", "city": "Oslo"}
        return str(self.vendor.add({"name": f"Person {number}", "contact": contact, "balance": 10.05 + number})["id"])

    def edit(self, record_id: str, column: str, text: str) -> None:
        self.vendor.change(int(record_id), put({}, column, text))

    def edit_elsewhere(self, record_id: str) -> None:
        self.vendor.change(int(record_id), {"note": "called"})

    def remove(self, record_id: str) -> None:
        del self.vendor.people[int(record_id)]

    def shown(self, record_id: str) -> Mapping[str, Any] | None:
        row = self.vendor.people.get(int(record_id))
        return row and {name: within(row, name) for name in COLUMNS}

    def count(self) -> int:
        return len(self.vendor.people)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[People]:
    vendor = Crm()
    with running(vendor) as server:
        yield People(vendor, server.url("crm"), tmp_path)


class TestRest(SaasContract):
    """The contract, with a cursor for paging."""

    @pytest.fixture
    def account(self, tmp_path: Path) -> Iterator[Account]:
        vendor = Crm()
        with running(vendor) as server:
            yield People(vendor, server.url("crm"), tmp_path)


@pytest.mark.parametrize("pages", sorted(PAGES))
def test_every_way_of_paging_lists_every_record_once(account: People, tmp_path: Path, pages: str) -> None:
    account.vendor.populate(2 * SIZE)
    account.options = described(tmp_path, account.options["base_url"].removesuffix("/api"), pages)
    assert sorted(listed(account.side())) == sorted(map(str, account.vendor.people))
    account.vendor.populate(1)
    assert len(listed(account.side())) == 2 * SIZE + 1


@pytest.mark.parametrize("pages", ["link", "next"])
def test_the_token_is_not_taken_to_another_host(account: People, tmp_path: Path, pages: str) -> None:
    account.vendor.populate(2 * SIZE)
    account.vendor.elsewhere = True
    account.options = described(tmp_path, account.options["base_url"].removesuffix("/api"), pages)
    error = failed(lambda: listed(account.side()))
    assert (error.kind, "another address" in error.message) == (ErrorKind.CONFIGURATION, True)


def test_records_that_move_while_they_are_read_make_the_listing_incomplete(
    account: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.vendor.populate(2 * SIZE)
    real = account.vendor.listed

    def removing(request: Any) -> Any:
        answer = real(request)
        account.vendor.people.pop(min(account.vendor.people))
        return answer

    account.vendor.listed = removing  # type: ignore[method-assign]
    account.vendor.__dict__.pop("vendor_routes", None)
    account.vendor.__dict__.pop("app", None)
    with running(account.vendor) as server:
        account.options["base_url"] = f"{server.url('crm')}/api"
        with account.side().snapshot() as snapshot:
            listing = snapshot.listing()
    assert not listing.complete
    assert "changed while they were read" in listing.reason


def test_a_changed_record_is_left_alone_and_its_change_is_not_undone(account: People) -> None:
    side = account.side()
    record = created(account, side)
    account.edit(record.id, "name", "typed by a person")
    assert only(side.write([update("u", record, **{"contact.city": "Graz"})])).status is Status.STALE
    assert account.shown(record.id) == {**account.values(1), "name": "typed by a person", "balance": 11.05}


def test_apis_that_replace_whole_records_get_whole_ones(account: People, tmp_path: Path) -> None:
    account.options = described(tmp_path, account.options["base_url"].removesuffix("/api"), "page", "PUT")
    side = account.side()
    record = created(account, side)
    account.edit_elsewhere(record.id)
    assert only(side.write([update("u", record, **{"contact.city": None})])).status is Status.APPLIED
    row = account.vendor.people[int(record.id)]
    assert (row["note"], row["contact"], row["balance"]) == (
        "called", {"email": "p1@x.example", "city": None}, 11.05
    )  # fmt: skip


def test_a_removal_is_one_call_and_only_of_the_record_that_was_planned(account: People) -> None:
    side = account.side()
    one, two = created(account, side, 1), created(account, side, 2)
    account.edit(two.id, "name", "typed by a person")
    writes = [Write(f"d{r.id}", Kind.DELETE, "l", {}, r.id, r.version) for r in (one, two)]
    assert [outcome.status for outcome in side.write(writes)] == [Status.APPLIED, Status.STALE]
    assert list(account.vendor.people) == [int(two.id)]


def test_trouble_in_the_middle_of_a_batch_keeps_what_was_done_and_leaves_the_rest(account: People) -> None:
    from integrations_platform.sandbox.faults import Fault, FaultKind

    account.vendor.faults.add(Fault(FaultKind.DROP_AFTER, "create", nth=2))
    outcomes = account.side().write([create(account, number) for number in range(1, 5)])
    assert [outcome.status for outcome in outcomes] == [
        Status.APPLIED, Status.UNKNOWN, Status.RETRYABLE, Status.RETRYABLE
    ]  # fmt: skip
    assert account.count() == 2


def test_a_column_that_is_missing_in_a_record_is_unknown_unless_the_api_omits_empty_ones(
    account: People, tmp_path: Path
) -> None:
    record_id = account.add(1)
    del account.vendor.people[int(record_id)]["balance"]
    assert account.side().read([record_id])[record_id].values["balance"] is ABSENT
    file = tmp_path / "omits.yaml"
    file.write_text(description().replace("    key: id", "    key: id\n    omits_empty: true"))
    account.options["api"] = str(file)
    assert account.side().read([record_id])[record_id].values["balance"] is None


def test_records_out_of_scope_are_not_listed_and_say_so_when_read(account: People) -> None:
    here, there = account.add(1), account.add(2)
    account.edit(there, "contact.city", "Graz")
    side = account.side(only={"contact.city": ("Oslo",)})
    assert list(listed(side)) == [here]
    assert side.read([there])[there].presence == "out_of_scope"


def test_doctor_and_drafts_know_described_apis(account: People) -> None:
    account.add(1)
    assert "crm-cursor" in probe("rest", account.options, "crm")
    found = introspect("rest", account.options, "people", "crm")
    assert {column.name: column.suggested for column in found.columns} == COLUMNS
    with pytest.raises(SideError, match="no object 'peple'; did you mean people"):
        introspect("rest", account.options, "peple", "crm")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: bearer", "type: oauth", "auth.type: 'oauth' is not known"),
        ("type: bearer", "type: header", "auth.header: is missing"),
        ("parameter: after, ", "", "api.yaml:8: objects.people.list.pages.parameter: is missing; type cursor needs it"),
        ("/people/{id}", "/person", "names no record; put {id}"),
        ("key: id", "keys: id", "objects.people.keys: unknown key"),
        ("type: email", "type: mail", "did you mean email"),
        ("path: /people,", "path: 'http://x',", "cannot be used here"),
    ],
)
def test_every_fault_of_a_description_is_named_with_its_remedy(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(description().replace(old, new))
    with pytest.raises(DescriptionError) as caught:
        load_api(file)
    assert said in str(caught.value)
    assert "api.yaml:" in str(caught.value)


def test_credentials_that_the_description_needs_are_asked_for(account: People) -> None:
    del account.options["token"]
    error = failed(account.side)
    assert (error.kind, "auth type bearer needs token" in error.message) == (ErrorKind.CONFIGURATION, True)


@pytest.mark.parametrize(
    ("auth", "options", "header", "value"),
    [
        ("{type: header, header: X-Key}", {"token": "k-123456"}, "x-key", "k-123456"),
        ("{type: basic}", {"username": "u", "password": "p-123456"}, "authorization", None),
        ("{type: none}", {}, "x-key", None),
    ],
)
def test_credentials_travel_as_declared(
    account: People, tmp_path: Path, auth: str, options: dict[str, str], header: str, value: str | None
) -> None:
    file = tmp_path / "auth.yaml"
    file.write_text(description().replace("{type: bearer}", auth))
    account.options = {"api": str(file), "base_url": account.options["base_url"], **options}
    error = failed(lambda: listed(account.side()))
    assert "who is this?" in error.message
    assert account.vendor.calls[-1].headers.get(header) == value


def test_paths_lead_into_records_and_build_them() -> None:
    data = {"a": {"b": [1], "c": None}, "d": 1}
    assert (within(data, "a.b"), within(data, ""), within(data, "d.e"), within(data, "x.y")) == ([1], data, None, None)
    assert (has(data, "a.c"), has(data, "a.x"), has(data, "d.e"), has(data, "d")) == (True, False, False, True)
    assert put(put({}, "a.b.c", 1), "a.d", 2) == {"a": {"b": {"c": 1}, "d": 2}}


ENV = """
systems:
  crm:  {{kind: rest, api: {folder}/crm-cursor-PATCH.yaml, base_url: "{url}", token: "${{CRM_TOKEN}}"}}
  shop: {{kind: sqlite, path: {folder}/shop.sqlite}}
state: {{url: "sqlite:///{folder}/state.sqlite"}}
"""
SYNC = """
name: people
source: {system: crm, object: people}
target: {system: shop, object: person}
match: [email]
fields:
  email: {source: contact.email, target: email, type: email}
  name:  {source: name, target: name, type: text}
  city:  {source: contact.city, target: city, type: text, required: false}
conflicts: {default: source_wins}
deletes: {source_to_target: delete, target_to_source: delete, max: 5, max_fraction: 1.0}
"""


def test_a_described_api_syncs_with_a_table_both_ways(tmp_path: Path, sandbox: Start) -> None:
    crm = Crm()
    url = sandbox(crm).url("crm")
    described(tmp_path, url)
    (tmp_path / "env.yaml").write_text(ENV.format(folder=tmp_path, url=f"{url}/api"))
    (tmp_path / "syncs").mkdir()
    (tmp_path / "syncs" / "people.yaml").write_text(SYNC)
    with sqlite3.connect(tmp_path / "shop.sqlite") as shop:
        shop.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, city TEXT)")
        shop.execute("INSERT INTO person (email, name, city) VALUES ('cy@x.example', 'Cy', 'Graz')")
    shop.close()
    for name in ("ada", "bea"):
        crm.add({"name": name.title(), "contact": {"email": f"{name}@x.example", "city": "Oslo"}})

    def run() -> int:
        settings = load_settings(env_file=tmp_path / "env.yaml", environ={"CRM_TOKEN": TOKEN})
        platform = Platform(settings, folder=tmp_path / "syncs")
        try:
            report = platform.run(platform.sync("people"))
        finally:
            platform.close()
        assert report.status == "succeeded", report.message
        return report.written

    def people() -> dict[str, tuple[str, str | None]]:
        return {row["contact"]["email"]: (row["name"], row["contact"]["city"]) for row in crm.people.values()}

    def rows() -> dict[str, tuple[str, str | None]]:
        with sqlite3.connect(tmp_path / "shop.sqlite") as shop:
            found = shop.execute("SELECT email, name, city FROM person").fetchall()
        shop.close()
        return {email: (name, city) for email, name, city in found}

    assert (run(), run()) == (3, 0)
    assert people() == rows()
    assert len(people()) == 3
    crm.change(1, {"name": "Ada!"})
    with sqlite3.connect(tmp_path / "shop.sqlite") as shop:
        shop.execute("UPDATE person SET city = NULL WHERE email = 'bea@x.example'")
        shop.execute("DELETE FROM person WHERE email = 'cy@x.example'")
    shop.close()
    assert (run(), run()) == (3, 0)
    assert people() == rows() == {"ada@x.example": ("Ada!", "Oslo"), "bea@x.example": ("Bea", None)}
