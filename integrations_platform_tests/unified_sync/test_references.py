"""References between records of two syncs: never dangling, never guessed, whatever arrives first (B6, P35, P36)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from integrations_platform.state import SqlStore, open_store
from integrations_platform.unified_sync.engine import Request
from integrations_platform.unified_sync.port import Change, ColumnForm
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.spec import SIDES, SideName, Strategy, SyncSpec, other
from integrations_platform.unified_sync.store import Role
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.unified_sync.arrange import Story, shown, sync, text
from integrations_platform_tests.unified_sync.story_side import Row


def customers_spec() -> SyncSpec:
    return replace(sync(text("email", FieldType.EMAIL), text("name")), name="customers")


def invoices_spec(*, required: bool) -> SyncSpec:
    customer = text("customer", FieldType.REF, references="customers", required=required)
    return replace(sync(text("number"), customer, text("note"), match=("number",), defer_runs=2), name="invoices")


class Books:
    """Customers and invoices, synced one after the other over one real state database."""

    def __init__(self, store: SqlStore, *, required: bool = True) -> None:
        self.store = store
        customers, invoices = customers_spec(), invoices_spec(required=required)
        known = {"customers": customers, "invoices": invoices}
        self.customers = Story(customers, shared_store=store, known=known)
        self.invoices = Story(invoices, shared_store=store, known=known)
        self.customers.b.next_id = 70  # keys begin elsewhere, so that one taken for its counterpart is found out
        self.invoices.b.prefix = "i"

    def customer(self, email: str = "ann@x.org") -> Row:
        return self.customers.a.insert({"email": email, "name": "Ann"})

    def invoice(self, customer: str | None, number: str = "R1") -> Row:
        return self.invoices.a.insert({"number": number, "customer": customer, "note": None})

    def run(self, *names: str) -> RunReport:
        stories = {"customers": self.customers, "invoices": self.invoices}
        for story in stories.values():  # both look at one clock and number their runs apart
            story.time = max(item.time for item in stories.values())
        for name in names or ("customers", "invoices"):
            stories[name].runs += 1 if name == "customers" else 1001
            report = stories[name].engine().run(stories[name].spec, stories[name].sides)
            assert set(report.unaccounted().values()) == {0}, "P11"
        return report

    def held(self) -> list[tuple[str, str]]:
        return [(row.subject, row.reason) for row in self.store.quarantined("invoices")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path}/state.sqlite")
    yield opened
    opened.close()


def test_c18_an_invoice_before_its_customer_waits_and_follows(store: SqlStore) -> None:
    books = Books(store)
    ann = books.customer()
    books.invoice(ann.id)
    report = books.run("invoices")
    assert report.counts["deferred_b"] == 1
    assert books.invoices.b.rows == {}
    assert books.held() == [("A:a1:B", "deferred")]
    books.run("customers")
    books.run("invoices")
    assert books.invoices.b.only().values["customer"] == "b70"
    assert books.held() == []


def test_b6_a_reference_nobody_can_resolve_is_told_after_its_runs_and_does_not_multiply(store: SqlStore) -> None:
    books = Books(store)
    books.invoice("nobody")
    reasons = []
    for _ in range(5):
        books.run("invoices")
        reasons += [reason for _, reason in books.held()]
    assert reasons == ["deferred", "deferred"] + ["unresolved_reference"] * 3
    assert books.invoices.b.rows == {}
    late = books.customer()
    row = books.invoices.a.only()
    books.invoices.a.edit(row, customer=late.id)
    books.run()
    assert books.invoices.b.only().values["customer"] == "b70"
    assert books.held() == []


def test_p17_a_reference_that_is_owed_is_as_old_as_it_was(store: SqlStore) -> None:
    """Its run is settled all the same, and must not be taken for one that saw the reference as it was agreed."""
    books = Books(store, required=False)
    invoices = books.invoices
    invoices.spec = invoices.spec.overridden(strategy=Strategy.LATEST)
    ann, cy = books.customer(), books.customer("cy@x.org")
    row = books.invoice(ann.id)
    books.run()
    twin, bob = invoices.b.only(), books.customer("bob@x.org")
    invoices.time += timedelta(seconds=100)
    invoices.a.edit(row, customer=bob.id)  # whom the other side does not know yet
    invoices.time += timedelta(seconds=100)
    books.run("invoices")
    assert twin.values["customer"] == "b70"
    invoices.time += timedelta(seconds=100)
    invoices.b.edit(twin, customer="b71")
    invoices.b.histories[twin.id] = {"customer": (Change("b71", invoices.time, ours=False),)}
    invoices.time += timedelta(seconds=100)
    books.run()
    assert (row.values["customer"], twin.values["customer"]) == (cy.id, "b71")


def test_b6_an_optional_reference_is_owed_and_the_record_is_written_without_it(store: SqlStore) -> None:
    books = Books(store, required=False)
    ann = books.customer()
    books.invoices.a.edit(books.invoice(ann.id), note="Urgent")
    books.run("invoices")
    twin = books.invoices.b.only()
    assert twin.values == {"number": "R1", "customer": None, "note": "Urgent"}
    books.run("customers")
    books.run("invoices")
    assert twin.values["customer"] == "b70"
    before = books.invoices.writes
    books.run()
    assert books.invoices.writes == before, "P1"


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(["customer", "invoice", "other"])))
def test_p36_any_order_of_arrival_ends_the_same(store: SqlStore, order: tuple[str, ...], *, required: bool) -> None:
    books = Books(store, required=required)
    books.customers.a.next_id = books.invoices.a.next_id = 5
    for what in order:
        if what == "customer":
            books.customers.a.next_id = 5
            books.customer()
        elif what == "other":
            books.customers.a.next_id = 6
            books.customer("bob@x.org")
        else:
            books.invoice("a5")
            books.invoice("a6", "R2")
        books.run("invoices")
        books.run("customers")
    books.run("invoices")
    books.run()
    ids = {row.values["email"]: row.id for row in books.customers.b.live()}
    end = {(row.values["number"], row.values["customer"]) for row in books.invoices.b.live()}
    assert end == {("R1", ids["ann@x.org"]), ("R2", ids["bob@x.org"])}
    assert books.held() == []


def test_p35_a_reference_is_translated_in_both_directions(store: SqlStore) -> None:
    books = Books(store)
    ann, bob = books.customer(), books.customer("bob@x.org")
    row = books.invoice(ann.id)
    books.run()
    twin = books.invoices.b.only()
    bobs = next(item for item in books.customers.b.live() if item.values["email"] == "bob@x.org")
    books.invoices.b.edit(twin, customer=bobs.id)
    books.run()
    assert row.values["customer"] == bob.id
    books.invoices.b.insert({"number": "R2", "customer": "b70"})
    books.run()
    assert {item.values["customer"] for item in books.invoices.a.live()} == {ann.id, bob.id}


def test_p35_nothing_new_refers_to_an_archived_record_and_edits_beside_it_flow(store: SqlStore) -> None:
    books = Books(store)
    ann = books.customer()
    row = books.invoice(ann.id)
    books.run()
    books.customers.a.archive(ann)
    books.run("customers")
    books.invoices.a.edit(row, note="paid")
    books.invoice(ann.id, "R2")
    books.run("invoices")
    assert [(item.values["number"], item.values["note"]) for item in books.invoices.b.live()] == [("R1", "paid")]
    assert [reason for _, reason in books.held()] == ["deferred"]
    books.customers.a.archive(ann, archived=False)
    books.run("customers")
    books.run("invoices")
    assert {item.values["customer"] for item in books.invoices.b.live()} == {"b70"}
    assert len(books.invoices.b.live()) == 2


def waiting_edit(store: SqlStore) -> tuple[Books, Row, Row]:
    """A linked invoice whose source was given a customer nobody knows: its edit waits."""
    books = Books(store)
    ann = books.customer()
    row = books.invoice(ann.id)
    books.run()
    books.run()
    books.invoices.a.edit(row, customer="a99")
    books.run()
    (subject, reason) = books.held()[0]
    assert (subject.endswith(":B"), reason) == (True, "deferred")
    return books, row, books.invoices.b.only()


def test_p36_what_was_deleted_on_both_sides_waits_for_nobody(store: SqlStore) -> None:
    books, row, twin = waiting_edit(store)
    books.invoices.a.remove(row)
    books.invoices.b.remove(twin)
    books.invoice(None, "R2")  # not empty, or the guard would stop it
    for _ in range(2):
        books.run()
    assert [subject for subject, _ in books.held() if subject.endswith(":B") and row.id in subject] == []


def test_p36_a_record_brought_back_from_the_other_side_does_not_wait_for_what_the_deleted_one_named(
    store: SqlStore,
) -> None:
    books, row, twin = waiting_edit(store)
    books.invoices.a.remove(row)
    books.invoices.b.edit(twin, note="still needed")
    for _ in range(3):
        books.run()
    assert [row.values["note"] for row in books.invoices.a.live()] == ["still needed"]
    assert books.held() == []


def test_p15_one_unresolved_reference_holds_up_no_other_record(store: SqlStore) -> None:
    books = Books(store)
    ann = books.customer()
    books.invoice("nobody", "R0")
    books.invoice(ann.id)
    books.run()
    assert [row.values["number"] for row in books.invoices.b.live()] == ["R1"]


def test_p2_a_cleared_optional_reference_is_cleared_on_the_other_side(store: SqlStore) -> None:
    books = Books(store, required=False)
    ann = books.customer()
    row = books.invoice(ann.id)
    books.run()
    books.invoices.a.edit(row, customer=None)
    books.run()
    assert books.invoices.b.only().values["customer"] is None
    assert shown(books.customers.a) == shown(books.customers.b)


def test_a_column_just_wide_enough_for_its_ids_holds_a_reference(store: SqlStore) -> None:
    """What is merged is the id of a link, which is longer than the record's and spelled in its own way."""
    books = Books(store)
    ann = books.customer()
    for side in (books.invoices.a, books.invoices.b):
        side.forms["customer"] = ColumnForm("customer", max_length=3, lower_cases=True)
    row = books.invoice(ann.id)
    books.run()
    assert books.invoices.b.only().values["customer"] == "b70"
    bob = books.customers.b.insert({"email": "bob@x.org"})
    books.invoices.b.edit(books.invoices.b.only(), customer=bob.id)
    books.run()
    assert row.values["customer"] == next(it.id for it in books.customers.a.live() if it.values["email"] == "bob@x.org")
    assert books.held() == []


def test_p35_a_customer_that_is_to_be_made_anew_is_not_referred_to_by_the_id_it_had(store: SqlStore) -> None:
    """Deleted on the one side and edited on the other, it is brought back; its creation was refused, and so it is not
    there when an invoice of it comes: the invoice waits until it is."""
    books = Books(store)
    ann = books.customer()
    books.run()
    there = books.customers.b
    twin = there.only()
    there.remove(twin)
    books.customers.a.edit(ann, name="Anna")
    there.refuses = lambda write: True
    books.run("customers")
    books.invoice(ann.id)
    books.run()
    assert books.invoices.b.rows == {}
    assert books.held() == [("A:a1:B", "deferred")]
    there.refuses = None
    held = books.store.quarantined("customers")
    books.store.release_quarantined("customers", [row.subject for row in held], "eva", books.customers.tick())
    books.run()
    (made,) = (row for row in there.rows.values() if not row.archived)
    assert books.invoices.b.only().values["customer"] == made.id != twin.id
    assert books.held() == []


def test_p35_a_customer_gone_here_is_not_referred_to_while_nobody_can_see_whether_it_is_gone_there(
    store: SqlStore,
) -> None:
    """Deleted on both sides, but the one listing is incomplete: its link cannot end yet, and is no reason to write the
    id of the one that is proved gone. When the other is seen again, it is brought back or removed, and all goes on."""
    books = Books(store)
    ann = books.customer()
    bob = books.customer("bob@x.org")
    books.customer("cai@x.org")
    books.run()
    twin, other, _ = books.customers.b.live()
    books.customers.a.remove(ann)
    books.customers.b.unlisted = {twin.id, other.id}
    del books.customers.b.rows[twin.id]
    books.run("customers")
    waiting = books.store.quarantined("customers")
    assert [(row.subject, row.reason) for row in waiting] == [("A:a1:A", "deferred")]
    assert "gone from left" in waiting[0].message
    books.invoices.b.insert({"number": "R1", "customer": twin.id, "note": None})
    books.invoices.b.insert({"number": "R2", "customer": other.id, "note": None})
    books.customers.a.unlisted = {ann.id}  # what was proved before is not forgotten by a run that proves nothing
    books.run()
    books.customers.a.unlisted = set()
    assert [row.values["customer"] for row in books.invoices.a.live()] == [bob.id]
    assert [row.at for row in books.store.quarantined("customers")] == [row.at for row in waiting], "told once"
    books.customers.b.unlisted = set()
    books.run()
    assert books.store.quarantined("customers") == [], "deleted on both sides: the link has ended"
    assert [row.values["customer"] for row in books.invoices.a.live()] == [bob.id]


def test_p35_a_customer_that_was_only_hidden_there_is_referred_to_again_when_it_is_back_here(store: SqlStore) -> None:
    books = Books(store)
    ann = books.customer()
    books.run()
    books.customer("bob@x.org")
    books.run()
    books.customers.a.archive(ann)
    twin = next(row for row in books.customers.b.live() if row.values["email"] == "ann@x.org")
    books.customers.b.unlisted = {twin.id}
    books.customers.b.unread = set(books.customers.b.unlisted)
    books.run("customers")
    assert [row.reason for row in books.store.quarantined("customers")] == ["deferred"]
    books.customers.a.archive(ann, archived=False)
    books.run("customers")
    assert books.store.quarantined("customers") == []
    books.invoices.b.insert({"number": "R1", "customer": twin.id, "note": None})
    books.run()
    assert books.invoices.a.only().values["customer"] == ann.id


def test_p24_a_decision_for_who_is_gone_waits_for_that_one_and_shows_what_it_holds_back(store: SqlStore) -> None:
    """Not for whom the sides name, who may well be there; it is carried out when the one decided for is back."""
    books = Books(store)
    ann, bob = books.customer(), books.customer("bob@x.org")
    row = books.invoice(ann.id)
    books.run()
    twin = books.invoices.b.only()
    books.invoices.a.edit(row, customer=bob.id)
    books.invoices.b.edit(twin, customer="b99")
    books.customers.a.archive(ann)
    books.run()
    (conflict,) = store.conflicts("invoices")
    store.decide("invoices", conflict.conflict_id, conflict.n, "base", None, "eva", books.customers.tick(), "")
    for _ in range(4):
        books.run()
    held = store.quarantined("invoices")
    assert [(item.subject, item.reason) for item in held] == [
        ("A:a1:A", "unresolved_reference"),
        ("A:a1:B", "unresolved_reference"),
    ]
    assert ["record A:a1," in item.message for item in held] == [True, True]
    assert [json.loads(item.values)["customer"] for item in held] == ["A:a1", "A:a1"]
    assert (row.values["customer"], twin.values["customer"]) == (bob.id, "b99")
    books.customers.a.archive(ann, archived=False)
    books.run()
    assert (row.values["customer"], twin.values["customer"]) == (ann.id, "b70")
    assert (books.held(), store.conflicts("invoices")) == ([], [])


def invoice_of_one_merged_away(
    store: SqlStore, side: SideName, strategy: Strategy = Strategy.MANUAL, *, required: bool = False
) -> tuple[Books, Row, Row, str]:
    """An invoice of Bob, whom users of ``side`` have merged into Ann since; the rows of the invoice on that side and on
    the other one, where Bob is still somebody, and the id of Ann on ``side``."""
    books = Books(store, required=required)
    books.invoices.spec = books.invoices.spec.overridden(strategy=strategy)
    ann, bob = books.customer(), books.customer("bob@x.org")
    row = books.invoice(bob.id)
    books.run()
    books.run()
    known = books.customers.sides[side]
    ann, bob = (next(it for it in known.live() if it.values["email"] == key) for key in ("ann@x.org", "bob@x.org"))
    known.merge(bob, ann)
    books.run("customers")
    mine, theirs = (row, books.invoices.b.only()) if side == "A" else (books.invoices.b.only(), row)
    return books, mine, theirs, ann.id


@pytest.mark.parametrize(
    ("strategy", "to", "decided"),
    [
        *((strategy, "nobody", False) for strategy in Strategy),
        (Strategy.MANUAL, "the survivor", False),
        (Strategy.MANUAL, "nobody", True),
    ],
)
@pytest.mark.parametrize("side", SIDES)
def test_p9_who_was_merged_away_on_the_one_side_is_no_edit_of_the_other_sides_reference(
    store: SqlStore, side: SideName, strategy: Strategy, to: str, *, decided: bool
) -> None:
    """The reference there stands as it was agreed, though its link has ended: one edit against it is no conflict."""
    books, mine, theirs, ann = invoice_of_one_merged_away(store, side, strategy)
    invoices, far = books.invoices, other(side)
    if decided:  # to keep the other record by itself
        (case,) = store.conflicts("customers")
        store.decide("customers", case.conflict_id, case.n, far, None, "eva", books.customers.tick(), "")
        books.run("customers")
    invoices.sides[side].edit(mine, customer=None if to == "nobody" else ann)
    invoices.sides[far].edit(theirs, note="call first")  # so that the record is read
    books.run("invoices")
    assert store.conflicts("invoices", None) == []
    survivor = {"A": "a1", "B": "b70"}[far]
    assert theirs.values["customer"] == (None if to == "nobody" else survivor)
    assert mine.values["note"] == "call first"
    books.run()
    before = invoices.writes
    books.run()
    assert invoices.writes == before, "P1"


@pytest.mark.parametrize("side", SIDES)
def test_p15_edits_flow_beside_a_reference_both_of_whose_records_lost_their_link(
    store: SqlStore, side: SideName
) -> None:
    books, mine, theirs, _ = invoice_of_one_merged_away(store, side, required=True)
    books.invoices.sides[side].edit(mine, note="paid")
    books.invoices.sides[other(side)].edit(theirs, number="R7")
    books.run("invoices")
    assert (theirs.values["note"], mine.values["number"]) == ("paid", "R7")
    assert books.held() == []


@pytest.mark.parametrize("linked", [False, True], ids=["nobody knew it yet", "its link has ended"])
def test_p35_a_reference_that_was_overruled_is_restored_as_it_was_or_not_at_all(
    store: SqlStore, *, linked: bool
) -> None:
    """The user of the target chose a customer whom the sync did not know yet, or one who is deleted by now."""
    books = Books(store)
    invoices = books.invoices
    invoices.spec = invoices.spec.overridden(strategy=Strategy.SOURCE_WINS)
    ann, cy = books.customer(), books.customer("cy@x.org")
    row = books.invoice(ann.id)
    books.run()
    twin = invoices.b.only()
    chosen = books.customers.b.insert({"email": "bob@x.org", "name": "Bob"})
    if linked:
        books.run("customers")
    invoices.b.edit(twin, customer=chosen.id)
    invoices.a.edit(row, customer=cy.id)
    books.run("invoices")
    (line,) = (one for one in store.audit("invoices") if one.entry.role is Role.LOSER)
    if linked:
        books.customers.b.remove(chosen)
        books.run("customers")
    before = dict(twin.values)
    invoices.runs += 1
    report = invoices.engine().run(invoices.spec, invoices.sides, Request(restore=(line,)))
    if linked:
        assert dict(twin.values) == before
        assert any("customer" in warning for warning in report.warnings)
        return
    assert twin.values["customer"] == chosen.id
    books.run()
    books.run()
    named = [one.id for one in books.customers.a.live() if one.values["email"] == "bob@x.org"]
    assert [row.values["customer"], twin.values["customer"]] == [*named, chosen.id]
    assert books.held() == []
