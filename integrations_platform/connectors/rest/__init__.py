"""Any JSON API over HTTP as a side, declared in a YAML file instead of written in code.

For systems without a connector of their own: the file says where records are, how pages follow one another, and which
calls create, change and remove them. What it cannot say (batches, searches, merges, history) needs a connector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from integrations_platform.connectors.budgets import Budget

if TYPE_CHECKING:
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.unified_sync.port import BoundColumn, Side
    from integrations_platform.unified_sync.spec import SideName, SideSpec

__all__ = ["introspect", "open_rest", "probe"]


def open_rest(
    system: str,
    options: Mapping[str, str],
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,  # noqa: ARG001  every opener is called alike; records carry the link ids themselves here
    side: SideName,  # noqa: ARG001
    *,
    clock: Callable[[], datetime],
    budget: Budget,
) -> Side:
    """One object of the API as a side; connects to nothing yet. Raises SideError(CONFIGURATION) for a file or options
    that cannot be used, with every fault in the file named by its line."""
    from integrations_platform.connectors.rest.client import RestClient
    from integrations_platform.connectors.rest.side import RestSide

    client = RestClient(system, options, spec.object, clock=clock, budget=budget)
    return RestSide(client, spec, columns, clock)


def probe(system: str, options: Mapping[str, str], *, clock: Callable[[], datetime], budget: Budget) -> str:
    """Read the first page of the first object. Raises SideError."""
    from integrations_platform.connectors.rest.client import RestClient

    client = RestClient(system, options, "", clock=clock, budget=budget)
    try:
        next(client.pages(), None)
    finally:
        client.close()
    return f"the API described in {options['api']}"


def introspect(
    system: str, options: Mapping[str, str], object_name: str, *, clock: Callable[[], datetime], budget: Budget
) -> Description:
    """The declared columns of an object, for drafting a sync. Raises SideError."""
    from integrations_platform.connectors.introspection import DescribedColumn, Description
    from integrations_platform.connectors.rest.client import RestClient

    client = RestClient(system, options, object_name, clock=clock, budget=budget)
    client.close()
    declared = client.target.columns.values()
    columns = tuple(
        DescribedColumn(each.name, each.type, each.type, nullable=each.nullable, max_length=each.max_length,
                        scale=each.scale, in_key=False)
        for each in declared
    )  # fmt: skip
    return Description(object_name, columns, (client.target.key,))
