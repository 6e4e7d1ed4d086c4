"""A small code location: jobs that end in every way, and the platform's own job that syncs two systems."""

import threading
from pathlib import Path

import dagster as dg

from integrations_platform.defs.jobs import unified_job
from integrations_platform.jobs import load_catalogue


class Wish(dg.Config):
    """What is asked of the job `picky`."""

    name: str
    size: int = 1


@dg.op
def wished(config: Wish) -> None:
    """Does nothing."""


@dg.job
def picky() -> None:
    """Takes parameters, as picky as Dagster is."""
    wished()


@dg.op
def breaks() -> None:
    """Fails, and tells what for."""
    try:
        int("seventeen")
    except ValueError as cause:
        raise RuntimeError("the ledger could not be read") from cause


@dg.job
def broken() -> None:
    """Ends in failure."""
    breaks()


class Place(dg.Config):
    """Where the job `moody` remembers that it has failed before."""

    folder: str


@dg.op
def first() -> int:
    """Is done once."""
    return 1


@dg.op
def second(config: Place, before: int) -> None:
    """Fails the first time."""
    memory = Path(config.folder) / "failed_before"
    if not memory.exists():
        memory.touch()
        raise RuntimeError(f"not yet, {before}")


@dg.job
def moody() -> None:
    """Fails at its second step, the first time."""
    second(first())


@dg.op
def waits() -> None:
    """Waits until somebody stops it."""
    threading.Event().wait(120)


@dg.job
def endless() -> None:
    """Goes on until it is cancelled."""
    waits()


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2025-01-01"))
def ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """A day of the ledger."""
    return dg.MaterializeResult(metadata={"rows": 3_000_000_000, "day": context.partition_key, "share": 0.5})


JOBS = [picky, broken, moody, endless, dg.define_asset_job("ledger_job", [ledger])]
defs = dg.Definitions(
    assets=[ledger], jobs=[*JOBS, unified_job(load_catalogue())], executor=dg.in_process_executor
)  # fmt: skip
