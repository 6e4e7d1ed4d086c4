"""What processes share about an account: the limits of a service hold for all of them together."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from datetime import datetime, timedelta
from typing import Any

import pytest

from integrations_platform.connectors.budgets import Allowance, Budget, Quota, Rate
from integrations_platform.state import SqlStore
from integrations_platform.unified_sync.port import SideError
from integrations_platform_tests.state.conftest import Clock

EACH = 40
RATE = Rate("burst", 20, 2)

# Takes calls as fast as it can and tells at which moments they may be made; it does not wait for them.
WORKER = """
import sys
from datetime import UTC, datetime, timedelta
from integrations_platform.connectors.budgets import Allowance, Budget, Quota, Rate
from integrations_platform.state import open_store

read = []
def clock():
    read.append(datetime.now(UTC))
    return read[-1]

limits = (Rate("burst", 20, 2), Quota("daily", 1000, "day"))
store = open_store(sys.argv[1])
allowance = Allowance(limits, {"call": ("burst", "daily")})
budget = Budget("hub", "account", allowance, store.accounts, clock=clock, longest_wait=1000)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    wait = budget.take()
    print((read[-1] + timedelta(seconds=wait)).isoformat())
"""


def test_two_processes_together_stay_within_the_limits_of_their_account(state_url: str, store: SqlStore) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, state_url, str(EACH)], text=True, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    answers = [worker.communicate("go\n", timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], answers
    mine, theirs = ([datetime.fromisoformat(line) for line in out.split()] for out, _ in answers)
    assert (len(mine), len(theirs)) == (EACH, EACH)
    window: deque[datetime] = deque()
    for moment in sorted(mine + theirs):
        window.append(moment)
        while moment - window[0] >= timedelta(seconds=RATE.seconds):
            window.popleft()
        assert len(window) <= RATE.calls
    allowance = Allowance((RATE, Quota("daily", 1000, "day")), {"call": ("burst", "daily")})
    (usage,) = Budget("hub", "account", allowance, store.accounts, clock=lambda: max(mine + theirs)).usage()
    assert usage.used in (2 * EACH, 0), "no call is lost; none is left over when the day ended meanwhile"


def test_a_used_up_quota_is_used_up_for_the_next_process_too(store: SqlStore, clock: Clock) -> None:
    allowance = Allowance((Quota("monthly", 2, "month"),), {"call": ("monthly",)})

    def budget() -> Budget:
        return Budget("books", "account", allowance, store.accounts, clock=clock)

    budget().take()
    budget().take()
    with pytest.raises(SideError, match=r"monthly quota of 2 calls .* free again at 2026-04-01T00:00:00"):
        budget().take()
    clock.move(days=31)
    assert budget().take() == 0


def test_what_one_process_was_asked_to_wait_holds_for_all(store: SqlStore, clock: Clock) -> None:
    Budget("hub", "account", rows=store.accounts, clock=clock).penalize(20)
    assert Budget("hub", "account", rows=store.accounts, clock=clock).take() == pytest.approx(20)
    assert Budget("hub", "other", rows=store.accounts, clock=clock).take() == 0


def test_what_somebody_else_left_meanwhile_is_what_the_next_step_is_given(store: SqlStore) -> None:
    mine, theirs = store.accounts, store.accounts
    mine.change("a", lambda _text: ("one", None))
    theirs.change("a", lambda text: (f"{text} two", None))
    assert mine.change("a", lambda text: (f"{text} three", text)) == "one two"
    assert mine.change("a", lambda text: (f"{text} four", text)) == "one two three"
    assert theirs.read("a") == "one two three four"


def test_a_step_that_fails_changes_nothing(store: SqlStore) -> None:
    assert store.accounts.change("a", lambda text: ("one", text)) is None

    def broken(_text: str | None) -> tuple[str, Any]:
        raise LookupError("no")

    with pytest.raises(LookupError):
        store.accounts.change("a", broken)
    assert store.accounts.change("a", lambda text: ("two", text)) == "one"
    assert store.accounts.read("a") == "two"
    assert store.accounts.read("b") is None
