"""Run config as the launchpad shows it: described, bounded, with choices. Texts and bounds come from the catalogue.

Refuses nothing by itself beyond types and bounds; what a sync can do with a wish is the catalogue's to say.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Optional

import dagster as dg
from pydantic import Field

from integrations_platform.jobs import DATA_SYNC_UNIFIED, SYNC, Job, Options
from integrations_platform.unified_sync.spec import Direction, Strategy


# Dagster offers the names of an enum's members, and reads them back as names: name and value must be the same.
class DirectionChoice(StrEnum):
    """Which way values may travel in a run."""

    source_to_target = "source_to_target"
    target_to_source = "target_to_source"
    bidirectional = "bidirectional"


class ConflictChoice(StrEnum):
    """Who wins where both sides changed one field."""

    source_wins = "source_wins"
    target_wins = "target_wins"
    latest = "latest"
    manual = "manual"


def field_of(job: Job, name: str) -> Any:
    """A parameter of a job as a field of its run config."""
    item = job.parameter(name)
    default = ... if item.required else [] if item.type == "strings" else item.default
    # The launchpad's schema pane shows the name of an enum, not its members.
    choices = f" One of: {', '.join(item.choices)}." if item.choices else ""
    return Field(default=default, description=item.description + choices, ge=item.minimum, le=item.maximum)


def _options(config: SyncConfig | UnifiedSyncConfig) -> Options:
    return Options(
        direction=Direction(config.direction.value) if config.direction else None,
        batch_size=config.batch_size,
        strategy=Strategy(config.conflict_resolution.value) if config.conflict_resolution else None,
    )


# Dagster reads these annotations itself and knows Optional[...], not X | None.
class SyncConfig(dg.Config):
    """How one run of a sync departs from its declaration; nothing set means exactly as declared."""

    dry_run: bool = field_of(SYNC, "dry_run")
    batch_size: Optional[int] = field_of(SYNC, "batch_size")  # noqa: UP045
    direction: Optional[DirectionChoice] = field_of(SYNC, "direction")  # noqa: UP045
    conflict_resolution: Optional[ConflictChoice] = field_of(SYNC, "conflict_resolution")  # noqa: UP045

    def options(self) -> Options:
        """The departures, in the engine's words."""
        return _options(self)


class UnifiedSyncConfig(dg.Config):
    """Which two systems or kinds to bring into agreement, and how."""

    source_type: str = field_of(DATA_SYNC_UNIFIED, "source_type")
    target_type: str = field_of(DATA_SYNC_UNIFIED, "target_type")
    direction: Optional[DirectionChoice] = field_of(DATA_SYNC_UNIFIED, "direction")  # noqa: UP045
    batch_size: Optional[int] = field_of(DATA_SYNC_UNIFIED, "batch_size")  # noqa: UP045
    dry_run: bool = field_of(DATA_SYNC_UNIFIED, "dry_run")
    conflict_resolution: Optional[ConflictChoice] = field_of(DATA_SYNC_UNIFIED, "conflict_resolution")  # noqa: UP045

    def options(self) -> Options:
        """The departures, in the engine's words, as seen from ``source_type``."""
        return _options(self)
