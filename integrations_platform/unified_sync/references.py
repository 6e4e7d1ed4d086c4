"""References between records: a foreign key on one side means the linked record on the other (B6 of the semantics).

The canonical value of a reference is the link id in the sync it points to; record ids appear only at the edges. A
reference to a record that no link knows is unresolved, never guessed; one to a record that is gone is not written.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from integrations_platform.unified_sync.forms import FieldPlace
from integrations_platform.unified_sync.links import LinkView
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.store import LinkState, Store
from integrations_platform.unified_sync.values import FieldType, Unresolved, Value

# An archived record is still the one that is meant: only writing needs a record that is there (``record_id``).
_MEANT = (LinkState.ACTIVE, LinkState.TRASHED, LinkState.OUT_OF_SCOPE)
_NOBODY = (None, None, LinkState.CLOSED)


@dataclass(frozen=True)
class Target:
    """The sync a reference points to. ``mirrored``: its source is our target.

    When it shares only one system with us, our other side holds the ids of its other system: a deal in a CRM that names
    the article of a shop database, say, where the sync of articles joins that database to the books.
    """

    pair: str
    mirrored: bool

    def side(self, ours: SideName) -> SideName:
        """Its side whose ids our side ``ours`` holds."""
        if not self.mirrored:
            return ours
        return "B" if ours == "A" else "A"


@dataclass
class References:
    """Translation between record ids and link ids for the reference fields of one sync."""

    store: Store
    targets: Mapping[str, Target] = field(default_factory=dict)  # by field name
    _withheld: dict[str, Mapping[tuple[str, SideName], str | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: SyncSpec, store: Store, known: Mapping[str, SyncSpec]) -> References:
        """Bind the reference fields of ``spec``. Raises KeyError if a referenced sync is not declared."""
        targets = {}
        for item in spec.fields:
            if item.type is FieldType.REF and item.references:
                pointed = known[item.references]
                straight = any(pointed.side(side).system == spec.side(side).system for side in SIDES)
                targets[item.name] = Target(pointed.name, mirrored=not straight)
        return cls(store, targets)

    def resolve(
        self, places: Sequence[FieldPlace], side: SideName, records: Sequence[MutableMapping[str, Value]]
    ) -> None:
        """Replace raw ids in the reference fields of these records by link ids, or by :class:`Unresolved`."""
        for place in places if self.targets else ():
            target = self.targets.get(place.spec.name)
            if target is None:
                continue
            name = place.spec.name
            ids = sorted({value for record in records if isinstance(value := record.get(name), str)})
            links = self.store.links_by_record(target.pair, target.side(side), ids) if ids else {}
            for record in records:
                value = record.get(name)
                if isinstance(value, str):
                    link = links.get(value)
                    record[name] = link[0] if link and link[1] in _MEANT else Unresolved(value)

    def recognise(self, places: Sequence[FieldPlace], views: Sequence[LinkView]) -> None:
        """Take a reference that stands as it was agreed for just that, also after the link it means has ended: a merge
        on the other side is no edit of it. If neither side's reference has a link, nobody can say who is meant."""
        for place in places if self.targets else ():
            name, target = place.spec.name, self.targets.get(place.spec.name)
            if target is None:
                continue
            puzzling = [
                (side, view.side(side), agreed)
                for view in views
                if (side := _without_link(view, name)) is not None
                and isinstance(agreed := view.side(side).base.get(name), str)
            ]
            ids = self.store.record_ids(target.pair, sorted({agreed for *_, agreed in puzzling})) if puzzling else {}
            for side, known, agreed in puzzling:
                id_a, id_b, _ = ids.get(agreed, _NOBODY)
                theirs = id_a if target.side(side) == "A" else id_b
                if known.now is not None and theirs is not None and known.now[name] == Unresolved(theirs):
                    known.now[name] = agreed

    def record_id(self, field_name: str, side: SideName, link_id: str) -> str | None:
        """The id on ``side`` of the record a resolved reference means; None if it is not there (any more, or again:
        one that was deleted and is to be made anew has the id of the lost one until it is)."""
        target = self.targets[field_name]
        ids = self.store.record_ids(target.pair, [link_id]).get(link_id)
        if ids is None or ids[2] is not LinkState.ACTIVE:
            return None
        theirs = target.side(side)
        mine, origin = (ids[0], ids[1]) if theirs == "A" else (ids[1], ids[0])
        made_from = self._unmade(target.pair).get((link_id, theirs))
        return None if made_from is not None and made_from == origin else mine

    def _unmade(self, pair: str) -> Mapping[tuple[str, SideName], str | None]:
        """By link and side, the record a withheld write is told by: for a create, the one it was to be made from."""
        if pair not in self._withheld:
            rows = self.store.quarantined(pair)
            self._withheld[pair] = {(row.link_id, row.side): row.record_id for row in rows if row.link_id and row.side}
        return self._withheld[pair]


def _without_link(view: LinkView, field_name: str) -> SideName | None:
    """The one side whose reference has no link, of two records that are there; None if it is neither or both."""
    if view.a.now is None or view.b.now is None:
        return None
    found = [side for side in SIDES if isinstance((view.side(side).now or {}).get(field_name), Unresolved)]
    return found[0] if len(found) == 1 else None
