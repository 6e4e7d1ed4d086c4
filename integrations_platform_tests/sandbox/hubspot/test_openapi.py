"""Odd input gets a documented answer: schemathesis makes requests from the OpenAPI document (nightly)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations_platform.sandbox.hubspot import TOKEN
from integrations_platform.sandbox.hubspot.openapi import document
from integrations_platform.sandbox.hubspot.operations import families
from integrations_platform_tests.sandbox.hubspot.portal_client import PortalClient


def test_the_documents_describe_every_route(api: PortalClient) -> None:
    described: set[tuple[str, str]] = set()
    for family in families():
        paths = document(api.url, family)["paths"]
        described |= {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
        json.dumps(paths)
    served = {(verb, route.path) for route in api.hub.vendor_routes for verb in route.methods or () if verb != "HEAD"}
    assert served == described


@pytest.mark.nightly
def test_odd_input_gets_documented_answers(api: PortalClient) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, Phase, given, settings

    api.hub.populate(8)
    schema: Any = schemathesis.openapi.from_dict(document(api.url))
    checked = 0
    for outcome in schema.get_all_operations():
        operation = outcome.ok()

        @settings(max_examples=15, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck), phases=(Phase.generate,))  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(base_url=api.url, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code < 500, answer.text

        ask()
        checked += 1
    handlers = [violation for violation in api.hub.violations if violation.direction != "request"]
    api.hub.violations.clear()
    assert handlers == []
    assert checked >= 30
