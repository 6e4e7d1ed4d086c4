"""The command `integrations doctor`: what is wrong, in one line each, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from integrations_platform.cli.faults import FAILED
from integrations_platform.cli.session import Session, as_json

if TYPE_CHECKING:
    from integrations_platform.doctor import Finding

_MARKS = {"ok": ("ok      ", "green"), "note": ("note    ", "yellow"), "problem": ("PROBLEM ", "red")}


@click.command()
@as_json
@click.pass_obj
def doctor(session: Session, as_json: bool) -> None:
    """Check settings, state, every system, Airbyte, lake, warehouse, jobs, models and every declared sync; say what is
    wrong and how to mend it.

    Exit codes: 0 no problem; 1 problems were found; 2 the environment file cannot be used at all.
    """
    from integrations_platform.cli.output import count, emit, say
    from integrations_platform.doctor import Checkup, examine

    with session.platform() as platform:
        checkup = Checkup(platform.settings.name, str(platform.settings.file))
        for finding in examine(platform):
            checkup.findings.append(finding)
            if not as_json:
                _show(finding)
    if as_json:
        emit(checkup.to_data())
    else:
        say(count(checkup.problems, "problem"), bold=True, colour="red" if checkup.problems else "green")
    if checkup.problems:
        raise click.exceptions.Exit(FAILED)


def _show(finding: Finding) -> None:
    from integrations_platform.cli.output import say

    mark, colour = _MARKS[finding.level.value]
    say(f"{mark}{finding.area} {finding.subject}: {finding.message}", colour=colour)
    if finding.remedy:
        say(f"        → {finding.remedy}")
