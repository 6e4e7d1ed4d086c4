"""A step's run on a workspace: started once whatever is lost, followed to its end, repaired and cancelled by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.databricks.authentication import ServicePrincipal
from integrations_platform.databricks.faults import JobFault
from integrations_platform.databricks.launch import Compute, ExistingJob, Notebook, PythonFile, token_of
from integrations_platform.databricks.outcomes import Outcome
from integrations_platform.databricks.running import Policy
from integrations_platform.databricks.workspace import Workspace
from integrations_platform.sandbox.databricks.app import CLIENT_ID, CLIENT_SECRET
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform.service_faults import FaultKind
from integrations_platform.waiting import Patience
from integrations_platform_tests.databricks.conftest import Site

RUN_NOW, GET, CANCEL, REPAIR = "jobs.run-now", "jobs.runs.get", "jobs.runs.cancel", "jobs.runs.repair"
BROKEN_CLOUD = {"result": "FAILED", "kind": "CLOUD_FAILURE", "code": "CLOUD_FAILURE", "message": "lost the machines"}


def test_a_job_runs_with_the_parameters_of_its_partition_and_reports_what_there_is_to_see(site: Site) -> None:
    site.script(logs="all rows read", seconds=90)
    report = site.run().report()
    assert report.verdict.outcome is Outcome.SUCCEEDED
    assert report.run.url.endswith(f"/run/{report.run.run_id}")
    assert report.run.seconds == pytest.approx(94)
    (task,) = report.run.tasks
    assert (task.key, task.result, task.logs, bool(task.cluster)) == ("load", "SUCCESS", "all rows read", True)
    (run,) = site.vendor.account.runs.values()
    assert run.parameters == {"day": "2013-01-01"}


def test_looks_come_every_five_seconds_at_first_and_every_thirty_later(site: Site) -> None:
    site.script(seconds=600)
    site.run().report()
    assert site.slept[0] == pytest.approx(5)
    assert site.slept[-1] == pytest.approx(30)
    assert site.slept == sorted(site.slept)
    assert site.posts(GET) < 30


@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_chance_moves_a_look_by_a_fifth_at_most(draw: float) -> None:
    pauses = [Patience().pause(turn, lambda: draw) for turn in range(200)]
    assert min(pauses) >= 4
    assert max(pauses) <= 36


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.DROP_AFTER, RUN_NOW, times=3),
        Fault(Kind.DROP_BEFORE, RUN_NOW, times=3),
        Fault(Kind.COMMIT_THEN_500, RUN_NOW),
        Fault(Kind.TRUNCATE, RUN_NOW),
        Fault(Kind.CUT_JSON, RUN_NOW),
        Fault(Kind.HTML, RUN_NOW),
        Fault(Kind.STATUS, RUN_NOW, status=503),
        Fault(Kind.STATUS, RUN_NOW, status=429),
    ],
    ids=lambda fault: f"{fault.kind.value}-{fault.status}",
)
def test_a_start_whose_answer_is_lost_is_repeated_and_starts_one_run(site: Site, fault: Fault) -> None:
    site.vendor.faults.add(fault)
    assert site.run().report().verdict.outcome is Outcome.SUCCEEDED
    assert site.runs() == 1
    assert site.posts(RUN_NOW) == (fault.times or 0) + 1, "the vendor's library repeats nothing behind our back"


def test_the_service_says_how_long_to_wait_and_is_obeyed(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, RUN_NOW, status=429, retry_after="17"))
    site.run().report()
    assert site.slept[0] == 17


def test_lost_looks_are_borne_and_the_run_is_followed_to_its_end(site: Site) -> None:
    site.script(seconds=60)
    for kind, status in (
        (Kind.STATUS, 500),
        (Kind.STATUS, 503),
        (Kind.DROP_AFTER, 0),
        (Kind.HTML, 502),
        (Kind.CUT_JSON, 0),
    ):
        site.vendor.faults.add(Fault(kind, GET, status=status))
    assert site.run().report().verdict.outcome is Outcome.SUCCEEDED
    assert len([line for line in site.warnings if "no word" in line]) == 5


def test_a_service_that_stays_away_ends_the_waiting_and_leaves_the_run_alone(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, GET, status=500, times=None))
    with pytest.raises(JobFault) as caught:
        site.run(policy=Policy(Patience(silence=15))).report()
    assert caught.value.kind is FaultKind.TRANSIENT
    assert (site.posts(GET), site.posts(CANCEL)) == (4, 0)
    site.vendor.faults.clear()
    report = site.run(tries=1).report()
    assert (report.verdict.outcome, report.attempt, site.runs()) == (Outcome.SUCCEEDED, 0, 1), "the next try finds it"


def test_a_try_after_a_failed_run_starts_another_and_keeps_to_it(site: Site) -> None:
    site.script(result="FAILED", error="ValueError: no such column", trace="Traceback …\nValueError: no such column")
    first = site.run().report()
    assert first.verdict.outcome is Outcome.FAILED
    site.script()
    second = site.run(tries=1).report()
    assert (second.verdict.outcome, second.attempt) == (Outcome.SUCCEEDED, 1)
    assert second.run.run_id != first.run.run_id
    assert site.run(tries=2).report().run.run_id == second.run.run_id
    assert site.runs() == 2


def test_tokens_are_as_long_as_they_may_be_and_differ_in_every_part() -> None:
    parts = [("r", "a", "p", 0), ("s", "a", "p", 0), ("r", "b", "p", 0), ("r", "a", "q", 0), ("r", "a", "p", 1)]
    tokens = {token_of(*each) for each in parts}
    assert len(tokens) == 5
    assert {len(token) for token in tokens} == {64}


def test_a_failure_tells_the_vendors_reason_and_the_traceback(site: Site) -> None:
    site.script(result="FAILED", message="Workload failed", error="KeyError: 'carrier'",
                trace="Traceback (most recent call last):\n  …\nKeyError: 'carrier'")  # fmt: skip
    report = site.run().report()
    assert (report.verdict.outcome, report.verdict.may_pass) == (Outcome.FAILED, False)
    for part in ("RUN_EXECUTION_ERROR", "Workload failed", "Traceback (most recent", "KeyError: 'carrier'", "/run/"):
        assert part in report.complaint


def test_a_long_message_is_cut_and_keeps_both_ends(site: Site) -> None:
    site.script(result="FAILED", message="start " + "x" * 100_000 + " end")
    complaint = site.run().report().complaint
    assert len(complaint) < 10_000
    assert "start " in complaint
    assert " end" in complaint


def test_a_deleted_job_is_told_with_the_setting_to_change_and_not_retried(site: Site) -> None:
    site.vendor.person({"do": "delete", "job_id": site.job_id})
    with pytest.raises(JobFault, match=rf"Job {site.job_id} does not exist.*databricks\.jobs") as caught:
        site.run().report()
    assert caught.value.kind is FaultKind.PERMANENT
    assert site.posts(RUN_NOW) == 1


def test_a_refused_token_is_a_matter_of_settings_and_is_not_shown(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.EXPIRE_TOKEN))
    with pytest.raises(JobFault, match=r"databricks\.token") as caught:
        site.run().report()
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert "dapi" not in str(caught.value)
    assert site.posts(RUN_NOW) == 1


@pytest.mark.parametrize(
    "host", ["", "adb-1.azuredatabricks.net", "http://adb-1.azuredatabricks.net", "https://x/path"]
)
def test_an_address_that_is_none_or_sends_the_token_in_the_clear_is_refused(host: str) -> None:
    with pytest.raises(JobFault, match=r"databricks\.host") as caught:
        Workspace(host, "dapi-secret")
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert "secret" not in str(caught.value)


def test_other_credentials_in_the_environment_are_not_taken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "somebody else's")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "another")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "another")
    assert site.workspace().who() == "stand@in"


def test_a_state_of_tomorrow_is_waited_on_with_one_warning(site: Site) -> None:
    site.script(seconds=30)
    (resize, settle) = (lambda: _show(site, "RESIZING")), (lambda: _show(site, ""))
    site.at_look = {2: resize, 4: settle}
    assert site.run().report().verdict.outcome is Outcome.SUCCEEDED
    assert len([line for line in site.warnings if "does not know" in line]) == 1


def _show(site: Site, state: str) -> None:
    for run in site.vendor.account.runs.values():
        run.shown_life = state


def test_a_run_that_somebody_cancels_failed_for_good(site: Site) -> None:
    site.script(seconds=600)
    site.at_look = {3: lambda: site.vendor.person({"do": "cancel", "run_id": next(iter(site.vendor.account.runs))})}
    report = site.run().report()
    assert (report.verdict.outcome, report.verdict.may_pass) == (Outcome.CANCELLED, False)
    assert "Run cancelled" in report.complaint


def test_a_full_job_did_nothing_and_says_so(site: Site) -> None:
    site.script(seconds=600)
    site.workspace().start(ExistingJob(site.job_id), "somebody else's")
    report = site.run().report()
    assert report.verdict.outcome is Outcome.NOT_RUN
    assert "maximum number of concurrent runs" in report.complaint


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_step_that_is_stopped_cancels_its_run_and_only_its_own(site: Site, stop: type[BaseException]) -> None:
    site.vendor.account.jobs[site.job_id]["max_concurrent_runs"] = 2
    site.script(seconds=600)
    other = site.workspace().start(ExistingJob(site.job_id), "somebody else's")

    def interrupt() -> None:
        raise stop

    site.at_look = {3: interrupt}
    with pytest.raises(stop):
        site.run().report()
    runs = site.vendor.account.runs
    assert {run_id: run.result for run_id, run in runs.items()} == {other: "", max(runs): "CANCELED"}
    assert any("is cancelled" in line for line in site.notes)


def test_a_cancellation_that_fails_does_not_hide_why_the_step_was_stopped(site: Site) -> None:
    site.script(seconds=600)
    site.vendor.faults.add(Fault(Kind.STATUS, CANCEL, status=500, times=None))

    def interrupt() -> None:
        raise KeyboardInterrupt

    site.at_look = {2: interrupt}
    with pytest.raises(KeyboardInterrupt):
        site.run().report()
    assert any("could not be cancelled" in line for line in site.warnings)


@pytest.mark.parametrize(("cancel", "result"), [(True, "CANCELED"), (False, "")])
def test_a_run_that_outlasts_its_time_is_cancelled_or_left_as_the_policy_says(
    site: Site, cancel: bool, result: str
) -> None:
    site.script(seconds=6000)
    with pytest.raises(JobFault, match="not over after 120 s"):
        site.run(policy=Policy(Patience(timeout=120), cancel_late=cancel)).report()
    assert [run.result for run in site.vendor.account.runs.values()] == [result]


def test_a_failure_of_the_cloud_is_repaired_under_the_same_run(site: Site) -> None:
    site.script(**BROKEN_CLOUD, repaired="SUCCESS")
    report = site.run(policy=Policy(repairs=1)).report()
    assert report.verdict.outcome is Outcome.SUCCEEDED
    assert (site.posts(REPAIR), site.runs()) == (1, 1)


def test_a_second_repair_names_the_first_and_there_are_no_more_than_allowed(site: Site) -> None:
    site.script(**BROKEN_CLOUD)
    report = site.run(policy=Policy(repairs=2)).report()
    assert (report.verdict.outcome, site.posts(REPAIR)) == (Outcome.FAILED, 2)
    (run,) = site.vendor.account.runs.values()
    assert [each["type"] for each in run.repairs] == ["ORIGINAL", "REPAIR", "REPAIR"]


def test_a_failure_of_the_job_itself_is_not_repaired(site: Site) -> None:
    site.script(result="FAILED")
    site.run(policy=Policy(repairs=3)).report()
    assert site.posts(REPAIR) == 0


def test_a_repair_whose_answer_is_lost_is_found_in_the_history_and_not_repeated(site: Site) -> None:
    site.script(**BROKEN_CLOUD, repaired="SUCCESS")
    site.vendor.faults.add(Fault(Kind.DROP_AFTER, REPAIR))
    report = site.run(policy=Policy(repairs=3)).report()
    assert (report.verdict.outcome, site.posts(REPAIR)) == (Outcome.SUCCEEDED, 1)


def test_a_repair_that_was_not_accepted_is_made_again(site: Site) -> None:
    site.script(**BROKEN_CLOUD, repaired="SUCCESS")
    site.vendor.faults.add(Fault(Kind.DROP_BEFORE, REPAIR))
    report = site.run(policy=Policy(repairs=2)).report()
    assert (report.verdict.outcome, site.posts(REPAIR)) == (Outcome.SUCCEEDED, 2)


def test_a_partial_success_names_the_task_that_failed(site: Site) -> None:
    behind = {"task_key": "b", "depends_on": [{"task_key": "a"}], "run_if": "ALL_DONE"}
    site.job_id = site.vendor.account.create({"name": "two", "tasks": [{"task_key": "a"}, behind]})
    site.script("a", result="FAILED", error="boom")
    report = site.run(ExistingJob(site.job_id)).report()
    assert report.verdict.outcome is Outcome.PARTIAL
    assert "task a: FAILED" in report.complaint


def test_all_tasks_of_a_large_run_are_reported_and_only_failing_ones_are_read(site: Site) -> None:
    keys = [f"t{at}" for at in range(130)]
    site.job_id = site.vendor.account.create({"name": "wide", "tasks": [{"task_key": key} for key in keys]})
    site.script("t7", result="FAILED", error="boom")
    report = site.run(ExistingJob(site.job_id)).report()
    assert len(report.run.tasks) == 130
    assert "task t7: FAILED" in report.complaint
    assert site.posts("jobs.runs.get-output") == 1


def test_a_notebook_is_submitted_with_its_widgets_and_its_result_is_read(site: Site) -> None:
    site.script(notebook_result='{"rows": 3}')
    compute = Compute(existing_cluster_id="c1", libraries=("polars==1.0",))
    report = site.run(Notebook("/Shared/load", {"day": "2013-01-01"}, compute)).report()
    assert report.notebook_result == '{"rows": 3}'
    (run,) = site.vendor.account.runs.values()
    assert run.tasks[0].settings["notebook_task"]["base_parameters"] == {"day": "2013-01-01"}
    assert run.tasks[0].settings["libraries"] == [{"pypi": {"package": "polars==1.0"}}]


@pytest.mark.parametrize("compute", [
    Compute(libraries=("polars",)),
    Compute(new_cluster={"spark_version": "16.4.x-scala2.12", "num_workers": 1}, libraries=("polars",)),
])  # fmt: skip
def test_a_file_of_ours_is_put_into_the_workspace_once_per_version(
    site: Site, tmp_path: Path, compute: Compute
) -> None:
    file = tmp_path / "count.py"
    file.write_text("one")
    launch = PythonFile(file, ("--day", "2013-01-01"), "/Workspace/Shared/ours", compute)
    assert site.run(launch).report().verdict.outcome is Outcome.SUCCEEDED
    (run,) = site.vendor.account.runs.values()
    task = run.tasks[0].settings["spark_python_task"]
    assert task["parameters"] == ["--day", "2013-01-01"]
    assert site.vendor.file(task["python_file"]) == b"one"
    file.write_text("two")
    site.run(launch, tries=0).report()
    assert site.vendor.file(task["python_file"]) == b"one", "a run never sees another version's file"


@pytest.mark.parametrize(
    ("launch", "words"),
    [
        (ExistingJob(1, {"day": "x" * 10_000}), "10,000"),
        (PythonFile(Path("x.py"), ("ä",)), "ASCII"),
    ],
    ids=["too long", "not ASCII"],
)
def test_parameters_that_would_be_refused_are_refused_before_the_call(site: Site, launch, words: str) -> None:
    with pytest.raises(JobFault, match=words):
        site.run(launch).report()
    assert not site.vendor.calls


# Who asks


def principal(site: Site, secret: str = CLIENT_SECRET) -> ServicePrincipal:
    return ServicePrincipal(site.url, CLIENT_ID, secret, lambda: site.vendor.clock.now().timestamp())


def test_a_service_principal_follows_a_run_for_longer_than_its_token_lasts(site: Site) -> None:
    site.script(seconds=4000)
    run = site.run()
    run.jobs = Workspace(site.url, principal(site))
    assert run.report().verdict.outcome is Outcome.SUCCEEDED
    assert site.posts("oidc.token") == 2
    assert not [call for call in site.vendor.calls if call.status == 401], "renewed before its end"


def test_a_token_that_is_ended_early_is_renewed_once(site: Site) -> None:
    workspace = Workspace(site.url, principal(site))
    assert workspace.who()
    site.vendor.faults.add(Fault(Kind.EXPIRE_TOKEN))
    assert workspace.who()
    assert site.posts("oidc.token") == 2


def test_a_wrong_secret_names_the_settings_and_is_not_shown(site: Site) -> None:
    with pytest.raises(JobFault, match=r"Client authentication failed; check databricks\.client_id") as caught:
        Workspace(site.url, principal(site, "not-the-secret")).who()
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert "not-the-secret" not in repr(caught.value)


@pytest.mark.parametrize("fault", [Fault(Kind.STATUS, "oidc.token", status=503), Fault(Kind.DROP_AFTER, "oidc.token")])
def test_a_token_that_cannot_be_had_now_is_asked_for_again(site: Site, fault: Fault) -> None:
    site.vendor.faults.add(fault)
    run = site.run()
    run.jobs = Workspace(site.url, principal(site))
    assert run.report().verdict.outcome is Outcome.SUCCEEDED
