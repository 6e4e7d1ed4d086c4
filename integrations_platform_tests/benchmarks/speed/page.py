"""The README's section on speed, from the results; it says nothing that no result says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from integrations_platform_tests.benchmarks.speed.figures import OURS, Figure, Results
from integrations_platform_tests.benchmarks.speed.goals import GOALS, NONE, times
from integrations_platform_tests.benchmarks.speed.tables import CHURN, LOAD, UNCHANGED

BEGIN, END = "<!-- speed: written by the benchmark -->", "<!-- end of speed -->"
_LONGEST = 120
COLUMNS = (LOAD, UNCHANGED, CHURN)


class NoPlace(Exception):  # noqa: N818  named as the sentence reads
    """A page has no marks between which the tables go."""


def put(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page. Raises NoPlace."""
    old = page.read_text(encoding="utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"{page} lacks {BEGIN} and {END}")
    page.write_text(f"{head}{BEGIN}\n{text.strip()}\n{END}{tail}", encoding="utf-8")


def tables(results: Results, plot: str) -> str:
    """Goals beside our figures, the tools beside one another, and on what that was measured; ``plot`` is its path."""
    return "\n\n".join(
        [_goals(results), _tools(results), f"![CPU against a plain copy]({plot})", _circumstances(results)]
    )


def _goals(results: Results) -> str:
    lines = ["| case | to reach | measured | |", "|---|---|---|---|"]
    words = {True: "reached", False: "**missed**", None: "open"}
    for goal in GOALS:
        judged = goal.judge(results)
        word = "" if goal.wanted == NONE else words[judged.reached] if judged else ""
        cells = ("not run", "") if judged is None else (judged.ours, word)
        lines.append(f"| {goal.case} | {goal.wanted} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def compared(results: Results) -> list[Figure]:
    """What can be held beside one another: of the number of rows that all tools were given."""
    shown = [each for each in results.figures if each.case in COLUMNS]
    rows = max(
        (each.rows for each in shown if each.tool != OURS), default=max((each.rows for each in shown), default=0)
    )
    return [each for each in shown if each.rows == (rows or each.rows)]


def _tools(results: Results) -> str:
    """CPU against the floor, and what is wrong with the target afterwards."""
    shown = compared(results)
    rows = max((each.rows for each in shown), default=0)
    lines = [
        f"| PostgreSQL → PostgreSQL, {rows:,} rows: CPU ÷ floor | "
        + " | ".join(COLUMNS)
        + " | most memory | after churn |",
        "|---|" + "--:|" * (len(COLUMNS) + 1) + "---|",
    ]
    for tool in sorted({each.tool for each in shown}, key=lambda name: (name != OURS, name)):
        mine = {each.case: each for each in shown if each.tool == tool}
        peak = max(each.peak_mib for each in mine.values())
        churned = mine[CHURN].tables if CHURN in mine else ""
        label = f"**{tool}**" if tool == OURS else tool
        cells = [_cell(mine.get(case)) for case in COLUMNS]
        lines.append(f"| {label} | {' | '.join(cells)} | {peak:,.0f} MiB | {churned} |")
    rest = " |" * (len(COLUMNS) + 1)
    lines += [f"| {tool} | left out: {_line(reason)} |{rest}" for tool, reason in results.skipped.items()]
    return "\n".join(lines)


def _line(reason: str) -> str:
    """The end of what was said, which names the fault, in a cell."""
    return reason.strip().splitlines()[-1].strip()[:_LONGEST].replace("|", "/")


def _cell(found: Figure | None) -> str:
    if found is None or found.ratio is None:
        return "–"
    over = "> " if found.cut_off else ""
    wrong = "" if found.tables in ("", "equal") or found.case == CHURN else f" ({found.tables})"
    return f"{over}{times(found.ratio)}{wrong}"


def _circumstances(results: Results) -> str:
    days = sorted({each.measured_at[:10] for each in results.figures})
    commits = sorted({each.commit for each in results.figures})
    loads = [each.load for each in results.figures]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(results.versions.items()))
    many = sorted({each.repetitions for each in results.figures})
    return (
        f"Measured {_span(days)} at {', '.join(f'`{each}`' for each in commits)} on {results.machine}, load "
        f"{min(loads, default=0):.0f} to {max(loads, default=0):.0f}; medians of {_span([str(each) for each in many])} "
        f"repetitions. {versions}."
    )


def _span(words: Sequence[str]) -> str:
    return f"{words[0]} to {words[-1]}" if len(words) > 1 else "".join(words)
