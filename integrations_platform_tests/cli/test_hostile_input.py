"""Whatever a user can hand to a command, and whatever became of a plan that was kept: words and an exit code, never a
traceback, and nothing written that was not asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations_platform.deciding import Undecidable, chosen_value
from integrations_platform.unified_sync.spec import FieldSpec, SideSpec, SyncSpec
from integrations_platform.unified_sync.values import FieldType, from_json
from integrations_platform_tests.cli.conftest import Company

COMMANDS_EACH = 8  # examples where every one is a whole command
quick = settings(max_examples=150, deadline=None, database=None, derandomize=True)
slow = settings(
    max_examples=COMMANDS_EACH,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

words = st.text(st.characters(exclude_characters="\0"), max_size=30)  # no program can be called with a NUL
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "null", "NaN", "1e999999999", "-0", "9" * 5000, "\udcff", "2024-13-45", "{", "[]", "'"]),
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))

MORE: dict[FieldType, dict[str, Any]] = {
    FieldType.DECIMAL: {"scale": 2},
    FieldType.ENUM: {"options": ("new", "done")},
    FieldType.TEXT: {"max_length": 20},
    FieldType.REF: {"references": "others"},
}


def spec_of(*kinds: FieldType) -> SyncSpec:
    """A sync with one optional field of each of these types, one group if there are several."""
    group = "all" if len(kinds) > 1 else None
    fields = tuple(
        FieldSpec(f"f_{kind.value}", kind, ("a",), ("b",), required=False, group=group, **MORE.get(kind, {}))
        for kind in kinds
    )
    return SyncSpec("s", SideSpec("left", "things"), SideSpec("right", "things"), fields, match=())


def checked(spec: SyncSpec, unit: str, given_text: str) -> None:
    """It is refused in words, or kept as values that can be stored and read again."""
    kinds = {field.name: field.type for field in spec.fields}
    kept = "{}"
    with suppress(Undecidable):
        kept = chosen_value(spec, unit, given_text)
        kinds_kept = {name: from_json(kinds[name], data) for name, data in json.loads(kept).items()}
        assert kinds_kept.keys() == kinds.keys()
    assert kept.encode("utf-8"), "what is kept can be stored"


@pytest.mark.parametrize("kind", list(FieldType))
@given(texts)
@example('{"a":' * 5000)
@example("[" * 5000)
@example('{"f": 1e999999999}')
@example("1e999999999")
@example('{"f": NaN}')
@example("\udcff")
@quick
def test_a_decided_value_is_taken_or_refused_in_words(kind: FieldType, given_text: str) -> None:
    spec = spec_of(kind)
    name = f"f_{kind.value}"
    checked(spec, name, given_text)
    checked(spec, name, given_text.replace('"f"', f'"{name}"'))


@given(st.dictionaries(st.sampled_from([f"f_{kind.value}" for kind in FieldType]), trees), trees)
@quick
def test_decided_values_of_a_group_are_taken_or_refused_in_words(some: dict[str, Any], every: Any) -> None:
    spec = spec_of(*FieldType)
    checked(spec, "all", json.dumps(some))
    checked(spec, "all", json.dumps({f"f_{kind.value}": every for kind in FieldType}))
    for kind in FieldType:
        checked(spec_of(kind), f"f_{kind.value}", json.dumps({f"f_{kind.value}": every}))


def answered(company: Company, *said: str) -> str:
    """The command ends with one of its exit codes and words; returns those."""
    before = company.target("SELECT * FROM client ORDER BY id"), company.source("SELECT * FROM customer ORDER BY id")
    result = company.run(*said, code=None)
    assert result.exit_code in (0, 1, 2, 3, 4), (said, result.output, result.exception)
    assert "unexpected" not in result.output, (said, result.output)
    assert "Traceback" not in result.output, said
    assert (
        company.target("SELECT * FROM client ORDER BY id"),
        company.source("SELECT * FROM customer ORDER BY id"),
    ) == before, said
    return result.output


@pytest.fixture
def parked(synced: Company) -> Company:
    """A conflict that waits, and a plan that was kept."""
    synced.source("UPDATE customer SET name = 'Ana' WHERE id = 1")
    synced.target("UPDATE client SET full_name = 'Anna' WHERE mail = 'p1@x.org'")
    synced.run("sync", "run", "people", code=3)
    return synced


@pytest.mark.parametrize(
    "command",
    [
        lambda word: ("sync", "apply", "people", "--plan", word),
        lambda word: ("sync", "apply", word, "--yes"),
        lambda word: ("sync", "explain", "people", "--", word),
        lambda word: ("sync", "restore", "people", "--run", word),
        lambda word: ("sync", "audit", "people", "--link", word),
        lambda word: ("sync", "conflicts", "show", "people", "--", word),
        lambda word: ("sync", "conflicts", "resolve", "people", "--choice", "source", "--", word),
        lambda word: ("sync", "conflicts", "resolve", "people", "--choice", "source", "--all", "--field", word),
        lambda word: ("sync", "quarantine", "replay", "people", "--all", "--reason", word),
        lambda word: ("sync", "quarantine", "replay", "people", "--", word),
    ],
    ids=["plan", "name", "explain", "restore", "audit", "show", "resolve", "field", "reason", "subject"],
)
@given(words)
@example("\udcff")
@example("A:" + "9" * 5000)
@example("source:")
@example("%s{}\\'\";--")
@slow
def test_a_word_nobody_expected_is_answered_in_words(
    parked: Company, command: Callable[[str], tuple[str, ...]], word: str
) -> None:
    answered(parked, *command(word))


def _damaged(whole: str) -> st.SearchStrategy[str]:
    cut = st.integers(0, len(whole) - 1).map(lambda end: whole[:end])
    return st.one_of(cut, trees.map(json.dumps), st.dictionaries(st.just("operations"), trees).map(json.dumps), texts)


@given(st.data())
@settings(slow, max_examples=12)
def test_a_kept_plan_that_was_damaged_is_refused_and_writes_nothing(synced: Company, data: st.DataObject) -> None:
    synced.source("UPDATE customer SET name = 'Waiting' WHERE id = 2")
    plan_id = synced.json("sync", "plan", "people")["plan_id"]
    ((op_ids, operations),) = synced.state("SELECT op_ids, operations FROM sync_plan WHERE plan_id = ?", plan_id)
    column = data.draw(st.sampled_from(["op_ids", "operations", "both"]))
    texts_of = {"op_ids": op_ids, "operations": operations}
    for name in texts_of if column == "both" else (column,):
        text = data.draw(_damaged(texts_of[name])).encode("utf-8", "replace").decode()
        synced.state(f"UPDATE sync_plan SET {name} = ? WHERE plan_id = ?", text, plan_id)
    synced.source("UPDATE customer SET name = 'Moved on' WHERE id = 2")  # so that what was planned is stale, too
    answered(synced, "sync", "apply", "people", "--plan", plan_id)
    synced.state("DELETE FROM sync_plan")
