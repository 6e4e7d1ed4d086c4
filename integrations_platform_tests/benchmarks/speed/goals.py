"""What is to be reached in each case, and whether our figure reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrations_platform_tests.benchmarks.speed.figures import Figure, Results
from integrations_platform_tests.benchmarks.speed.planning import PLANNER
from integrations_platform_tests.benchmarks.speed.services import SERVICE
from integrations_platform_tests.benchmarks.speed.starting import HELP, IMPORT
from integrations_platform_tests.benchmarks.speed.tables import (
    AGAIN_MARIADB,
    BOTH,
    CHURN,
    FROM_MARIADB,
    GROWTH,
    HINTED,
    LOAD,
    QUIET,
    QUIET_MARIADB,
    START,
    TO_MARIADB,
    UNCHANGED,
    UPSERT,
    VERIFIED,
    WRITING,
)

FULL = 1_000_000  # rows that the figures to reach are about
NONE = "–"  # nothing was asked for
CHANGED_KB = 10  # memory that may follow a changed row; more follows the table


@dataclass(frozen=True)
class Judged:
    """Our figure in words, and whether it reaches the goal; None: it cannot be told from what was run."""

    ours: str
    reached: bool | None


Judge = Callable[[Results], Judged | None]


@dataclass(frozen=True)
class Goal:
    """A case, what must be reached, and who judges."""

    case: str
    wanted: str
    judge: Judge


def _against_floor(
    case: str, most: float | None = None, mib: float | None = None, *, start: bool = False
) -> Judge:  # fmt: skip
    """CPU at most so many times the floor's; ``start``: what a run of ten settled rows takes is taken off before."""

    def judge(results: Results) -> Judged | None:
        found, begun = results.find(case), results.find(START)
        if found is None or found.ratio is None or not found.floor:
            return None
        ratio, words = found.ratio, f"**{times(found.ratio)}**"
        if start:
            if begun is None:
                return None
            ratio = max(0.0, found.cpu - begun.cpu) / found.floor
            words = f"**{times(ratio)}** + {begun.cpu:.1f} CPU s of start-up"
        fits = mib is None or found.peak_mib <= mib
        reached = None if most is None else ratio <= most and fits and found.tables == "equal"
        return Judged(
            f"{words} ({found.cpu:.1f} of {found.floor:.1f} CPU s), {found.peak_mib:.0f} MiB{size(found)}", reached
        )

    return judge


def _both(results: Results) -> Judged | None:
    found = results.find(BOTH)
    if found is None:
        return None
    reached: bool | None = found.cpu <= 6 and found.peak_mib <= 400 and found.tables == "equal"
    if reached and found.rows < FULL:
        reached = None
    return Judged(f"**{found.cpu:.1f} CPU s**, {found.peak_mib:.0f} MiB{size(found)}", reached)


def _mariadb(results: Results) -> Judged | None:
    words, reached = [], []
    # What another tool does again is held against our later runs: like them, it verifies nothing of what it wrote.
    for case, beside_it in (
        (TO_MARIADB, TO_MARIADB), (AGAIN_MARIADB, ""), (QUIET_MARIADB, AGAIN_MARIADB), (FROM_MARIADB, FROM_MARIADB),
    ):  # fmt: skip
        ours = results.find(case)
        if ours is None:
            continue
        theirs = results.find(beside_it, "dlt", ours.rows)
        wrong = f", {theirs.tables}" if theirs is not None and theirs.tables != "equal" else ""
        beside = f" (dlt {theirs.cpu:.1f}{wrong})" if theirs else ""
        words.append(f"{case.removeprefix('PostgreSQL → MariaDB, ')}: **{ours.cpu:.1f}**{beside}")
        if theirs is not None:
            reached.append(ours.cpu <= theirs.cpu)
    found = results.find(TO_MARIADB)
    if found is None:
        return None
    return Judged("; ".join(words) + f" CPU s{size(found)}", all(reached) if reached else None)


def _planner(results: Results) -> Judged | None:
    found = results.find(PLANNER)
    if found is None:
        return None
    rate = found.values["decisions_per_cpu_second"]
    return Judged(f"**{rate:,.0f}** a CPU second{size(found)}", rate >= 50_000)


def _service(results: Results) -> Judged | None:
    found = results.find(SERVICE)
    if found is None:
        return None
    calls, share = found.values["times_the_least"], found.values["share_of_a_core"]
    return Judged(
        f"**{calls:.3f}** × ({found.values['calls']:,.0f} calls), **{share:.1%}** of a core, at {found.rows:,} records",
        calls <= 1.05 and share <= 0.06,
    )


def _growth(results: Results) -> Judged | None:
    words, reached = [], []
    for case in (LOAD, CHURN):
        found = sorted(
            (each for each in results.figures if each.case == f"{GROWTH}: {case}"), key=lambda each: each.rows
        )
        if len(found) < 2:
            return None
        steps = [f"{each.rows:,}: {each.cpu:.1f} CPU s, {each.peak_mib:.0f} MiB" for each in found]
        words.append(f"{case}: " + "; ".join(steps))
        first, last = found[0], found[-1]
        reached.append(last.cpu / first.cpu <= 1.2 * last.rows / first.rows)
        if case == CHURN:
            changed = (last.rows - first.rows) / 100
            each_kb = (last.peak_mib - first.peak_mib) * 2**20 / 1000 / changed
            words.append(f"memory: {each_kb:,.0f} kB more for each changed row")
            reached.append(each_kb <= CHANGED_KB)
    return Judged("<br>".join(words), all(reached))


def _seconds(case: str, most: float) -> Judge:
    def judge(results: Results) -> Judged | None:
        found = results.find(case)
        return None if found is None else Judged(f"**{found.cpu:.2f} CPU s**", found.cpu <= most)

    return judge


GOALS = (
    Goal("initial load PostgreSQL → PostgreSQL, base stored, audited", "≤ 1.6 × floor, ≤ 256 MiB",
         _against_floor(LOAD, 1.6, 256)),
    Goal("the first run after it, which verifies what was written", NONE, _against_floor(UNCHANGED)),
    Goal("no change: every later run, by what the servers know of their transactions", NONE, _against_floor(QUIET)),
    Goal("no change, verified by full fingerprints: `--full`, and once a day", "≤ 0.6 × floor",
         _against_floor(VERIFIED, 0.6)),
    Goal("no change, watermark hint: `--if-changed`", "≤ 0.15 × floor + start-up",
         _against_floor(HINTED, 0.15, start=True)),
    Goal("1 % updated, 0.1 % inserted, 0.1 % deleted, deletes carried over", "≤ 0.65 × floor",
         _against_floor(CHURN, 0.65)),
    Goal("1.2 % changed on each side, 0.2 % on both, 0.1 % in conflict", "≤ 6 CPU s, ≤ 400 MiB", _both),
    Goal("PostgreSQL → MariaDB, again without change, and back", "fewer CPU s than dlt", _mariadb),
    Goal("a tenth of the rows changed, read, written and read back, against COPY + `ON CONFLICT` by hand", "≤ 1.2 ×",
         _against_floor(WRITING, 1.2)),
    Goal("the whole run around it, against the same", NONE, _against_floor(UPSERT)),
    Goal("planner alone, one pair in a hundred in conflict: field decisions", "≥ 50,000 a second and core", _planner),
    Goal("settled run over linked records of an API at the vendor's rate limit",
         "≤ 1.05 × the least calls, ≤ 6 % of a core", _service),
    Goal("growth", f"linear, memory by what changed: ≤ {CHANGED_KB} kB a changed row", _growth),
    Goal("`import integrations_platform.definitions` beyond `import dagster`", "≤ 1.5 CPU s, no network",
         _seconds(IMPORT, 1.5)),
    Goal("`integrations --help`", "< 0.3 CPU s", _seconds(HELP, 0.3)),
)  # fmt: skip


def times(ratio: float) -> str:
    """A ratio to the floor, with as many digits as it is worth."""
    return f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.0f} ×"


def size(found: Figure) -> str:
    """At how many rows, where it is not the number the goals are about."""
    return "" if found.rows == FULL else f", at {found.rows:,} rows"
