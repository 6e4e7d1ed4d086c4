"""Stand-ins for tests: started on free ports, and a broken contract fails the test that broke it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from integrations_platform.sandbox.server import SandboxServer
from integrations_platform.sandbox.vendor import Vendor

Start = Callable[..., SandboxServer]


@contextmanager
def running(*vendors: Vendor) -> Iterator[SandboxServer]:
    """Serve ``vendors``; at the end every violation of their contracts is an error.

    A test that breaks a contract on purpose clears ``vendor.violations`` after looking at them.
    """
    with SandboxServer(*vendors) as server:
        yield server
    broken = [f"{vendor.name}: {violation}" for vendor in vendors for violation in vendor.violations]
    if broken:
        pytest.fail("contract violations:\n" + "\n".join(broken), pytrace=False)


@pytest.fixture
def sandbox() -> Iterator[Start]:
    """Call it with vendors: ``server = sandbox(HubSpot(seed=1))``; they end with the test."""
    with ExitStack() as stack:
        yield lambda *vendors: stack.enter_context(running(*vendors))
