"""Faults that end a run and are told in its report: of sides, of the setup, of a lease or a share that was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integrations_platform.unified_sync.port import ErrorKind, Problem, SideError
from integrations_platform.unified_sync.report import RunReport
from integrations_platform.unified_sync.shares import ShardLost
from integrations_platform.unified_sync.store import LeaseLost


class SetupRefused(Exception):  # noqa: N818
    """A side or declaration is not in order; nothing was written. ``problems`` says what and how to mend it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.message} ({p.remedy})" if p.remedy else p.message for p in problems))
        self.problems = problems


@contextmanager
def faults_in(report: RunReport) -> Iterator[None]:
    """Faults of sides and setup end in the report."""
    try:
        yield
    except SetupRefused as fault:
        report.fail(str(fault), ErrorKind.CONFIGURATION)
    except SideError as fault:
        report.fail(fault.message, fault.kind)
    except LeaseLost as fault:
        report.fail(str(fault), ErrorKind.TRANSIENT)
    except ShardLost:
        report.fail("", ErrorKind.TRANSIENT)  # the one that was lost has more to say
