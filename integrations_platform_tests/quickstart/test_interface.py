"""`integrations ui` in a browser: the asset with its materialisation, the green run, and nothing from elsewhere."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations_platform_tests.browsers import chromium
from integrations_platform_tests.quickstart.conftest import Made
from integrations_platform_tests.quickstart.running import TIMEOUT, running
from integrations_platform_tests.servers import free_port

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("quickstart")]


@pytest.fixture
def browser() -> Iterator[Any]:
    """A Chromium of this machine."""
    with chromium() as found:
        yield found


def _address(process: subprocess.Popen[bytes], log: Path, base: str) -> str:
    """The page the command prints once Dagster answers."""
    for _ in range(TIMEOUT * 4):
        text = log.read_text()
        line = next((line for line in text.splitlines() if line.startswith(base)), None)
        if line is not None:
            return line
        try:
            code = process.wait(0.25)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"ended with {code}: {text}")
    raise AssertionError(log.read_text())


def test_the_quickstart_is_seen_in_the_browser(made: Made, browser: Any, tmp_path: Path) -> None:
    assert made.runs[1].returncode == 0, made.runs[1].stdout
    port = free_port()
    base, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    words = ("ui", "--port", str(port), "--directory", str(made.directory))
    requested: list[str] = []
    errors: list[str] = []
    with running(*words, cwd=tmp_path, log=log) as process:
        address = _address(process, log, base)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("request", lambda request: requested.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.get_by_text("Latest materialization").wait_for(timeout=60_000)
        page.get_by_text("Row count").wait_for()
        page.get_by_text("records_written", exact=True).first.wait_for()
        page.get_by_text("conflicts_open", exact=True).first.wait_for()
        overview = page.inner_text("body")
        assert "Never materialized" not in overview
        assert "crm:public.customers ↔ webshop:customer" in overview
        page.goto(f"{base}/runs")
        page.get_by_text("Success", exact=True).first.wait_for(timeout=60_000)
        runs = page.inner_text("body")
        assert runs.count("Success") == 2
        assert "Failure" not in runs
        console, token = re.findall(r"(http://\S+/console/)\n[^\n]*; its token is (\w+)", log.read_text())[0]
        page.goto(f"{console}conflicts")
        page.get_by_label("Your token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Conflicts of Quickstart customers").wait_for()
        assert page.get_by_role("row").count() > 1, "what the story left for a person"
        page.goto(f"{console}syncs/quickstart_customers")
        page.get_by_role("link", name="This sync in Dagster").click()
        page.get_by_text("Latest materialization").wait_for(timeout=60_000)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode == 0, log.read_text()
    assert log.read_text().rstrip().endswith("Stopped.")
    foreign = [url for url in requested if not url.startswith((base, console, "data:", "blob:"))]
    assert foreign == []
    assert errors == []
    assert not (made.directory / "postgres" / "postmaster.pid").exists()
