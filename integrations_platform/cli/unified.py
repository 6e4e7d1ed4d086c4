"""The command `sync unified`: the job ``data_sync_unified`` for whoever calls commands, such as Kestra or cron.

Owns how its parameters are given and the one exit code of several runs. Which syncs a request means is for the
catalogue to say; they are run and reported as `sync run` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from integrations_platform.cli.faults import Refused, explain_fault
from integrations_platform.cli.running import EXIT_CODES, person
from integrations_platform.cli.session import Named, Session, as_json

if TYPE_CHECKING:
    from integrations_platform.jobs import Catalogue, Options, Parameter
    from integrations_platform.platform import Platform
    from integrations_platform.unified_sync.report import RunReport
    from integrations_platform.unified_sync.spec import SyncSpec

_WORST_FIRST = (1, 2, 4, 3)
_SHOWN = 60  # characters of a value in a message
_DIRECTIONS = ("source_to_target", "target_to_source", "bidirectional")
_STRATEGIES = ("source_wins", "target_wins", "latest", "manual")
_PLAIN: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool}
_Command = Callable[..., Any]
_OPTIONS: Sequence[Callable[[_Command], _Command]] = (
    click.option("--source-type", metavar="SYSTEM", help="One end: a system of the environment, or a kind."),
    click.option("--target-type", metavar="SYSTEM", help="The other end."),
    click.option("--direction", type=click.Choice(_DIRECTIONS), help="Only this way, seen from --source-type."),
    click.option("--batch-size", type=click.IntRange(1, 10_000), help="Records per write."),
    click.option("--conflict-resolution", type=click.Choice(_STRATEGIES), help="Who wins new conflicts of all fields."),
    click.option("--dry-run", is_flag=True, default=None, help="Show what would be written, and write nothing."),
)


def _parameters(function: _Command) -> _Command:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(epilog=EXIT_CODES)
@click.option("--config", metavar="JSON", help='All of it at once: \'{"source_type": "hubspot", …}\'; "-" reads stdin.')
@_parameters
@click.option("--unattended", is_flag=True, help="For schedules: refuse the very first plan of a sync.")
@as_json
@click.pass_obj
def unified(session: Session, /, config: str | None, unattended: bool, as_json: bool, **given: Any) -> None:
    """Run every declared sync that joins two systems, in order: the job data_sync_unified.

    Each sync runs after those whose records it refers to, and not at all when one of them failed. The exit code is
    that of the worst run.
    """
    from integrations_platform.cli.output import emit
    from integrations_platform.cli.show_report import report_data
    from integrations_platform.jobs import NoSuchJob, load_catalogue

    wanted = {**_read(config), **{name: value for name, value in given.items() if value is not None}}
    _check(wanted)
    catalogue = load_catalogue(session.environment, session.env_file, [session.syncs] if session.syncs else None)
    try:
        chosen = catalogue.joining(wanted["source_type"], wanted["target_type"], _options(wanted))
    except NoSuchJob as fault:
        raise Refused(str(fault)) from None
    with session.platform() as platform:
        reports, skipped, codes = _run_all(
            session, platform, catalogue, chosen, show=not as_json,
            dry_run=bool(wanted.get("dry_run")), attended=not unattended,
        )  # fmt: skip
    if as_json:
        emit({"runs": [report_data(report) for report in reports], "skipped": skipped})
    raise click.exceptions.Exit(next((code for code in _WORST_FIRST if code in codes), 0))


def _run_all(
    session: Session,
    platform: Platform,
    catalogue: Catalogue,
    chosen: list[tuple[SyncSpec, Options]],
    *,
    show: bool,
    **asked: Any,
) -> tuple[list[RunReport], dict[str, str], set[int]]:
    """Reports, syncs that were not run and why, and every exit code."""
    from integrations_platform.cli.output import warn
    from integrations_platform.cli.show_report import show_report
    from integrations_platform.unified_sync.engine import Request
    from integrations_platform.unified_sync.faults import SetupRefused
    from integrations_platform.unified_sync.port import SideError
    from integrations_platform.unified_sync.report import RunStatus
    from integrations_platform.unified_sync.store import LeaseHeld
    from integrations_platform.yaml_source import ConfigurationError

    upstream = catalogue.upstream()
    reports: list[RunReport] = []
    undone: set[str] = set()
    codes: set[int] = set()
    skipped: dict[str, str] = {}
    for declared, options in chosen:
        waits = [name for name in upstream[declared.name] if name in undone]
        if waits:
            undone.add(declared.name)
            skipped[declared.name] = f"it refers to {', '.join(waits)}, which failed"
            warn(f"{declared.name} was not run: {skipped[declared.name]}")
            continue
        spec = options.applied(declared)
        try:
            with platform.sides(spec) as sides:
                engine = platform.engine(*catalogue.specs, spec)
                reports.append(engine.run(spec, sides, Request(actor=person(), trigger="cli", **asked)))
        except (ConfigurationError, SetupRefused, SideError, LeaseHeld) as fault:
            undone.add(spec.name)
            skipped[spec.name] = "it could not begin"
            warn(f"{spec.name} could not begin")
            codes.add(explain_fault(fault, debug=False))
            continue
        codes.add(reports[-1].exit_code)
        if reports[-1].status in (RunStatus.FAILED, RunStatus.REFUSED):
            undone.add(spec.name)
        if show:
            show_report(session, platform, Named(spec, spec.name), reports[-1])
    return reports, skipped, codes


def _read(config: str | None) -> dict[str, Any]:
    if config is None:
        return {}
    text = sys.stdin.read() if config == "-" else config
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise click.UsageError("--config is not JSON") from None
    if not isinstance(found, dict):
        raise click.UsageError("--config is a JSON object, the parameters by their names")
    return found


def _check(wanted: Mapping[str, Any]) -> None:
    """Raises UsageError for parameters the job does not have, and values they do not take."""
    from integrations_platform.jobs import DATA_SYNC_UNIFIED
    from integrations_platform.schema_check import brief, nearest

    known = {parameter.name: parameter for parameter in DATA_SYNC_UNIFIED.parameters}
    for name, value in wanted.items():
        if name not in known:
            raise click.UsageError(f"there is no parameter {brief(name)}; {nearest(name, known)}")
        if not _takes(known[name], value):
            raise click.UsageError(f"{name} cannot be {json.dumps(value)[:_SHOWN]}: {known[name].description}")
    missing = [name for name, parameter in known.items() if parameter.required and name not in wanted]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} must be given, as options or in --config")


def _takes(parameter: Parameter, value: Any) -> bool:
    if type(value) is not _PLAIN[parameter.type]:
        return False
    low, high = parameter.minimum, parameter.maximum
    if isinstance(value, int) and ((low is not None and value < low) or (high is not None and value > high)):
        return False
    return not parameter.choices or value in parameter.choices


def _options(wanted: Mapping[str, Any]) -> Options:
    from integrations_platform.jobs import Options
    from integrations_platform.unified_sync.spec import Direction, Strategy

    direction, strategy = wanted.get("direction"), wanted.get("conflict_resolution")
    return Options(
        Direction(direction) if direction else None,
        wanted.get("batch_size"),
        Strategy(strategy) if strategy else None,
    )
