"""Whatever is sent to the console, signed in or not: an answer in its own words, nothing foreign run or repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integrations_platform.console.app import PAGES
from integrations_platform_tests.cli.conftest import Company, make_company
from integrations_platform_tests.console.arrange import OPERATOR, TOKENS, VIEWER, Shown, shown

MARK = "<x-mark onload='a'>\"&"
HOSTILE = (
    MARK, "../../etc/passwd", "' OR 1=1 --", "\r\nSet-Cookie: a=b", "\0", "%00", "%", "{{7*7}}", "｟", "A" * 3_000,
    "-1", "0", "9" * 30, "\u202e", "people", "A:1", "1", "8", "1e9", "javascript:alert(1)", "//evil.x",
)  # fmt: skip
words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
FIELDS = ("sync", "field", "state", "q", "page", "side", "kind", "next", "token", "choice", "n", "seen", "then", "pick",
          "everything", "key", "lift", "applied_run", "value.name", "id", "line", "before", "now", "reason", "source",
          "shown", "x")  # fmt: skip
forms = st.dictionaries(st.sampled_from(FIELDS), words, max_size=6)
methods = st.sampled_from(["GET", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
headers = st.dictionaries(
    st.sampled_from(
        ["cookie", "origin", "content-type", "x-forwarded-email", "sec-fetch-site", "content-length-x", "host"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip),
    max_size=2,
)
tame = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # a request that fails says enough; making it smaller takes minutes
)  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Hostile values on both sides, in the names of a sync's records and in what it was asked."""
    found = make_company(tmp_path_factory.mktemp("company"))
    found.source("UPDATE customer SET name = ? WHERE id = 5", f"{MARK}\x07")
    found.run("sync", "run", "people", code=None)
    for number in (1, 2, 3):
        found.source("UPDATE customer SET name = ? WHERE id = ?", f"{MARK}{number}", number)
        found.target("UPDATE client SET full_name = ? WHERE mail = ?", f"{number}{MARK}", f"p{number}@x.org")
    found.run("sync", "run", "people", code=3)
    found.source("INSERT INTO customer VALUES (77, ?, ?, 1)", f"{MARK}@x.org", MARK)
    found.run("sync", "plan", "people")
    return found


@pytest.fixture(scope="module")
def console(company: Company) -> Iterator[Shown]:
    """Its console."""
    with shown(company, **TOKENS) as found:
        yield found


@pytest.fixture(scope="module")
def callers(console: Shown) -> dict[str, httpx.Client]:
    """Nobody, a viewer and an operator."""
    return {
        "nobody": console.caller(), "viewer": console.signed_in(VIEWER), "operator": console.signed_in(OPERATOR)
    }  # fmt: skip


def paths(console: Shown) -> list[str]:
    """Every route, and what stands in the state for its parts."""
    return sorted({route.path for page in PAGES for route in page.ROUTES})


def known(console: Shown) -> dict[str, list[str]]:
    """Names that exist, by the part of a path they stand for."""
    store = console.console.platform.store
    newest = store.newest_plan("people")
    assert newest is not None
    links = store.links("people")["link_id"].to_list()
    return {
        "sync": ["people"], "conflict": [row.conflict_id for row in store.conflicts("people", None)],
        "plan": [newest[0]], "link": links, "record": links,
    }  # fmt: skip


def check(answer: httpx.Response) -> None:
    """No fault of ours, nothing unescaped, no header of somebody else's."""
    assert answer.status_code < 500, (answer.request.url, answer.text)
    assert "<x-mark" not in answer.text
    if answer.headers.get("content-type") == "application/json":  # by the server: the path is not the console's
        assert answer.status_code == 404
        return
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search("^(a=b|evil)", answer.headers.get("set-cookie", ""))
    there = answer.headers.get("location", "/console")
    assert there.startswith("/console"), there
    assert not there.startswith("//")


def test_every_page_shows_hostile_records_as_text(console: Shown, callers: dict[str, httpx.Client]) -> None:
    seen = set()
    for path in paths(console):
        for name in known(console).get("conflict", [""]) if "{conflict}" in path else [""]:
            filled = path.replace("{conflict}", name)
            for part, names in known(console).items():
                filled = filled.replace(f"{{{part}}}", quote(names[0], safe=""))
            query = {"id": known(console)["link"][0]} if path.endswith("/record") else {"line": "8"}
            for caller in callers.values():
                answer = caller.get(console.url + filled, params=query)
                check(answer)
                seen.add(answer.status_code)
                if answer.status_code == 200 and ("conflicts" in path or path.endswith("{plan}")):
                    assert "&lt;x-mark" in answer.text, path
    assert {200, 303} <= seen


def test_no_request_ends_in_a_fault(console: Shown, callers: dict[str, httpx.Client], profile: str) -> None:
    there, parts = paths(console), known(console)
    proofs = {who: console.proof(caller, "/sign-in" if who == "nobody" else "/") for who, caller in callers.items()}

    @settings(tame, max_examples=3_000 if profile == "nightly" else 60)
    @given(st.sampled_from(there), st.data(), methods, st.sampled_from(sorted(callers)))
    def send(path: str, data: Any, method: str, who: str) -> None:
        def part(found: re.Match[str]) -> str:
            names = parts.get(found[1], [])
            return quote(data.draw(st.one_of(words, st.sampled_from(names)) if names else words), safe="")

        if path == "/sign-out":
            who = "nobody"  # whoever it is would be signed out for what follows
        filled = re.sub(r"\{(\w+)\}", part, path)
        form = data.draw(forms) | ({"proof": proofs[who]} if data.draw(st.booleans()) else {})
        query, more = data.draw(forms), data.draw(headers)
        try:
            request = callers[who].build_request(
                method, console.url + filled, params=query, data=form if method == "POST" else None, headers=more
            )
        except (ValueError, httpx.InvalidURL):  # httpx cannot say it
            return
        answer = callers[who].send(request)
        if answer.status_code != 400 or answer.text != "Invalid HTTP request received.":  # uvicorn's own word
            check(answer)

    send()
