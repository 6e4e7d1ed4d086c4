"""What somebody had begun, while it goes on, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.console.page import Ask, Problem, look
from integrations_platform.console.rendering import side_name
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.spec import SIDES

_DONE = ("created", "updated", "archived", "restored", "deleted")
_LEFT = {
    "rejected": "refused by the system",
    "deferred": "put off",
    "parked": "waiting for a decision",
    "stale": "changed meanwhile and left alone",
    "unknown": "unanswered",
}


def work(ask: Ask) -> Response:
    spec = ask.spec()
    found = ask.console.works.find(spec.name, ask.part("key"))
    if found is None:
        raise Problem(
            404, "There is no trace of that", "It ended before this server was started. The sync's page has its runs."
        )
    found = replace(found)  # as it is now: it goes on while its page is made, and must not end in the middle of it
    if found.ended and found.plan_id and not found.problem:
        return ask.go("syncs", spec.name, "plans", found.plan_id)
    if found.ended and found.record and found.report and found.report.written and not found.problem:
        restored = "Restored. The next run carries it on to the other side."
        return ask.go("syncs", spec.name, "record", id=found.record, notice=restored)
    told = [(side_name(spec, side), *_counts(found.report, side.lower())) for side in SIDES] if found.report else []
    return ask.render("work.html", spec=spec, work=found, told=told, waits=_waits(found.report))


def _counts(report: RunReport, letter: str) -> tuple[list[str], list[str]]:
    """What was written to a side, and what was not."""
    done = [f"{number:,} {word}" for word in _DONE if (number := report.counts[f"{word}_{letter}"])]
    left = [f"{number:,} {words}" for word, words in _LEFT.items() if (number := report.counts[f"{word}_{letter}"])]
    return done, left


def _waits(report: RunReport | None) -> list[str]:
    if report is None:
        return []
    return [
        line for line in dict.fromkeys([*report.warnings, *(refusal.message for refusal in report.refusals)]) if line
    ]


ROUTES = [Route("/syncs/{sync}/work/{key}", look(work))]
