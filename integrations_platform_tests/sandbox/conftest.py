"""The stand-ins of a test."""

from __future__ import annotations

from integrations_platform_tests.sandbox.running import sandbox

__all__ = ["sandbox"]
