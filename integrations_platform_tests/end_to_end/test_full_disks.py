"""A full disk is said, with what is full and what to do; nothing is half written, and with room all is made good."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform_tests.end_to_end.full_disks import SCENARIOS, Given, live_through
from integrations_platform_tests.servers import Server


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_full_disk_is_said_and_made_good(
    tmp_path: Path, postgres_server: Server, mysql_server: Server, name: str, profile: str
) -> None:
    if name == "state_server" and profile != "nightly":
        pytest.skip("the servers of a table and of the state fill up alike; runs with --profile nightly")
    assert live_through(name, Given(tmp_path, postgres_server, mysql_server)) == []
