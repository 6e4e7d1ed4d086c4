"""Connectors that other packages bring: found by their entry points, imported when a system of their kind is declared.

A package names a module under the group :data:`GROUP`, with the kind as its name. What the module exports is told in
``docs/adding-a-connector.md``. A kind of this platform cannot be taken over by a package.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

GROUP = "integrations_platform.connectors"


def installed() -> dict[str, str]:
    """Modules by kind, of all installed packages; nothing is imported."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


@cache
def plugin(kind: str) -> Any | None:
    """The module that brings ``kind``, None when no installed package does.

    Raises SideError(CONFIGURATION) for one that cannot be imported.
    """
    place = installed().get(kind)
    if place is None:
        return None
    try:
        return import_module(place)
    except ImportError as fault:
        from integrations_platform.unified_sync.port import ErrorKind, SideError

        message = f"the connector for kind {kind} cannot be imported from {place}: {fault}; install its package again"
        raise SideError(ErrorKind.CONFIGURATION, message, code="kind") from fault
