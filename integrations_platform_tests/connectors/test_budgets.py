"""Limits hold in every interval, quotas by the calendar, and what a service asks for is kept."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.connectors.budgets import (
    ALLOWANCES,
    Allowance,
    Budget,
    LocalRows,
    Quota,
    Rate,
    account_of,
)
from integrations_platform.connectors.services import budget_for
from integrations_platform.unified_sync.port import ErrorKind, SideError

START = datetime(2026, 5, 4, 12, 0, 0, 300_000, tzinfo=UTC)
HUB = Allowance(
    (Rate("burst", 10, 10), Rate("search", 2, 1), Quota("daily", 500, "day")),
    {"call": ("burst", "daily"), "search": ("burst", "search", "daily")},
)


class World:
    """A clock that sleeping moves."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def budget(self, allowance: Allowance = HUB, rows: LocalRows | None = None, longest: float = 120) -> Budget:
        return Budget("hub", "a", allowance, rows, clock=lambda: self.now, sleep=self.sleep, longest_wait=longest)


def assert_within(moments: list[datetime], rate: Rate) -> None:
    """No interval of the rate's length holds more calls than it allows."""
    window: deque[datetime] = deque()
    for moment in sorted(moments):
        window.append(moment)
        while moment - window[0] >= timedelta(seconds=rate.seconds):
            window.popleft()
        assert len(window) <= rate.calls


def test_a_burst_is_free_and_what_follows_is_spread_over_every_window() -> None:
    world = World()
    budget, moments = world.budget(), []
    for _ in range(60):
        budget.spend()
        moments.append(world.now)
    assert moments[9] == START
    assert_within(moments, Rate("burst", 10, 10))
    assert world.now - START < timedelta(seconds=5 * 10 * 1.1), "and not much slower than allowed"


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0, 4), st.sampled_from(["call", "search"])), max_size=80),
    start=st.integers(0, 10**7),
)
def test_no_interval_ever_holds_more_than_allowed(steps: list[tuple[float, str]], start: int) -> None:
    world = World(START + timedelta(milliseconds=start))
    budget, calls, searches = world.budget(), [], []
    for idle, bucket in steps:
        world.sleep(idle)
        budget.spend(bucket=bucket)
        calls.append(world.now)
        if bucket == "search":
            searches.append(world.now)
    assert_within(calls, Rate("burst", 10, 10))
    assert_within(searches, Rate("search", 2, 1))


def test_several_that_share_an_account_queue_behind_one_another() -> None:
    world, rows = World(), LocalRows()
    waits = [world.budget(rows=rows).take() for _ in range(25)]
    assert waits[:10] == [0] * 10
    assert waits == sorted(waits)
    assert_within([START + timedelta(seconds=wait) for wait in waits], Rate("burst", 10, 10))


def test_a_wait_too_long_ends_the_run_with_nothing_reserved() -> None:
    world, rows = World(), LocalRows()
    for _ in range(10):
        world.budget(rows=rows).take()
    with pytest.raises(SideError) as caught:
        world.budget(rows=rows, longest=5).take()
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert "held back 5 s at most" in caught.value.message
    assert world.budget(rows=rows).take() < 11


def test_a_used_up_quota_says_when_it_is_free_again_and_forecasts() -> None:
    world = World()
    budget = world.budget(Allowance((Quota("daily", 3, "day", "America/New_York"),), {"call": ("daily",)}))
    for _ in range(3):
        budget.take()
    with pytest.raises(SideError) as caught:
        budget.take()
    assert caught.value.message == (
        "hub: its daily quota of 3 calls a day is used up; calls are free again at 2026-05-05T04:00:00+00:00, and the "
        "next run goes on then"
    )
    assert caught.value.retry_after == pytest.approx(16 * 3600, abs=1)
    (usage,) = budget.usage()
    assert (usage.used, usage.limit, usage.forecast) == (3, 3, 9)  # a third of New York's day has gone
    world.sleep(16 * 3600)
    assert budget.take() == 0
    assert budget.usage()[0].used == 1


def test_the_day_is_the_accounts_own_as_soon_as_it_is_known_and_nothing_counted_is_forgotten() -> None:
    world, rows = World(), LocalRows()
    daily = Allowance((Quota("daily", 3, "day"),), {"call": ("daily",)})
    world.budget(daily, rows).take()
    assert world.budget(daily, rows).usage()[0].resets_at == datetime(2026, 5, 5, tzinfo=UTC), "nobody has said: UTC"
    world.budget(daily, rows).located("America/New_York")
    (usage,) = world.budget(daily, rows).usage()  # as another process sees it
    assert (usage.used, usage.resets_at) == (1, datetime(2026, 5, 5, 4, tzinfo=UTC))
    world.budget(daily, rows).located("Atlantis/Centre")
    world.budget(daily, rows).located("../etc/passwd")
    assert world.budget(daily, rows).usage() == [usage]
    world.sleep(13 * 3600)  # past midnight in UTC, not in New York
    world.budget(daily, rows).take()
    world.budget(daily, rows).take()
    with pytest.raises(SideError, match="free again at 2026-05-05T04:00:00"):
        world.budget(daily, rows).take()
    world.sleep(3 * 3600)
    assert world.budget(daily, rows).take() == 0


def test_what_accounts_share_is_counted_for_all_of_them_and_each_keeps_its_own_limit() -> None:
    world, rows = World(), LocalRows()
    mine, ours = Rate("reads", 4, 60), Rate("reads", 6, 60)
    project = Budget("sheet (its project)", "project", Allowance((ours,), {"read": ("reads",)}), rows,
                     clock=lambda: world.now, sleep=world.sleep)  # fmt: skip
    people = [
        Budget("sheet", name, Allowance((mine,), {"read": ("reads",)}), rows, clock=lambda: world.now,
               sleep=world.sleep, shared=project)
        for name in ("ann", "bob")
    ]  # fmt: skip
    moments: dict[Budget, list[datetime]] = {one: [] for one in people}
    for turn in range(24):
        one = people[turn % 2]
        one.spend(bucket="read")
        moments[one].append(world.now)
    assert_within([moment for known in moments.values() for moment in known], ours)
    for known in moments.values():
        assert_within(known, mine)
    assert world.now - START < timedelta(minutes=5), "six a minute, not four"


def test_two_service_accounts_of_one_project_share_its_limit_and_nothing_else() -> None:
    def account(email: str, project: str, rows: LocalRows) -> Budget:
        key = json.dumps({"client_email": email, "project_id": project})
        return budget_for("sheet", "google_sheets", {"credentials": key}, rows, clock=lambda: START,
                          sleep=lambda _seconds: None)  # fmt: skip

    rows = LocalRows()
    for number in range(5):
        for _ in range(60):
            assert account(f"robot{number}@x.example", "p", rows).take(bucket="read") == 0
    assert account("robot5@x.example", "p", rows).take(bucket="read") > 50
    assert account("robot6@x.example", "other", rows).take(bucket="read") == 0
    assert account("robot6@x.example", "p", rows).take(bucket="write") == 0


@pytest.mark.parametrize(
    ("quota", "now", "begin", "end"),
    [
        (Quota("q", 1, "month"), "2026-12-31T23:59:00+00:00", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        (Quota("q", 1, "day", "Europe/Berlin"), "2026-03-29T12:00:00+00:00",
         "2026-03-28T23:00+00:00", "2026-03-29T22:00+00:00"),  # the day with 23 hours
        (Quota("q", 1, "day", "Europe/Berlin"), "2026-10-25T12:00:00+00:00",
         "2026-10-24T22:00+00:00", "2026-10-25T23:00+00:00"),  # the one with 25
    ],
)  # fmt: skip
def test_periods_follow_the_calendar_of_their_zone(quota: Quota, now: str, begin: str, end: str) -> None:
    assert quota.bounds(datetime.fromisoformat(now)) == (datetime.fromisoformat(begin), datetime.fromisoformat(end))


def test_a_refusal_holds_back_everybody_who_counts_for_the_same_limits() -> None:
    world, rows = World(), LocalRows()
    world.budget(rows=rows).penalize(30, "search")
    assert world.budget(rows=rows).take(bucket="call") == 0
    assert world.budget(rows=rows).take(bucket="search") == pytest.approx(30, abs=0.6)
    world.budget(rows=rows).penalize(50, "call")
    world.budget(rows=rows).penalize(5, "call")
    assert world.budget(rows=rows).take(bucket="search") == pytest.approx(50, abs=1)


def test_a_clock_set_right_does_not_lock_the_account() -> None:
    world, rows = World(START + timedelta(days=3)), LocalRows()
    for _ in range(15):
        world.budget(rows=rows).take()
    world.now = START
    assert world.budget(rows=rows).take() < 1


def test_a_call_dearer_than_the_window_goes_alone() -> None:
    world = World()
    assert world.budget().take(cost=50) == 0
    assert world.budget(rows=LocalRows()).take(cost=50) + 10 > 9


def test_the_row_does_not_grow() -> None:
    world, rows = World(), LocalRows()
    for _ in range(300):
        world.budget(rows=rows).spend()
    assert len(rows.read("a") or "") < 700


def test_an_account_is_a_digest_that_shows_no_token() -> None:
    one = account_of("hubspot", "https://api.hubapi.com", "pat-secret")
    assert one == account_of("hubspot", "https://api.hubapi.com", "pat-secret")
    assert one != account_of("hubspot", "https://api.hubapi.com", "pat-other")
    assert "secret" not in one


def test_every_declared_bucket_counts_for_declared_limits() -> None:
    for allowance in ALLOWANCES.values():
        names = {limit.name for limit in allowance.limits}
        assert {name for limits in allowance.buckets.values() for name in limits} <= names
        assert "call" in allowance.buckets
    with pytest.raises(ValueError, match="unknown bucket"):
        World().budget().take(bucket="nap")
