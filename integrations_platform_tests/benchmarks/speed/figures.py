"""What was measured, as figures that stand in a file: medians of repetitions, with what they were measured on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from integrations_platform_tests.benchmarks.speed.measuring import Cost

OURS = "integrations_platform"


@dataclass(frozen=True)
class Round:
    """One repetition: the cost, that of the floor just before, and how the tables compared afterwards."""

    cost: Cost
    floor: Cost | None = None
    tables: str = ""


@dataclass(frozen=True)
class Figure:
    """One case of one tool. CPU, memory and load are medians; ``ratio`` is the median of CPU over the floor's, each of
    its own repetition. ``tables`` is how source and target compared after the worst of them. ``values`` are further
    numbers of the case, by name."""

    case: str
    tool: str
    rows: int
    repetitions: int
    cpu: float
    client: float
    server: float
    wall: float
    peak_mib: float
    load: float
    ratio: float | None = None
    floor: float | None = None
    cut_off: bool = False
    tables: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    measured_at: str = ""
    commit: str = ""


def figure(case: str, tool: str, rows: int, rounds: Sequence[Round], **values: float) -> Figure:
    """The figure of some repetitions."""
    costs = [each.cost for each in rounds]
    floors = [each.floor.cpu for each in rounds if each.floor is not None]
    ratios = [each.cost.cpu / each.floor.cpu for each in rounds if each.floor is not None]
    unequal = [each.tables for each in rounds if each.tables not in ("", "equal")]
    return Figure(
        case, tool, rows, len(rounds),
        cpu=_median([each.cpu for each in costs]),
        client=_median([each.client for each in costs]),
        server=_median([each.server for each in costs]),
        wall=_median([each.wall for each in costs]),
        peak_mib=_median([each.peak_mib for each in costs]),
        load=_median([each.load for each in costs]),
        ratio=_median(ratios) if ratios else None,
        floor=_median(floors) if floors else None,
        cut_off=any(each.cut_off for each in costs),
        tables=unequal[0] if unequal else rounds[-1].tables,
        values={name: round(value, 4) for name, value in values.items()},
        measured_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        commit=_commit(),
    )  # fmt: skip


def _median(numbers: Sequence[float]) -> float:
    return round(median(numbers), 3)


@dataclass
class Results:
    """All figures, the versions of what took part, why something did not, and the machine."""

    figures: list[Figure] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    machine: str = ""

    @classmethod
    def read(cls, path: Path) -> Results:
        """Those of a file; none where there is none."""
        if not path.exists():
            return cls()
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls([Figure(**each) for each in data["figures"]], data["versions"], data["skipped"], data["machine"])

    def put(self, new: Sequence[Figure]) -> None:
        """Figures in place of older ones of the same case, tool and number of rows."""
        named = {(each.case, each.tool, each.rows) for each in new}
        self.figures = [each for each in self.figures if (each.case, each.tool, each.rows) not in named] + list(new)

    def find(self, case: str, tool: str = OURS, rows: int | None = None) -> Figure | None:
        """The figure of a case and a tool at so many rows; at the most there are."""
        found = [each for each in self.figures if (each.case, each.tool, rows or each.rows) == (case, tool, each.rows)]
        return max(found, key=lambda each: each.rows, default=None)

    def write(self, path: Path) -> None:
        """To a file that people can compare line by line."""
        ordered = sorted(self.figures, key=lambda each: (each.case, each.tool, each.rows))
        data = {
            "machine": self.machine, "versions": dict(sorted(self.versions.items())), "skipped": self.skipped,
            "figures": [asdict(each) for each in ordered],
        }  # fmt: skip
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> str:
    """Processor, cores, memory and system, in a line."""
    processor = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") / 2**30
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def _commit() -> str:
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
