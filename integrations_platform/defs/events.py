"""What a run of a sync came to, as events of a step that is not the sync's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integrations_platform.defs.running import Outcome
from integrations_platform.defs.syncs import outcome_events


def events_elsewhere(outcome: Outcome) -> Iterator[Any]:
    """What the sync's own step would have yielded, as events of another step about the same asset."""
    key = dg.AssetKey(outcome.spec.name)
    for event in outcome_events(outcome):
        if isinstance(event, dg.MaterializeResult):
            yield dg.AssetMaterialization(key, metadata=dict(event.metadata or {}))
        elif isinstance(event, dg.AssetCheckResult):
            yield dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=event.check_name or "",
                passed=event.passed,
                severity=event.severity,
                description=event.description,
                metadata=dict(event.metadata or {}),
            )
        else:
            yield event
