"""One served stand-in per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient, portal


@pytest.fixture
def api() -> Iterator[PortalClient]:
    """A client of an empty portal."""
    with portal() as client:
        yield client
