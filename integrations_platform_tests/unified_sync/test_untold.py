"""Systems that keep neither receipts nor tags: what became of a write is told by its repetition, or by nobody (B7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from integrations_platform.unified_sync.port import Capabilities, ErrorKind, Kind, Outcome, SideError, Status, Write
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform.unified_sync.sharding import Ending, Task
from integrations_platform.unified_sync.shares import ENDED
from integrations_platform.unified_sync.spec import Strategy, SyncSpec
from integrations_platform.unified_sync.store import OpState
from integrations_platform_tests.unified_sync.arrange import Crash, Story, shown, sync

REPLAYS = Capabilities(compare_and_set=True, replays=True, archive=True)  # as QuickBooks with its request ids
SILENT = Capabilities(archive=True)  # a system that tells nothing at all
TAGS = Capabilities(compare_and_set=True, tags=True, archive=True)  # a unique property, but no receipts


def lost() -> SideError:
    return SideError(ErrorKind.TRANSIENT, "right: the answer was lost", effect_unknown=True)


def _dies_at(story: Story, point: str) -> None:
    written = False

    def at(where: str) -> None:
        nonlocal written
        written |= where == "after write"
        if where == point and (written or point == "before write"):
            raise Crash(where)

    story.at = at
    assert story.dies()
    story.at = lambda _: None


def newcomer(able: Capabilities, **more: object) -> Story:
    story = Story(sync(**more))
    story.b.able = able
    story.a.insert({"email": "ann@x.org", "name": "Ann", "city": "Bern"})
    return story


@pytest.mark.parametrize("able", [REPLAYS, TAGS], ids=["replays", "tags"])
@pytest.mark.parametrize("point", ["before write", "after write", "before commit"])
def test_p37_an_interrupted_create_is_made_once(point: str, able: Capabilities) -> None:
    story = newcomer(able)
    _dies_at(story, point)
    story.settle()
    assert len(story.b.rows) == len(story.links) == 1
    assert story.store.memory.conflicts == {}
    assert not [row for row in story.store.memory.intents.values() if row.state is OpState.SENT]


@pytest.mark.parametrize("able", [REPLAYS, TAGS], ids=["replays", "tags"])
def test_p37_a_create_whose_answer_was_lost_is_settled_within_its_run(able: Capabilities) -> None:
    story = newcomer(able)
    story.b.write_faults = [lost()]
    report = story.run()
    assert report.counts["applied_b"] + report.counts["already_b"] == 1
    assert len(story.b.rows) == 1


def test_p37_the_same_bytes_are_sent_under_the_same_id_before_anything_is_planned() -> None:
    """Meanwhile the source was edited: the record is made as it was planned, and the edit follows as an update."""
    story = newcomer(REPLAYS)
    _dies_at(story, "before write")
    (intent,) = story.store.open_intents("story")
    story.a.edit(story.a.only(), name="Anna")
    story.run()
    first, *others = story.b.written_values
    assert (first.op_id, first.values["name"]) == (intent.op_id, "Ann")
    assert [write.values for write in others] == [{"name": "Anna"}]
    story.settle()
    assert story.b.only().values["name"] == "Anna"
    assert story.store.memory.conflicts == {}


def test_p5b_a_users_edit_of_a_record_whose_creation_was_interrupted_is_a_plain_change() -> None:
    story = newcomer(REPLAYS)
    _dies_at(story, "after write")
    story.b.edit(story.b.only(), name="Annette")
    story.settle()
    assert story.a.only().values["name"] == "Annette"
    assert story.store.memory.conflicts == {}


def test_p33_a_record_deleted_after_its_interrupted_creation_is_not_made_again() -> None:
    story = newcomer(REPLAYS)
    _dies_at(story, "after write")
    story.b.remove(story.b.only())
    story.settle()
    assert story.b.live() == []
    assert story.a.live() == [], "the delete travels as any other"


def test_p5b_an_interrupted_update_under_a_newer_edit_is_told_by_its_repetition() -> None:
    story = Story(sync())
    story.b.able = REPLAYS
    row, twin = story.pair_up()
    story.a.edit(row, name="Anna")
    _dies_at(story, "after write")
    story.b.edit(twin, name="Annette")
    story.settle()
    assert (row.values["name"], twin.values["name"]) == ("Annette", "Annette")
    assert story.store.memory.conflicts == {}


@pytest.mark.parametrize("able", [REPLAYS, TAGS, SILENT], ids=["replays", "tags", "silent"])
@pytest.mark.parametrize("point", ["before write", "after write"])
def test_p12_an_interrupted_clearing_is_not_told_done_by_a_column_that_is_not_returned(
    point: str, able: Capabilities
) -> None:
    """What is not seen is not empty: taken for done, a write that had never been sent let the old city come back as
    somebody's edit, to the side where it had been cleared, once the column was there again."""
    story = Story(sync())
    story.b.able = able
    row, twin = story.pair_up()
    story.a.edit(row, city=None)
    _dies_at(story, point)
    there = twin.values.pop("city")
    story.b.columns_of = ("email", "name")
    story.b.touch(twin)
    story.run()
    story.b.columns_of, twin.values["city"] = ("email", "name", "city"), there
    story.b.touch(twin)
    story.settle()
    assert shown(story.a) == shown(story.b) == [("ann@x.org", "Ann", None)]
    assert story.store.memory.conflicts == {}


def test_nothing_is_planned_while_a_side_that_alone_could_tell_says_nothing() -> None:
    story = newcomer(REPLAYS)
    _dies_at(story, "before write")
    story.b.answers = lambda _writes, _outcomes: []
    report = story.run()
    assert (report.status, report.fault) == ("failed", "transient")
    assert "run again" in report.message
    story.b.answers = None
    story.settle()
    assert len(story.b.rows) == 1


def test_an_interrupted_create_that_is_refused_when_repeated_goes_to_quarantine() -> None:
    story = newcomer(REPLAYS)
    _dies_at(story, "before write")
    story.b.refuses = lambda _write: True
    story.run()
    (row,) = story.held()
    assert row.reason == "rejected"


@pytest.mark.parametrize("contradiction", ["applied first", "refused first"])
def test_p11_two_answers_to_a_repeated_write_that_contradict_each_other_are_both_not_believed(
    contradiction: str,
) -> None:
    story = newcomer(REPLAYS)

    def confused(_writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        odd = [replace(item, status=Status.REJECTED, record=None) for item in outcomes]
        return outcomes + odd if contradiction == "applied first" else odd + outcomes

    story.b.answers = confused
    report = story.run()
    assert report.counts["unknown_b"] == 1
    assert report.counts["rejected_b"] == 0
    story.b.answers = None
    story.settle()
    assert (len(story.b.rows), story.held()) == (1, [])


def test_p10_a_create_nobody_can_tell_of_is_found_by_its_key_once_it_shows() -> None:
    story = newcomer(SILENT)
    _dies_at(story, "after write")
    story.run()
    assert story.slept == [20.0], "the settle window"
    assert len(story.b.rows) == len(story.links) == 1
    assert story.held() == []
    story.a.edit(story.a.only(), name="Anna")
    story.settle()
    assert story.b.only().values["name"] == "Anna"


def test_p10_a_create_nobody_can_tell_of_is_not_repeated_until_a_person_says_so() -> None:
    story = newcomer(SILENT)
    _dies_at(story, "before write")
    story.run()
    (row,) = story.held()
    assert (row.reason, row.link_id) == ("unknown_outcome", "A:a1")
    story.a.edit(story.a.only(), name="Anna")
    story.run()
    assert story.b.rows == {}, "another payload is still the same record"
    story.store.release_quarantined("story", [row.subject], "clerk", story.tick())
    story.settle()
    assert story.b.only().values["name"] == "Anna"
    assert story.held() == []


def test_p10_an_unanswered_create_on_a_silent_side_stays_open_until_the_next_run_looks() -> None:
    story = newcomer(SILENT)
    story.b.write_faults = [lost()]
    report = story.run()
    assert report.counts["unknown_b"] == 1
    story.settle()
    assert len(story.b.rows) == len(story.links) == 1


@pytest.mark.parametrize("strategy", [Strategy.SOURCE_WINS, Strategy.MANUAL])
def test_p26_a_record_missing_from_an_incomplete_listing_is_not_made_a_second_time(strategy: Strategy) -> None:
    story = Story(sync(strategy=strategy))
    values = {"email": "ann@x.org", "name": "Ann", "city": "Bern"}
    story.a.insert(values)
    twin = story.b.insert(values)
    story.b.unlisted.add(twin.id)
    report = story.run()
    assert len(story.b.rows) == 1
    assert report.counts["waiting_b"] == 1
    story.b.unlisted.clear()
    story.settle()
    assert (len(story.a.rows), len(story.b.rows), len(story.links)) == (1, 1, 1)


@dataclass
class OneForAll:
    """A crew of which one process finds all the work to be its own and the others have none; and the board they use."""

    story: Story
    words: dict[tuple[str, int], str] = field(default_factory=dict)

    def board(self, _task: Task) -> OneForAll:
        return self

    @contextmanager
    def working(self, spec: SyncSpec, task: Task) -> Iterator[Callable[[], Mapping[int, str]]]:
        self.story.engine().work(spec, self.story.sides, replace(task, of=1), 0, self)
        for number in range(1, task.of):
            self.say(ENDED, number, Ending(status=RunStatus.SUCCEEDED).to_json())
        yield dict

    def say(self, topic: str, number: int, word: str) -> None:
        self.words.setdefault((topic, number), word)

    def pulse(self, number: int, at: datetime) -> None:
        """They are one."""

    def said(self, topic: str) -> frozenset[int]:
        return frozenset(self.read(topic))

    def read(self, topic: str) -> Mapping[int, str]:
        return {number: word for (about, number), word in self.words.items() if about == topic}

    def wipe(self) -> None:
        self.words.clear()

    def close(self) -> None:
        self.words.clear()


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("why", ["nobody answers", "it is gone when it is looked for"])
def test_p10_a_second_look_of_the_same_run_plans_nothing_over_a_create_of_which_nothing_is_known_yet(
    why: str, shards: int
) -> None:
    """A run looks twice when a decision went to both sides. What was to be made had another name by then, so it was
    made under another operation, too; the next run was told of the first one and left the second without its link."""
    story = Story(sync(shards=shards))
    row, twin = story.pair_up()
    story.crew = OneForAll(story)
    story.a.edit(row, name="Left")
    story.b.edit(twin, name="Right")
    story.run()
    story.decide("value", '{"name": "Both"}')
    story.b.able, story.b.nature = REPLAYS, replace(story.b.nature, returns_record=False)
    new = story.a.insert({"email": "new@x.org", "name": "New", "city": None})

    def untold(writes: list[Write], outcomes: list[Outcome]) -> list[Outcome]:
        if writes[0].kind is not Kind.CREATE or writes[0].values["name"] != "New":
            return outcomes
        story.a.edit(new, name="Newer")
        if why == "nobody answers":
            return []
        story.b.remove(story.b.rows[outcomes[0].id or ""])
        return outcomes

    story.b.answers = untold
    report = story.run()
    story.b.answers = None
    assert (report.status, report.counts["unknown_b"]) == (RunStatus.PARTIAL, 1)
    story.settle()
    assert shown(story.b) == [("ann@x.org", "Both", "Bern"), ("new@x.org", "Newer", None)] == shown(story.a)
    assert (len(story.links), story.held(), story.store.conflicts("story")) == (2, [], [])
