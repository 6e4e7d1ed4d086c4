"""The three-way merge of one unit: every row of the decision table, as a pure function (P9, P12, P13, P18)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.unified_sync.evidence import BEGINNING, Interval
from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.merge import Decision, Policy, Sight, Verb, decide, still, unchanged
from integrations_platform.unified_sync.port import ColumnForm
from integrations_platform.unified_sync.spec import Direction, OnTie, Strategy
from integrations_platform.unified_sync.values import ABSENT, FieldType, Unresolved, Value
from integrations_platform_tests.unified_sync.arrange import text

NONE = object()
TIE = Interval(BEGINNING, BEGINNING, "test")


def place(name: str = "f", lower_b: bool = False, lower_a: bool = False) -> FieldPlace:
    return FieldPlace(
        text(name, FieldType.TEXT), ColumnForm(name, lower_cases=lower_a), ColumnForm(name, lower_cases=lower_b)
    )


def policy(
    direction: Direction = Direction.BIDIRECTIONAL,
    strategy: Strategy = Strategy.MANUAL,
    on_tie: OnTie = OnTie.MANUAL,
    fill: bool = True,
) -> Policy:
    return Policy(direction, strategy, on_tie, fill)


def merged(base: Any, a: Value, b: Value, rules: Policy | None = None, places: tuple[FieldPlace, ...] = ()) -> Decision:
    """One field; ``base`` is a pair of what each side showed, or NONE."""
    known: tuple[dict[str, Value], dict[str, Value]] = ({}, {}) if base is NONE else ({"f": base[0]}, {"f": base[1]})
    return decide(
        places or (place(),),
        Sight({"f": a}, known[0]),
        Sight({"f": b}, known[1]),
        rules or policy(),
        lambda _: (TIE, TIE),
    )


S, D = Strategy, Direction
TABLE: list[tuple[str, Any, Value, Value, Policy, Verb, str | None, bool]] = [
    ("nothing moved", ("x", "x"), "x", "x", policy(), Verb.NOTHING, None, False),
    ("only A", ("x", "x"), "y", "x", policy(), Verb.WRITE, "A", False),
    ("only B", ("x", "x"), "x", "y", policy(), Verb.WRITE, "B", False),
    ("A cleared", ("x", "x"), None, "x", policy(), Verb.WRITE, "A", False),
    ("B cleared", ("x", "x"), "x", None, policy(), Verb.WRITE, "B", False),
    ("A set from nothing", (None, None), "y", None, policy(), Verb.WRITE, "A", False),
    ("both the same", ("x", "x"), "y", "y", policy(), Verb.ADVANCE, None, False),
    ("both cleared, one as ''", ("x", "x"), None, "", policy(), Verb.ADVANCE, None, False),
    ("both differ, manual", ("x", "x"), "y", "z", policy(), Verb.PARK, None, False),
    ("both differ, source wins", ("x", "x"), "y", "z", policy(strategy=S.SOURCE_WINS), Verb.WRITE, "A", True),
    ("both differ, target wins", ("x", "x"), "y", "z", policy(strategy=S.TARGET_WINS), Verb.WRITE, "B", True),
    ("both differ, tie", ("x", "x"), "y", "z", policy(strategy=S.LATEST), Verb.PARK, None, False),
    ("tie to source", ("x", "x"), "y", "z", policy(strategy=S.LATEST, on_tie=OnTie.SOURCE), Verb.WRITE, "A", True),
    ("tie to target", ("x", "x"), "y", "z", policy(strategy=S.LATEST, on_tie=OnTie.TARGET), Verb.WRITE, "B", True),
    ("one side wins only conflicts", ("x", "x"), "x", "y", policy(strategy=S.SOURCE_WINS), Verb.WRITE, "B", False),
    ("one-way, master moved", ("x", "x"), "y", "x", policy(D.SOURCE_TO_TARGET), Verb.WRITE, "A", False),
    ("one-way, derived scribbled", ("x", "x"), "x", "y", policy(D.SOURCE_TO_TARGET), Verb.WRITE, "A", True),
    ("one-way, both moved", ("x", "x"), "y", "z", policy(D.SOURCE_TO_TARGET), Verb.WRITE, "A", True),
    ("one-way back, derived scribbled", ("x", "x"), "y", "x", policy(D.TARGET_TO_SOURCE), Verb.WRITE, "B", True),
    ("never", ("x", "x"), "y", "z", policy(D.NEVER), Verb.ADVANCE, None, False),
    ("never, first", NONE, "y", "z", policy(D.NEVER), Verb.ADVANCE, None, False),
    ("first, equal", NONE, "y", "y", policy(), Verb.ADVANCE, None, False),
    ("first, A blank", NONE, None, "y", policy(), Verb.WRITE, "B", False),
    ("first, B blank", NONE, "y", "", policy(), Verb.WRITE, "A", False),
    ("first, blank, no filling", NONE, None, "y", policy(fill=False), Verb.PARK, None, False),
    ("first, differ", NONE, "y", "z", policy(), Verb.PARK, None, False),
    ("first, one-way, target blank", NONE, "y", None, policy(D.SOURCE_TO_TARGET), Verb.WRITE, "A", False),
    ("first, one-way, master blank", NONE, None, "y", policy(D.SOURCE_TO_TARGET), Verb.WRITE, "A", True),
    ("A absent", ("x", "x"), ABSENT, "y", policy(), Verb.SKIP, None, False),
    ("B absent", ("x", "x"), "y", ABSENT, policy(), Verb.SKIP, None, False),
    ("first, A absent", NONE, ABSENT, "y", policy(), Verb.SKIP, None, False),
    ("broken base", ("x", "y"), "x", "y", policy(), Verb.PARK, None, False),
    ("broken base, source wins", ("x", "y"), "x", "y", policy(strategy=S.SOURCE_WINS), Verb.WRITE, "A", True),
    ("broken base, blank is no fill", (None, "y"), None, "y", policy(), Verb.PARK, None, False),
    ("unknown reference on both", ("x", "x"), Unresolved("1"), Unresolved("2"), policy(), Verb.SKIP, None, False),
    ("unknown reference, first", NONE, Unresolved("1"), "x", policy(), Verb.SKIP, None, False),
    ("unknown reference, A moved", ("x", "x"), Unresolved("1"), "x", policy(), Verb.WRITE, "A", False),
]


@pytest.mark.parametrize(
    ("base", "a", "b", "rules", "verb", "origin", "lost"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_b1_every_row_of_the_merge_table(
    base: Any, a: Value, b: Value, rules: Policy, verb: Verb, origin: str | None, *, lost: bool
) -> None:
    decision = merged(base, a, b, rules)
    assert (decision.verb, decision.origin, decision.lost) == (verb, origin, lost)


def test_p13_a_difference_that_nobody_made_is_called_divergent() -> None:
    assert merged(("x", "y"), "x", "y").kind == "divergent"
    assert merged(("x", "x"), "y", "z").kind == "field"
    assert merged(NONE, "y", "z").kind == "first_sync"


@pytest.mark.parametrize(("a", "b", "rule"), [("y", "x", "changed on source"), ("x", "y", "changed on target")])
def test_a_decision_says_which_side_it_follows(a: str, b: str, rule: str) -> None:
    assert merged(("x", "x"), a, b).rule == rule


def test_a_respelling_on_one_side_loses_to_a_new_value_on_the_other_and_is_kept() -> None:
    places = (place(lower_b=True),)
    new_on_b = merged(("Ann", "ann"), "ANN", "eva", places=places)
    assert (new_on_b.verb, new_on_b.origin, new_on_b.lost) == (Verb.WRITE, "B", True)
    assert "only respelled on source" in new_on_b.rule


def test_a_respelling_alone_is_no_difference_at_all() -> None:
    decision = merged(("Ann", "ann"), "ANN", "ann", places=(place(lower_b=True),))
    assert decision.verb is Verb.ADVANCE


def _group(base: str, a: str, b: str, rules: Policy | None = None) -> Decision:
    """A group of fields x, y, z; each string spells their values on one side."""
    names = ("x", "y", "z")[: len(base)]
    spelled = [dict(zip(names, values, strict=True)) for values in (base, a, b)]
    return decide(
        tuple(place(name) for name in names),
        Sight(spelled[1], spelled[0]),
        Sight(spelled[2], spelled[0]),
        rules or policy(),
        lambda _: (TIE, TIE),
    )


@pytest.mark.parametrize(
    ("base", "a", "b", "verb", "origin"),
    [
        ("11", "21", "11", Verb.WRITE, "A"),
        ("11", "11", "12", Verb.WRITE, "B"),
        ("11", "21", "12", Verb.PARK, None),  # different members: the unit is in conflict all the same
        ("11", "22", "22", Verb.ADVANCE, None),
        ("111", "211", "221", Verb.WRITE, "B"),  # one member set alike on both, another moved only on B
        ("111", "112", "113", Verb.PARK, None),
    ],
)
def test_c14_a_group_is_merged_as_one_unit(base: str, a: str, b: str, verb: Verb, origin: str | None) -> None:
    decision = _group(base, a, b)
    assert (decision.verb, decision.origin) == (verb, origin)


@pytest.mark.parametrize(
    ("a", "b", "verb", "origin"),
    [
        (("", "x", ""), ("s", "x", "z"), Verb.WRITE, "B"),  # a city alone, and the address it belongs to
        (("s", "x", "z"), (None, "x", None), Verb.WRITE, "A"),
        (("", "", ""), ("s", "x", "z"), Verb.WRITE, "B"),
        (("", "y", ""), ("s", "x", "z"), Verb.PARK, None),  # another city: whose address it is, nobody can tell
        (("s", "x", ""), ("", "x", "z"), Verb.PARK, None),  # a half from each side would be nobody's address
    ],
)
def test_c14_a_group_that_one_side_knows_in_part_is_filled_on_the_first_sync_and_never_joined(
    a: tuple[Value, ...], b: tuple[Value, ...], verb: Verb, origin: str | None
) -> None:
    names = ("street", "city", "zip")
    sides = [Sight(dict(zip(names, values, strict=True)), {}) for values in (a, b)]
    places = tuple(place(name) for name in names)
    decision = decide(places, *sides, policy(), lambda _: (TIE, TIE))
    assert (decision.verb, decision.origin, decision.lost) == (verb, origin, False)
    unfilled = decide(places, *sides, policy(fill=False), lambda _: (TIE, TIE))
    assert unfilled.verb is Verb.PARK


def test_a_group_with_a_member_nobody_can_read_is_left_alone() -> None:
    places = (place("x"), place("y"))
    known = {"x": "1", "y": "1"}
    decision = decide(
        places, Sight({"x": "2", "y": ABSENT}, known), Sight(known, known), policy(), lambda _: (TIE, TIE)
    )
    assert decision.verb is Verb.SKIP


tokens = st.sampled_from([None, "", "x", "X", "y", "Y", "z"])
bases = st.just(NONE) | st.tuples(tokens, tokens)
MIRROR_STRATEGY = {S.SOURCE_WINS: S.TARGET_WINS, S.TARGET_WINS: S.SOURCE_WINS, S.LATEST: S.LATEST, S.MANUAL: S.MANUAL}
MIRROR_TIE = {OnTie.SOURCE: OnTie.TARGET, OnTie.TARGET: OnTie.SOURCE, OnTie.MANUAL: OnTie.MANUAL}
MIRROR_DIRECTION = {
    D.SOURCE_TO_TARGET: D.TARGET_TO_SOURCE,
    D.TARGET_TO_SOURCE: D.SOURCE_TO_TARGET,
    D.BIDIRECTIONAL: D.BIDIRECTIONAL,
    D.NEVER: D.NEVER,
}


@given(
    bases, tokens, tokens, st.sampled_from(S), st.sampled_from(OnTie), st.sampled_from(D), st.booleans(), st.booleans()
)
@settings(max_examples=500, deadline=None, database=None, derandomize=True)
def test_p18_swapping_the_sides_mirrors_the_decision(
    base: Any, a: Value, b: Value, strategy: Strategy, on_tie: OnTie, direction: Direction, fill: bool, lower: bool
) -> None:
    one = merged(base, a, b, policy(direction, strategy, on_tie, fill), (place(lower_b=lower),))
    swapped = merged(
        NONE if base is NONE else base[::-1],
        b,
        a,
        policy(MIRROR_DIRECTION[direction], MIRROR_STRATEGY[strategy], MIRROR_TIE[on_tie], fill),
        (place(lower_a=lower),),
    )
    mirrored = {"A": "B", "B": "A", None: None}
    assert (swapped.verb, swapped.origin, swapped.lost) == (one.verb, mirrored[one.origin], one.lost)


@given(tokens, tokens, tokens, st.sampled_from(S))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_p9_one_sided_changes_are_never_conflicts_and_nothing_is_lost_by_them(
    x: Value, y: Value, other: Value, strategy: Strategy
) -> None:
    decision = merged((x, x), y, x, policy(strategy=strategy))
    assert decision.verb is not Verb.PARK
    assert not decision.lost
    assert decision.origin in (None, "A")


says = st.sampled_from([ABSENT, None, "", "x", "X", "y", Unresolved("x")])
agreed = st.sampled_from([NONE, None, "", "x", "X", "y", Unresolved("x")])


@given(st.lists(st.tuples(agreed, agreed, says, says), min_size=1, max_size=4), st.booleans())
@settings(max_examples=500, deadline=None, database=None, derandomize=True)
def test_of_what_is_still_as_agreed_nothing_would_be_decided(
    drawn: list[tuple[Any, Any, Value, Value]], lower: bool
) -> None:
    fields = {f"f{number}": values for number, values in enumerate([("x", "x", "x", "x"), *drawn])}
    a, b = (
        Sight(
            {name: values[side + 2] for name, values in fields.items()},
            {name: values[side] for name, values in fields.items() if values[side] is not NONE},
        )
        for side in (0, 1)
    )
    quiet = still(a, b, (a.moved(), b.moved()), frozenset(fields))
    assert "f0" in quiet
    for name in quiet:
        decision = decide((place(name, lower),), a, b, policy(), lambda _: (TIE, TIE))
        assert decision.verb in (Verb.NOTHING, Verb.SKIP)
    for name in fields.keys() - quiet:
        assert len(set(fields[name])) > 1, name


def test_unchanged_ignores_what_a_side_cannot_say_but_not_what_was_never_agreed() -> None:
    assert unchanged({"f": "x"}, {"f": "x", "g": ABSENT})
    assert not unchanged({"f": "x"}, {"f": "x", "g": None})
