"""Faults put into words for the person at the terminal, each with its exit code.

Owns which exception means what to the caller. It never shows a traceback unless asked, and never a secret: messages of
known faults are written without any, and of unknown ones only the type and first line are shown.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from integrations_platform.unified_sync.port import Problem

FAILED, USAGE, PARTIAL, REFUSED, INTERRUPTED = 1, 2, 3, 4, 130


class Refused(click.ClickException):
    """A request that cannot be carried out as it was made; exit code 2."""

    exit_code = USAGE


def explain_fault(fault: BaseException, *, debug: bool) -> int:
    """Say on stderr what went wrong; returns the exit code."""
    from integrations_platform.cli.output import warn

    if debug and not isinstance(fault, KeyboardInterrupt):
        click.echo("".join(traceback.format_exception(fault)).rstrip(), err=True)
    lines, code = _worded(fault)
    for line in lines:
        warn(line)
    return code


def _worded(fault: BaseException) -> tuple[Sequence[str], int]:
    from integrations_platform.lake.errors import LakeError, Trouble
    from integrations_platform.service_faults import FaultKind, ServiceFault
    from integrations_platform.state.errors import StateError
    from integrations_platform.unified_sync.faults import SetupRefused
    from integrations_platform.unified_sync.port import ErrorKind, SideError
    from integrations_platform.unified_sync.store import DecisionRefused, LeaseHeld, LeaseLost
    from integrations_platform.warehouse.errors import StatementError, WarehouseError
    from integrations_platform.yaml_source import ConfigurationError

    if isinstance(fault, KeyboardInterrupt):
        return ["interrupted; nothing is half done for good, the next run picks up"], INTERRUPTED
    if isinstance(fault, SetupRefused):
        return [f"Error: {line}" for line in problem_lines(fault.problems)], USAGE
    if isinstance(fault, ConfigurationError):
        return [f"Error: {line}" for line in str(fault).splitlines()], USAGE
    if isinstance(fault, SideError):
        return [f"Error: {fault.message}"], USAGE if fault.kind is ErrorKind.CONFIGURATION else FAILED
    if isinstance(fault, StatementError):
        return [f"Error: {fault}"], USAGE
    if isinstance(fault, WarehouseError):
        return [f"Error: {fault}"], FAILED
    if isinstance(fault, StateError):
        return [f"Error: {fault}"], USAGE
    if isinstance(fault, LakeError):
        wrong = (Trouble.CONFIGURATION, Trouble.DENIED, Trouble.REFUSED)
        return [f"Error: {fault}"], USAGE if fault.trouble in wrong else FAILED
    if isinstance(fault, ServiceFault):
        return [f"Error: {fault.message}"], USAGE if fault.kind is FaultKind.CONFIGURATION else FAILED
    if isinstance(fault, LeaseHeld | LeaseLost | DecisionRefused):
        return [f"Error: {fault}"], FAILED
    first = (str(fault).strip().splitlines() or [""])[0]
    what = f"{type(fault).__name__}: {first}" if first else type(fault).__name__
    return [f"Error: unexpected {what}", "run again with --debug (before the command) for the traceback"], FAILED


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """One line per problem, with its remedy."""
    return [f"{item.message}; {item.remedy}" if item.remedy else item.message for item in problems]
