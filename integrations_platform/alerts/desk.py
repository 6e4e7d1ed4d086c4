"""Where alerts are made and sent, for whoever watches: Dagster's sensor, Airflow's callbacks, a person's command.

Looks at the state, weighs what it shows with what orchestrators report, queues what is new and drains the outbox. While
no channel is on it remembers what stands, says so once, and queues nothing.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from integrations_platform.alerts.alert import SEVERITIES, Alert, Kind, Severity, identity
from integrations_platform.alerts.delivery import Answer, Sender
from integrations_platform.alerts.digest import TOPIC, digest, due, noted
from integrations_platform.alerts.draining import Drain, Drained
from integrations_platform.alerts.evidence import Evidence, OutsideRun, observed, of_outside
from integrations_platform.alerts.judging import judge, well
from integrations_platform.alerts.routing import PosterOf, messages_for, senders_of, targets_of
from integrations_platform.state.outbox import Message, Standing
from integrations_platform.unified_sync.spec import SyncSpec
from integrations_platform.waiting import Timing

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.settings_alerts import AlertsSettings

_log = logging.getLogger("integrations_platform.alerts")


@dataclass(frozen=True)
class Desk:
    """The desk of one environment. ``specs``: the syncs that are watched; ``poster_of``: who can post with a bot token,
    where there is somebody. ``whole``: no other sync is declared anywhere; what is not among them is forgotten."""

    platform: Platform
    specs: Sequence[SyncSpec] = ()
    poster_of: PosterOf | None = None
    whole: bool = False
    timing: Timing = field(default_factory=Timing)

    @property
    def settings(self) -> AlertsSettings:
        """The section."""
        return self.platform.settings.alerts

    def now(self) -> datetime:
        """The injected clock's time."""
        return self.platform.runtime.clock()

    def look(self, outside: Iterable[OutsideRun] = (), lateness: Iterable[Evidence] = ()) -> list[Alert]:
        """Look at the state, and at runs of others; queue what is new, and today's digest when it is time. Returns what
        was new. Raises StateError, SettingsError."""
        store, channels = self.platform.store, self.settings.channels
        overview, now = store.overview([spec.name for spec in self.specs]), self.now()
        evidence = [
            *observed(overview, self.specs, self.platform.settings.systems, self.settings.thresholds, now),
            *(item for run in outside if (item := of_outside(run, overview, now)) is not None),
            *lateness,
        ]
        alerts: list[Alert] = []

        def weigh(standing: Mapping[str, Standing]) -> tuple[Sequence[Standing], Sequence[Message]]:
            verdict = judge(standing, evidence, now, looked=self.whole)
            rows, new = list(verdict.standing), list(verdict.alerts)
            hour, last = self.settings.digest_hour, standing.get(TOPIC)
            if hour is not None and (last is None or due(last, hour, now)):
                if last is not None:
                    stands = {**standing, **{row.topic: row for row in rows}}
                    new.append(digest(overview, list(stands.values()), now))
                rows.append(noted(now))
            alerts[:] = new
            return rows, messages_for(new, self.settings, channels)

        store.outbox.change(weigh)
        if alerts and not channels:
            _log_once(self.platform.settings.name)
        return alerts

    def report(self, runs: Iterable[OutsideRun]) -> list[Alert]:
        """Only what orchestrators report, without a look at everything. Raises StateError, SettingsError."""
        runs, now = list(runs), self.now()
        overview = self.platform.store.overview(sorted({name for run in runs for name in run.syncs}))
        return self._judged([item for run in runs if (item := of_outside(run, overview, now)) is not None])

    def notice(self, subject: str, severity: Severity | None = None, *, over: bool = False) -> list[Alert]:
        """Something a person or another program has to say; said again it is counted, until it is ``over``. Raises
        StateError, SettingsError."""
        kind = None if over else Kind.NOTICE
        item = Evidence(f"notice/{subject}", subject, self.now(), kind, counted=True, severity=severity)
        return self._judged([item])

    def dismiss(self, subject: str) -> int:
        """Count nothing about ``subject`` as wrong any more, and say nothing; how many troubles that was. One that goes
        on is told again when it is met again. Raises StateError."""
        gone: list[Standing] = []

        def weigh(standing: Mapping[str, Standing]) -> tuple[Sequence[Standing], Sequence[Message]]:
            wrong = [row for row in standing.values() if row.subject == subject and row.kind is not None]
            gone[:] = [replace(row, kind=None, since=self.now(), times=0, body=well(row.body)) for row in wrong]
            return gone, ()

        self.platform.store.outbox.change(weigh)
        return len(gone)

    def _judged(self, evidence: Sequence[Evidence]) -> list[Alert]:
        alerts: list[Alert] = []
        channels = self.settings.channels

        def weigh(standing: Mapping[str, Standing]) -> tuple[Sequence[Standing], Sequence[Message]]:
            verdict = judge(standing, evidence, self.now(), looked=False)
            alerts[:] = verdict.alerts
            return verdict.standing, messages_for(alerts, self.settings, channels)

        self.platform.store.outbox.change(weigh)
        if alerts and not channels:
            _log_once(self.platform.settings.name)
        return alerts

    def senders(self) -> Mapping[str, Sender]:
        """Senders by target. Raises SettingsError."""
        return senders_of(self.settings, self.now, self.poster_of)

    def drain(self, seconds: float = 20.0) -> Drained:
        """Send what is due. Raises StateError, SettingsError."""
        senders = self.senders()
        if not senders:
            return Drained()
        holder = f"{socket.gethostname()}:{os.getpid()}:{identity(self.now().isoformat(), str(id(self)))[:8]}"
        return Drain(self.platform.store.outbox, senders, holder, self.now, self.timing, seconds).round()

    def tell(self, alert: Alert) -> Mapping[str, Answer]:
        """Send past the outbox, once, what cannot be kept there; what came of it by target. Raises SettingsError."""
        senders = self.senders()
        targets = targets_of(alert, self.settings, self.settings.channels)
        return {
            name: senders[name].send([alert], identity(alert.alert_id, name))
            for name in targets if name in senders
        }  # fmt: skip

    def make(self, kind: Kind, subject: str, *facts: tuple[str, str], recovered: bool = False) -> Alert:
        """An alert about this moment."""
        now = self.now()
        return Alert(identity(kind, subject, now.isoformat()), kind, SEVERITIES[kind], subject, now, facts, recovered)


@cache
def _log_once(environment: str) -> None:
    _log.warning(
        "something of environment %s is worth an alert, and no channel is on: set ENABLE_SLACK or ENABLE_EMAIL",
        environment,
    )
