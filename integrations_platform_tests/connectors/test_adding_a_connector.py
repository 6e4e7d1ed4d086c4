"""What the page on adding a connector shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.routing import Route

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.rest.description import load_api
from integrations_platform.unified_sync.port import BoundColumn, Kind, Side, Status, Write
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType
from integrations_platform_tests.sandbox.notebook import Notebook
from integrations_platform_tests.sandbox.running import Start

PAGE = (Path(__file__).parent.parent.parent / "docs" / "adding-a-connector.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_description_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "crm.yaml"
    file.write_text(blocks("yaml")[1])
    assert load_api(file).objects["people"].list.pages.type == "cursor"


@pytest.fixture
def module() -> dict[str, Any]:
    """The module of the page."""
    (text,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(text, "acme_connector", "exec"), names)
    return names


class Acme(Notebook):
    """The notebook as the API that the page speaks of."""

    def routes(self) -> list[Route]:
        return [
            Route("/customers", self.listed, methods=["GET"]),
            Route("/customers", self.added, methods=["POST"]),
        ]

    def listed(self, _request: Request) -> Any:
        return {"customers": [{"id": key, "name": text} for key, text in self.notes.items()]}

    def added(self, request: Request) -> Any:
        return {"id": self._add(self.body(request)["name"])}


def test_the_template_has_every_method_of_the_port_and_moves_records(module: dict[str, Any], sandbox: Start) -> None:
    acme = Acme(validate=False)
    url = sandbox(acme).url("notebook")
    columns = [BoundColumn("name", FieldType.TEXT, written=True)]
    options = {"token": "t1", "base_url": url}
    budget = Budget(allowance=module["ALLOWANCE"], sleep=lambda _: None)
    side = module["open_acme"]("acme", options, SideSpec("acme", "customers"), columns, "p", "A",
                               clock=acme.clock.now, budget=budget)  # fmt: skip
    assert {name for name in dir(Side) if not name.startswith("_")} <= set(dir(side))
    (outcome,) = side.write([Write("op", Kind.CREATE, "link", {"name": "Ada"})])
    assert outcome.status is Status.APPLIED
    with side.snapshot() as snapshot:
        assert snapshot.listing().frame["id"].to_list() == [outcome.id]
    assert side.read([outcome.id])[outcome.id].values == {"name": "Ada"}
    side.close()
