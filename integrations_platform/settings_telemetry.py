"""The `telemetry:` section of an environment: who may read the metrics.

Owns the section's schema and its reading. Lines of the log and traces are switched on by variables of the process, not
by the environment: they are wanted before any file is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations_platform.secret_text import SecretText
from integrations_platform.yaml_source import Faults, Located

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "telemetry: what is measured and told about the platform's own work",
    "properties": {
        "metrics_token": {
            "type": "string",
            "writeOnly": True,
            "description": 'what Prometheus must bring as a bearer token to read /metrics: "${VARIABLE:-}" '
            "(default: nothing)",
        },
    },
    "additionalProperties": False,
}


def _unset() -> SecretText:
    return SecretText("", "settings", 1, "telemetry.metrics_token", {})


@dataclass(frozen=True)
class TelemetrySettings:
    """``metrics_token``: empty, and everybody who reaches the server may read the metrics."""

    metrics_token: SecretText = field(default_factory=_unset)


def read(
    node: Located | None, secret: Callable[[Located, str], SecretText | None], faults: Faults
) -> TelemetrySettings | None:
    """The section, already checked against :data:`SCHEMA`; an empty one when there is none; None with faults noted."""
    given = node.get("metrics_token") if node is not None else None
    token = secret(given, "telemetry.metrics_token") if given else _unset()
    return None if token is None or faults.within("telemetry") else TelemetrySettings(token)
