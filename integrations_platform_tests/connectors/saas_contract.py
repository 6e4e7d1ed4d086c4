"""What every side of a service promises, as stories told against its stand-in; connectors' test classes inherit.

A subclass supplies ``account``: one object of the service as its users see it, and sides of it as the engine opens
them. What only some sides can do is asked of their capabilities, as the engine does.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations_platform.sandbox.faults import FaultKind
from integrations_platform.unified_sync.port import ErrorKind, Kind, Presence, SideError, Status, Write
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.connectors.saas_account import (
    Account,
    Action,
    attempted,
    create,
    created,
    failed,
    finished,
    listed,
    live,
    only,
    open_question,
    sent,
    strike,
    update,
)

CUT = (FaultKind.TRUNCATE, FaultKind.CUT_JSON, FaultKind.HTML, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER)
__all__ = [
    "Account",
    "SaasContract",
    "attempted",
    "create",
    "created",
    "failed",
    "finished",
    "listed",
    "live",
    "only",
    "open_question",
    "sent",
    "strike",
    "update",
]


class SaasContract:
    """Stories about one object of a service."""

    @pytest.fixture
    def account(self) -> Account:
        """Supplied by the connector's test class."""
        raise NotImplementedError

    # Reading

    def test_a_healthy_object_has_no_blocking_problem(self, account: Account) -> None:
        account.add(1)
        assert [problem for problem in account.side().check() if problem.blocking] == []

    def test_what_a_person_added_is_listed_and_read_alike(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side()
        record = side.read([record_id])[record_id]
        assert listed(side) == {record_id: (record.version, Presence.LIVE.value)}
        assert record.values[account.text] == account.values(1)[account.text]
        assert record.presence is Presence.LIVE

    def test_records_that_are_not_there_are_left_out(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side()
        account.remove(record_id)
        found = side.read([record_id])
        assert all(record.presence is not Presence.LIVE for record in found.values())

    def test_a_listing_goes_on_beyond_its_first_page(self, account: Account) -> None:
        ids = {account.add(number) for number in range(1, account.page + 3)}
        side = account.side()
        assert live(side) == ids
        assert len(sent(account, "list")) >= 2
        assert set(side.read(sorted(ids))) == ids

    def test_an_empty_object_is_a_complete_listing_of_nothing(self, account: Account) -> None:
        assert live(account.side()) == set()

    def test_an_edit_of_a_bound_column_changes_the_version_in_both_readings(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side()
        before = listed(side)[record_id][0]
        account.edit(record_id, account.text, "typed by a person")
        after = listed(side)[record_id][0]
        assert after != before
        record = side.read([record_id])[record_id]
        assert (record.version, record.values[account.text]) == (after, "typed by a person")

    def test_an_edit_of_anything_else_leaves_the_version_unless_it_is_the_services_own(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side()
        before = listed(side)[record_id][0]
        account.edit_elsewhere(record_id)
        assert listed(side)[record_id][0] == before or side.capabilities.compare_and_set
        assert side.read([record_id])[record_id].version == listed(side)[record_id][0]

    def test_what_a_person_removed_is_no_longer_live(self, account: Account) -> None:
        record_id, stays = account.add(1), account.add(2)
        side = account.side()
        assert live(side) == {record_id, stays}
        account.remove(record_id)
        assert live(account.side()) == {stays}
        assert listed(account.side()).get(record_id, ("", "archived"))[1] == Presence.ARCHIVED.value

    def test_the_sides_clock_is_measured(self, account: Account) -> None:
        account.add(1)
        side = account.side()
        account.vendor.clock.advance(7200)
        reading, really = side.clock(), account.vendor.clock.now() - account.now()
        assert abs(reading.offset - really) <= reading.uncertainty + timedelta(seconds=1)
        assert reading.uncertainty > timedelta()

    # Writing

    def test_a_created_record_reads_back_as_written(self, account: Account) -> None:
        side = account.side()
        record = created(account, side)
        wanted = account.values(1)
        assert {name: record.values[name] for name in wanted} == dict(wanted)
        assert live(side) == {record.id}
        assert account.count() == 1

    def test_an_update_changes_what_it_names_and_nothing_else(self, account: Account) -> None:
        side = account.side()
        before = created(account, side)
        outcome = only(side.write([update("op-u", before, **{account.text: "new"})]))
        assert (outcome.status, outcome.id) == (Status.APPLIED, before.id)
        after = side.read([before.id])[before.id]
        assert dict(after.values) == {**before.values, account.text: "new"}
        assert after.version != before.version

    def test_a_cleared_column_is_empty_there_and_the_rest_stays(self, account: Account) -> None:
        side = account.side()
        before = created(account, side)
        assert only(side.write([update("op-u", before, **{account.other: None})])).status is Status.APPLIED
        after = side.read([before.id])[before.id]
        assert after.values[account.other] in (None, "")
        assert after.values[account.text] == before.values[account.text]
        assert not (account.shown(before.id) or {}).get(account.other)

    def test_outcomes_name_the_record_of_their_own_operation(self, account: Account) -> None:
        side = account.side()
        writes = [create(account, number) for number in range(1, 13)]
        outcomes = side.write(writes)
        assert {outcome.op_id for outcome in outcomes} == {write.op_id for write in writes}
        records = side.read([outcome.id or "" for outcome in outcomes])
        for outcome in outcomes:
            number = int(outcome.op_id.removeprefix("op-"))
            assert records[outcome.id or ""].values[account.text] == account.values(number)[account.text]

    def test_one_record_that_is_refused_does_not_take_the_others_down_for_good(self, account: Account) -> None:
        side = account.side()
        good = [create(account, number) for number in range(1, 5)]
        bad = Write("op-bad", Kind.CREATE, "link-bad", account.refused(9))
        answer = attempted(lambda: side.write([*good[:2], bad, *good[2:]]))
        if isinstance(answer, SideError):
            assert answer.kind is ErrorKind.PERMANENT, answer
            assert account.count() == 0, "a refused batch writes nothing"
            answer = [*side.write(good), only(side.write([bad]))]
        outcomes = {outcome.op_id: outcome for outcome in answer}
        assert {outcomes[write.op_id].status for write in good} == {Status.APPLIED}
        assert outcomes["op-bad"].status is Status.REJECTED
        assert outcomes["op-bad"].message
        assert account.count() == 4

    def test_an_update_of_a_removed_record_writes_nothing_and_ends_without_doubt(self, account: Account) -> None:
        side = account.side()
        record = created(account, side)
        account.remove(record.id)
        answer = attempted(lambda: side.write([update("op-u", record, **{account.text: "x"})]))
        if isinstance(answer, SideError):
            assert answer.kind is ErrorKind.PERMANENT, answer
        else:
            assert only(answer).status in (Status.STALE, Status.REJECTED)
        assert account.count() == 0

    def test_a_persons_edit_between_reading_and_writing_is_not_overwritten_unseen(self, account: Account) -> None:
        side = account.side()
        record = created(account, side)
        account.edit(record.id, account.text, "typed by a person")
        seen = side.read([record.id])[record.id]
        assert seen.version != record.version, "looking again before writing shows it"
        if side.capabilities.compare_and_set:
            assert only(side.write([update("op-u", record, **{account.text: "ours"})])).status is Status.STALE
            assert (account.shown(record.id) or {})[account.text] == "typed by a person"
        elif side.capabilities.history:
            assert only(side.write([update("op-u", record, **{account.text: "ours"})])).status is Status.APPLIED
            entries = side.read([record.id])[record.id].history[account.text]
            assert [(entry.value, entry.ours) for entry in entries[:2]] == [
                ("ours", True), ("typed by a person", False)
            ]  # fmt: skip

    def test_archiving_takes_a_record_out_of_the_live_ones(self, account: Account) -> None:
        side = account.side()
        if not side.capabilities.archive:
            pytest.skip("this side archives nothing")
        record = created(account, side)
        write = Write("op-x", Kind.ARCHIVE, "link-1", {}, record.id, record.version)
        assert only(side.write([write])).status is Status.APPLIED
        assert live(side) == set()
        assert account.count() == 0

    # Identity

    def test_a_tag_finds_its_record_and_repeating_it_is_harmless(self, account: Account) -> None:
        side = account.side()
        if not side.capabilities.tags:
            pytest.skip("this side keeps no tags")
        one, two = account.add(1), account.add(2)
        side.tag([(one, "link-one"), (two, "link-two")])
        side.tag([(one, "link-one")])
        assert account.side().find_tagged(["link-one", "link-two", "link-none"]) == {"link-one": one, "link-two": two}
        assert set(account.side().tags().select("id", "link_id").rows()) == {(one, "link-one"), (two, "link-two")}

    def test_a_created_record_carries_its_tag_from_the_start(self, account: Account) -> None:
        side = account.side()
        if not side.capabilities.tags:
            pytest.skip("this side keeps no tags")
        record = created(account, side)
        assert account.side().find_tagged(["link-1"]) == {"link-1": record.id}

    def test_a_create_sent_again_makes_no_second_record(self, account: Account) -> None:
        side = account.side()
        if not side.capabilities.replays:
            pytest.skip("this side does not know a repeated write")
        first = only(side.write([create(account)]))
        again = only(account.side().write([create(account)]))
        assert again.status in (Status.APPLIED, Status.ALREADY)
        assert (again.id, account.count()) == (first.id, 1)

    @pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.COMMIT_THEN_500, FaultKind.TRUNCATE,
                                      FaultKind.CUT_JSON])  # fmt: skip
    def test_a_create_whose_answer_was_lost_ends_as_one_record(self, account: Account, kind: FaultKind) -> None:
        side, write = account.side(), create(account)
        strike(account, "create", kind)
        assert open_question(side, write) or side.capabilities.replays
        assert account.count() == 1, "it had been carried out"
        found = finished(side, write)
        assert found is not None, "and is found again"
        assert live(side) == {found}
        assert account.count() == 1

    def test_a_create_that_never_arrived_is_not_believed_to_be_done(self, account: Account) -> None:
        side, write = account.side(), create(account)
        strike(account, "create", FaultKind.DROP_BEFORE)
        assert open_question(side, write) or side.capabilities.replays
        assert account.count() == 0
        if finished(side, write) is None:
            assert only(side.write([write])).status is Status.APPLIED
        assert account.count() == 1

    @pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.COMMIT_THEN_500])
    def test_an_update_whose_answer_was_lost_is_an_open_question(self, account: Account, kind: FaultKind) -> None:
        side = account.side()
        record = created(account, side)
        strike(account, "update", kind)
        assert open_question(side, update("op-u", record, **{account.text: "new"})) or side.capabilities.replays
        assert side.read([record.id])[record.id].values[account.text] == "new"

    # Trouble

    @pytest.mark.parametrize("action", ["list", "read"])
    @pytest.mark.parametrize("kind", CUT)
    def test_a_broken_answer_is_no_reading(self, account: Account, kind: FaultKind, action: Action) -> None:
        record_id = account.add(1)
        side = account.side()
        strike(account, action, kind)
        error = failed(lambda: listed(side) if action == "list" else side.read([record_id]))
        assert (error.kind, error.effect_unknown) == (ErrorKind.TRANSIENT, False)
        assert live(side) == {record_id}, "and the next one is whole"

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_failing_service_is_transient_and_nothing_is_repeated_by_the_side(
        self, account: Account, status: int
    ) -> None:
        account.add(1)
        side = account.side()
        live(side)
        before = len(sent(account, "list"))
        strike(account, "list", FaultKind.STATUS, status=status)
        assert failed(lambda: listed(side)).kind is ErrorKind.TRANSIENT
        assert len(sent(account, "list")) == before + 1

    @pytest.mark.parametrize("retry_after", ["3", None])
    def test_a_rate_limit_is_transient_says_how_long_to_wait_and_leaves_no_doubt(
        self, account: Account, retry_after: str | None
    ) -> None:
        side = account.side()
        strike(account, "create", FaultKind.STATUS, status=429, retry_after=retry_after)
        answer = attempted(lambda: side.write([create(account)]))
        if isinstance(answer, SideError):
            assert (answer.kind, answer.effect_unknown) == (ErrorKind.TRANSIENT, False)
            assert answer.retry_after == 3 if retry_after else (answer.retry_after or 0) > 0
        else:
            assert only(answer).status is Status.RETRYABLE
        assert account.count() == 0
        assert only(side.write([create(account)])).status is Status.APPLIED

    def test_a_wrong_token_is_a_setting_to_change_and_is_not_shown(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side(token=f"wrong-{account.secret}")
        for ask in (lambda: listed(side), lambda: side.read([record_id]), lambda: side.write([create(account, 2)])):
            error = failed(ask)
            assert error.kind is ErrorKind.CONFIGURATION, error
            assert side.system in error.message
            assert account.secret not in f"{error.message} {error!r} {error.__cause__!r} {error.__context__!r}"

    def test_a_token_that_expires_on_the_way_is_renewed_once_or_named(self, account: Account) -> None:
        record_id = account.add(1)
        side = account.side()
        assert live(side) == {record_id}
        account.vendor.expire_token()
        if account.renews:
            assert live(side) == {record_id}
        else:
            assert failed(lambda: listed(side)).kind is ErrorKind.CONFIGURATION

    def test_a_column_that_is_not_there_is_named_before_anything_is_written(self, account: Account) -> None:
        account.add(1)
        side = account.side(columns={account.text: FieldType.TEXT, "no_such_column": FieldType.TEXT})
        problems = [problem for problem in side.check() if problem.blocking]
        assert any("no_such_column" in problem.message for problem in problems)
        assert all(problem.remedy for problem in problems)
        error = failed(lambda: listed(side))
        assert (error.kind, "no_such_column" in error.message) == (ErrorKind.CONFIGURATION, True)

    def test_an_object_that_is_not_there_is_named(self, account: Account) -> None:
        answer = attempted(lambda: account.side(object_name="no_such_object").check())
        if isinstance(answer, SideError):
            assert (answer.kind, "no_such_object" in answer.message) == (ErrorKind.CONFIGURATION, True)
        else:
            assert any(problem.blocking and "no_such_object" in problem.message for problem in answer)
