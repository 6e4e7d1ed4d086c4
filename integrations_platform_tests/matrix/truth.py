"""What really happened in a world: who wrote what where, and what its users knowingly replaced.

The engine never sees it. Every value a user writes is a token of its own, so the origin of everything on show is
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrations_platform.unified_sync.spec import SideName
from integrations_platform.unified_sync.values import comparison_key
from integrations_platform_tests.matrix.systems import FIELDS, Seen

Place = tuple[SideName, str]  # a record: side and uid


@dataclass
class Written:
    """A token: where it was written, in which run or after which one, and whether a user replaced it since."""

    place: Place
    field: str
    run: int
    superseded: bool = False


@dataclass
class Truth:
    """``touched``: per record and field, whether users wrote since the sides last agreed. ``exposed``: records edited
    in a window in which their system can prove nothing (B7). ``shared``: tokens that more than one record of a side may
    show for reasons of the users' own. ``past_losses``: what the audits of lost states held."""

    tokens: int = 0
    written: dict[str, Written] = field(default_factory=dict)
    touched: set[tuple[Place, str]] = field(default_factory=set)
    exposed: set[Place] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    past_losses: set[str] = field(default_factory=set)

    def token(self, name: str) -> str:
        """A value that nobody has written before."""
        self.tokens += 1
        shapes = {"email": f"Tok{self.tokens}@X.org", "phone": f"+1 555 {self.tokens:07d}",
                  "amount": f"{self.tokens}.25"}  # fmt: skip
        return shapes.get(name, f"Tok{self.tokens}")

    def wrote(self, place: Place, name: str, text: str | None, run: int) -> None:
        """A user gave a field this value."""
        if text is not None and text not in self.written:
            self.written[text] = Written(place, name, run)
        self.touched.add((place, name))

    def supersede(self, text: str | None) -> None:
        """A user replaced or removed this value and saw what it was."""
        for known, written in self.written.items():
            if text is not None and known.lower() == text.lower():
                written.superseded = True

    def left(self, place: Place, values: Mapping[str, str | None], run: int) -> None:
        """A user removed a record, or merged it away. What the running run has overwritten there unseen went with it:
        nobody can read its history any more."""
        for text in values.values():
            self.supersede(text)
        for written in self.written.values():
            written.superseded |= written.place == place and written.run == run

    def agree(self, first: Place, second: Place, name: str) -> None:
        """The sides agree in the engine's own sight: what was written before is no longer in dispute."""
        self.touched -= {(first, name), (second, name)}

    def doubt(self, places: Iterable[Place]) -> None:
        """Nothing is remembered of these records any more: any difference may be anybody's."""
        self.touched |= {(place, name) for place in places for name in FIELDS}


def same(name: str, left: str | None, right: str | None) -> bool:
    """Whether two systems show one value: neither case of an address nor signs in a number are anybody's concern."""
    return comparison_key(FIELDS[name], left) == comparison_key(FIELDS[name], right)


def alike(left: Seen, right: Seen) -> bool:
    """Whether two records show one person."""
    return all(same(name, left.values[name], right.values[name]) for name in FIELDS)
