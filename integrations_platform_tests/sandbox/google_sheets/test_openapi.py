"""Layer E: odd input gets a documented answer; schemathesis makes requests from the OpenAPI document (nightly)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations_platform.sandbox.google_sheets.openapi import document
from integrations_platform_tests.sandbox.google_sheets.conftest import Desk


def test_the_document_describes_every_route(desk: Desk) -> None:
    paths = document(desk.url, "book")["paths"]
    json.dumps(paths)
    described = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    served = {
        (verb, route.path.replace(":path}", "}"))
        for route in desk.vendor.vendor_routes for verb in route.methods or () if verb != "HEAD"
    }  # fmt: skip
    assert served - described == {("POST", "/token")}
    assert described <= served


@pytest.mark.nightly
def test_odd_input_gets_documented_answers(desk: Desk) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, Phase, given, settings

    desk.vendor.limits = {"Read": 100_000, "Write": 100_000}
    token = desk.client.http_client.session.credentials
    assert desk.sheet.title == "A book"
    headers = {"Authorization": f"Bearer {token.token}"}
    desk.fill([["k", "n"], ["a", 1], ["b", 2]])
    schema: Any = schemathesis.openapi.from_dict(document(desk.url, "book"))
    checked = 0
    for outcome in schema.get_all_operations():
        operation = outcome.ok()

        @settings(max_examples=25, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck), phases=(Phase.generate,))  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(base_url=desk.url, headers=headers)
            assert answer.status_code < 500, answer.text

        ask()
        checked += 1
    handlers = [violation for violation in desk.vendor.violations if violation.direction != "request"]
    desk.vendor.violations.clear()
    assert handlers == []
    assert checked == 15
