"""The group `integrations lake`: partitions listed, landed, shown, compacted, verified and tidied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from integrations_platform.cli.faults import PARTIAL, Refused
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.lake import Lake, Manifest
    from integrations_platform.platform import Platform

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_RUN = "cli"


class Day(click.ParamType[date]):
    """A day, YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day in a word."""
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write YYYY-MM-DD", param, ctx)


def of_days(function: Decorated) -> Decorated:
    """Give a command its DATASET and the days it is about."""
    function = click.option("--to", "last", type=Day(), metavar="DAY", help="The last day (default: DAY alone).")(
        function
    )
    function = click.argument("day", type=Day())(function)
    return click.argument("dataset")(function)


@click.group()
def lake() -> None:
    """The date-partitioned lake: <url>/<dataset>/date=YYYY-MM-DD/.

    A partition is what its manifest lists. DAY is YYYY-MM-DD; with --to a command takes a range.
    """


@lake.command("list")
@click.argument("dataset", required=False)
@as_json
@click.pass_obj
def list_partitions(session: Session, dataset: str | None, as_json: bool) -> None:
    """List the datasets, or the recorded partitions of DATASET."""
    from integrations_platform.cli.output import columns, emit
    from integrations_platform.lake.lake import described

    with _opened(session) as (_, lake):
        if dataset is None:
            rows = [
                {"dataset": item.name, "format": item.format, "source": described(item), "starts": str(item.starts)}
                for item in lake.settings.datasets.values()
            ]
            if as_json:
                emit({"url": str(lake.address), "datasets": rows})
            else:
                columns(("DATASET", "FORMAT", "SOURCE", "STARTS"), [tuple(row.values()) for row in rows])
            return
        found = lake.manifests(dataset)
        unrecorded = [str(day) for day in lake.days_with_files(dataset) if day not in found]
    if as_json:
        emit({"dataset": dataset, "partitions": [_data(item) for item in found.values()], "unrecorded": unrecorded})
        return
    columns(
        ("DAY", "ROWS", "FILES", "MB", "RUN"),
        [
            (str(day), f"{item.rows:,}", str(len(item.files)), f"{item.bytes / 1e6:,.2f}", item.run_id or "-")
            for day, item in found.items()
        ]
        + [(day, "not recorded", "-", "-", "-") for day in unrecorded],
    )


@lake.command()
@of_days
@as_json
@click.pass_obj
def land(session: Session, dataset: str, day: date, last: date | None, as_json: bool) -> None:
    """Land the partition DAY of DATASET from its source, or observe it where others write it."""
    from integrations_platform.lake.landing import Syncs
    from integrations_platform.lake.landing import land as land_day

    with _opened(session) as (platform, lake):
        syncs = Syncs(_declared(platform, lake, dataset), lambda: platform.store, platform.runtime.clock)
        days = _days(day, last)
        embedded = platform.settings.airbyte.engine() == "embedded"
        done = []
        for number, each in enumerate(days):
            platform.runtime.progress("landing", number, len(days))
            done.append(land_day(lake, dataset, each, _RUN, syncs, embedded=embedded))
    _show(done, as_json)


@lake.command()
@of_days
@as_json
@click.pass_obj
def show(session: Session, dataset: str, day: date, last: date | None, as_json: bool) -> None:
    """Show the recorded partition DAY of DATASET: files, rows, columns, and its first rows."""
    from integrations_platform.cli.output import columns, say, value

    with _opened(session) as (_, lake):
        found = [_recorded(lake, dataset, each) for each in _days(day, last)]
        sample = lake.sample(found[0], 5) if len(found) == 1 and not as_json else None
        where = lake.location(dataset, day)
    _show(found, as_json)
    if as_json or len(found) > 1:
        return
    manifest = found[0]
    say(f"  {where}")
    say(
        f"  written {manifest.written_at:%Y-%m-%d %H:%M:%S} UTC by run {manifest.run_id or '-'}, from {manifest.source}"
    )
    for file in manifest.files[:20]:
        say(f"  {file.name}  {file.rows:,} rows  {file.size:,} bytes")
    say(f"  columns: {', '.join(f'{name} {kind}' for name, kind in manifest.schema.items())}")
    if sample is not None:
        say()
        columns(sample.columns, [[value(cell, 20) for cell in row] for row in sample.rows()])


@lake.command()
@of_days
@as_json
@click.pass_obj
def compact(session: Session, dataset: str, day: date, last: date | None, as_json: bool) -> None:
    """Put small files of a partition together, toward 100 to 250 MB each; rows stay as they are.

    Of files that others write, theirs are replaced; do it for days that are over.
    """
    with _opened(session) as (_, lake):
        done = [lake.compact(dataset, each, _RUN) for each in _days(day, last)]
    _show(done, as_json)


@lake.command()
@of_days
@click.option("--deep", is_flag=True, help="Read every file and count its rows.")
@as_json
@click.pass_context
def verify(ctx: click.Context, dataset: str, day: date, last: date | None, deep: bool, as_json: bool) -> None:
    """Compare the files of a partition with its manifest; exit code 3 when a load would not get what is recorded."""
    from integrations_platform.cli.output import emit, say

    with _opened(ctx.obj) as (_, lake):
        found = [(each, item) for each in _days(day, last) for item in lake.verify(dataset, each, deep=deep)]
    wrong = [item for _, item in found if not item.harmless]
    if as_json:
        lines = [
            {"day": str(each), "file": item.name, "what": item.what, "harmless": item.harmless} for each, item in found
        ]
        emit({"dataset": dataset, "differences": lines})
    else:
        for each, item in found:
            say(f"{each}: {item.name} {item.what}", colour="yellow" if item.harmless else "red")
        say(f"{len(wrong)} wrong, {len(found) - len(wrong)} left over" if found else "everything is as recorded")
    if wrong:
        ctx.exit(PARTIAL)


@lake.command()
@of_days
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@as_json
@click.pass_obj
def tidy(session: Session, dataset: str, day: date, last: date | None, dry_run: bool, as_json: bool) -> None:
    """Delete what broken writes left over in a partition, once it is a day old."""
    from integrations_platform.cli.output import count, emit, say

    with _opened(session) as (_, lake):
        keys = [key for each in _days(day, last) for key in lake.tidy(dataset, each, dry_run=dry_run)]
    if as_json:
        emit({"dataset": dataset, "deleted": [] if dry_run else keys, "would_delete": keys if dry_run else []})
        return
    for key in keys:
        say(key)
    say(f"{count(len(keys), 'file')} {'would be deleted' if dry_run else 'deleted'}")


@contextmanager
def _opened(session: Session) -> Iterator[tuple[Platform, Lake]]:
    from integrations_platform.lake import Lake

    with session.platform() as platform:
        yield platform, Lake.open(platform.settings.lake)


def _declared(platform: Platform, lake: Lake, dataset: str) -> Any:
    """The declared syncs, read only for a dataset that publishes one."""
    from integrations_platform.settings_lake import SyncOutput

    return platform.declared if isinstance(lake.dataset(dataset).source, SyncOutput) else {}


def _days(day: date, last: date | None) -> list[date]:
    if last is not None and last < day:
        raise Refused(f"--to {last} is before {day}")
    return [day + timedelta(days=n) for n in range(((last or day) - day).days + 1)]


def _recorded(lake: Lake, dataset: str, day: date) -> Manifest:
    manifest = lake.manifest(dataset, day)
    if manifest is None:
        raise Refused(f"{dataset} has no recorded partition {day}; land it: integrations lake land {dataset} {day}")
    return manifest


def _show(manifests: list[Manifest], as_json: bool) -> None:
    from integrations_platform.cli.output import count, emit, say

    if as_json:
        emit({"partitions": [_data(item) for item in manifests]})
        return
    for item in manifests:
        size = f"{item.bytes / 1e6:,.2f} MB"
        say(
            f"{item.dataset} {item.day}: {count(item.rows, 'row')} in {count(len(item.files), 'file')}, {size}",
            bold=True,
        )


def _data(manifest: Manifest) -> dict[str, Any]:
    return {
        "dataset": manifest.dataset,
        "day": str(manifest.day),
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "files": [{"name": file.name, "rows": file.rows, "bytes": file.size} for file in manifest.files],
        "schema": dict(manifest.schema),
        "content": manifest.content,
        "written_at": manifest.written_at.isoformat(),
        "run_id": manifest.run_id,
        "source": manifest.source,
    }
