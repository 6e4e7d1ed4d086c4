"""Odd input gets a documented answer: schemathesis makes requests from its OpenAPI document (nightly)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations_platform.sandbox.quickbooks import REALM, QuickBooks
from integrations_platform.sandbox.quickbooks.openapi import document
from integrations_platform.sandbox.quickbooks.quotas import UNLIMITED
from integrations_platform.sandbox.quickbooks.tokens import FIRST_ACCESS
from integrations_platform_tests.sandbox.running import Start


def test_the_document_describes_every_route(sandbox: Start) -> None:
    vendor = QuickBooks(limits=UNLIMITED)
    sandbox(vendor)
    described = document("http://127.0.0.1", "{realm}")
    served = {
        (verb.lower(), route.path) for route in vendor.vendor_routes for verb in route.methods or () if verb != "HEAD"
    }
    assert served == {(verb, path) for path, verbs in described["paths"].items() for verb in verbs}
    json.dumps(described)


@pytest.mark.nightly
def test_odd_input_gets_documented_answers(sandbox: Start) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, Phase, given, settings

    @schemathesis.serializer("application/text")
    def as_text(_context: Any, value: Any) -> bytes:
        return str(value).encode("utf-8", "replace")

    vendor = QuickBooks(limits=UNLIMITED)
    vendor.populate(5)
    url = sandbox(vendor).url("quickbooks")
    schema: Any = schemathesis.openapi.from_dict(document(url, REALM))
    headers = {"Authorization": f"Bearer {FIRST_ACCESS}", "Accept": "application/json"}
    checked = 0
    for outcome in schema.get_all_operations():
        operation = outcome.ok()

        @settings(max_examples=15, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck), phases=(Phase.generate,))  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(base_url=url, headers=headers)
            assert answer.status_code in (200, 400, 401), answer.text

        ask()
        checked += 1
    handlers = [violation for violation in vendor.violations if violation.direction != "request"]
    vendor.violations.clear()
    assert handlers == []
    assert checked == len(vendor.vendor_routes)
