"""Tokens: renewed once, by one process, the newest refresh token kept encrypted before it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from integrations_platform.connectors.budgets import LocalRows
from integrations_platform.connectors.quickbooks.side import QuickBooksSide
from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks.tokens import CLIENT_SECRET, FIRST_REFRESH
from integrations_platform.unified_sync.port import ErrorKind, SideError
from integrations_platform_tests.connectors.quickbooks.asking import make, written
from integrations_platform_tests.connectors.quickbooks.company import Company
from integrations_platform_tests.connectors.saas_contract import listed

Result = TypeVar("Result")


def refreshes(company: Company) -> int:
    return len([call for call in company.vendor.calls if call.operation == "token"])


def texts(rows: LocalRows) -> str:
    return str(list(rows._texts.values()))


def test_a_token_that_ends_in_the_middle_of_a_listing_is_renewed_exactly_once(company: Company) -> None:
    company.vendor.populate(20)
    side = company.side(renews=True)
    company.vendor.faults.add(Fault(FaultKind.EXPIRE_TOKEN, "query", nth=4))
    assert len(listed(side)) == 20
    assert (refreshes(company), company.vendor.tokens.refreshes) == (1, 1)
    assert len(listed(company.side(renews=True))) == 20, "the next side begins with the renewed token"
    assert refreshes(company) == 1


def test_a_create_interrupted_by_the_end_of_its_token_happens_once(company: Company) -> None:
    side = company.side(renews=True)
    company.vendor.faults.add(Fault(FaultKind.EXPIRE_TOKEN, "customer.write"))
    assert written(side, make()).id is not None
    assert (len(company.live()), refreshes(company)) == (1, 1)


def test_the_rotated_refresh_token_is_kept_encrypted_and_used_by_the_next_process(company: Company) -> None:
    company.vendor.tokens.rotates_always = True
    for round_ in range(1, 4):
        company.vendor.expire_token()
        side = company.side(renews=True)  # a process that knows nothing but the first refresh token and the store
        assert listed(side) == {}
        assert refreshes(company) == round_
    kept = texts(company.rows)
    for secret in (FIRST_REFRESH, "sandbox-refresh-3", "sandbox-access-3", CLIENT_SECRET):
        assert secret not in kept


def test_two_processes_whose_token_ended_renew_it_once(company: Company) -> None:
    sides = [company.side(renews=True), company.side(renews=True)]
    company.vendor.expire_token()
    gate, faults = threading.Barrier(2), []

    def use(side: QuickBooksSide) -> None:
        gate.wait()
        try:
            listed(side)
        except SideError as fault:  # while the other one is renewing: the engine comes back in a moment
            faults.append((fault.code, fault.kind, fault.retry_after))

    threads = [threading.Thread(target=use, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refreshes(company) == 1
    assert faults in ([], [("token_busy", ErrorKind.TRANSIENT, 3)])
    assert all(listed(side) == {} for side in sides)
    assert refreshes(company) == 1


def test_a_claim_is_not_taken_from_somebody_who_is_renewing(company: Company) -> None:
    first, second = company.side(renews=True), company.side(renews=True)
    company.vendor.expire_token()
    held = company.rows

    class During(LocalRows):
        """The other process comes while this one is between its claim and the answer."""

        def read(self, account: str) -> str | None:
            if seen == ["claimed"]:
                seen.append("asked")
                with pytest.raises(SideError) as caught:
                    listed(second)
                seen.append(caught.value.code)
            return held.read(account)

        def change(self, account: str, step: Callable[[str | None], tuple[str, Result]]) -> Result:
            seen.append("claimed")
            return held.change(account, step)

    seen: list[str] = []
    first._client._tokens._store = During()
    assert listed(first) == {}
    assert seen == ["claimed", "asked", "token_busy", "claimed"]
    assert listed(second) == {}
    assert refreshes(company) == 1


def test_whoever_died_while_renewing_holds_nobody_up_for_long(company: Company) -> None:
    side = company.side(renews=True)
    company.vendor.expire_token()
    company.vendor.faults.add(Fault(FaultKind.DROP_BEFORE, "token"))
    with pytest.raises(SideError) as caught:
        listed(side)
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert listed(side) == {}, "the claim was given back with the error"


def test_a_new_refresh_token_in_the_settings_replaces_the_kept_one(company: Company) -> None:
    company.vendor.tokens.rotates_always = True
    company.vendor.expire_token()
    assert listed(company.side(renews=True)) == {}
    company.vendor.expire_token()
    company.vendor.tokens.refresh_token = "connected-again"
    dead = company.side(renews=True)
    with pytest.raises(SideError) as caught:
        listed(dead)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFIGURATION, "refresh_token")
    assert "QUICKBOOKS_REFRESH_TOKEN" in caught.value.message
    assert listed(company.side(renews=True, changed={"refresh_token": "connected-again"})) == {}


def test_what_was_kept_under_another_client_secret_is_not_used(company: Company) -> None:
    company.vendor.expire_token()
    assert listed(company.side(renews=True)) == {}
    side = company.side(renews=True, changed={"client_secret": "another secret"})
    company.vendor.expire_token()
    with pytest.raises(SideError) as caught:
        listed(side)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFIGURATION, "client")
    for secret in ("another secret", FIRST_REFRESH):
        assert secret not in caught.value.message


def test_without_a_refresh_token_the_end_of_the_hour_is_said_clearly(company: Company) -> None:
    side = company.side()
    company.vendor.clock.advance(3700)
    with pytest.raises(SideError) as caught:
        listed(side)
    assert caught.value.kind is ErrorKind.CONFIGURATION
    for part in ("QUICKBOOKS_ACCESS_TOKEN", "lasts an hour", "refresh_token"):
        assert part in caught.value.message


def test_without_an_access_token_the_first_call_gets_one(company: Company) -> None:
    assert listed(company.side(renews=True, changed={"access_token": ""})) == {}
    assert refreshes(company) == 1


def test_a_broken_answer_of_the_token_endpoint_is_transient(company: Company) -> None:
    side = company.side(renews=True)
    company.vendor.expire_token()
    company.vendor.faults.add(Fault(FaultKind.STATUS, "token", status=200, body={"token_type": "bearer"}))
    company.vendor.faults.add(Fault(FaultKind.HTML, "token", status=502))
    for _ in range(2):
        with pytest.raises(SideError) as caught:
            listed(side)
        assert caught.value.kind is ErrorKind.TRANSIENT
    assert listed(side) == {}


def test_a_kept_token_that_died_gives_way_to_the_configured_one(company: Company) -> None:
    company.vendor.tokens.rotates_always = True
    company.vendor.expire_token()
    assert listed(company.side(renews=True)) == {}
    company.vendor.reset()  # as if the company had been connected again with the token the settings still hold
    company.vendor.expire_token()
    assert listed(company.side(renews=True)) == {}
    assert company.vendor.tokens.refreshes == 1
