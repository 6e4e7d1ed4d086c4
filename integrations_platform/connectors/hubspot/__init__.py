"""HubSpot's CRM as sides of syncs: contacts, companies and deals of one portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.hubspot.binding import PLAIN
from integrations_platform.connectors.hubspot.checking import unknown_object
from integrations_platform.connectors.hubspot.client import PAGE, HubSpotClient
from integrations_platform.connectors.hubspot.properties import ASSOCIATION, TYPE_IDS
from integrations_platform.connectors.hubspot.side import TAG, HubSpotSide
from integrations_platform.connectors.introspection import DescribedColumn, Description
from integrations_platform.unified_sync.port import BoundColumn, ErrorKind, SideError
from integrations_platform.unified_sync.spec import SideName, SideSpec
from integrations_platform.unified_sync.values import FieldType

__all__ = ["introspect", "open_hubspot", "probe"]


def open_hubspot(
    system: str,
    options: Mapping[str, str],
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,
    side: SideName,
    *,
    clock: Callable[[], datetime],
    budget: Budget,
    page: int = PAGE,
) -> HubSpotSide:
    """An object of a portal as one side of the sync ``pair``; connects to nothing yet. ``page`` is how many records a
    listing asks for at once.

    Raises SideError(CONFIGURATION) for options that cannot be used.
    """
    return HubSpotSide(system, options, spec, columns, pair, side, clock=clock, budget=budget, page=page)


def probe(system: str, options: Mapping[str, str], *, clock: Callable[[], datetime], budget: Budget) -> str:
    """Which portal the token opens. Raises SideError when it opens none."""
    client = HubSpotClient(system, options, "contacts", clock=clock, budget=budget)
    try:
        account = client.account()
        return f"HubSpot portal {account.get('portalId')}, {account.get('timeZone')}"
    finally:
        client.close()


def introspect(
    system: str, options: Mapping[str, str], object_name: str, *, clock: Callable[[], datetime], budget: Budget
) -> Description:
    """Properties and associations of an object for a draft; computed, hidden and our own ones are left out.

    Raises SideError, also when there is no such object.
    """
    if object_name not in TYPE_IDS:
        problem = unknown_object(SideSpec(system, object_name))
        raise SideError(ErrorKind.CONFIGURATION, f"{problem.message} ({problem.remedy})", code="object")
    client = HubSpotClient(system, options, object_name, clock=clock, budget=budget)
    try:
        shown = [one for one in client.properties().values() if not one.read_only and not one.name.startswith(TAG)]
    finally:
        client.close()
    columns = [
        DescribedColumn(one.name, one.suggested(), one.form().native_type, True, None, None, False) for one in shown
    ]
    columns += [
        DescribedColumn(f"{ASSOCIATION}{to}", FieldType.REF, "association", True, None, None, False)
        for origin, to in PLAIN if origin == object_name
    ]  # fmt: skip
    return Description(object_name, tuple(columns), ())
