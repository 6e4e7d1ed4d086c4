"""Every part of the proof in its shortest form, and the machinery that keeps and shows what they found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from integrations_platform_tests.proof import report as reporting
from integrations_platform_tests.proof.catalogue import AREAS, names, part
from integrations_platform_tests.proof.page import MixedCommits, page
from integrations_platform_tests.proof.part import SIZES, Part, Result, Shown
from integrations_platform_tests.proof.parts.kills import PARTS as KILLS
from integrations_platform_tests.proof.trials import try_seeds

BY_THEMSELVES = {
    *("stories", "mutants", "histories-calm", "histories-rough", "histories-hostile", "planner-cases"),
    "systems-matrix",
    *(chosen.name for chosen in KILLS),
}
"""Run by tests of their own already (``simulation/test_drawn.py``, ``test_mutants.py``, ``matrix``, ``end_to_end``)."""

QUICK = [name for name in names() if "quick" in part(name).sizes and name not in BY_THEMSELVES]


@pytest.mark.parametrize("name", QUICK)
def test_each_part_holds_in_its_shortest_form(name: str) -> None:
    chosen = part(name)
    shown = chosen.run(chosen.sizes["quick"], 1)
    assert shown.violations == ()
    assert shown.measured


@pytest.mark.parametrize("name", names())
def test_every_part_belongs_to_a_row_of_the_table_and_has_the_full_size(name: str) -> None:
    chosen = part(name)
    assert chosen.name == name
    assert chosen.area in AREAS
    assert {"short", "nightly"} <= set(chosen.sizes) <= set(SIZES)


def test_no_row_of_the_table_is_forgotten() -> None:
    assert {part(name).area for name in names()} == set(AREAS)


def result(name: str, commit: str = "abc", **shown: object) -> Result:
    told = Shown("0–9", "10 of 10", Counter(cases=10), ("seed 3: P3: lost",), ("a detail",))
    return Result(name, "short", 10, commit, "2026-01-01T00:00:00+00:00", 1.5, "2 cores", replace(told, **shown))


def test_a_result_is_kept_and_read_back_whole(tmp_path: Path) -> None:
    kept = result("guards")
    kept.save(tmp_path / "deep")
    assert Result.load(tmp_path / "deep", "guards") == kept
    assert Result.load(tmp_path, "guards") is None


def test_the_page_names_seeds_commit_seconds_and_every_violation() -> None:
    text = page([result("guards")])
    (row,) = [line for line in text.splitlines() if line.startswith("| Guards")]
    assert all(item in row for item in ("10 of 10", "0–9", "`abc`", "short", "| 2 |"))
    assert "guards: seed 3: P3: lost" in text
    assert "a detail" in text
    assert "| not run |" in text, "what was not run is not claimed"


def test_results_of_different_commits_are_not_shown_as_one_proof() -> None:
    results = [result("guards", "abc"), result("stories", "def")]
    with pytest.raises(MixedCommits, match=r"abc: guards; def: stories"):
        page(results)
    mixed = page(results, mixed=True)
    assert "results of several commits" in mixed
    assert [f"`{name}`" in mixed for name in ("abc", "def")] == [True, True]


def _fails_at_three(seed: int) -> Counter[str]:
    assert seed != 3, "P0: three"
    return Counter(cases=1)


def test_a_violation_names_its_seed_and_stops_no_other_trial() -> None:
    found = try_seeds(_fails_at_three, 10, 1)
    assert (found.done, found.counts["cases"]) == (10, 9)
    assert [text.splitlines()[0] for text in found.violations] == ["seed 3: P0: three"]


def _fake(monkeypatch: pytest.MonkeyPatch, *violations: str) -> list[str]:
    ran: list[str] = []

    def parts(name: str) -> Part:
        def run(size: int, _processes: int) -> Shown:
            ran.append(f"{name} {size}")
            return Shown("0–0", f"{name} measured", {}, violations)

        return Part(name, "Guards", "all", "cases", {"quick": 1, "short": 2, "nightly": 3}, run)

    monkeypatch.setattr(reporting, "part", parts)
    monkeypatch.setattr(reporting, "commit", lambda: "abc")
    return ran


def test_one_part_is_run_alone_and_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _fake(monkeypatch)
    to, into = tmp_path / "PROOF.md", tmp_path / "results"
    options = ["--into", str(into), "--to", str(to)]
    assert CliRunner().invoke(reporting.report, ["--nightly", "--part", "guards", *options]).exit_code == 0
    assert ran == ["guards 3"]
    assert not to.exists(), "a part alone writes no page"
    assert CliRunner().invoke(reporting.report, ["--nightly", *options]).exit_code == 0
    assert ran.count("guards 3") == 1, "what was done at this commit and size is not run again"
    assert len(ran) == len(names())
    assert "guards measured" in to.read_text()
    assert CliRunner().invoke(reporting.report, ["--part", "guards", *options]).exit_code == 0
    assert ran[-1] == "guards 2", "another size is another question"
    assert CliRunner().invoke(reporting.report, ["--part", "guards", "--many", "77", *options]).exit_code == 0
    assert ran[-1] == "guards 77"
    kept = Result.load(into, "guards")
    assert kept is not None
    assert (kept.size_name, kept.size) == ("chosen", 77)
    assert CliRunner().invoke(reporting.report, ["--many", "77", *options]).exit_code == 2, "of which part?"


def test_a_page_is_written_from_results_alone_and_refuses_to_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = _fake(monkeypatch)
    to = tmp_path / "PROOF.md"
    result("guards", "abc", violations=()).save(tmp_path)
    result("stories", "def", violations=()).save(tmp_path)
    options = ["--render", "--into", str(tmp_path), "--to", str(to)]
    refused = CliRunner().invoke(reporting.report, options)
    assert refused.exit_code == 1
    assert "results of several commits" in refused.output
    assert not to.exists()
    assert CliRunner().invoke(reporting.report, [*options, "--mixed"]).exit_code == 0
    assert "`def`" in to.read_text()
    assert ran == []


def test_a_violation_is_told_and_fails_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake(monkeypatch, "seed 7: P10: twice")
    options = ["--part", "guards", "--into", str(tmp_path)]
    ended = CliRunner().invoke(reporting.report, options)
    assert ended.exit_code == 1
    assert "seed 7: P10: twice" in ended.output
    unknown = CliRunner().invoke(reporting.report, ["--part", "gards"])
    assert unknown.exit_code == 2
    assert "guards" in unknown.output


def test_the_published_page_says_what_the_kept_results_say_and_nothing_else() -> None:
    kept = [found for name in names() if (found := Result.load(reporting.PUBLISHED, name)) is not None]
    assert reporting.PROOF.read_text(encoding="utf-8") == page(kept, mixed=True)
    assert {path.stem for path in reporting.PUBLISHED.iterdir()} <= {*names()}
