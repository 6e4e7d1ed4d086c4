"""What the sound engine's stories showed, and the order in which a mutant is told to them.

Learnt once in each run: how long every story takes, which lines of the modules tried it runs and which functions of the
rest of the engine it calls. A story that noticed a mutant nearby comes first; then those that see most of the engine in
the shortest time, each adding what those before it have not seen, so that a few seconds ask about everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType, FrameType
from typing import Any

from integrations_platform_tests.proof.tool_mutation_sites import ENGINE, Site

LEAST = 0.01  # seconds: what running any story costs, however short it is

Seen = dict[str, set[int]]


@dataclass
class Stories:
    """By story: seconds, and the lines seen by module; of a module that is not tried, first lines of functions."""

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


class Watch:
    """Notes what of the engine a story runs; to be given to ``sys.settrace``."""

    def __init__(self, modules: Collection[str], all_modules: Iterable[str]) -> None:
        self.files = {str(ENGINE / f"{module}.py"): module for module in all_modules}
        self.closely = frozenset(modules)
        self.seen: Seen = {}
        self._unseen: dict[CodeType, set[int]] = {}

    def begin(self) -> None:
        """Forget what was seen: another story comes."""
        self.seen, self._unseen = {}, {}

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        module = self.files.get(code.co_filename)
        if module is None:
            return None
        unseen = self._unseen.get(code)
        if unseen is None:
            self.seen.setdefault(module, set()).add(code.co_firstlineno)
            lines_of = {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
            unseen = lines_of if module in self.closely else set()
            self._unseen[code] = unseen
        if not unseen:
            return None  # all of it is seen, and watching costs ten times the running
        lines = self.seen[module]

        def line(inner: FrameType, event: str, _more: Any) -> Callable[..., Any]:
            if event == "line":
                lines.add(inner.f_lineno)
                unseen.discard(inner.f_lineno)
            return line

        return line
