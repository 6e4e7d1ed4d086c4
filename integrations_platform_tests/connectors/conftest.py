"""Stand-ins for the connectors' stories."""

from __future__ import annotations

from integrations_platform_tests.sandbox.running import sandbox

__all__ = ["sandbox"]
