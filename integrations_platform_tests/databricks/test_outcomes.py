"""What each final state means, and that nothing else is an end."""

from __future__ import annotations

import pytest

from integrations_platform.databricks.outcomes import Outcome, judge

LIVES = ("QUEUED", "PENDING", "BLOCKED", "RUNNING", "TERMINATING", "WAITING_FOR_RETRY", "RESIZING", None)


@pytest.mark.parametrize("life", LIVES)
def test_a_state_that_is_no_end_or_is_not_known_is_waited_on(life: str | None) -> None:
    assert judge(life, "SUCCESS") is None


@pytest.mark.parametrize(
    ("life", "result", "termination", "outcome", "may_pass"),
    [
        ("TERMINATED", "SUCCESS", "SUCCESS", Outcome.SUCCEEDED, False),
        ("TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS", Outcome.PARTIAL, False),
        ("TERMINATED", "FAILED", "CLIENT_ERROR", Outcome.FAILED, False),
        ("TERMINATED", "FAILED", None, Outcome.FAILED, False),
        ("TERMINATED", "FAILED", "CLOUD_FAILURE", Outcome.FAILED, True),
        ("TERMINATED", "TIMEDOUT", "CLIENT_ERROR", Outcome.FAILED, False),
        ("TERMINATED", "UPSTREAM_FAILED", "INTERNAL_ERROR", Outcome.FAILED, True),
        ("TERMINATED", "UPSTREAM_CANCELED", None, Outcome.CANCELLED, False),
        ("TERMINATED", "CANCELED", "CLIENT_ERROR", Outcome.CANCELLED, False),
        ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "CLIENT_ERROR", Outcome.NOT_RUN, True),
        ("SKIPPED", "EXCLUDED", None, Outcome.NOT_RUN, False),
        ("SKIPPED", "DISABLED", None, Outcome.NOT_RUN, False),
        ("SKIPPED", "SUCCESS", None, Outcome.NOT_RUN, False),
        ("INTERNAL_ERROR", "FAILED", None, Outcome.BROKEN, True),
        ("INTERNAL_ERROR", None, None, Outcome.BROKEN, True),
        ("TERMINATED", None, None, Outcome.FAILED, False),
        ("TERMINATED", "A_WORD_OF_TOMORROW", None, Outcome.FAILED, False),
    ],
)
def test_an_end_means(life: str, result: str | None, termination: str | None, outcome: Outcome, may_pass: bool) -> None:
    verdict = judge(life, result, termination)
    assert verdict is not None
    assert (verdict.outcome, verdict.may_pass) == (outcome, may_pass)
