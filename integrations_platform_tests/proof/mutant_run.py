"""Trying every mutant: copies of the project, one process per trial, and the table of what killed what.

A trial never touches the checkout: the packages are copied once, each mutant is written into a copy, and a process with
a time limit tries it there. A mutant that nothing notices is a survivor, and a survivor is a failure of the suite.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from integrations_platform_tests.proof.mutant_list import MUTANTS
from integrations_platform_tests.proof.mutants import Mutant

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("integrations_platform", "integrations_platform_tests")
SEEDS = 30  # seeded histories per strategy; a survivor passes all of them
TIME_LIMIT = 600.0  # seconds per trial; one that does not end in time has shown nothing and counts as a survivor
PROCESSES = 2

PROPERTIES = tuple(f"P{number}" for number in range(1, 43))
WITHOUT_MECHANISM: dict[str, str] = {}  # properties that no mutant can break yet, with the reason


@dataclass
class Trial:
    """What trying one engine showed. ``findings``: failed checks; ``fault``: why the trial itself could not be held."""

    name: str
    seconds: float = 0.0
    findings: list[dict[str, str]] = field(default_factory=list)
    fault: str = ""

    @property
    def killed(self) -> bool:
        """Whether anything noticed."""
        return bool(self.findings)

    @property
    def properties(self) -> list[str]:
        """The properties that failed, in their order; other failures by their own words."""
        found = {part for item in self.findings for part in item["property"].split("/")}
        return sorted(
            found, key=lambda name: (not _is_property(name), int(name[1:]) if _is_property(name) else 0, name)
        )


def _is_property(name: str) -> bool:
    return name[:1] in "PB" and name[1:].isdigit()


class Workshop:
    """Copies of both packages, one per process, into which mutants are written and from which they are removed."""

    def __init__(self, root: Path, places: int) -> None:
        self.original = root / "original"
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("proof.json", ".pytest_cache")
            shutil.copytree(ROOT / package, self.original / package, ignore=ignored)
        shutil.copy2(ROOT / "pyproject.toml", self.original)
        self._places = [root / f"place{number}" for number in range(places)]
        for place in self._places:
            shutil.copytree(self.original, place)
        self._lock = threading.Lock()

    @contextmanager
    def place_for(self, mutant: Mutant | None) -> Iterator[Path]:
        """A copy with this mutant in it; put right again afterwards. Raises Drifted."""
        with self._lock:
            place = self._places.pop()
        try:
            if mutant is not None:
                mutant.apply(place)
            yield place
        finally:
            for path in {edit.path for edit in mutant.edits} if mutant is not None else ():
                shutil.copy2(self.original / path, place / path)
                for compiled in (place / path).parent.glob(f"__pycache__/{Path(path).stem}.*"):
                    compiled.unlink()
            with self._lock:
                self._places.append(place)


@contextmanager
def workshop(places: int = PROCESSES) -> Iterator[Workshop]:
    """Copies in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        yield Workshop(Path(folder), places)


def try_engine(
    shop: Workshop, mutant: Mutant | None, *, seeds: int = SEEDS, stories: str = "if-alive", first: bool = False
) -> Trial:
    """Try one mutant, or the engine as it is (None). ``first``: no further than the first failure. Raises Drifted."""
    trial = Trial(mutant.name if mutant is not None else "(unmutated)")
    began = time.monotonic()
    with shop.place_for(mutant) as place:
        environment = os.environ | {
            "PYTHONPATH": str(place),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "POLARS_MAX_THREADS": "1",
        }
        for name in [name for name in environment if name.startswith(("PYTEST_", "COVERAGE_"))]:
            del environment[name]
        module = "integrations_platform_tests.proof.mutant_trial"
        command = [sys.executable, "-m", module, "--seeds", str(seeds), "--stories", stories]
        command += ["--first"] if first else []
        try:
            ended = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            trial.fault = f"not finished within {TIME_LIMIT:g} s"
        else:
            _read(trial, place, ended)
    trial.seconds = time.monotonic() - began
    return trial


def _read(trial: Trial, place: Path, ended: subprocess.CompletedProcess[str]) -> None:
    lines = ended.stdout.strip().splitlines()
    if ended.returncode != 0 or not lines:
        trial.fault = (ended.stderr.strip() or "no output")[-2000:]
        return
    told: dict[str, Any] = json.loads(lines[-1])
    if Path(told["root"]).resolve() != place.resolve():
        trial.fault = f"the engine on trial lies in {told['root']}, not in the copy"
        return
    trial.findings = told["findings"]


def try_all(
    mutants: Sequence[Mutant], told: Callable[[Trial], None], *, seeds: int = SEEDS, processes: int = PROCESSES
) -> tuple[Trial, list[Trial]]:
    """The unmutated engine under everything, then every mutant. ``told`` hears of each trial as it ends."""
    with workshop(processes) as shop, ThreadPoolExecutor(processes) as pool:
        healthy = pool.submit(try_engine, shop, None, seeds=seeds, stories="always")
        pending = [pool.submit(try_engine, shop, mutant, seeds=seeds) for mutant in mutants]
        unmutated = healthy.result()
        told(unmutated)
        trials = []
        for future in pending:
            trials.append(future.result())
            told(trials[-1])
    return unmutated, trials


@dataclass
class Verdict:
    """The outcome of a whole run."""

    unmutated: Trial
    trials: list[Trial]
    seconds: float

    @property
    def survivors(self) -> list[Trial]:
        """Mutants nothing noticed, and trials that could not be held."""
        return [trial for trial in self.trials if trial.fault or not trial.killed]

    @property
    def sound(self) -> bool:
        """Whether the engine passes and every mutant falls."""
        return not self.survivors and not self.unmutated.killed and not self.unmutated.fault

    def kills(self) -> Counter[str]:
        """How many mutants each property noticed."""
        return Counter(name for trial in self.trials for name in trial.properties)

    def idle(self) -> list[str]:
        """Properties with a mechanism in the engine that noticed no mutant."""
        kills = self.kills()
        return [name for name in PROPERTIES if not kills[name] and name not in WITHOUT_MECHANISM]

    def unexpected(self) -> list[str]:
        """Mutants that fell, but to none of the properties named for them."""
        named = {mutant.name: set(mutant.expected) for mutant in MUTANTS}
        return [t.name for t in self.trials if t.killed and not named[t.name] & set(t.properties)]

    def to_data(self) -> dict[str, Any]:
        """JSON-safe form."""
        about = {mutant.name: mutant for mutant in MUTANTS}
        return {
            "mutants": [
                {
                    "name": trial.name,
                    "breaks": about[trial.name].breaks,
                    "stands_for": about[trial.name].stands_for,
                    "expected": list(about[trial.name].expected),
                    "killed_by": trial.properties,
                    "checks": trial.findings,
                    "fault": trial.fault,
                    "seconds": round(trial.seconds, 1),
                }
                for trial in self.trials
            ],
            "killed": len(self.trials) - len(self.survivors),
            "survivors": [trial.name for trial in self.survivors],
            "unmutated": {"findings": self.unmutated.findings, "fault": self.unmutated.fault},
            "kills": dict(self.kills()),
            "properties_without_kill": self.idle(),
            "properties_without_mechanism": WITHOUT_MECHANISM,
            "unexpected": self.unexpected(),
            "seconds": round(self.seconds, 1),
        }


def _show(verdict: Verdict) -> None:
    for trial in [verdict.unmutated] if verdict.unmutated.findings or verdict.unmutated.fault else []:
        click.echo(f"\nthe unmutated engine FAILS: {trial.fault}")
        for item in trial.findings:
            click.echo(f"  {item['property']}  {item['check']}: {item['message']}")
    total, alive = len(verdict.trials), len(verdict.survivors)
    click.echo(f"\n{total} mutants, {total - alive} killed, {alive} survived, {verdict.seconds:.0f} s")
    kills = verdict.kills()
    click.echo("kills by property: " + ", ".join(f"{name} {kills[name]}" for name in PROPERTIES if kills[name]))
    others = sorted(name for name in kills if name not in PROPERTIES)
    if others:
        click.echo("and otherwise: " + ", ".join(f"{name} {kills[name]}" for name in others))
    click.echo("properties that killed none: " + (", ".join(verdict.idle()) or "none"))
    for name, why in WITHOUT_MECHANISM.items():
        click.echo(f"  without mechanism: {name}, {why}")
    if verdict.unexpected():
        click.echo("killed, but by none of the properties named for them: " + ", ".join(verdict.unexpected()))
    for trial in verdict.survivors:
        click.echo(f"SURVIVOR {trial.name} {trial.fault}")


@click.command("mutants")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Try only this mutant; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Write the outcome as JSON.")
@click.option("--seeds", default=SEEDS, show_default=True, help="Seeded histories per strategy.")
@click.option("--processes", default=PROCESSES, show_default=True, help="Trials at the same time.")
def command(names: tuple[str, ...], *, as_json: bool, seeds: int, processes: int) -> None:
    """Break the engine on purpose, one promise at a time, and see whether the suite notices."""
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        known = ", ".join(mutant.name for mutant in MUTANTS)
        raise click.BadParameter(f"no mutant {', '.join(sorted(unknown))}; there are: {known}", param_hint="--only")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    width = max(len(mutant.name) for mutant in chosen)

    def told(trial: Trial) -> None:
        if not as_json:
            healthy = "passes" if trial.name == "(unmutated)" else "SURVIVED"
            how = trial.fault.splitlines()[-1] if trial.fault else ", ".join(trial.properties) or healthy
            click.echo(f"{trial.name:<{width}}  {how}  {trial.seconds:.1f} s")

    began = time.monotonic()
    unmutated, trials = try_all(chosen, told, seeds=seeds, processes=processes)
    verdict = Verdict(unmutated, trials, time.monotonic() - began)
    if as_json:
        click.echo(json.dumps(verdict.to_data(), indent=2))
    else:
        _show(verdict)
    raise SystemExit(0 if verdict.sound else 1)
