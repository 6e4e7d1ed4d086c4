"""Mutation testing of the engine with a tool: every operator of cosmic-ray at every place, judged by the tests.

Owns the modules tried, the list of survivors that are explained (``survivors.toml``) and the figures. A survivor nobody
has explained is a failure of the suite; so is an explanation of a mutant that some test does notice, and one of a
mutant that is not there any more. Explanations name the text of a line, not its number.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

PLACE = Path(__file__).resolve().parent
SURVIVORS = PLACE / "survivors.toml"
PARTS: dict[str, tuple[str, ...]] = {
    "planner": ("planner", "observation"),
    "merge": ("merge", "field_merge"),
    "guards": ("guards",),
    "evidence": ("evidence",),
}
"""The parts a score is told of, and the engine's modules they consist of."""
MODULES = tuple(module for modules in PARTS.values() for module in modules)
PROMISED = {"planner": 90.0, "merge": 90.0, "guards": 90.0}
"""The least percentage noticed, of the mutants that can be noticed at all."""
SAMPLE = 25  # of each module, in the short size
PROCESSES = 2

Answer = dict[str, Any]


@dataclass(frozen=True)
class Explanation:
    """Why a mutant may live. Empty texts fit everything; ``line`` and ``becomes`` are whole lines without their
    indentation, ``pattern`` is searched for in what the line becomes."""

    why: str
    module: str = ""
    function: str = ""
    operator: str = ""
    line: str = ""
    becomes: str = ""
    pattern: str = ""

    def fits(self, answer: Answer) -> bool:
        """Whether it speaks of this mutant."""
        exact = all(
            getattr(self, name) in ("", answer[name]) for name in ("module", "function", "operator", "line", "becomes")
        )
        return exact and (not self.pattern or re.search(self.pattern, answer["becomes"]) is not None)


def explanations(path: Path = SURVIVORS) -> list[Explanation]:
    """The committed list. Raises ValueError: an entry explains nothing or would fit everything."""
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["survivor"]:
        explanation = Explanation(**entry)
        exact = explanation.module and explanation.operator and (explanation.line or explanation.pattern)
        if not explanation.why.strip() or not (exact or (explanation.pattern and explanation.operator)):
            raise ValueError(f"{path.name}: {entry} must say why, and name an operator and a line or a pattern")
        found.append(explanation)
    return found


def part_of(module: str) -> str:
    """The part a module's score belongs to; its own if it is in none."""
    return next((name for name, modules in PARTS.items() if module in modules), module)


@dataclass
class Verdict:
    """What trying came to. ``unexplained``: mutants that live without a reason; ``wrong``: explained mutants that a
    test notices; ``stale``: explanations nothing fits any more (known only if everything was tried)."""

    answers: list[Answer] = field(default_factory=list)
    unexplained: list[Answer] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    fault: str = ""
    seconds: float = 0.0

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """By part: mutants, killed, explained, unexplained, and the percentage killed of those that can be noticed."""
        total, killed = Counter[str](), Counter[str]()
        unexplained = Counter(part_of(answer["module"]) for answer in self.unexplained)
        for answer in self.answers:
            total[part_of(answer["module"])] += 1
            killed[part_of(answer["module"])] += bool(answer["killed_by"])
        return {
            name: {
                "mutants": count,
                "killed": killed[name],
                "explained": count - killed[name] - unexplained[name],
                "unexplained": unexplained[name],
                "percent of all": round(100 * killed[name] / count, 1),
                "percent": round(100 * (1 - unexplained[name] / max(1, killed[name] + unexplained[name])), 1),
            }
            for name, count in sorted(total.items())
        }

    @property
    def faults(self) -> list[str]:
        """Everything that is not as it should be."""
        said = [
            f"{about(answer)} becomes `{answer['becomes']}`: nothing notices, nothing explains"
            for answer in self.unexplained
        ]
        low = [
            f"{name}: {self.scores[name]['percent']} % noticed, {least:g} % promised"
            for name, least in PROMISED.items()
            if name in self.scores and self.scores[name]["percent"] < least
        ]
        return [*([self.fault] if self.fault else []), *said, *self.wrong, *self.stale, *low]

    @property
    def figures(self) -> dict[str, Any]:
        """For the result file."""
        return {"parts": self.scores, "survivors": len(self.unexplained), "faults": self.faults}


def about(answer: Answer) -> str:
    """Where a mutant is, for people."""
    return f"{answer['module']}.py:{answer['number']} {answer['function']} {answer['operator']} `{answer['line']}`"


def judge(answers: Sequence[Answer], known: Sequence[Explanation], *, everything: bool) -> Verdict:
    """Tell survivors that are explained from those that are not. ``everything``: no mutant of these modules was left
    out, so that an explanation that fits none is stale."""
    verdict = Verdict(list(answers))
    used: set[Explanation] = set()
    for answer in answers:
        fitting = [explanation for explanation in known if explanation.fits(answer)]
        used.update(fitting)
        if not answer["killed_by"] and not fitting:
            verdict.unexplained.append(answer)
        named = [explanation for explanation in fitting if explanation.line]
        if answer["killed_by"] and named:
            verdict.wrong.append(f"{about(answer)} is said to be harmless ({named[0].why}): {answer['killed_by']}")
    if everything:
        modules = {answer["module"] for answer in answers}
        verdict.stale = [
            f"survivors.toml: nothing in {explanation.module}.py is `{explanation.line or explanation.pattern}` with "
            f"{explanation.operator} any more"
            for explanation in known
            if explanation.module in modules and explanation not in used
        ]
    return verdict


def attempts(
    modules: Sequence[str],
    *,
    files: Sequence[str] = (),
    only: Sequence[tuple[str, str, str, str]] | None = None,
    most: int | None = None,
    chance: bool = True,
    processes: int = PROCESSES,
) -> Iterator[Answer]:
    """Try mutants in a process of their own: one answer each, after one that tells of the sound engine.

    ``files``: only these files of stories; ``only``: module, function, operator and new line (empty: any) of those
    wanted; ``most``: so many of each module; ``chance``: cases and histories too. Raises RuntimeError: the sound
    engine or the process fails.
    """
    task = {
        "modules": list(modules),
        "files": list(files),
        "processes": processes,
        "chance": chance,
        "only": None if only is None else [list(item) for item in only],
        "most": most,
    }
    root = PLACE.parent.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    environment = kept | {"PYTHONPATH": str(root), "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", f"{__package__}.tool_mutation_trial"]
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(json.dumps(task))
            process.stdin.close()
            yield from map(json.loads, process.stdout)
            said = process.stderr.read()
            if process.wait() not in (0, 5):  # 5: pytest itself ran no story, its forks did
                raise RuntimeError(said.strip()[-2000:] or f"the trial ended with {process.returncode}")
        finally:
            process.kill()


def try_modules(modules: Sequence[str], *, quiet: bool = True, **how: Any) -> Verdict:
    """Try the mutants of these modules and judge what came of it."""
    began, answers, fault = time.monotonic(), [], ""
    try:
        for answer in attempts(modules, **how):
            if "killed_by" in answer:
                answers.append(answer)
                if not quiet:
                    click.echo(f"{answer['killed_by'] or 'LIVES':.100}  {about(answer)}  {answer['seconds']:.1f} s")
            elif not quiet:
                click.echo(f"the sound engine passes {answer['stories']} stories, {answer['seconds']:.0f} s", err=True)
    except RuntimeError as raised:
        fault = str(raised)
    verdict = judge(answers, explanations(), everything=not fault and not how.get("only") and not how.get("most"))
    verdict.fault, verdict.seconds = fault, time.monotonic() - began
    return verdict


@click.command("tool-mutation")
@click.option("--module", "names", multiple=True, metavar="NAME", help="Only this module or part; may be repeated.")
@click.option("--nightly", is_flag=True, help=f"Every mutant; without it {SAMPLE} of each module.")
@click.option("--again", type=click.Path(exists=True, path_type=Path), help="Only what lived in this result file.")
@click.option("--into", type=click.Path(path_type=Path), help="The folder for the result.")
@click.option("--processes", default=PROCESSES, show_default=True, help="Trials at the same time.")
def command(names: tuple[str, ...], *, nightly: bool, again: Path | None, into: Path | None, processes: int) -> None:
    """Break the engine at every place a mutation tool knows, and see whether its tests notice."""
    modules = [module for name in names or tuple(PARTS) for module in PARTS.get(name, (name,))]
    unknown = [name for name in modules if not (PLACE.parent.parent / ENGINE / f"{name}.py").exists()]
    if unknown:
        raise click.BadParameter(f"the engine has no module {', '.join(unknown)}", param_hint="--module")
    only = None
    if again is not None:
        lived = json.loads(again.read_text(encoding="utf-8"))["lived"]
        about = "module", "function", "operator", "becomes"
        only = [tuple(item[name] for name in about) for item in lived if item["module"] in modules]
    most = None if nightly or only is not None else SAMPLE
    verdict = try_modules(modules, quiet=False, only=only, most=most, processes=processes)
    for text in verdict.faults:
        click.echo(f"  {text}")
    for name, score in verdict.scores.items():
        click.echo(f"{name}: " + ", ".join(f"{value:g} {what}" for what, value in score.items()))
    if into is not None:
        click.echo(f"written to {save(verdict, into, nightly=nightly)}")
    raise SystemExit(bool(verdict.faults))


ENGINE = "integrations_platform/unified_sync"


def save(verdict: Verdict, into: Path, *, nightly: bool) -> Path:
    """Keep the result as ``tool_mutation.json``, with every mutant that lived."""
    from integrations_platform_tests.proof.histories import commit

    into.mkdir(parents=True, exist_ok=True)
    path = into / "tool_mutation.json"
    lived = [answer for answer in verdict.answers if not answer["killed_by"]]
    told = {
        "part": "tool_mutation",
        "commit": commit(),
        "size": "nightly" if nightly else "short",
        "seconds": round(verdict.seconds, 1),
        "figures": verdict.figures,
        "lived": lived,
    }
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return path
