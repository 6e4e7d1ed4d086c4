"""What a part of the proof is: one question, how much of it is asked, and what one asking has shown.

Parts know nothing of one another: each can be run alone, in any order, on another day, and leaves its result as a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SIZES = ("quick", "short", "nightly")
"""``quick``: seconds, as in every run of the suite; ``short``: a minute or so; ``nightly``: the figure to reach."""

CHOSEN = "chosen"
"""The name of a size that somebody gave as a number."""

PROCESSES = 2


@dataclass(frozen=True)
class Shown:
    """What asking has shown. ``seeds``: what reruns the same; ``measured``: the figure in one sentence, numbers first;
    ``counts``: everything that was counted; ``violations``: whatever did not hold, in words that name how to see it
    again; ``details``: lines for the reader, such as the names of broken engines that nothing noticed."""

    seeds: str
    measured: str
    counts: Mapping[str, float] = field(default_factory=dict)
    violations: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part. ``area``: the row of the table of figures it belongs to; ``wanted``: the figure to reach;
    ``unit``: what the sizes count (a part that lacks one is left out of it); ``run``: takes a size and a number of
    processes."""

    name: str
    area: str
    wanted: str
    unit: str
    sizes: Mapping[str, int]
    run: Callable[[int, int], Shown]


@dataclass(frozen=True)
class Result:
    """What one part showed, where and when."""

    part: str
    size_name: str
    size: int
    commit: str
    begun: str
    seconds: float
    machine: str
    shown: Shown

    def save(self, folder: Path) -> Path:
        """Keep it as ``PART.json``, in the place of an earlier result of the same part."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.part}.json"
        plain = replace(self, shown=replace(self.shown, counts=dict(self.shown.counts)))  # asdict breaks a Counter
        path.write_text(json.dumps(asdict(plain), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: Path, part: str) -> Result | None:
        """The result of a part, if there is one."""
        path = folder / f"{part}.json"
        if not path.exists():
            return None
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        shown = data.pop("shown")
        lists = {name: tuple(shown.pop(name)) for name in ("violations", "details")}
        return cls(**data, shown=Shown(**shown, **lists))


def seeds(size: int) -> str:
    """The usual seeds of a part: all from nought."""
    return f"0–{size - 1}"


def number(value: float) -> str:
    """A count for people."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
