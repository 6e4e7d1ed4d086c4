"""What a run did, in numbers and words; never better than the truth: a partial success is called partial."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from integrations_platform.unified_sync.plan import Plan, Refusal
from integrations_platform.unified_sync.port import ErrorKind
from integrations_platform.unified_sync.spec import SIDES


class RunStatus(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # something is parked, quarantined, deferred or unknown
    REFUSED = "refused"  # a guard stopped it before any write
    FAILED = "failed"


EXIT_CODES = {RunStatus.SUCCEEDED: 0, RunStatus.FAILED: 1, RunStatus.PARTIAL: 3, RunStatus.REFUSED: 4}

MISCONFIGURED = 2  # exit code of a run that could not begin because a setting must change

OUTCOMES = ("applied", "already", "rejected", "deferred", "parked", "stale", "unknown")


@dataclass
class RunReport:
    """One run. ``counts`` holds, per side letter, ``planned_x`` and each of :data:`OUTCOMES` with ``_x``, and by what
    was done ``created_x``, ``updated_x``, ``archived_x``, ``deleted_x``, ``restored_x``, ``read_x``, and ``live_x``,
    the records there, and ``calls_x``. ``fault`` says, of a failed run, whether running it again can help.
    ``lost_shards``: processes of the run that gave no account of all they may have done."""

    sync: str
    run_id: str
    started_at: datetime
    dry_run: bool = False
    status: RunStatus = RunStatus.SUCCEEDED
    finished_at: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    recovered: int = 0
    open_conflicts: int = 0
    in_quarantine: int = 0
    stale: list[str] = field(default_factory=list)
    message: str = ""
    fault: ErrorKind | None = None
    plan: Plan | None = None
    lost_shards: int = 0

    @property
    def exit_code(self) -> int:
        """0 applied or nothing to do, 1 failed, 2 failed because of the configuration, 3 partial, 4 refused."""
        return MISCONFIGURED if self.fault is ErrorKind.CONFIGURATION else EXIT_CODES[self.status]

    @property
    def written(self) -> int:
        """Remote writes that took effect."""
        return sum(self.counts[f"applied_{side.lower()}"] for side in SIDES)

    @property
    def seconds(self) -> float:
        """Duration."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else 0.0

    @property
    def rows(self) -> int:
        """Records of the larger side: what a run has gone through, written or found unchanged."""
        return max(self.counts["live_a"], self.counts["live_b"])

    @property
    def rows_per_second(self) -> int:
        """How fast it went through its records; 0 for a run that did not get to see them."""
        return round(self.rows / self.seconds) if self.seconds else 0

    def unaccounted(self) -> dict[str, int]:
        """Per side, planned minus the sum of outcomes: zero everywhere, or the report lies (P11)."""
        return {
            side: self.counts[f"planned_{side.lower()}"]
            - sum(self.counts[f"{outcome}_{side.lower()}"] for outcome in OUTCOMES)
            for side in SIDES
        }

    def fail(self, message: str, fault: ErrorKind) -> None:
        """End the run as failed, and say what may be done about it."""
        self.status, self.message, self.fault = RunStatus.FAILED, message, fault

    def conclude(self) -> None:
        """Set the status from the counts; a failure or refusal set earlier stays."""
        if self.status is not RunStatus.SUCCEEDED:
            return
        kinds = ("rejected", "deferred", "parked", "stale", "unknown")
        loose = any(self.counts[f"{outcome}_{side.lower()}"] for outcome in kinds for side in SIDES)
        waiting = self.counts["quarantined"] or self.open_conflicts or self.in_quarantine
        if loose or waiting or self.stale:
            self.status = RunStatus.PARTIAL

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "sync": self.sync,
            "run_id": self.run_id,
            "status": self.status.value,
            "dry_run": self.dry_run,
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "rows_per_second": self.rows_per_second,
            "counts": dict(sorted(self.counts.items())),
            "refusals": [{"guard": r.guard, "message": r.message, "remedy": r.remedy} for r in self.refusals],
            "warnings": self.warnings,
            "recovered": self.recovered,
            "open_conflicts": self.open_conflicts,
            "in_quarantine": self.in_quarantine,
            "stale_operations": self.stale,
            "message": self.message,
        }
