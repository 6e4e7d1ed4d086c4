"""What goes wrong around a model."""

from __future__ import annotations

from integrations_platform.service_faults import ServiceFault


class ModelFault(ServiceFault):
    """Something did not come off; the message holds the service's own reason."""


def first_line(text: str, limit: int = 500) -> str:
    """The first line of a service's answer, cut."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
