"""What a run did, as a person reads it.

Owns the layout of a report. A partial success is called partial, and it says what is left and where to look.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from integrations_platform.cli.output import count, say, warn
from integrations_platform.cli.session import Named, Session
from integrations_platform.cli.show_plan import show_refusals
from integrations_platform.plan_data import place
from integrations_platform.unified_sync.spec import SIDES
from integrations_platform.words import system_name

if TYPE_CHECKING:
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.report import RunReport

_DONE = ("created", "updated", "archived", "restored", "deleted", "already")
_LEFT = {
    "rejected": "refused",
    "deferred": "put off",
    "parked": "parked",
    "stale": "changed meanwhile",
    "unknown": "unanswered",
}
_COLOURS = {"succeeded": "green", "partial": "yellow", "failed": "red", "refused": "red"}


_FEW = 1000  # records, of which it says nothing how many were looked at in a second


def show_report(session: Session, platform: Platform, named: Named, report: RunReport) -> None:
    """Status, what was written where, what that took of the services, and what waits for whom."""
    status = report.status.value
    pace = f", {report.rows_per_second:,} records a second" if report.rows >= _FEW else ""
    say(
        f"{report.sync}: {status} in {report.seconds:.1f} s{pace}  (run {report.run_id})",
        bold=True,
        colour=_COLOURS[status],
    )
    if report.refusals:
        show_refusals(report_refusals(report))
    elif report.message:
        warn(f"Error: {report.message}" if status == "failed" else report.message)
    if status in ("succeeded", "partial") or report.written:
        for side in SIDES:
            say(f"  {place(named.spec, side)}: {_side(report, side.lower())}")
    if report.counts["linked"]:
        say(f"  {report.counts['linked']:,} recognised as the same record on both sides")
    if report.recovered:
        say(f"  {count(report.recovered, 'interrupted write')} of an earlier run made good first")
    show_spent(platform, named, report)
    for text in dict.fromkeys(report.warnings):
        warn(f"note: {text}")
    _waiting(session, named, report)


def report_refusals(report: RunReport) -> list[dict[str, str]]:
    """Refusals as data."""
    return [{"guard": item.guard, "message": item.message, "remedy": item.remedy} for item in report.refusals]


def report_data(report: RunReport) -> dict[str, Any]:
    """The report as `--json` prints it."""
    return report.to_data() | {"exit_code": report.exit_code}


def _side(report: RunReport, letter: str) -> str:
    done = [f"{number:,} {word}" for word in _DONE if (number := report.counts[f"{word}_{letter}"])]
    left = [f"{number:,} {words}" for word, words in _LEFT.items() if (number := report.counts[f"{word}_{letter}"])]
    return ", ".join(done or ["nothing written"]) + (f"; {', '.join(left)}" if left else "")


def show_spent(platform: Platform, named: Named, report: RunReport) -> None:
    """Calls of this run to each service, and what is used of its quotas by everybody."""
    calls: Counter[str] = Counter()
    for side in SIDES:
        calls[named.spec.side(side).system] += report.counts[f"calls_{side.lower()}"]
    for system, number in calls.items():
        if platform.settings.system(system).is_service:
            used = [usage.words for name, usage in platform.quotas() if name == system]
            say(f"  {system_name(system)}: {'; '.join([count(number, 'call'), *used])}")


def _waiting(session: Session, named: Named, report: RunReport) -> None:
    if report.open_conflicts:
        waits = "waits" if report.open_conflicts == 1 else "wait"
        say(f"  {count(report.open_conflicts, 'conflict')} {waits} for a decision:")
        say(f"    {session.command('sync', 'conflicts', 'list', named.word)}")
    if report.in_quarantine:
        say(f"  {count(report.in_quarantine, 'record')} in quarantine:")
        say(f"    {session.command('sync', 'quarantine', 'list', named.word)}")
