"""The three services, behind their stand-ins over real HTTP, contracts checked on every call."""

from __future__ import annotations

import json
import random
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from integrations_platform.connectors.budgets import UNLIMITED, Budget, LocalRows
from integrations_platform.connectors.google_sheets import open_google_sheets
from integrations_platform.connectors.hubspot import open_hubspot
from integrations_platform.connectors.quickbooks import open_quickbooks
from integrations_platform.sandbox.clock import VirtualClock
from integrations_platform.sandbox.faults import Fault, FaultKind, Faults
from integrations_platform.sandbox.google_sheets import GoogleSheets
from integrations_platform.sandbox.google_sheets.a1 import Box
from integrations_platform.sandbox.google_sheets.book import Tab
from integrations_platform.sandbox.google_sheets.cells import Cell
from integrations_platform.sandbox.google_sheets.seed import spreadsheet
from integrations_platform.sandbox.hubspot import HubSpot
from integrations_platform.sandbox.hubspot.limits import Limits
from integrations_platform.sandbox.hubspot.portal import Switches
from integrations_platform.sandbox.quickbooks import QuickBooks
from integrations_platform.sandbox.quickbooks import quotas as book_quotas
from integrations_platform.sandbox.quickbooks.checks import sent_values
from integrations_platform.sandbox.vendor import Vendor, VendorError
from integrations_platform.unified_sync.port import BoundColumn, Side
from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import plain_decimal
from integrations_platform_tests.matrix.systems import FIELDS, PAIR, Cannot, Moment, Seen, System, Told

FAULTS: tuple[tuple[FaultKind, int, str | None], ...] = (
    (FaultKind.DROP_BEFORE, 0, None),
    (FaultKind.DROP_AFTER, 0, None),
    (FaultKind.DROP_AFTER, 0, None),
    (FaultKind.COMMIT_THEN_500, 0, None),
    (FaultKind.COMMIT_THEN_500, 503, None),
    (FaultKind.STATUS, 429, None),
    (FaultKind.STATUS, 429, "3"),
    (FaultKind.STATUS, 500, None),
    (FaultKind.STATUS, 503, None),
    (FaultKind.HTML, 502, None),
    (FaultKind.TRUNCATE, 0, None),
    (FaultKind.CUT_JSON, 0, None),
    (FaultKind.EXPIRE_TOKEN, 0, None),
)
"""Kind, status, Retry-After."""

PAGE = 3  # records


class WorldClock(VirtualClock):
    """The time of a world, for a stand-in that is also handed assertions dated by a library's own clock: its offset
    from the time of this machine moves by itself."""

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment.now)

    @property
    def offset(self) -> timedelta:  # type: ignore[override]
        """World time minus the time here."""
        return self._source() - datetime.now(UTC)

    @offset.setter
    def offset(self, offset: timedelta) -> None:
        del offset

    def now(self) -> datetime:
        """The time of the world."""
        return self._source()


class Interrupted(Faults):
    """Faults of a stand-in; before each call somebody may do something."""

    def __init__(self, before: Callable[[str], None]) -> None:
        super().__init__()
        self._before, self.struck = before, 0

    def strike(self, operation: str) -> tuple[Fault, ...]:
        """See the base class."""
        self._before(operation)
        found = super().strike(operation)
        self.struck += len(found)
        return found


class Service(System):
    """A service. ``changing``: the operations that write. ``opener``: how the platform opens a side of it, its pages so
    small that a handful of records fills several."""

    changing: ClassVar[frozenset[str]]
    opener: ClassVar[Callable[..., Side]]
    expires: ClassVar[bool] = True

    def __init__(self, moment: Moment, vendor: Vendor) -> None:
        super().__init__(moment)
        self.vendor, self.url = vendor, ""
        self._faults = Interrupted(self._called)
        self._rows = LocalRows()

    def reset(self, drawn: random.Random) -> None:
        """See :meth:`System.reset`."""
        self.vendor.calls.clear()
        self.vendor.violations.clear()
        self.vendor.faults = self._faults = Interrupted(self._called)
        self._rows = LocalRows()
        self.empty(drawn)

    @abstractmethod
    def empty(self, drawn: random.Random) -> None:
        """An empty account."""

    def options(self) -> Mapping[str, str]:
        """By which the account is reached."""
        return self.vendor.options(self.url)

    def open(self, columns: list[BoundColumn], side: SideName) -> Side:
        """See :meth:`System.open`."""
        budget = Budget(self.kind, "matrix", UNLIMITED, self._rows, clock=self.moment.now, sleep=self.moment.wait)
        return self.opener(
            self.kind, self.options(), self.spec(), columns, PAIR, side, clock=self.moment.now, budget=budget
        )

    def _called(self, operation: str) -> None:
        if self.before is not None:
            self.before(operation)

    @property
    def struck(self) -> int:  # type: ignore[override]
        """See :class:`System`."""
        return self._faults.struck

    def strike(self, drawn: random.Random) -> str:
        """See :meth:`System.strike`: most faults hit a write."""
        kinds = [fault for fault in FAULTS if self.expires or fault[0] is not FaultKind.EXPIRE_TOKEN]
        kind, status, wait = drawn.choice(kinds)
        operation = drawn.choice([*sorted(self.changing)] * 2 + ["*"])
        fault = Fault(kind, operation, nth=drawn.randint(1, 12 if operation == "*" else 2), status=status,
                      retry_after=wait, times=drawn.choice((1, 1, 2, 4)))  # fmt: skip
        self._faults.add(fault)
        return f"{kind} {status or ''} on {operation}, from the {fault.nth}. on, {fault.times} times"

    def calm(self) -> None:
        """See :meth:`System.calm`."""
        self._faults.clear()

    def writes(self) -> int:
        """Calls that write."""
        return sum(call.operation in self.changing for call in self.vendor.calls)

    def broken(self) -> list[str]:
        """See :meth:`System.broken`."""
        return [str(violation) for violation in self.vendor.violations]

    @contextmanager
    def user(self) -> Iterator[None]:
        """Act on the state; a refusal is the user's."""
        try:
            with self.vendor.lock:
                yield
        except (ValueError, VendorError) as refused:
            raise Cannot(str(refused)) from refused


class Portal(Service):
    """HubSpot contacts. The amount is a property of the portal's own."""

    kind, object_name = "hubspot", "contacts"
    opener = staticmethod(partial(open_hubspot, page=PAGE))
    columns: ClassVar[Mapping[str, str]] = {
        "email": "email", "first": "firstname", "last": "lastname", "phone": "phone", "city": "city",
        "amount": "amount_due",
    }  # fmt: skip
    lower_cases = frozenset({"email"})
    changing = frozenset({"objects.batch_create", "objects.batch_update", "objects.batch_archive"})
    expires = False  # a private app's token ends only when somebody rotates it
    vendor: HubSpot

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment, HubSpot(clock=moment.now))

    def empty(self, drawn: random.Random) -> None:
        """See :meth:`Service.empty`."""
        self.vendor.switches = Switches(
            merge_gives_new_id=drawn.random() < 0.5,
            merged_ids_resolve=drawn.random() < 0.5,
            taken_value_is_conflict=drawn.random() < 0.5,
        )
        self.vendor.limits = Limits(10**6, 10**6, 10**6)
        self.vendor.reset()
        self._do("add_property", name="amount_due", property_type="number", field_type="number")

    def _do(self, do: str, **action: Any) -> Mapping[str, Any]:
        with self.user():
            return self.vendor.person({"do": do, "type": "contacts", **action})

    def create(self, values: Told) -> str:
        """See :meth:`System.create`."""
        given = {self.columns[field]: text or "" for field, text in values.items()}
        return str(self._do("create", properties=given)["id"])

    def edit(self, uid: str, field: str, text: str | None) -> None:
        """See :meth:`System.edit`."""
        self._do("edit", id=uid, properties={self.columns[field]: text or ""})

    def remove(self, uid: str) -> None:
        """Archived."""
        self._do("archive", id=uid)

    def removed(self) -> list[str]:
        """Archived contacts."""
        return [str(each.id) for each in self.vendor.portal.records["contacts"].values() if each.archived]

    def restore(self, uid: str) -> None:
        """See :meth:`System.restore`."""
        self._do("restore", id=uid)

    def merge(self, survivor: str, loser: str) -> str:
        """See :meth:`System.merge`."""
        return str(self._do("merge", id=survivor, loser=loser)["id"])

    def people(self) -> dict[str, Seen]:
        """See :meth:`System.people`."""
        with self.vendor.lock:
            return {
                str(one.id): Seen(
                    str(one.id), str(one.id),
                    {field: one.now.get(column) or None for field, column in self.columns.items()},
                )
                for one in self.vendor.portal.live("contacts")
            }  # fmt: skip


class Books(Service):
    """QuickBooks customers; the name on display follows from the two names and is nobody's field."""

    kind, object_name = "quickbooks", "customers"
    opener = staticmethod(partial(open_quickbooks, page=PAGE))
    columns: ClassVar[Mapping[str, str]] = {
        "email": "PrimaryEmailAddr.Address", "first": "GivenName", "last": "FamilyName",
        "phone": "PrimaryPhone.FreeFormNumber", "city": "BillAddr.City", "amount": "CreditLimit",
    }  # fmt: skip
    changing = frozenset({"customer.write", "batch"})
    vendor: QuickBooks

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment, QuickBooks(clock=moment.now, limits=book_quotas.UNLIMITED))

    def empty(self, drawn: random.Random) -> None:
        """See :meth:`Service.empty`."""
        del drawn
        self.vendor.reset()

    def create(self, values: Told) -> str:
        """See :meth:`System.create`."""
        entity: dict[str, Any] = {}
        for field, text in values.items():
            _put(entity, self.columns[field], text)
        with self.user():
            return str(self.vendor.person({"do": "create", "values": entity})["Id"])

    def edit(self, uid: str, field: str, text: str | None) -> None:
        """In the screens a person saves the whole card."""
        with self.user():
            company = self.vendor.company
            entity = company.entity("Customer", uid)
            card = json.loads(json.dumps(sent_values("Customer", entity), default=str), parse_float=Decimal)
            if "CreditLimit" in card:
                card["CreditLimit"] = Decimal(card["CreditLimit"])
            _put(card, self.columns[field], text)
            company.update("Customer", {**card, "Id": uid, "SyncToken": entity["SyncToken"], "sparse": False})

    def remove(self, uid: str) -> None:
        """Made inactive."""
        with self.user():
            self.vendor.person({"do": "deactivate", "id": uid})

    def removed(self) -> list[str]:
        """Inactive customers."""
        return [str(each["Id"]) for each in self.vendor.company.records("Customer") if not each.get("Active", True)]

    def restore(self, uid: str) -> None:
        """Made active."""
        with self.user():
            self.vendor.person({"do": "reactivate", "id": uid})

    def people(self) -> dict[str, Seen]:
        """See :meth:`System.people`."""
        with self.vendor.lock:
            return {
                str(each["Id"]): Seen(
                    str(each["Id"]), str(each["Id"]),
                    {field: _get(each, column) for field, column in self.columns.items()},
                )
                for each in self.vendor.company.records("Customer") if each.get("Active", True)
            }  # fmt: skip


def _put(entity: dict[str, Any], path: str, text: str | None) -> None:
    value = Decimal(text) if path == "CreditLimit" and text is not None else text
    head, _, member = path.partition(".")
    if not member:
        entity.pop(head, None)
        entity |= {} if value is None else {head: value}
        return
    inner = {name: each for name, each in entity.get(head, {}).items() if name != member}
    inner |= {} if value is None else {member: value}
    entity.pop(head, None)
    entity |= {head: inner} if inner else {}


def _get(entity: Mapping[str, Any], path: str) -> str | None:
    value: Any = entity
    for name in path.split("."):
        value = (value or {}).get(name)
    if path == "CreditLimit" and value is not None:
        return str(plain_decimal(Decimal(str(value))))
    return str(value) if value not in (None, "") else None


class Sheet(Service):
    """A tab. Its users keep a column ``Row`` of their own, by which a row is known however it is moved."""

    kind, object_name = "google_sheets", "People"
    opener = staticmethod(open_google_sheets)
    columns: ClassVar[Mapping[str, str]] = {
        "email": "Email", "first": "First name", "last": "Last name", "phone": "Phone", "city": "City",
        "amount": "Amount",
    }  # fmt: skip
    window = "spreadsheets.batchUpdate"
    changing = frozenset({"spreadsheets.batchUpdate"})
    vendor: GoogleSheets

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment, GoogleSheets(reads_per_minute=10**6, writes_per_minute=10**6))
        self.vendor.clock = WorldClock(moment)
        self._last = 0

    def empty(self, drawn: random.Random) -> None:
        """See :meth:`Service.empty`."""
        self.vendor.reset()
        self._last = 0
        header = ["Row", *self.columns.values()]
        if drawn.random() < 0.5:
            drawn.shuffle(header)
        self.vendor.add(spreadsheet("book", "Office", [header], "People"))

    @property
    def _tab(self) -> Tab:
        return self.vendor.books["book"].tabs[0]

    def _place(self, header: str) -> int:
        return next((at for at in range(self._tab.column_count) if self._tab.value(0, at) == header), -1)

    def create(self, values: Told) -> str:
        """Typed below everything."""
        with self.user():
            self._last += 1
            uid, at = f"row {self._last}", self._tab.used_rows
            self._tab.row_count = max(self._tab.row_count, at + 1)
            self._tab.put(at, self._place("Row"), Cell(uid))
            for field, text in values.items():
                self._tab.put(at, self._place(self.columns[field]), _cell(field, text))
            return uid

    def _row(self, uid: str) -> int:
        at = next((at for at, known, _ in self._rows_now() if known == uid), 0)
        if not at:
            raise Cannot(uid)
        return at

    def _rows_now(self) -> list[tuple[int, str, str]]:
        """(row, uid, engine's id) of all that hold something."""
        tab, own, key, link = self._tab, self._place("Row"), self._place("_sync_id"), self._place(f"_sync_link:{PAIR}")
        found = []
        for at in range(1, tab.used_rows):
            known = str(tab.value(at, key) or "") if key >= 0 else ""
            if not known and link >= 0 and (mark := tab.value(at, link)):
                known = str(json.loads(str(mark))[0])
            uid = str(tab.value(at, own) or "") or (f"key {known}" if known else "")
            if uid:
                found.append((at, uid, known))
        return found

    def edit(self, uid: str, field: str, text: str | None) -> None:
        """Typed over."""
        with self.user():
            self._tab.put(self._row(uid), self._place(self.columns[field]), _cell(field, text))

    def remove(self, uid: str) -> None:
        """The row is deleted."""
        with self.user():
            self.vendor.person({"do": "delete_rows", "row": self._row(uid) + 1})

    def shuffle(self, drawn: random.Random) -> str:
        """Sorted, or blank rows inserted."""
        with self.user():
            if drawn.random() < 0.6:
                column = self._place(drawn.choice(sorted(self.columns.values())))
                tab = self._tab
                box = Box(1, 0, max(tab.used_rows, 1), tab.column_count)
                tab.sort(box, [(column, drawn.random() < 0.5)])
                return f"sorts by column {column}"
            row = drawn.randint(2, max(2, self._tab.used_rows))
            self.vendor.person({"do": "insert_rows", "row": row})
            return f"inserts a row before {row}"

    def people(self) -> dict[str, Seen]:
        """See :meth:`System.people`; rows marked as removed are not there."""
        with self.vendor.lock:
            tab, gone = self._tab, self._place("_deleted")
            return {
                uid: Seen(uid, known, {
                    field: _shown(tab.value(at, self._place(column))) for field, column in self.columns.items()
                })
                for at, uid, known in self._rows_now() if gone < 0 or not tab.value(at, gone)
            }  # fmt: skip


def _cell(field: str, text: str | None) -> Cell:
    return Cell(float(text) if field == "amount" and text is not None else text)


def _shown(value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(plain_decimal(Decimal(str(value))))
    return str(value) if value not in (None, "") else None


assert all(set(each.columns) == set(FIELDS) for each in (Portal, Books, Sheet))
