"""A clock that is moved by hand, a watcher without a database, and syncs to watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from integrations_platform.alerts.alert import Alert
from integrations_platform.alerts.evidence import Evidence, OutsideRun, observed, of_outside
from integrations_platform.alerts.judging import judge
from integrations_platform.settings_alerts import Thresholds
from integrations_platform.state.outbox import Standing
from integrations_platform.state.overview import Overview, SyncView
from integrations_platform.unified_sync.spec import FieldSpec, FieldType, SideSpec, SyncSpec
from integrations_platform.unified_sync.store import Breaker, RunRecord

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def sync(name: str = "people", **options: object) -> SyncSpec:
    """A declared sync, every quarter of an hour."""
    made = SyncSpec(
        name=name, source=SideSpec("crm", "person"), target=SideSpec("shop", "member"),
        fields=(FieldSpec("email", FieldType.TEXT, ("email",), ("mail",)),), match=("email",), schedule="*/15 * * * *",
    )  # fmt: skip
    return replace(made, **options)  # type: ignore[arg-type]


@dataclass
class Watcher:
    """What a desk does, without a database: the history of one sync, what stands, and what was said."""

    specs: Sequence[SyncSpec] = field(default_factory=lambda: [sync()])
    systems: Sequence[str] = ("crm", "shop")
    limits: Thresholds = field(default_factory=Thresholds)
    now: datetime = NOW
    runs: list[RunRecord] = field(default_factory=list)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    conflicts: tuple[int, datetime | None] = (0, None)
    held_until: datetime | None = None
    standing: dict[str, Standing] = field(default_factory=dict)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def ran(self, status: str, message: str = "", trigger: str = "cli", counts: str = "{}") -> RunRecord:
        """A run of the first sync ends now."""
        self.wait(seconds=10)
        number = len(self.runs) + 1
        ended = None if status == "running" else self.now
        record = RunRecord(
            f"run{number}", number, self.now - timedelta(seconds=5), status, dry_run=False, trigger=trigger,
            finished_at=ended, counts=counts, message=message,
        )  # fmt: skip
        self.runs.insert(0, record)
        return record

    @property
    def overview(self) -> Overview:
        """As the state would tell it."""
        if not self.runs:
            return Overview({}, tuple(self.breakers.values()))
        through = next((run.finished_at for run in self.runs if run.status in ("succeeded", "partial")), None)
        view = SyncView(
            "people", self.runs[-1].started_at, tuple(self.runs), through, *self.conflicts, 0, self.held_until
        )
        return Overview({"people": view}, tuple(self.breakers.values()))

    def look(self, *outside: OutsideRun, seen: Sequence[Evidence] = ()) -> list[Alert]:
        """Look, and say what is new."""
        self.wait(seconds=30)
        overview = self.overview
        evidence = observed(overview, self.specs, self.systems, self.limits, self.now)
        evidence += [item for run in outside if (item := of_outside(run, overview, self.now)) is not None]
        verdict = judge(self.standing, [*evidence, *seen], self.now, looked=True)
        self.standing |= {row.topic: row for row in verdict.standing}
        return list(verdict.alerts)

    def said(self, *outside: OutsideRun) -> list[str]:
        """The headlines of what is new."""
        return [alert.headline for alert in self.look(*outside)]
