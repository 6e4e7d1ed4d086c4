"""Who gets in, what each may do there, and what a browser is told about every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integrations_platform.settings import SettingsError
from integrations_platform_tests.cli.conftest import Company, make_company
from integrations_platform_tests.console.arrange import OPERATOR, TOKENS, VIEWER, Shown, shown


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company; no story here changes it."""
    return make_company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def console(company: Company) -> Iterator[Shown]:
    """A console with an operator and a viewer."""
    with shown(company, **TOKENS) as found:
        yield found


def test_without_a_token_there_is_only_the_sign_in(console: Shown) -> None:
    caller = console.caller()
    assert caller.get(console.url).headers["location"] == "/console/", "no host, which TLS before us would not be in"
    for path in ("/", "/syncs/people", "/syncs/nobody"):
        answer = caller.get(console.url + path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in?next=")
    assert console.send(caller, "/sign-in", page="/sign-in", token="ana-" + "b" * 20).status_code == 403
    assert caller.get(f"{console.url}/").status_code == 303


def test_signing_in_leads_to_the_page_that_was_asked_for_and_out_again(console: Shown) -> None:
    caller = console.caller()
    answer = console.send(caller, "/sign-in", page="/sign-in", token=f" {OPERATOR}\n", next="/console/syncs/people")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/syncs/people")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "Ana Lima" in caller.get(f"{console.url}/").text
    kept = dict(caller.cookies)
    assert console.send(caller, "/sign-out").status_code == 303
    again = httpx.get(f"{console.url}/", cookies=kept)
    assert again.status_code == 303, "a session that was ended is over, also for whoever kept its cookie"


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "/console//evil", "/console/\\evil", "x"])
def test_signing_in_leads_nowhere_else(console: Shown, there: str) -> None:
    answer = console.send(console.caller(), "/sign-in", page="/sign-in", token=VIEWER, next=there)
    assert answer.headers["location"] == "/console/"


def test_a_session_that_was_altered_or_is_over_is_none(console: Shown) -> None:
    caller = console.signed_in(VIEWER)
    cookie = caller.cookies["console_session"]
    body, _, signature = cookie.partition(".")
    sessions = console.console.sessions
    notice = sessions.seal("notice", {"mark": "x", "name": "Ana", "role": "operator", "until": 9e12})
    for forged in (f"{body[:-2]}AA.{signature}", f"{body}.", "", "…", notice):
        assert sessions.find(forged) is None
    assert sessions.find(cookie) is not None
    assert sessions.find(sessions.seal("session", {"mark": "x", "name": "A", "role": "viewer", "until": 1})) is None


def test_a_form_from_elsewhere_does_nothing(console: Shown) -> None:
    caller = console.signed_in()
    proof = console.proof(caller)
    others = console.proof(console.signed_in())
    out = f"{console.url}/sign-out"
    here = caller.headers["origin"]
    strangers = [(origin, proof) for origin in ("https://evil.example", "null", "")]
    for origin, given in (*strangers, (here, ""), (here, others), (here, "ü")):
        assert caller.post(out, data={"proof": given}, headers={"origin": origin}).status_code == 403
    assert caller.post(out, json={"proof": proof}).status_code == 415
    assert caller.post(out, data={"proof": "x" * 1_000_001}).status_code == 413
    assert caller.get(f"{console.url}/").status_code == 200, "still signed in"


def test_wrong_tokens_are_looked_at_ever_more_slowly(company: Company) -> None:
    with shown(company, **TOKENS) as console:
        caller = console.caller()
        for _ in range(10):
            assert console.send(caller, "/sign-in", page="/sign-in", token="wrong").status_code == 403
        answer = console.send(caller, "/sign-in", page="/sign-in", token=OPERATOR)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300


def test_every_answer_tells_the_browser_what_it_may_do(console: Shown) -> None:
    caller = console.signed_in()
    for path in ("/", "/sign-in", "/nothing", "/static/console.js", "/static/none"):
        headers = caller.get(console.url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_a_link_in_a_mail_opens_for_who_is_signed_in(console: Shown) -> None:
    """Browsers keep strict cookies back on the first step from another site; the second is our own page's."""
    answer = httpx.get(f"{console.url}/syncs/people?a=1", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/console/syncs/people?a=1")


def test_a_proxy_is_believed_by_its_address_only(company: Company) -> None:
    headers = {"x-forwarded-email": "bo@x.org", "x-forwarded-groups": "staff,finance"}
    there = {
        "CONSOLE_TRUSTED_PROXIES": "127.0.0.0/8, ::1",
        "CONSOLE_OPERATORS": "Finance",
        "CONSOLE_VIEWERS": "vic@x.org",
    }
    with shown(company, **there) as console:
        page = httpx.get(f"{console.url}/", headers=headers)
        assert "bo@x.org" in page.text
        assert "operator" in page.text
        assert "viewer" in httpx.get(f"{console.url}/", headers={"x-forwarded-email": "VIC@x.org"}).text
        assert httpx.get(f"{console.url}/", headers={"x-forwarded-email": "eve@x.org"}).status_code == 403
        two = [("x-forwarded-email", "bo@x.org"), ("x-forwarded-email", "vic@x.org")]
        assert httpx.get(f"{console.url}/", headers=two).status_code == 403
    elsewhere = there | {"CONSOLE_TRUSTED_PROXIES": "10.0.0.0/8"}
    with shown(company, **elsewhere) as console:
        assert httpx.get(f"{console.url}/", headers=headers).status_code == 303


def test_a_console_for_nobody_is_shut_and_says_how_to_open_it(company: Company) -> None:
    with shown(company) as console:
        for path in ("/", "/sign-in", "/syncs/people"):
            answer = httpx.get(console.url + path)
            assert answer.status_code == 503
            assert "CONSOLE_TOKENS" in answer.text


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CONSOLE_TOKENS": "ana:operator:short"}, "in place 1, a token that could be guessed"),
        ({"CONSOLE_TOKENS": f"ana:boss:{OPERATOR}"}, "what is no person with a role"),
        (
            {"CONSOLE_TOKENS": f"a:viewer:{OPERATOR},b:operator:{OPERATOR}"},
            "in place 2, a token that somebody else has",
        ),
        ({"CONSOLE_TRUSTED_PROXIES": "10.0.0.0/8"}, "have no role"),
        ({"CONSOLE_TRUSTED_PROXIES": "proxy.example", "CONSOLE_VIEWERS": "*"}, "no address or network"),
        ({"CONSOLE_URL": "console.example"}, "is no address of a page"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(company: Company, variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused, shown(company, **variables):
        pass
    assert OPERATOR not in str(refused.value)


def test_a_token_is_not_written_into_a_file(tmp_path: Path) -> None:
    company = make_company(tmp_path)
    company.configure((tmp_path / "env.yaml").read_text() + f"console: {{tokens: 'ana:operator:{OPERATOR}'}}\n")
    with pytest.raises(SettingsError, match=r"console\.tokens") as refused, shown(company):
        pass
    assert OPERATOR not in str(refused.value)
