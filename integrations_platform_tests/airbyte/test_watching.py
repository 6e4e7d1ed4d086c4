"""Many syncs followed by one process: one list call looks at all of them, and no more calls are under way at once than
a server has room for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.transport import AT_ONCE, Transport
from integrations_platform.sandbox.airbyte.account import WORKSPACE
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site

GET, LIST = "jobs.get", "jobs.list"


def test_many_running_jobs_are_looked_at_by_one_list(site: Site) -> None:
    jobs = [site.somebodys_job(seconds=3600) for _ in range(130)]
    shared = site.airbyte().shared
    with ExitStack() as followed:
        for _ in jobs:
            followed.enter_context(shared.following(WORKSPACE))
        assert {shared.job(number, WORKSPACE).status for number in jobs} == {"running"}
        assert (site.calls(LIST), site.calls(GET)) == (2, 0), "two pages"
        site.vendor.clock.advance(11)
        assert shared.job(jobs[0], WORKSPACE).status == "running"
        assert (site.calls(LIST), site.calls(GET)) == (4, 0), "ten seconds later it is asked for again"


def test_a_job_that_the_list_does_not_show_is_looked_at_by_itself(site: Site) -> None:
    running = [site.somebodys_job(seconds=3600) for _ in range(3)]
    over, queued = site.somebodys_job(seconds=0), site.somebodys_job(queued=3600)
    shared = site.airbyte().shared
    with ExitStack() as followed:
        for _ in range(5):
            followed.enter_context(shared.following(WORKSPACE))
        found = [shared.job(number, WORKSPACE).status for number in (*running, over, queued)]
    assert found == ["running", "running", "running", "succeeded", "queued"]
    assert (site.calls(LIST), site.calls(GET)) == (1, 2)


def test_one_or_two_jobs_are_looked_at_by_themselves(site: Site) -> None:
    site.script(seconds=60)
    site.run().report()
    assert site.calls(LIST) == 1, "before the start"
    assert site.calls(GET) > 3


def test_a_list_that_may_not_be_read_is_done_without(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=403, times=None))
    number = site.somebodys_job(seconds=3600)
    shared = site.airbyte().shared
    with ExitStack() as followed:
        for _ in range(5):
            followed.enter_context(shared.following(WORKSPACE))
        for _ in range(3):
            assert shared.job(number, WORKSPACE).status == "running"
    assert (site.calls(LIST), site.calls(GET)) == (1, 3)


def test_a_list_that_fails_fails_for_all_who_ask_in_that_second(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=503, times=5))
    number = site.somebodys_job(seconds=3600)
    shared = site.airbyte().shared
    with ExitStack() as followed:
        for _ in range(5):
            followed.enter_context(shared.following(WORKSPACE))
        for _ in range(4):
            with pytest.raises(AirbyteFault, match="503"):
                shared.job(number, WORKSPACE)
        assert site.calls(LIST) == 5
        site.vendor.clock.advance(2)
        assert shared.job(number, WORKSPACE).status == "running"


def test_who_waited_while_a_list_failed_hears_of_it_at_once(site: Site) -> None:
    """Behind a server that hangs, fifty would otherwise wait one after the other."""
    numbers = [site.somebodys_job(seconds=3600) for _ in range(8)]
    airbyte = site.airbyte()
    airbyte.connection(STRIPE)
    site.vendor.faults.add(Fault(Kind.STATUS, LIST, status=503, times=None))
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=503, times=None))
    told: list[str] = []
    all_here = threading.Barrier(len(numbers))

    def follow(number: int) -> None:
        with airbyte.shared.following(WORKSPACE):
            all_here.wait(10)
            try:
                airbyte.shared.job(number, WORKSPACE)
            except AirbyteFault as fault:
                told.append(fault.message)

    threads = [threading.Thread(target=follow, args=(number,)) for number in numbers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(told) == len(numbers)
    assert site.calls(LIST) <= 10, "not five tries for each of them"


def test_many_threads_are_never_under_way_together_with_more_calls_than_allowed(site: Site) -> None:
    """Each call is held back a moment, so that all that are under way together are there to be counted."""
    under_way, most, lock = 0, 0, threading.Lock()
    site.vendor.faults.add(Fault(Kind.SLOW, "connections.get", seconds=0.02, times=None))
    airbyte = site.airbyte()
    transport: Transport = airbyte._transport
    line = transport._line

    @contextmanager
    def counted() -> Iterator[Any]:
        nonlocal under_way, most
        with line() as one:
            with lock:
                under_way += 1
                most = max(most, under_way)
            try:
                yield one
            finally:
                with lock:
                    under_way -= 1

    transport._line = counted
    threads = [threading.Thread(target=airbyte.connection, args=(STRIPE,)) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == AT_ONCE < 5
