"""Events of a step that makes several assets at once, when only some of them were chosen.

A job that ran has written what it writes, whichever of its assets somebody clicked on; what was not chosen is reported
as having happened, because Dagster takes no result for it from the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg


def chosen(context: dg.AssetExecutionContext, events: Iterable[Any]) -> Iterator[Any]:
    """``events`` as far as they were asked for; materialisations of other assets are logged, other checks left out."""
    for event in events:
        if isinstance(event, dg.AssetCheckResult):
            key = dg.AssetCheckKey(event.asset_key or context.asset_key, event.check_name or "")
            if key in context.selected_asset_check_keys:
                yield event
        elif event.asset_key in context.selected_asset_keys:
            yield event
        else:
            context.log_event(
                dg.AssetMaterialization(event.asset_key, metadata=event.metadata, partition=context.partition_key)
            )
