"""Runs of Dagster's that have ended, as alerts want them: what they were about, when, and whether they came off.

Reads the instance only. Not a `run_failure_sensor`: that one moves on when its function fails, so that a failure which
could not be kept for the moment would be lost; and it hears of no recovery.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from integrations_platform.jobs import DATA_SYNC_UNIFIED

if TYPE_CHECKING:
    from integrations_platform.alerts.evidence import OutsideRun

Asset = dg.AssetsDefinition | dg.AssetSpec
OVERLAP = timedelta(minutes=5)  # read again each time: other hosts' clocks differ, and their writes show late
AT_ONCE = 500  # what a tick can go through in its minute; the rest comes with the next
_STATUSES = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
_WILL_RETRY = "dagster/will_retry"
TOLD_BY = "alerts/told_by"
"""A tag of runs whose failure is told elsewhere: by Airflow, after the last try of the task that started them."""

_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_AD_HOC = "__ASSET_JOB"
LAKE = "lake"


@dataclass(frozen=True)
class Subjects:
    """What steps are about, in words people know: an asset's key, or what the keys of several begin with. ``syncs``:
    those whose runs the state knows better."""

    by_step: Mapping[str, str]
    by_asset: Mapping[str, str]
    syncs: tuple[str, ...]

    @classmethod
    def of(cls, assets: Sequence[Asset], syncs: Sequence[str]) -> Subjects:
        """Of these assets' steps; what has no step speaks for itself."""
        made = [item for item in assets if isinstance(item, dg.AssetsDefinition) and item.is_executable]
        named = {item.node_def.name: shown([list(key.path) for key in item.keys]) for item in made}
        keys = {key.to_user_string(): named[item.node_def.name] for item in made for key in item.keys}
        return cls({**named, DATA_SYNC_UNIFIED.step: DATA_SYNC_UNIFIED.name}, keys, tuple(syncs))

    def subject(self, step_key: str) -> str:
        """What a step is about; its own name where nothing better is known."""
        name = step_key.partition("[")[0]
        return self.by_step.get(name, name)

    def of_asset(self, key: str) -> str:
        """What the step that makes an asset is about."""
        return self.by_asset.get(key, key)

    def runs(self, subject: str) -> tuple[str, ...]:
        """The syncs that a step about this runs."""
        if subject == DATA_SYNC_UNIFIED.name:
            return self.syncs
        return (subject,) if subject in self.syncs else ()


def shown(paths: Sequence[list[str]]) -> str:
    """One name for assets of one step, the same in every process. What a job or model writes into the lake beside its
    own asset goes by the name of that one."""
    own = sorted(path for path in paths if path[0] != LAKE) or sorted(paths)
    common: list[str] = []
    for parts in zip(*own, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common or own[0])


def newly_ended(instance: dg.DagsterInstance, since: datetime) -> Sequence[dg.RunRecord]:
    """Runs that succeeded or failed since about then, oldest first, some of them again; at most :data:`AT_ONCE`."""
    wanted = dg.RunsFilter(statuses=_STATUSES, updated_after=since - OVERLAP)
    return instance.get_run_records(wanted, limit=AT_ONCE, order_by="update_timestamp", ascending=True)


def read_until(records: Sequence[dg.RunRecord], since: datetime) -> datetime:
    """From when on to read the next time. After as many as could be read at once, none of them is read again: they
    might be all there is within the overlap."""
    newest = max((record.update_timestamp.replace(tzinfo=UTC) for record in records), default=since)
    return newest + OVERLAP if len(records) == AT_ONCE else max(newest, since)


def outside_runs(
    instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], subjects: Subjects, troubled: Collection[str]
) -> list[OutsideRun]:
    """What these runs say: each failure, and success of what is ``troubled`` or among the failures."""
    failures = [
        item for record in records if record.dagster_run.status is dg.DagsterRunStatus.FAILURE
        for item in _failures(instance, record, subjects)
    ]  # fmt: skip
    wanted = {*troubled, *(item.subject for item in failures)}
    successes = [
        item for record in records if wanted and record.dagster_run.status is dg.DagsterRunStatus.SUCCESS
        for item in _successes(instance, record, subjects) if item.subject in wanted
    ]  # fmt: skip
    return [*failures, *successes]


def _failures(instance: dg.DagsterInstance, record: dg.RunRecord, subjects: Subjects) -> Iterator[OutsideRun]:
    if record.dagster_run.tags.get(_WILL_RETRY) == "true":
        return  # Dagster starts it once more; the last attempt counts
    if TOLD_BY in record.dagster_run.tags:
        return
    of_steps: dict[str, list[str]] = {}
    of_run: list[str] = []
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=_EVENTS):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_failure and event.step_key:
            of_steps.setdefault(subjects.subject(event.step_key), []).append(_said(event))
        else:
            of_run.append(event.message or "")
    for subject, said in of_steps.items():
        yield _outside(record, subject, subjects, "\n".join(said), succeeded=False)
    if not of_steps:
        yield _outside(record, _of_run(record), subjects, "\n".join(of_run), succeeded=False)


def _said(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    words = [event.message or ""]
    while error is not None:
        words.append(f"{error.cls_name}: {error.message}")
        error = error.cause
    return "\n".join(words)


def _successes(instance: dg.DagsterInstance, record: dg.RunRecord, subjects: Subjects) -> Iterator[OutsideRun]:
    steps = instance.get_run_step_stats(record.dagster_run.run_id)
    about = {subjects.subject(step.step_key) for step in steps if step.status and step.status.value == "SUCCESS"}
    for subject in sorted({*about, _of_run(record)}):
        yield _outside(record, subject, subjects, "", succeeded=True)


def _of_run(record: dg.RunRecord) -> str:
    """What a run is about as a whole: its job, or, started from assets, these."""
    run = record.dagster_run
    if not run.job_name.startswith(_AD_HOC):
        return run.job_name
    keys = sorted(key.to_user_string() for key in run.asset_selection or ())
    return f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else (keys or ["assets"])[0]


def _outside(record: dg.RunRecord, subject: str, subjects: Subjects, error: str, *, succeeded: bool) -> OutsideRun:
    from integrations_platform.alerts.evidence import OutsideRun

    tags, run_id = record.dagster_run.tags, record.dagster_run.run_id
    ended = _time(record.end_time) or record.update_timestamp.replace(tzinfo=UTC)
    return OutsideRun(
        subject, _time(record.start_time) or ended, ended, succeeded, subjects.runs(subject), _part(tags), run_id, error
    )  # fmt: skip


def _part(tags: Mapping[str, str]) -> str:
    first, last = (tags.get(tag, "") for tag in _RANGE)
    return tags.get(_PARTITION) or (f"{first} to {last}" if first else "")


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class Cursor:
    """How far runs were read, and whether the state was out of reach when last looked."""

    since: datetime
    without_state: bool = False

    @classmethod
    def read(cls, text: str | None, now: datetime) -> Cursor:
        """From the sensor's memory; what happened before it was first asked is not told."""
        try:
            data = json.loads(text or "")
            return cls(datetime.fromisoformat(data["since"]), bool(data.get("without_state")))
        except (ValueError, KeyError, TypeError):
            return cls(now)

    def text(self) -> str:
        """For the sensor's memory."""
        return json.dumps({"since": self.since.isoformat(), "without_state": self.without_state})
