"""A story's system made for a hundred thousand records: nobody edits while it is looked at, so nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from integrations_platform.unified_sync.port import Kind, Outcome, Status, Write
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.values import Value
from integrations_platform_tests.unified_sync.arrange import Story
from integrations_platform_tests.unified_sync.story_side import Row, StorySide, StorySnapshot


@dataclass
class BigSide(StorySide):
    """As any story's system, with an index of its tags. ``by_link``: record by link id."""

    by_link: dict[str, Row] = field(default_factory=dict)

    @contextmanager
    def snapshot(self) -> Iterator[StorySnapshot]:
        """The records themselves."""
        yield StorySnapshot(self, self.rows)

    def one(self, write: Write) -> Outcome:
        """As in a story; whether a create was made before is looked up."""
        if write.kind is not Kind.CREATE:
            return super().one(write)
        twin = self.by_link.get(write.link_id)
        if twin is not None:
            return Outcome(write.op_id, Status.ALREADY, twin.id, record=self._returned(twin))
        row = self.insert(write.values)
        row.last_op, row.link_id = write.op_id, write.link_id
        self.by_link[write.link_id] = row
        self.created[write.link_id] += 1
        return Outcome(write.op_id, Status.APPLIED, row.id, record=self._returned(row))

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Leave tags on records."""
        super().tag(links)
        self.by_link.update({link_id: self.rows[record_id] for record_id, link_id in links})


def big_story(spec: SyncSpec) -> Story:
    """A story between two big systems."""
    story = Story(spec)
    for name, small in story.sides.items():
        side = BigSide(small.name, small.now, small.at, small.prefix, columns_of=small.columns_of)
        setattr(story, name.lower(), side)
    return story


def fill(story: Story, rows: Mapping[SideName, Sequence[Mapping[str, Value]]]) -> None:
    """Insert these records."""
    for name in SIDES:
        for values in rows[name]:
            story.sides[name].insert(values)
