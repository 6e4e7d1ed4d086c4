"""The page of connectors: every declaration on it loads, and everything it promises to say about each is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations_platform.airbyte.embedded import datasets_of
from integrations_platform.airbyte.embedded.connectors import DECLARATIVE, KNOWN
from integrations_platform.airbyte.embedded.protocol import StreamName
from integrations_platform.lake import Lake
from integrations_platform.settings import Settings, load_settings
from integrations_platform_tests.airbyte.embedded.environments import connectors_folder
from integrations_platform_tests.airbyte.embedded.stage import Stage

PAGE = Path(__file__).parents[2] / "docs" / "airbyte-connectors.md"
TEN = (
    "PostgreSQL", "Stripe", "HubSpot", "Snowflake", "Google Sheets", "MySQL", "Salesforce", "Amazon S3", "MongoDB",
    "REST API",
)  # fmt: skip
OTHERS = ("Zendesk", "Redis", "BigQuery", "Redshift", "Databricks", "GCS", "Azure Blob", "Jira")


def _sections() -> dict[str, str]:
    """The page by heading."""
    _, *parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _is_manifest(block: str) -> bool:
    return yaml.safe_load(block).get("type") == "DeclarativeSource"


DECLARATIONS = [
    pytest.param(block, id=f"{title}-{number}")
    for title, text in _sections().items()
    for number, block in enumerate(_blocks(text))
    if not _is_manifest(block)
]


def _loaded(folder: Path, block: str) -> Settings:
    said: dict[str, Any] = {"systems": {}, "state": {"url": "sqlite:///./state.sqlite"}} | yaml.safe_load(block)
    file = folder / "page.yaml"
    file.write_text(yaml.safe_dump(said, sort_keys=False))
    return load_settings(env_file=file, environ={})


@pytest.mark.parametrize("block", DECLARATIONS)
def test_a_declaration_loads_without_any_variable(tmp_path: Path, block: str) -> None:
    settings = _loaded(tmp_path, block)
    assert settings.airbyte.connections
    lake = Lake.open(settings.lake)
    for connection in settings.airbyte.connections.values():
        if connection.embedded is not None:  # it could be read without a server: every stream has a place
            assert len(datasets_of(lake, connection)) == len(connection.streams)
            known = connection.embedded.connector
            assert known in KNOWN or known.startswith("./")


@pytest.mark.parametrize("name", TEN)
def test_each_of_the_ten_says_what_a_person_must_know(name: str) -> None:
    text = _sections()[name]
    assert f"](#{name.lower().replace(' ', '-')})" in PAGE.read_text(encoding="utf-8")
    for word in ("**Settings**", "**Secrets**", "**Gotchas**"):
        assert word in text, word
    assert _blocks(text)
    assert "https://docs.airbyte.com/" in text


def test_all_connectors_of_the_categories_are_named_and_declared(tmp_path: Path) -> None:
    text = _sections()["By category"]
    for name in (*TEN, *OTHERS):
        assert f"[{name}" in text, name
    (block,) = _blocks(text)
    declared = " ".join(_loaded(tmp_path, block).airbyte.connections).lower()
    for name in OTHERS:
        assert name.partition(" ")[0].lower() in declared, name


def test_no_declaration_holds_a_secret() -> None:
    for block in _blocks(PAGE.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if re.search(r"(?<!_)(token|secret|password|key|url): (?!\{)", line) and "config['" not in line:
                assert re.search(r'"\$\{[A-Z_]+(:-)?\}"|file://|s3://|https://helpdesk\.example\.com', line), line


@pytest.mark.nightly
def test_the_manifest_on_the_page_is_one_for_the_real_thing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    (manifest,) = [block for block in _blocks(_sections()["REST API"]) if _is_manifest(block)]
    file = stage.folder / "helpdesk.yaml"
    file.write_text(manifest)
    stage.connector, stage.config = str(file), {"base_url": "http://127.0.0.1:9", "token": "x"}
    sync = stage.sync("orders")
    sync.settings = type(sync.settings)(executable=sync.settings.executable, folder=str(connectors_folder(DECLARATIVE)))
    assert sync.streams() == (StreamName("tickets"),)
