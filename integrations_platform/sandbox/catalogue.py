"""The stand-ins there are, by the kind of the service they stand for.

A vendor's folder exports its class under the name given here; it is imported when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from integrations_platform.sandbox.vendor import Vendor

_CLASSES: Mapping[str, str] = {
    "hubspot": "HubSpot",
    "quickbooks": "QuickBooks",
    "google_sheets": "GoogleSheets",
    "databricks": "Databricks",
    "airbyte": "Airbyte",
}
PORTS: Mapping[str, int] = {kind: 8801 + at for at, kind in enumerate(_CLASSES)}
"""Where `integrations sandbox` serves them unless told otherwise."""


def known() -> tuple[str, ...]:
    """Kinds that have a stand-in, in a fixed order."""
    return tuple(kind for kind in _CLASSES if find_spec(f"{__package__}.{kind}") is not None)


def stand_in(kind: str) -> type[Vendor]:
    """The class of a kind's stand-in. Raises ValueError that lists the known kinds."""
    if kind not in known():
        raise ValueError(f"there is no stand-in for {kind!r}; there is one for {', '.join(known())}")
    return cast("type[Vendor]", getattr(import_module(f"{__package__}.{kind}"), _CLASSES[kind]))
