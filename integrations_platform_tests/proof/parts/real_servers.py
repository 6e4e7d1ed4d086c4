"""A PostgreSQL and a MariaDB of a part's own, for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from integrations_platform_tests.end_to_end.arrange import Base
from integrations_platform_tests.servers import start_mysql, start_postgresql


class NoServer(Exception):  # noqa: N818  named as the sentence reads
    """This machine has no such server, so the figure cannot be measured here."""


@contextmanager
def two_databases() -> Iterator[tuple[Base, Base]]:
    """An empty database on each. Raises NoServer."""
    with ExitStack() as stack:
        servers = []
        for start in (start_postgresql, start_mysql):
            try:
                server = start()
            except (pytest.skip.Exception, pytest.fail.Exception) as why:
                raise NoServer(str(why)) from why
            stack.callback(server.stop)
            servers.append(server)
        urls = [stack.enter_context(server.database()) for server in servers]
        yield Base.at("postgresql", urls[0]), Base.at("mysql", urls[1])
