"""Histories of two systems, their users and a process that dies, against P1–P16 of the published guarantees.

Hypothesis draws what users do and when the sync runs; within a run a seeded generator decides who steps in between and
where the process dies. A failure shrinks to a short history and prints how to replay it.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.spec import SideName, Strategy
from integrations_platform_tests.simulation import people
from integrations_platform_tests.simulation.declared import EDITABLE
from integrations_platform_tests.simulation.sides import POISON, Nature, Row
from integrations_platform_tests.simulation.world import Faults, World, with_batches_of

HISTORIES = {"commit": 100, "nightly": 10_000}
"""For each strategy. Every commit lives through five hundred more, of other makings: ``test_drawn.py``."""

natures = st.builds(
    Nature,
    compare_and_set=st.booleans(),
    lower_cases=st.booleans(),
    returns_record=st.booleans(),
    dates_records=st.booleans(),
    history=st.booleans(),
    skew=st.sampled_from([0.0, 3.0, -3.0, 300.0, -300.0]),
    uncertainty=st.sampled_from([0.001, 2.0]),
    missing=st.sampled_from([0.0, 0.2, 0.5]),
    lost=st.sampled_from([0.0, 0.03, 0.12, 0.3]),
    shuffles=st.booleans(),
)
sides = st.sampled_from(("A", "B"))


class Histories(RuleBasedStateMachine):
    """One history: a few users, a few runs, then quiet."""

    strategy = Strategy.MANUAL
    world: World

    @initialize(seed=st.integers(0, 2**32), nature_a=natures, nature_b=natures, shared=st.booleans())
    def begin(self, seed: int, nature_a: Nature, nature_b: Nature, *, shared: bool) -> None:
        """Two records, perhaps of the same person."""
        self.world = World(seed, self.strategy, nature_a, nature_b)
        first = self.world.create("A")
        email = first.values["email"] if shared else self.world.truth.token("email")
        self.world.create(
            "B", {column: email if column == "email" else self.world.truth.token(column) for column in EDITABLE}
        )

    def _row(self, side: SideName, index: int) -> Row | None:
        live = [row for row in self.world.sides[side].rows.values() if not row.archived]
        return live[index % len(live)] if live else None

    @rule(side=sides)
    def a_user_creates(self, side: SideName) -> None:
        """A new record."""
        self.world.create(side)

    @rule(
        side=sides,
        index=st.integers(0, 5),
        column=st.sampled_from(EDITABLE),
        how=st.sampled_from(("new", "new", "new", "clear", "same", "poison")),
    )
    def a_user_edits(self, side: SideName, index: int, column: str, how: str) -> None:
        """A field is overwritten: by a new value, by nothing, by what the other side shows, by what is refused."""
        row = self._row(side, index)
        if row is None:
            return
        if how == "new":
            self.world.edit(side, row, column, self.world.truth.token(column))
        elif how == "clear":
            self.world.edit(side, row, column, None)
        elif how == "poison":
            self.world.edit(side, row, "name", POISON)
        else:
            twin = self.world.counterpart(side, row)
            if twin is not None:
                self.world.edit(side, row, column, twin.values[column])

    @rule(side=sides, index=st.integers(0, 5))
    def a_user_deletes(self, side: SideName, index: int) -> None:
        """A record goes away without a trace."""
        row = self._row(side, index)
        if row is not None:
            self.world.delete(side, row)

    @precondition(lambda self: self.world.store.conflicts("sim"))
    @rule()
    def a_person_decides(self) -> None:
        """An open conflict gets its resolution."""
        people.decide(self.world)

    @rule(
        crash=st.sampled_from([0.0, 0.03, 0.12]),
        user=st.sampled_from([0.0, 0.1, 0.3]),
        second=st.sampled_from([0.0, 0.0, 0.1]),
    )
    def the_sync_runs(self, crash: float, user: float, second: float) -> None:
        """A run, with users stepping in, a second worker, and perhaps its end."""
        self.world.run(Faults(crash, user, second))

    def teardown(self) -> None:
        """Everything comes to rest, and nothing was lost, doubled, resurrected or left unexplained."""
        if hasattr(self, "world"):
            self.world.settle()
            assert verify_chain(self.world.store.memory.audit)[1] is None


@pytest.mark.parametrize("strategy", list(Strategy))
def test_whatever_users_do_and_wherever_it_dies_the_sync_keeps_its_promises(strategy: Strategy, profile: str) -> None:
    machine = type(f"Histories_{strategy}", (Histories,), {"strategy": strategy})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES[profile],
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            # Shrinking takes minutes; the nightly profile has them, a commit gets the seed and the history as drawn.
            phases=(Phase.generate, Phase.shrink) if profile == "nightly" else (Phase.generate,),
        ),
    )


def _history(seed: int, strategy: Strategy) -> World:
    drawn = random.Random(seed)
    world = World(
        seed,
        strategy,
        Nature(lower_cases=drawn.random() < 0.3, lost=0.12, missing=0.2, shuffles=True),
        Nature(returns_record=False, lost=0.03, shuffles=True),
    )
    for _ in range(drawn.randint(2, 5)):
        for _ in range(drawn.randint(0, 5)):
            world.user_step()
        world.run(Faults(crash=0.05, user=0.2))
    world.settle()
    return world


@pytest.mark.parametrize("seed", range(10))
def test_p14_the_same_seed_writes_the_same_audit_byte_for_byte(seed: int) -> None:
    first, second = (_history(seed, Strategy.LATEST) for _ in range(2))
    assert [line.hash for line in first.store.memory.audit] == [line.hash for line in second.store.memory.audit]


@pytest.mark.parametrize("seed", range(10))
def test_p8_the_settled_state_does_not_depend_on_batch_size_or_order(seed: int) -> None:
    ends = set()
    for batch_size, shuffles in ((1, False), (2, True), (3, True)):
        world = with_batches_of(
            World(seed, Strategy.SOURCE_WINS, Nature(shuffles=shuffles), Nature(shuffles=shuffles)), batch_size
        )
        drawn = random.Random(seed)
        rows = [(side, world.create(side)) for side in ("A", "B", "A", "B", "A")]
        world.run()
        for _ in range(8):
            side, row = drawn.choice(rows)
            column = drawn.choice(EDITABLE)
            world.edit(side, row, column, world.truth.token(column))
        world.settle()
        ends.add(
            tuple(
                tuple(sorted(tuple(str(value) for value in row.values.values()) for row in side.rows.values()))
                for side in world.sides.values()
            )
        )
    assert len(ends) == 1
