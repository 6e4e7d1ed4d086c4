"""The engine broken wherever a mutation tool can, as a part of the proof."""

from __future__ import annotations

from integrations_platform_tests.proof.part import Part, Shown
from integrations_platform_tests.proof.tool_mutation import MODULES, SAMPLE, try_modules

EVERYTHING = 100_000  # more places than a module has


def _run(size: int, processes: int) -> Shown:
    verdict = try_modules(MODULES, most=None if size >= EVERYTHING else size, processes=processes)
    told = [
        f"{name} {score['percent']:g} % ({score['killed']:g} of {score['mutants']:g}, {score['explained']:g} cannot "
        "be noticed)"
        for name, score in verdict.scores.items()
    ]
    return Shown(
        "no seeds: every place in an order of its own" if size >= EVERYTHING else f"{size} places of each module",
        f"noticed: {', '.join(told) or 'nothing was tried'}",
        {f"{name}, {what}": value for name, score in verdict.scores.items() for what, value in score.items()},
        tuple(verdict.faults),
    )


PART = Part(
    "tool-mutation",
    "Mutation score",
    "a mutation tool on planner, merge and guards: ≥ 90 % noticed, every survivor explained",
    "places of each module, at most",
    {"short": SAMPLE, "nightly": EVERYTHING},
    _run,
)
