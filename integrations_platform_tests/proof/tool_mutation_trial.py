"""The process in which a mutation tool's mutants are tried: everything is loaded once, and each mutant gets a fork.

A fork carries the broken function in place of the sound one, which every module that imported it sees at once; what
runs only while a module loads is broken in forks made before the engine is loaded. Each runs the stories that pass the
place, then cases and histories if no story noticed. No file is written anywhere. It refuses to judge: it reads what to
do from standard input as JSON and answers one line of JSON for each mutant.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from types import CodeType, FrameType, FunctionType
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"  # its threads do not survive a fork; they start in the fork, and one is enough

import polars
import pytest
import sqlalchemy
from hypothesis import strategies

from integrations_platform_tests.proof.tool_mutation_sites import ENGINE, Site, broken, sites

LOADED = (polars, sqlalchemy, strategies)  # so that no fork has to
PACKAGE = "integrations_platform.unified_sync"
ROOT = ENGINE.parent.parent
STORIES = ROOT / "integrations_platform_tests" / "unified_sync"
SLOW = 0.5  # seconds; stories that take longer come last
LONG = ("test_recovery.py",)  # half of all the time, for what only these modules do:
PROTOCOL = frozenset({"recovery", "writer", "commit", "calls", "engine"})
MEMORY = 4 << 30  # bytes a trial may use
PATIENCE = 5.0  # a trial may take so many times what the sound engine takes, and
GRACE = 20.0  # seconds more
CASES, SEEDS = 60, 4  # for what no story notices: planner cases per strategy, and histories per strategy and profile
LOADING = 600.0  # seconds for one that is broken before the engine is loaded

Answer = dict[str, Any]
Key = tuple[Site, int]


@dataclass(frozen=True)
class Task:
    """What to try. ``files`` of stories, empty: all; ``chance``: cases and histories as well; ``only``: names of the
    mutants wanted (module, function, operator), None: all; ``most``: no more than so many of each module."""

    modules: tuple[str, ...]
    files: tuple[str, ...]
    processes: int
    chance: bool
    only: frozenset[tuple[str, str, str]] | None
    most: int | None

    @classmethod
    def from_data(cls, data: Answer) -> Task:
        """From JSON."""
        only = frozenset((a, b, c) for a, b, c in data["only"]) if data["only"] is not None else None
        return cls(tuple(data["modules"]), tuple(data["files"]), data["processes"], data["chance"], only, data["most"])

    def sites(self) -> list[Site]:
        """The places wanted."""
        found: list[Site] = []
        for module in self.modules:
            wanted = [site for site in sites(module) if self.only is None or short(site) in self.only]
            step = max(1, len(wanted) // self.most) if self.most else 1
            found += wanted[::step][: self.most]
        return found

    @property
    def paths(self) -> list[str]:
        """The files of stories."""
        skipped = () if PROTOCOL.intersection(self.modules) else LONG
        everything = sorted(path.name for path in STORIES.glob("test_*.py") if path.name not in skipped)
        return [str(STORIES / name) for name in self.files or everything]


def _scattered(site: Site) -> bytes:
    """An order of its own, so that an interrupted run has tried something of everything."""
    return hashlib.sha256(f"{site.module} {site.operator} {site.occurrence}".encode()).digest()


def short(site: Site) -> tuple[str, str, str]:
    """Module, function and operator."""
    return site.module, site.function, site.operator.rpartition("/")[2]


@dataclass
class Stories:
    """What the sound engine showed: how long each story takes, and which lines of each module it runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # story, module, lines

    def passing(self, site: Site, kills: Counter[str]) -> list[str]:
        """The stories that pass the place: those first that noticed most nearby, then the quick ones of its own."""
        first, last = site.span
        names = [
            name
            for name, modules in self.lines.items()
            if any(first <= line <= last for line in modules.get(site.module, ()))
        ]
        own = f"test_{site.module}.py"
        return sorted(
            names, key=lambda name: (self.seconds[name] > SLOW, -kills[name], own not in name, self.seconds[name])
        )


class _Watch:
    """Notes which lines of the engine's modules a story runs."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.files = {str(ENGINE / f"{module}.py"): module for module in modules}
        self.seen: dict[str, set[int]] = {}

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        module = self.files.get(frame.f_code.co_filename)
        if module is None:
            return None
        lines = self.seen.setdefault(module, set())

        def line(inner: FrameType, event: str, _more: Any) -> Callable[..., Any]:
            if event == "line":
                lines.add(inner.f_lineno)
            return line

        return line


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


def function_of(names: dict[str, Any], path: str) -> FunctionType:
    """The function of this qualified name, behind a property if need be."""
    head, *rest = path.split(".")
    found = names[head]
    for name in rest:
        found = vars(found)[name]
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    assert isinstance(found, FunctionType), f"{path} is a {type(found).__name__}"
    return found


def put_in(site: Site, text: str) -> None:
    """Break the loaded engine: the function goes on living under its name, with the code of the mutant."""
    module = importlib.import_module(f"{PACKAGE}.{site.module}")
    mutated: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(text, str(module.__file__), "exec", dont_inherit=True), mutated)
    sound, sick = function_of(vars(module), site.function), function_of(mutated, site.function)
    sound.__code__, sound.__defaults__, sound.__kwdefaults__ = sick.__code__, sick.__defaults__, sick.__kwdefaults__


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


def _silently(pipe: connection.Connection, work: Callable[[], Answer]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    began = time.monotonic()
    try:
        answer = work()
    except BaseException as fault:  # a broken engine may raise anything at all, at import too
        answer = {"killed_by": f"dies: {type(fault).__name__}: {str(fault)[:100]}"}
    pipe.send(answer | {"seconds": round(time.monotonic() - began, 2)})
    pipe.close()
    os._exit(0)


class Forks:
    """Forks at work, a few at a time, each with its own time limit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._context = get_context("fork")
        self._working: dict[connection.Connection, tuple[Key, Any, float, float]] = {}

    def start(self, key: Key, work: Callable[[], Answer], limit: float) -> None:
        """Begin in a fork; there must be room."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_silently, args=(theirs, work), daemon=True)
        process.start()
        theirs.close()
        self._working[ours] = (key, process, time.monotonic() + limit, limit)

    @property
    def full(self) -> bool:
        """Whether one must end before another may begin."""
        return len(self._working) >= self.most

    def __bool__(self) -> bool:
        return bool(self._working)

    def ended(self) -> Iterator[tuple[Key, Answer]]:
        """Wait until at least one has ended or run out of time, and give their answers."""
        soonest = min(until for _, _, until, _ in self._working.values())
        ready = connection.wait(list(self._working), timeout=max(0.0, soonest - time.monotonic()))
        now = time.monotonic()
        for pipe in [pipe for pipe, (_, _, until, _) in self._working.items() if pipe in ready or now >= until]:
            key, process, _, limit = self._working.pop(pipe)
            answer: Answer
            if pipe in ready:
                try:
                    answer = pipe.recv()
                except EOFError:  # ended by the system: out of memory, or a fault in compiled code
                    answer = {"killed_by": "dies", "seconds": 0.0}
            else:
                process.kill()
                answer = {"killed_by": f"does not end within {limit:.0f} s", "seconds": limit}
            process.join()
            pipe.close()
            yield key, answer


ANSWERS = sys.stdout  # what pytest says goes elsewhere


def _tell(answer: Answer) -> None:
    ANSWERS.write(json.dumps(answer) + "\n")
    ANSWERS.flush()


def _tell_of(site: Site, passing: int, answer: Answer) -> None:
    if answer["killed_by"] is None:
        return  # it does not compile, or is the same program
    module, function, operator = short(site)
    mutant = broken(site) if "line" not in answer else None  # it died before it could say what it was
    texts = {"line": mutant.line, "becomes": mutant.becomes} if mutant else {}
    about = {"module": module, "function": function, "operator": operator, "number": site.number}
    _tell(about | {"stories_passing": passing} | texts | answer)


def try_loading(task: Task) -> None:
    """Try what runs only while the engine loads. Nothing of the engine may be loaded here yet."""
    assert not any(name.startswith(PACKAGE) for name in sys.modules), "the engine is loaded already"
    forks = Forks(task.processes)
    waiting = [site for site in task.sites() if not site.function]
    while waiting or forks:
        while waiting and not forks.full:
            site = waiting.pop()
            forks.start((site, 0), lambda site=site: _load_broken(site, task), LOADING)  # type: ignore[misc]
        for (site, passing), answer in forks.ended():
            _tell_of(site, passing, answer)


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


def _load_broken(site: Site, task: Task) -> Answer:
    mutant = broken(site)
    if mutant is None:
        return {"killed_by": None}
    sys.meta_path.insert(0, _InMemory(site.module, mutant.source))
    plugin = _FirstFailure()
    own = STORIES / f"test_{site.module}.py"
    if own.exists():
        pytest.main([*OPTIONS, "-x", f"--rootdir={ROOT}", str(own)], plugins=[plugin])
    killer = plugin.failed or (by_chance() if task.chance else "")
    loaded = sys.modules.get(f"{PACKAGE}.{site.module}")
    assert loaded is None or isinstance(loaded.__loader__, _InMemory), "the sound module was tried"
    return {"line": mutant.line, "becomes": mutant.becomes, "killed_by": killer}


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

        stories, chance = self.watch_all()
        self.try_all(stories, Forks(self.task.processes), chance)
        return True

    def watch_all(self) -> tuple[Stories, float]:
        """Run everything on the sound engine, a share in each fork. Raises UsageError: something fails."""
        forks, stories, chance = Forks(self.task.processes), Stories(), 0.0
        names = list(self.items)
        for number in range(self.task.processes):
            share, last = names[number :: self.task.processes], number == self.task.processes - 1
            about = Site("", "sound", number, 0, "", (0, 0))
            forks.start((about, 0), lambda share=share, last=last: self.watch(share, last), 3600)  # type: ignore[misc]
        while forks:
            for _, watched in forks.ended():
                if watched["killed_by"]:
                    raise pytest.UsageError(f"the sound engine is said to be broken: {watched['killed_by']}")
                stories.seconds.update(watched["times"])
                stories.lines.update(watched["lines"])
                chance += watched["chance"]
        _tell({"stories": len(stories.seconds), "seconds": sum(stories.seconds.values()) + chance})
        return stories, chance

    def watch(self, names: Sequence[str], chance: bool) -> Answer:
        """Run these stories, and cases and histories, on the sound engine: one that failed there would prove nothing
        by failing."""
        watch, stories = _Watch(self.task.modules), Stories()
        for name in names:
            watch.seen, began = {}, time.monotonic()
            sys.settrace(watch)
            try:
                killer = self.run([name])
            finally:
                sys.settrace(None)
            if killer:
                return {"killed_by": killer}
            stories.seconds[name] = time.monotonic() - began
            stories.lines[name] = {module: sorted(lines) for module, lines in watch.seen.items()}
        began = time.monotonic()
        killer = by_chance() if self.task.chance and chance else ""
        return {
            "killed_by": killer,
            "times": stories.seconds,
            "lines": stories.lines,
            "chance": time.monotonic() - began,
        }

    def run(self, names: Sequence[str]) -> str:
        """The first of these stories that fails; empty: none."""
        for name in names:
            item = self.items[name]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self.outcome.failed:
                return self.outcome.failed
        return ""

    def try_one(self, site: Site, names: Sequence[str]) -> Answer:
        """What notices this mutant."""
        mutant = broken(site)
        if mutant is None:
            return {"killed_by": None}
        put_in(site, mutant.source)
        killer = self.run(names) or (by_chance() if self.task.chance else "")
        return {"line": mutant.line, "becomes": mutant.becomes, "killed_by": killer}

    def try_all(self, stories: Stories, forks: Forks, chance: float) -> None:
        """Try every wanted mutant of a function."""
        waiting = sorted((site for site in self.task.sites() if site.function), key=_scattered)
        while waiting or forks:
            while waiting and not forks.full:
                site = waiting.pop()
                names = stories.passing(site, self.kills.get((site.module, site.function), Counter()))
                limit = PATIENCE * (sum(stories.seconds[name] for name in names) + chance) + GRACE
                forks.start((site, len(names)), lambda site=site, names=names: self.try_one(site, names), limit)  # type: ignore[misc]
            for (site, passing), answer in forks.ended():
                if "::" in (answer["killed_by"] or ""):
                    self.kills.setdefault((site.module, site.function), Counter())[answer["killed_by"]] += 1
                _tell_of(site, passing, answer)


def main() -> int:
    """Do what standard input says."""
    task = Task.from_data(json.loads(sys.stdin.read()))
    os.chdir(ROOT)
    try_loading(task)
    sys.stdout = sys.stderr
    return int(pytest.main([*OPTIONS, f"--rootdir={ROOT}", *task.paths], plugins=[Trial(task)]))


if __name__ == "__main__":
    raise SystemExit(main())
