"""What the final state of a run means: one table, from the vendor's words to what a step does about it.

Source: Jobs API 2.2, `life_cycle_state`, `result_state` and `termination_details`. The vendor adds new words; the
client library turns those it does not know into None, and a state that is not known is never taken for an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ENDS = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})


class Outcome(StrEnum):
    """What came of a run."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # it ended in success although a task in it failed
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_RUN = "not_run"  # skipped: nothing was done
    BROKEN = "broken"  # the service failed, not the job


@dataclass(frozen=True)
class Verdict:
    """An outcome, and whether running again can help. A step is never retried for what would fail the same way."""

    outcome: Outcome
    may_pass: bool = False


_RESULTS = {
    "SUCCESS": Verdict(Outcome.SUCCEEDED),
    "SUCCESS_WITH_FAILURES": Verdict(Outcome.PARTIAL),
    "FAILED": Verdict(Outcome.FAILED),
    "TIMEDOUT": Verdict(Outcome.FAILED),
    "UPSTREAM_FAILED": Verdict(Outcome.FAILED),
    "UPSTREAM_CANCELED": Verdict(Outcome.CANCELLED),
    "CANCELED": Verdict(Outcome.CANCELLED),
    # Room may be free when the step is tried again.
    "MAXIMUM_CONCURRENT_RUNS_REACHED": Verdict(Outcome.NOT_RUN, may_pass=True),
    "EXCLUDED": Verdict(Outcome.NOT_RUN),
    "DISABLED": Verdict(Outcome.NOT_RUN),
}
_PASSING = frozenset({"CLOUD_FAILURE", "INTERNAL_ERROR"})  # types of termination that are not the job's fault


def judge(life: str | None, result: str | None, termination: str | None = None) -> Verdict | None:
    """The verdict on a run in state ``life`` with ``result`` and type of ``termination``; None while it goes on.

    A final run whose result is not known counts as failed: nothing says that its work was done.
    """
    if life not in ENDS:
        return None
    if life == "INTERNAL_ERROR":
        return Verdict(Outcome.BROKEN, may_pass=True)
    if life == "SKIPPED":
        known = _RESULTS.get(result or "")
        return known if known is not None and known.outcome is Outcome.NOT_RUN else Verdict(Outcome.NOT_RUN)
    verdict = _RESULTS.get(result or "", Verdict(Outcome.FAILED))
    if verdict.outcome is Outcome.FAILED and termination in _PASSING:
        return Verdict(Outcome.FAILED, may_pass=True)
    return verdict
