"""What the sound engine's stories showed, and the order in which a mutant is told to them.

Learnt once in each run: how long every story takes, and which lines of the modules tried it runs. A story that noticed
a mutant nearby comes first; then those that see most of these modules in the shortest time, each adding what those
before it have not seen, so that a few seconds ask about everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from integrations_platform_tests.proof.tool_mutation_sites import Site

LEAST = 0.01  # seconds: what running any story costs, however short it is


@dataclass
class Stories:
    """By story: seconds, and the first lines of the statements seen, by module."""

    seconds: dict[str, float] = field(default_factory=dict)
    seen: dict[str, dict[str, Sequence[int]]] = field(default_factory=dict)

    def passing(self, site: Site, kills: Counter[str]) -> list[str]:
        """The stories that pass the place, in the order to try them. ``kills``: who noticed how many nearby."""
        first, last = site.span
        passing = {
            name
            for name, modules in self.seen.items()
            if any(first <= line <= last for line in modules.get(site.module, ()))
        }
        return sorted(passing, key=lambda name: (-kills[name], self._rank[name]))

    @cached_property
    def _rank(self) -> dict[str, int]:
        first = self._covering()
        rest = sorted(self.seconds.keys() - first, key=lambda name: (self.seconds[name], name))
        return {name: number for number, name in enumerate((*first, *rest))}

    def _covering(self) -> list[str]:
        """Stories that together see all that any sees, at little cost: each adds most for its seconds."""
        seen = {
            name: {(module, line) for module, lines in modules.items() for line in lines}
            for name, modules in self.seen.items()
        }
        missing: set[tuple[str, int]] = set().union(*seen.values())
        chosen: list[str] = []
        while missing:
            best = max(seen, key=lambda name: len(missing & seen[name]) / self._cost(name))
            chosen.append(best)
            missing -= seen.pop(best)
        return chosen

    def _cost(self, name: str) -> float:
        return max(LEAST, self.seconds[name])
