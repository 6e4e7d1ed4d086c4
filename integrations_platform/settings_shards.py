"""The `shards:` section of an environment: where the shards of a sync run when Dagster starts it.

Owns the section's schema and its reading. How many shards a sync has is the sync's to declare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "where the shards of a sync run when Dagster starts it",
    "properties": {
        "steps": {
            "type": "string",
            "enum": ["processes", "kubernetes"],
            "description": "processes: steps of one machine (default); kubernetes: each step in a pod of its own, with "
            "the state in PostgreSQL",
        },
        "service_account": {
            "type": "string",
            "pattern": r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
            "description": "kubernetes: the account of the pod that starts the others, which may create Jobs",
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ShardsSettings:
    """``steps``: processes of the machine that runs the job, or pods. ``service_account``: of the pod that starts the
    others; empty: as for any run."""

    steps: str = "processes"
    service_account: str = ""


def read(
    node: Located | None,
    secret: Callable[[Located, str], SecretText | None],  # noqa: ARG001
    faults: Faults,  # noqa: ARG001
) -> ShardsSettings:
    """The section, already checked against :data:`SCHEMA`; the usual one when there is none."""
    return ShardsSettings(**(node.plain() if node is not None else {}))
