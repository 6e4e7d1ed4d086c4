"""The suite is itself tried: engines broken on purpose must be noticed, and a mutant that drifted fails loudly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from integrations_platform_tests.proof.mutant_list import MUTANTS
from integrations_platform_tests.proof.mutant_run import (
    PROPERTIES,
    ROOT,
    SEEDS,
    WITHOUT_MECHANISM,
    Verdict,
    try_all,
    try_engine,
    workshop,
)
from integrations_platform_tests.proof.mutants import Mutant
from integrations_platform_tests.proof.situations import situations

SAMPLE = (
    "intents-never-recovered",  # recovery
    "outcomes-by-position",  # writer
    "payload-becomes-base",  # commit
    "no-base",  # merge
    "delete-beats-update",  # existence
    "decision-on-unseen-values",  # conflicts
    "first-candidate-taken",  # identity
    "long-text-cut",  # forms
)
"""One of each kind, each of another file, so that every commit proves the machinery itself."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_still_fits_the_engine(mutant: Mutant) -> None:
    assert mutant.mutated(ROOT), "nothing is changed"


def test_names_are_unique_and_every_expected_property_exists() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    assert len(names) >= 45
    for mutant in MUTANTS:
        assert mutant.expected
        assert set(mutant.expected) <= {*PROPERTIES, "B0", "B5"}
    assert not set(WITHOUT_MECHANISM) & {name for mutant in MUTANTS for name in mutant.expected}


def test_every_property_the_engine_can_break_is_expected_of_some_mutant() -> None:
    expected = {name for mutant in MUTANTS for name in mutant.expected}
    assert set(PROPERTIES) - set(WITHOUT_MECHANISM) - expected == set()


def test_situations_have_distinct_names() -> None:
    names = [name for name, _ in situations()]
    assert len(set(names)) == len(names)


def test_a_sample_of_broken_engines_is_noticed_and_the_sound_one_passes() -> None:
    """The sound engine passes the same checks that the broken ones fail, or their failing would prove nothing."""
    chosen = [mutant for mutant in MUTANTS if mutant.name in SAMPLE]
    assert len(chosen) == len(SAMPLE)
    with workshop() as shop, ThreadPoolExecutor(2) as pool:
        sound = pool.submit(try_engine, shop, None, seeds=0, stories="never")
        trials = list(pool.map(lambda mutant: try_engine(shop, mutant, seeds=0, stories="never", first=True), chosen))
        assert (sound.result().findings, sound.result().fault) == ([], "")
    assert [(trial.name, trial.fault) for trial in trials if trial.fault] == []
    assert [trial.name for trial in trials if not trial.killed] == []


@pytest.mark.nightly
def test_every_broken_engine_is_noticed() -> None:
    unmutated, trials = try_all(MUTANTS, lambda _trial: None, seeds=SEEDS)
    verdict = Verdict(unmutated, trials, 0.0)
    assert (unmutated.findings, unmutated.fault) == ([], "")
    assert [trial.name for trial in verdict.survivors] == []
    assert verdict.idle() == [], "a property that notices no broken engine proves nothing"
