"""PROOF.md, from the results of the parts; it says nothing that no result says."""

from __future__ import annotations

from collections.abc import Sequence

from integrations_platform_tests.proof.catalogue import AREAS, names, part
from integrations_platform_tests.proof.holdings import HOLDINGS
from integrations_platform_tests.proof.part import Result, number

COMMAND = "python -m integrations_platform_tests.proof report"


class MixedCommits(Exception):  # noqa: N818  named as the sentence reads
    """Results of different commits were to be shown as one proof."""


def page(results: Sequence[Result], *, mixed: bool = False) -> str:
    """The page. Raises MixedCommits unless all results are of one commit, or ``mixed`` allows several."""
    commits = {result.commit for result in results}
    if len(commits) > 1 and not mixed:
        listed = "; ".join(
            f"{commit}: {', '.join(result.part for result in results if result.commit == commit)}"
            for commit in sorted(commits)
        )
        raise MixedCommits(f"results of several commits ({listed}); run the older ones again, or say --mixed")
    return "\n".join(
        [
            (
                f"# Proof of the sync's guarantees\n\nWritten by `{COMMAND}`; every figure is as measured by the run"
                " its row names, nothing is from memory. P1–P42 are the properties the sync promises.\n"
            ),
            _circumstances(results),
            _violations(results),
            "## Figures\n\n" + _figures(results),
            "## What was counted\n\n" + _counted(results),
            (
                "## Which test or check holds which property\n\nPaths are below `integrations_platform_tests/`. Checks"
                " in `simulation/checks.py` are applied to every simulated history above.\n\n| | property | held by |\n"
                "|---|---|---|"
            ),
            "\n".join(f"| {name} | {words} | {text} |" for name, (words, text) in HOLDINGS.items()) + "\n",
            _weaker(),
            _again(),
        ]
    )


def _circumstances(results: Sequence[Result]) -> str:
    if not results:
        return "Nothing has been run.\n"
    begun = sorted(result.begun for result in results)
    commits = sorted({result.commit for result in results})
    sizes = sorted({result.size_name for result in results})
    several = "; **results of several commits, each row names its own**" if len(commits) > 1 else ""
    return (
        f"- when: {begun[0]} to {begun[-1]} (beginnings of the first and the last part), "
        f"{sum(result.seconds for result in results):,.0f} s in all\n"
        f"- commit: {', '.join(f'`{commit}`' for commit in commits)}{several}\n"
        f"- machine: {'; '.join(sorted({result.machine for result in results}))}\n"
        f"- size: {', '.join(sizes)}{'' if sizes == ['nightly'] else ' (the figures to reach are those of nightly)'}\n"
    )


def _violations(results: Sequence[Result]) -> str:
    lines = [f"- {result.part}: {text}" for result in results for text in result.shown.violations]
    return "**Violated:**\n\n" + "\n".join(lines) + "\n" if lines else "No property was violated.\n"


def _figures(results: Sequence[Result]) -> str:
    by_name = {result.part: result for result in results}
    lines = [
        "| area | figure to reach | measured | part | size | seeds | commit | seconds |",
        "|---|---|---|---|--:|---|---|--:|",
    ]
    parts = [part(name) for name in names()]
    for area in AREAS:
        here = [item for item in parts if item.area == area]
        for item in here:
            found = by_name.get(item.name)
            cells = ["not run", item.name, "", "", "", ""]
            if found is not None:
                size = f"{found.size_name}: {found.size:,} {item.unit}"
                seconds = f"{found.seconds:,.0f}"
                cells = [found.shown.measured, item.name, size, found.shown.seeds, f"`{found.commit}`", seconds]
            lines.append(f"| {area} | {item.wanted} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _counted(results: Sequence[Result]) -> str:
    lines = []
    for result in results:
        counts = ", ".join(f"{number(count)} {name}" for name, count in sorted(result.shown.counts.items()))
        lines += [f"- **{result.part}**: {counts}."] if counts else []
        lines += [f"  {text}" for text in result.shown.details]
    return "\n".join(lines) + "\n"


def _weaker() -> str:
    return (
        "## What is weaker, and where\n\nOn a side without compare-and-set a write may meet an edit made since the"
        " plan. For records written in that window the simulation does not claim P3, P9, P21 and P22 (it counts the"
        " windows); all else is checked there too. SQL sides have compare-and-set. Where a listing lags behind reading"
        " by id, an edit of digits that the other side does not keep, made after an edit there that the listing does"
        " not show yet, is not told from one made before it; simulated users make none there. A worker that stands"
        " still inside the call of a create until its lease is over, and another one has made the record, finds it by"
        " the tag it carries; where a user has merged it away meanwhile, and the tag was all the side had to tell by,"
        " it is made once more, and P10 is not claimed of that second one. A worker that stands still so inside the"
        " call of an update writes what it has planned unless the record has moved, also where another one has parked"
        " the field since; P21 is claimed of it for what was parked while it held the lease. Clocks may be skewed by"
        " up to five minutes, but their reading is wrong by no more than the uncertainty it declares.\n"
    )


def _again() -> str:
    return (
        f"## Run it again\n\nThe whole, in a night: `{COMMAND} --nightly`. In minutes: `{COMMAND}`. One part:"
        f" `{COMMAND} --nightly --part NAME`; every part leaves its result in a folder (`--into`), an interrupted run"
        f" goes on where it stopped, and `{COMMAND} --render` writes this page from what is there. The results that"
        " this page shows are kept in `proof/results/`. One history:"
        " `python -m integrations_platform_tests.proof histories --replay SEED:STRATEGY:FAULTS`.\n"
    )
