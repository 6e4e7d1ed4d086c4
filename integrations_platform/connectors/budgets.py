"""How much of an account's rate limits and quotas is used, shared by all that call it.

Owns the arithmetic: sliding windows that hold in every interval, quotas per day or month, and what a service asked to
wait. It keeps nothing itself: rows are changed in one step by whoever keeps them (:mod:`integrations_platform.state`
across processes, :class:`LocalRows` within one), and nothing here sleeps except :meth:`Budget.spend`.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integrations_platform.unified_sync.answers import ErrorKind, SideError

Result = TypeVar("Result")
_SLOTS = 20  # a window is counted in as many parts; a call counts until the part it fell into has left the window
_LOST = 50  # windows ahead: a reservation that far off was made by a clock that has been set right since


@dataclass(frozen=True)
class Rate:
    """At most ``calls`` in any ``seconds``."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True)
class Quota:
    """At most ``calls`` in a calendar day or month of ``zone``; without one, of the zone the service says the account
    is in (:meth:`Budget.located`), and of UTC until it has."""

    name: str
    calls: int
    period: Literal["day", "month"]
    zone: str = ""

    def bounds(self, now: datetime, place: str = "") -> tuple[datetime, datetime]:
        """Begin and end of the period that ``now`` lies in, in UTC; ``place`` is the account's zone."""
        local = now.astimezone(ZoneInfo(self.zone or place or "UTC")).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period == "month":
            begin = local.replace(day=1)
            end = (begin + timedelta(days=32)).replace(day=1)
        else:
            begin, end = local, (local + timedelta(hours=36)).replace(hour=0)
        return begin.astimezone(UTC), end.astimezone(UTC)


@dataclass(frozen=True)
class Allowance:
    """What an account may do: limits by name, and for each bucket (kind of call) the limits it counts for."""

    limits: tuple[Rate | Quota, ...] = ()
    buckets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, bucket: str) -> list[Rate | Quota]:
        """The limits a call in ``bucket`` counts for. Raises ValueError for a bucket nobody declared.

        Without any bucket declared, every one is free of limits.
        """
        if not self.buckets:
            return []
        if bucket not in self.buckets:
            raise ValueError(f"unknown bucket {bucket!r}; known are {', '.join(self.buckets)}")
        return [limit for limit in self.limits if limit.name in self.buckets[bucket]]

    def holding(self, bucket: str) -> list[str]:
        """Buckets whose refusal holds ``bucket`` back too: those that count for no limit it does not count for."""
        if not self.buckets:
            return [bucket]
        mine = set(self.buckets[bucket])
        return [name for name, limits in self.buckets.items() if set(limits) <= mine]


UNLIMITED = Allowance()

# Of private apps on the smallest plan, of one realm and app, and of one service account: what every customer has.
ALLOWANCES: Mapping[str, Allowance] = {
    "hubspot": Allowance(
        (Rate("burst", 100, 10), Rate("search", 5, 1), Quota("daily", 250_000, "day")),
        {"call": ("burst", "daily"), "search": ("burst", "search", "daily")},
    ),
    "quickbooks": Allowance(
        # Ten a second, counted when they arrive: one that was slow on its way shortens the second after it.
        (Rate("second", 10, 1.25), Rate("minute", 500, 60), Rate("batch", 40, 60), Quota("reads", 500_000, "month")),
        {"read": ("second", "minute", "reads"), "call": ("second", "minute"), "batch": ("second", "minute", "batch")},
    ),
    "google_sheets": Allowance(
        (Rate("reads", 60, 60), Rate("writes", 60, 60)),
        {"call": ("reads",), "read": ("reads",), "write": ("writes",), "drive": ()},
    ),
}

# Of what several accounts are in together: a Google project holds many service accounts.
SHARED_ALLOWANCES: Mapping[str, Allowance] = {
    "google_sheets": Allowance((Rate("reads", 300, 60), Rate("writes", 300, 60)), ALLOWANCES["google_sheets"].buckets),
}


class Rows(Protocol):
    """One text per account, changed in one step whatever the number of processes."""

    def change(self, account: str, step: Callable[[str | None], tuple[str, Result]]) -> Result:
        """Replace the account's text (None: there is none yet) by the first of what ``step`` gives, and return the
        second. ``step`` may be called again when somebody else was faster, and must do nothing else."""

    def read(self, account: str) -> str | None:
        """The account's text, None when there is none."""


class LocalRows:
    """Rows of this process only: for a look at a system when there is no state, and for tests."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()

    def change(self, account: str, step: Callable[[str | None], tuple[str, Result]]) -> Result:
        """See :meth:`Rows.change`."""
        with self._lock:
            self._texts[account], result = step(self._texts.get(account))
        return result

    def read(self, account: str) -> str | None:
        """See :meth:`Rows.read`."""
        return self._texts.get(account)


@dataclass(frozen=True)
class Usage:
    """How much of a quota is used. ``forecast`` is the use at the end of the period if it goes on like this."""

    name: str
    used: int
    limit: int
    resets_at: datetime
    forecast: int
    period: Literal["day", "month"]

    @property
    def words(self) -> str:
        """`1,204 of 250,000 calls today`, for people."""
        return f"{self.used:,} of {self.limit:,} calls {'today' if self.period == 'day' else 'this month'}"

    @property
    def left(self) -> int:
        """Calls that may still be made in this period."""
        return max(0, self.limit - self.used)

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "quota": self.name, "period": self.period, "used": self.used, "limit": self.limit, "left": self.left,
            "resets_at": self.resets_at.isoformat(),
        }  # fmt: skip


def account_of(kind: str, *identity: str) -> str:
    """The name an account's row is kept under: a digest, because ``identity`` may hold its token."""
    digest = hashlib.sha256("\0".join((kind, *identity)).encode()).hexdigest()
    return f"{kind}:{digest[:24]}"


def _now() -> datetime:
    return datetime.now(UTC)


class Budget:
    """What one account may still do. ``system`` is its name in messages; ``longest_wait``: seconds a call may be held
    back before the run ends instead. ``clock`` and ``sleep`` are the engine's. ``rows`` may also keep what else all
    processes share about the account, like a renewed token, under an :func:`account_of` of its own. ``shared`` is the
    budget of what this account is in together with others: every call counts for both. ``told`` is called whenever a
    call is charged, so that people can be shown what is spent while nothing else moves."""

    def __init__(
        self,
        system: str = "system",
        account: str = "local",
        allowance: Allowance = UNLIMITED,
        rows: Rows | None = None,
        *,
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
        longest_wait: float = 120.0,
        shared: Budget | None = None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._system, self.account, self._allowance, self._shared = system, account, allowance, shared
        self.rows: Rows = rows or LocalRows()
        self._clock, self._sleep, self._longest, self._told = clock, sleep, longest_wait, told

    def within(self, allowance: Allowance) -> Budget:
        """The same account under another allowance, where only its connector knows it."""
        return Budget(self._system, self.account, allowance, self.rows, clock=self._clock, sleep=self._sleep,
                      longest_wait=self._longest, shared=self._shared, told=self._told)  # fmt: skip

    def spend(self, cost: int = 1, bucket: str = "call") -> None:
        """Wait until a call of ``cost`` may be made. Raises SideError(TRANSIENT) as :meth:`take` does."""
        wait = self.take(cost, bucket)
        self._told()
        if wait > 0:
            self._sleep(wait)

    def take(self, cost: int = 1, bucket: str = "call") -> float:
        """Reserve a call and return the seconds to wait before making it.

        Raises SideError(TRANSIENT), with nothing reserved, when the wait is too long or a quota is used up; its
        ``retry_after`` is the wait.
        """
        # First the limits shared with others, then one's own from that moment on; what one's own refuse stays counted
        # among the shared ones, which then wait a little longer than they must.
        ahead = self._shared.take(cost, bucket) if self._shared is not None else 0.0
        limits, now = self._allowance.of(bucket), self._clock()
        if not limits and self.rows.read(self.account) is None:
            return ahead
        earliest = now + timedelta(seconds=ahead)

        def step(text: str | None) -> tuple[str, tuple[float, str]]:
            state = _State(text)
            free_at = max(earliest, state.held_until(self._allowance.holding(bucket), now))
            wait, reason = state.reserve(limits, cost, now, free_at, self._longest)
            return state.text(now, self._allowance.limits), (wait, reason)

        wait, reason = self.rows.change(self.account, step)
        if reason:
            until = (now + timedelta(seconds=wait)).isoformat(timespec="seconds")
            message = f"{self._system}: {reason}; calls are free again at {until}, and the next run goes on then"
            raise SideError(ErrorKind.TRANSIENT, message, code="budget", retry_after=wait)
        return wait

    def penalize(self, seconds: float, bucket: str = "call") -> None:
        """The service asked to be left alone for ``seconds``: nobody calls it before, in ``bucket`` or in any bucket
        that counts for all the same limits."""
        now = self._clock()

        def step(text: str | None) -> tuple[str, None]:
            state = _State(text)
            state.hold(bucket, now + timedelta(seconds=seconds))
            return state.text(now, self._allowance.limits), None

        self.rows.change(self.account, step)

    def located(self, zone: str) -> None:
        """The service says that the account is in ``zone``: from now on its days begin and end there, for everybody who
        shares it, and what was counted today stays counted. A zone nobody knows changes nothing."""
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return
        if _State(self.rows.read(self.account)).place == zone:
            return
        now = self._clock()

        def step(text: str | None) -> tuple[str, None]:
            state = _State(text)
            state.move(zone, self._allowance.limits, now)
            return state.text(now, self._allowance.limits), None

        self.rows.change(self.account, step)

    def usage(self) -> list[Usage]:
        """Of every quota, how much is used and where it is heading."""
        now, state = self._clock(), _State(self.rows.read(self.account))
        found = []
        for limit in self._allowance.limits:
            if isinstance(limit, Quota):
                begin, end = limit.bounds(now, state.place)
                used = state.used(limit, begin)
                share = max((now - begin) / (end - begin), 0.01)  # the first minutes of a day foretell nothing
                found.append(Usage(limit.name, used, limit.calls, end, round(used / share), limit.period))
        return found


class _State:
    """The row of one account: calls per part of a window, calls per period, until when it is to be left alone, and the
    zone it is in."""

    def __init__(self, text: str | None) -> None:
        data: dict[str, Any] = json.loads(text) if text else {}
        self._slots: dict[str, dict[str, int]] = data.get("slots", {})
        self._used: dict[str, list[Any]] = data.get("used", {})
        self._held: dict[str, str] = data.get("held", {})
        self.place: str = data.get("zone", "")

    def text(self, now: datetime, limits: tuple[Rate | Quota, ...]) -> str:
        """The row, without what no window sees any more."""
        rates = {limit.name: limit for limit in limits if isinstance(limit, Rate)}
        first = {name: _slot(rate, now) - _SLOTS for name, rate in rates.items()}
        slots = {
            name: {slot: count for slot, count in counts.items() if int(slot) >= first[name]}
            for name, counts in self._slots.items()
            if name in rates
        }
        held = {bucket: until for bucket, until in self._held.items() if datetime.fromisoformat(until) > now}
        place = {"zone": self.place} if self.place else {}
        return json.dumps({"slots": slots, "used": self._used, "held": held, **place}, separators=(",", ":"))

    def move(self, zone: str, limits: tuple[Rate | Quota, ...], now: datetime) -> None:
        """Count by the days of ``zone``; what the present period holds so far goes along."""
        for limit in limits:
            if isinstance(limit, Quota) and limit.name in self._used:
                count = self.used(limit, limit.bounds(now, self.place)[0])
                self._used[limit.name] = [limit.bounds(now, zone)[0].isoformat(), count]
        self.place = zone

    def hold(self, bucket: str, until: datetime) -> None:
        known = self._held.get(bucket)
        if known is None or datetime.fromisoformat(known) < until:
            self._held[bucket] = until.isoformat()

    def held_until(self, buckets: list[str], now: datetime) -> datetime:
        """``now``, or when the last of ``buckets`` is free again."""
        return max([now, *(datetime.fromisoformat(self._held[name]) for name in buckets if name in self._held)])

    def used(self, quota: Quota, begin: datetime) -> int:
        period, count = self._used.get(quota.name, ("", 0))
        return int(count) if period == begin.isoformat() else 0

    def reserve(
        self, limits: list[Rate | Quota], cost: int, now: datetime, at: datetime, longest: float
    ) -> tuple[float, str]:
        """Seconds to wait for a call not before ``at``, and why it cannot be made at all ("" when it can)."""
        periods = [(limit, *limit.bounds(now, self.place)) for limit in limits if isinstance(limit, Quota)]
        for quota, begin, end in periods:
            if self.used(quota, begin) + cost > quota.calls:
                what = f"its {quota.name} quota of {quota.calls:,} calls a {quota.period} is used up"
                return (end - now).total_seconds(), what
        rates = [limit for limit in limits if isinstance(limit, Rate)]
        at = self._first_free(rates, cost, now, at)
        wait = (at - now).total_seconds()
        if wait > longest:
            return wait, f"its limits leave no call for {wait:,.0f} s, and a call is held back {longest:g} s at most"
        for rate in rates:
            counts, slot = self._slots.setdefault(rate.name, {}), str(_slot(rate, at))
            counts[slot] = counts.get(slot, 0) + cost
        for quota, begin, _ in periods:
            self._used[quota.name] = [begin.isoformat(), self.used(quota, begin) + cost]
        return max(0.0, wait), ""

    def _first_free(self, rates: list[Rate], cost: int, now: datetime, at: datetime) -> datetime:
        """The first moment from ``at`` on at which every rate has room, behind all earlier reservations."""
        settled = False
        while not settled:
            settled = True
            for rate in rates:
                moment = self._first_slot(rate, cost, now, at)
                if moment > at:
                    at, settled = moment, False
        return at

    def _first_slot(self, rate: Rate, cost: int, now: datetime, at: datetime) -> datetime:
        counts = {int(slot): count for slot, count in self._slots.get(rate.name, {}).items()}
        ahead = _slot(rate, now) + _LOST * _SLOTS
        if any(slot > ahead for slot in counts):
            counts = {slot: count for slot, count in counts.items() if slot <= ahead}
            self._slots[rate.name] = {str(slot): count for slot, count in counts.items()}
        slot = first = max(_slot(rate, at), *counts, 0)
        while True:
            seen = sum(count for each, count in counts.items() if each >= slot - _SLOTS)
            if seen == 0 or seen + cost <= rate.calls:  # a call dearer than the whole window goes alone
                break
            slot += 1
        if slot == first == _slot(rate, at):
            return at
        # A little inside the part, lest rounding put it into the one before.
        return datetime.fromtimestamp(slot * rate.seconds / _SLOTS, UTC) + timedelta(microseconds=2)


def _slot(rate: Rate, at: datetime) -> int:
    return floor(at.timestamp() * _SLOTS / rate.seconds)
