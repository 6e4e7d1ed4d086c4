"""How many calls a service is asked for records, against the least its own batch sizes allow.

Counted by the stand-ins, over real HTTP. What a run needs once, however large it is (the portal's zone, its properties,
the company's preferences), is told apart: it is what a run of twice the size does not need twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.seed import spreadsheet
from integrations_platform.sandbox.google_sheets.tokens import Tokens, new_key
from integrations_platform.unified_sync.port import Kind, Side, Status, Write
from integrations_platform_tests.connectors.google_sheets.conftest import HEADER, Office
from integrations_platform_tests.connectors.google_sheets.test_contract import Sheet
from integrations_platform_tests.connectors.hubspot.stage import crm
from integrations_platform_tests.connectors.hubspot.test_contract import Contacts
from integrations_platform_tests.connectors.quickbooks.company import Company, Customers
from integrations_platform_tests.connectors.saas_account import Account, create
from integrations_platform_tests.proof.part import Part, Shown, number
from integrations_platform_tests.sandbox.running import running

MOST = 1.05  # calls, as a multiple of the least
ACTIONS = ("list", "create", "read", "update")


@dataclass(frozen=True)
class Service:
    """One connector: its account, sides with the service's own page sizes, the least calls for so many records by
    action, and what is to be known about that least."""

    account: Account
    side: Callable[[], Side]
    least: Mapping[str, Callable[[int], int]]
    note: str


def per(batch: int, calls: int = 1) -> Callable[[int], int]:
    """So many calls for each full or begun batch."""
    return lambda size: calls * ceil(size / batch)


def _once(_size: int) -> int:
    return 1


@contextmanager
def _hubspot() -> Iterator[Service]:
    with crm() as portal:
        least = {"list": per(100), "create": per(100), "read": per(50), "update": per(100)}
        yield Service(Contacts(portal), lambda: portal.side(page=100), least, "reads with history, 50 a call")


@contextmanager
def _quickbooks() -> Iterator[Service]:
    with ExitStack() as stack:
        company = Customers(lambda *vendors: stack.enter_context(running(*vendors)))
        stack.callback(company.close)
        least = {"list": per(1000), "create": per(1), "read": per(200), "update": per(30)}
        note = (
            "creates go singly, where thirty would fit a batch: only a single one is documented to be harmless when it "
            "is sent again; ids of 200 records fill an address"
        )
        yield Service(company, lambda: Company.side(company, page=1000), least, note)


@contextmanager
def _google_sheets() -> Iterator[Service]:
    vendor = GoogleSheets()
    vendor.tokens = Tokens(new_key(1024))
    vendor.limits = {"Read": 1_000_000, "Write": 1_000_000}
    with running(vendor) as server:
        vendor.add(spreadsheet("book", "Office", [HEADER], "People"))
        office = Office(vendor, server.url("google_sheets"))
        sheet = Sheet(office)
        # Nothing there is compared before a write but by reading, and nobody says afterwards whom it hit.
        least = {"list": _once, "create": per(500, 3), "read": _once, "update": per(500, 3)}
        yield Service(sheet, sheet.side, least, "a write is a look before, one atomic batch and a look after")
        for side in office.opened:
            side.close()


SERVICES: Mapping[str, Callable[[], Any]] = {
    "HubSpot": _hubspot, "QuickBooks": _quickbooks, "Google Sheets": _google_sheets,
}  # fmt: skip


def _write(side: Side, writes: Sequence[Write]) -> list[str]:
    """Write in the batches the engine would send; the ids."""
    most, ids = side.capabilities.batch_limit, []
    for start in range(0, len(writes), most):
        for outcome in side.write(writes[start : start + most]):
            assert outcome.status is Status.APPLIED, outcome
            ids.append(str(outcome.id))
    return ids


def counted(service: Service, size: int) -> dict[str, tuple[int, int]]:
    """Per action: calls for ``size`` records, and for ``size`` more of them."""
    account, found = service.account, {action: [0, 0] for action in ACTIONS}

    def count(action: str, turn: int) -> None:
        found[action][turn] += len([call for call in account.vendor.calls if call.operation != "token"])
        account.vendor.calls.clear()

    writer = service.side()
    ids: list[str] = []
    account.vendor.calls.clear()
    for turn in (0, 1):
        first = turn * size
        ids += _write(writer, [create(account, at) for at in range(first, first + size)])
        count("create", turn)
        with service.side().snapshot() as snapshot:
            listing = snapshot.listing()
        assert (listing.complete, len(listing.frame)) == (True, len(ids)), listing.reason
        count("list", turn)
    reader = service.side()
    for turn in (0, 1):
        asked = ids[turn * size : (turn + 1) * size]
        records = reader.read(asked)
        assert len(records) == size
        count("read", turn)
        changes = [
            Write(f"change-{turn}-{at}", Kind.UPDATE, records[one].link_id or f"link-{one}",
                  {account.text: f"New {one}"}, one, records[one].version)
            for at, one in enumerate(asked)
        ]  # fmt: skip
        _write(reader, changes)
        count("update", turn)
    return {action: (calls[0], calls[1]) for action, calls in found.items()}


def _run(size: int, _processes: int) -> Shown:
    counts: Counter[str] = Counter()
    violations, told, details = [], [], []
    for name, opened in SERVICES.items():
        with opened() as service:
            calls = counted(service, size)
        parts, worst = [], 0.0
        for action, (first, total) in calls.items():
            # Both listings show all there is: twice the size costs what the second half adds.
            more = total - first if action == "list" else total
            once = first - more
            least = service.least[action](size)
            counts[f"{name}: {action} calls"], counts[f"{name}: {action} least"] = more, least
            ratio = more / least
            worst = max(worst, ratio)
            if ratio > MOST:
                violations.append(f"{name}: {more} calls to {action} {size} records, {least} would do")
            parts.append(f"{action} {more} of {least} (and {once} once a run)")
        told.append(f"{name} {number(worst)}")
        details.append(f"{name}: {', '.join(parts)}; {service.note}")
    return Shown(
        "no seeds",
        f"{', '.join(told)} times the least calls for {size:,} records, the worst of listing, creating, reading and "
        "updating; what a run asks once is in the lines below",
        dict(counts),
        tuple(violations),
        tuple(details),
    )


CALLS = Part(
    "api-calls",
    "API calls",
    "calls within 1.05 of the least that a service's batch sizes allow",
    "records",
    {"quick": 120, "short": 1_000, "nightly": 3_000},
    _run,
)
