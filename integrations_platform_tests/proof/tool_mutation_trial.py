"""The process in which a mutation tool's mutants are tried: everything is loaded once, and each mutant gets a fork.

A fork carries the broken function in place of the sound one, which every module that imported it sees at once; what
runs only while a module loads is broken in forks made before the engine is loaded. Each runs the stories that pass the
place, those first that are likeliest to notice, for some seconds; then cases and histories if no story noticed. No file
is written anywhere. It refuses to judge: it reads what to do from standard input as JSON and answers one line of JSON
for each mutant.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"  # its threads do not survive a fork; they start in the fork, and one is enough

import polars
import pytest
import sqlalchemy
from hypothesis import Phase, settings, strategies

from integrations_platform_tests.proof.tool_mutation_engine import PACKAGE, Watch, put_in
from integrations_platform_tests.proof.tool_mutation_forks import Answer, Forks, bounded
from integrations_platform_tests.proof.tool_mutation_sites import ENGINE, Broken, Site, distinct, sites
from integrations_platform_tests.proof.tool_mutation_stories import Stories

LOADED = (polars, sqlalchemy, strategies)  # so that no fork has to
ROOT = ENGINE.parent.parent
STORIES = ROOT / "integrations_platform_tests" / "unified_sync"
VALUES = frozenset({"test_classify.py", "test_forms.py", "test_values.py"})  # long, and nothing is planned in them
BUDGET = 8.0  # seconds of the processor for the stories of one mutant
PATIENCE, GRACE = 10.0, 3.0  # a story may take so many times what the sound engine takes, and seconds more
CASES, SEEDS = 60, 2  # for what no story notices: planner cases per strategy, and histories per strategy and profile
CHANCE = 60.0  # seconds for those
LOADING = 120.0  # seconds for one that is broken before the engine is loaded

Mutant = tuple[Site, Broken]
Wanted = tuple[str, str, str, str]


@dataclass(frozen=True)
class Task:
    """What to try. ``files`` of stories, empty: all; ``chance``: cases and histories as well; ``only``: the
    mutants wanted (module, function, operator, what the line becomes), empty texts fit everything, None: all;
    ``most``: no more than so many of each module."""

    modules: tuple[str, ...]
    files: tuple[str, ...]
    processes: int
    chance: bool
    only: frozenset[Wanted] | None
    most: int | None

    @classmethod
    def from_data(cls, data: Answer) -> Task:
        """From JSON."""
        only = None if data["only"] is None else frozenset((a, b, c, d) for a, b, c, d in data["only"])
        return cls(tuple(data["modules"]), tuple(data["files"]), data["processes"], data["chance"], only, data["most"])

    def mutants(self, *, loading: bool) -> list[Mutant]:
        """Those wanted, in an order of their own, so that an interrupted run has tried something of everything.
        ``loading``: those that are broken while a module loads; otherwise those in functions."""
        found: list[Mutant] = []
        for module in self.modules:
            places = [site for site in sites(module) if self._wanted(site)]
            step = max(1, len(places) // self.most) if self.most else 1
            chosen = [site for site in places[::step][: self.most] if bool(site.function) != loading]
            found += [(site, mutant) for site, mutant in distinct(chosen) if self._wanted(site, mutant.becomes)]
        return sorted(found, key=_scattered)

    def _wanted(self, site: Site, becomes: str = "") -> bool:
        """Whether it is asked for; without ``becomes``, whether it may be."""
        if self.only is None:
            return True
        about = short(site)
        return any(item[:3] == about and (not becomes or item[3] in ("", becomes)) for item in self.only)

    @property
    def paths(self) -> list[str]:
        """The files of stories."""
        every = sorted(path.name for path in STORIES.glob("test_*.py") if path.name not in VALUES)
        return [str(STORIES / name) for name in self.files or every]


def _scattered(mutant: Mutant) -> bytes:
    site, _ = mutant
    return hashlib.sha256(f"{site.module} {site.operator} {site.number} {site.occurrence}".encode()).digest()


def short(site: Site) -> tuple[str, str, str]:
    """Module, function and operator."""
    return site.module, site.function, site.operator.rpartition("/")[2]


class _InMemory(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Gives one module of the engine the text of the mutant instead of its file's."""

    def __init__(self, module: str, text: str) -> None:
        super().__init__(f"{PACKAGE}.{module}", str(ENGINE / f"{module}.py"))
        self.text = text

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Ours, if it is asked for."""
        return importlib.machinery.ModuleSpec(fullname, self, origin=self.path) if fullname == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        """The mutant."""
        return compile(self.text, self.path, "exec", dont_inherit=True)


def by_chance() -> str:
    """The case or history that notices; empty: none."""
    from integrations_platform.unified_sync.spec import Strategy
    from integrations_platform_tests.proof.histories import live_and_mirror
    from integrations_platform_tests.proof.planner_cases import try_cases
    from integrations_platform_tests.proof.shrink import failure_of
    from integrations_platform_tests.simulation.history import PROFILES, draw

    for number, strategy in enumerate(Strategy):
        try:
            try_cases(number, strategy, CASES)
        except Exception as fault:
            return f"cases {number} {strategy}: {str(fault)[:100] or type(fault).__name__}"
    for seed in range(SEEDS):
        for strategy in Strategy:
            for profile in PROFILES:
                failure, _ = failure_of(draw(seed, strategy, profile, 12), live_and_mirror)
                if failure is not None:
                    return f"history {seed}:{strategy}:{profile} {failure.property}"
    return ""


ANSWERS = sys.stdout  # what pytest says goes elsewhere


def _tell(answer: Answer) -> None:
    ANSWERS.write(json.dumps(answer) + "\n")
    ANSWERS.flush()


def _tell_of(mutant: Mutant, passing: int, answer: Answer) -> None:
    site, text = mutant
    module, function, operator = short(site)
    about = {"module": module, "function": function, "operator": operator, "number": site.number}
    _tell(about | {"stories_passing": passing, "line": text.line, "becomes": text.becomes} | answer)


def try_loading(task: Task) -> None:
    """Try what runs only while the engine loads. Nothing of the engine may be loaded here yet."""
    assert not any(name.startswith(PACKAGE) for name in sys.modules), "the engine is loaded already"
    forks = Forks[Mutant](task.processes)
    waiting = task.mutants(loading=True)
    while waiting or forks:
        while waiting and not forks.full:
            mutant = waiting.pop()
            forks.start(mutant, partial(_load_broken, mutant, task))
        for mutant, answer in forks.ended():
            _tell_of(mutant, 0, answer)


class _FirstFailure:
    """Remembers the first story that failed, or the file that does not even load."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Whether a story noticed."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Whether loading noticed."""
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (does not load)"


OPTIONS = ("-q", "-s", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--no-summary", "--tb=no", "-W", "ignore")


def _load_broken(mutant: Mutant, task: Task) -> Answer:
    site, text = mutant
    sys.meta_path.insert(0, _InMemory(site.module, text.source))
    plugin = _FirstFailure()
    own = STORIES / f"test_{site.module}.py"
    with bounded(LOADING):
        if own.exists():
            pytest.main([*OPTIONS, "-x", f"--rootdir={ROOT}", str(own)], plugins=[plugin])
        killer = plugin.failed or (by_chance() if task.chance else "")
    loaded = sys.modules.get(f"{PACKAGE}.{site.module}")
    assert loaded is None or isinstance(loaded.__loader__, _InMemory), "the sound module was tried"
    return {"killed_by": killer}


class Trial:
    """A session of pytest that has collected everything, and lets forks of itself run the stories."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.items: dict[str, pytest.Item] = {}
        self.outcome = _FirstFailure()
        self.kills: dict[tuple[str, str], Counter[str]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the stories once."""
        assert not session.testsfailed, "the stories do not load"
        self.items = {item.nodeid: item for item in session.items}
        session.config.pluginmanager.register(self.outcome)
        import integrations_platform_tests.proof.histories
        import integrations_platform_tests.proof.planner_cases  # noqa: F401  forks need not load them

        stories = self.watch_all()
        self.try_all(stories, Forks[tuple[Mutant, int]](self.task.processes))
        return True

    def watch_all(self) -> Stories:
        """Run everything on the sound engine, a share in each fork. Raises UsageError: something fails."""
        forks, stories, spent = Forks[int](self.task.processes), Stories(), 0.0
        names = list(self.items)
        for number in range(self.task.processes):
            forks.start(number, partial(self.watch, names[number :: self.task.processes], chance=number == 0))
        while forks:
            for _, watched in forks.ended():
                if watched["killed_by"]:
                    raise pytest.UsageError(f"the sound engine is said to be broken: {watched['killed_by']}")
                stories.seconds.update(watched["times"])
                stories.seen.update(watched["seen"])
                spent += watched["seconds"]
        _tell({"stories": len(stories.seconds), "seconds": spent})
        return stories

    def watch(self, names: Sequence[str], *, chance: bool) -> Answer:
        """Run these stories, and cases and histories, on the sound engine: one that failed there would prove nothing
        by failing."""
        watch = Watch(self.task.modules)
        times: dict[str, float] = {}
        seen: dict[str, dict[str, list[int]]] = {}
        for name in names:
            watch.seen, began = {}, time.process_time()
            killer = self.run_one(name)
            if killer:
                return {"killed_by": killer}
            times[name] = time.process_time() - began
            seen[name] = {module: sorted(lines) for module, lines in watch.seen.items()}
        killer = by_chance() if self.task.chance and chance else ""
        return {"killed_by": killer, "times": times, "seen": seen}

    def run_one(self, name: str) -> str:
        """The story's name if it fails; empty: it passes."""
        item = self.items[name]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return self.outcome.failed

    def try_one(self, mutant: Mutant, names: Sequence[str], seconds: Mapping[str, float]) -> Answer:
        """What notices this mutant, and how many stories were asked."""
        site, text = mutant
        put_in(site.module, [site.function], compile(text.source, site.module, "exec", dont_inherit=True))
        until = time.process_time() + BUDGET
        for asked, name in enumerate(names):
            if time.process_time() > until:
                names = names[:asked]
                break
            with bounded(GRACE + PATIENCE * seconds[name]):
                killer = self.run_one(name)
            if killer:
                return {"killed_by": killer, "stories_asked": asked + 1}
        with bounded(CHANCE):
            killer = by_chance() if self.task.chance else ""
        return {"killed_by": killer, "stories_asked": len(names)}

    def try_all(self, stories: Stories, forks: Forks[tuple[Mutant, int]]) -> None:
        """Try every wanted mutant of a function."""
        waiting = self.task.mutants(loading=False)
        while waiting or forks:
            while waiting and not forks.full:
                mutant = waiting.pop()
                site, _ = mutant
                names = stories.passing(site, self.kills.get((site.module, site.function), Counter()))
                forks.start((mutant, len(names)), partial(self.try_one, mutant, names, stories.seconds))
            for (mutant, passing), answer in forks.ended():
                if "::" in answer["killed_by"]:
                    site, _ = mutant
                    self.kills.setdefault((site.module, site.function), Counter())[answer["killed_by"]] += 1
                _tell_of(mutant, passing, answer)


def main() -> int:
    """Do what standard input says."""
    task = Task.from_data(json.loads(sys.stdin.read()))
    os.chdir(ROOT)
    phases = (Phase.explicit, Phase.generate)  # that something fails is enough: the smallest example is not looked for
    settings.register_profile("first failure", phases=phases)
    settings.load_profile("first failure")
    try_loading(task)
    sys.stdout = sys.stderr
    return int(pytest.main([*OPTIONS, f"--rootdir={ROOT}", *task.paths], plugins=[Trial(task)]))


if __name__ == "__main__":
    raise SystemExit(main())
