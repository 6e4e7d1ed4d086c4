"""Whatever an alert holds, Slack takes the message, nothing in it is obeyed, nothing is lost without a mark."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.alerts.alert import SEVERITIES, Alert, Kind
from integrations_platform.alerts.wording import links_of, mail, plain, slack, title
from integrations_platform.pages import Pages
from integrations_platform_tests.alerts.conftest import NOW, alert
from integrations_platform_tests.alerts.sink import objection

PAGES = Pages("https://dagster.example.test", "https://console.example.test/base")
TEXTS = st.one_of(
    st.text(max_size=40), st.text(st.sampled_from("<>&*_~`|\r\n\t @#"), max_size=40), st.just("long " * 700)
)
ALERTS = st.builds(
    Alert, alert_id=st.just("a"), kind=st.sampled_from(Kind), severity=st.sampled_from(list(SEVERITIES.values())),
    subject=TEXTS, at=st.just(NOW), facts=st.lists(st.tuples(TEXTS, TEXTS), max_size=12).map(tuple),
    recovered=st.booleans(), sync=st.none() | TEXTS, run=st.none() | TEXTS,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(ALERTS, min_size=1, max_size=5))
def test_any_alerts_make_a_message_that_slack_takes(alerts: list[Alert]) -> None:
    assert objection(slack(alerts, PAGES)) is None
    assert objection(slack(alerts, PAGES, bare=True)) is None
    made = mail(alerts, PAGES, sender="a@example.com", recipients=["b@example.com"], message_id="m", at=NOW)
    assert b"\r\n\r\n" in made.as_bytes().replace(b"\n", b"\r\n")
    assert "\n" not in title(alerts)


@settings(max_examples=25, deadline=None)
@given(ALERTS)
def test_an_alert_comes_out_of_the_outbox_as_it_went_in(told: Alert) -> None:
    assert Alert.from_json(told.to_json()) == told


def test_nothing_in_a_message_calls_everybody_or_makes_a_link() -> None:
    hostile = alert(subject="<!channel> <https://evil.test|click>", facts=(("<@U1>", "*bold* <!here> & `x`"),))
    for told in ([hostile], [hostile, alert(2)]):
        for bare in (False, True):
            text = json.dumps(slack(told, Pages(), bare=bare)["text"]) + json.dumps(
                [block for block in slack(told, Pages(), bare=bare).get("blocks", ()) if block["type"] != "header"]
            )
            assert "<!" not in text
            assert "<@" not in text
            assert "<https" not in text
    (_, section, _) = slack([hostile], Pages())["blocks"]
    assert section["fields"][0]["text"] == "*&lt;@U1&gt;*\n`*bold* &lt;!here&gt; &amp; ˋxˋ`"


def test_links_hold_what_is_safe_in_an_address() -> None:
    told = replace(alert(), run="../../x?y|z>", sync="a b/c")
    assert links_of(told, PAGES) == [
        ("run in Dagster", "https://dagster.example.test/runs/..%2F..%2Fx%3Fy%7Cz%3E"),
        ("asset in Dagster", "https://dagster.example.test/assets/a%20b%2Fc"),
        ("console", "https://console.example.test/base/syncs/a%20b%2Fc"),
    ]


def test_many_alerts_are_one_message_that_counts_what_it_does_not_show() -> None:
    told = [alert(number, subject=f"sync_{number}") for number in range(25)]
    message = slack(told, Pages())
    assert message["text"] == "25 alerts: sync_0, sync_1, sync_2 and 22 more"
    lines = message["blocks"][1]["text"]["text"].splitlines()
    assert (len(lines), lines[0], lines[-1]) == (21, ":red_circle: `sync_0 failed`", "… 5 more")


def test_more_facts_than_fit_are_counted() -> None:
    told = alert(facts=tuple((f"fact {number}", "x") for number in range(12)))
    fields = slack([told], Pages())["blocks"][1]["fields"]
    assert (len(fields), fields[-1]["text"]) == (10, "… 3 more")


def test_plain_text_says_it_all() -> None:
    told = replace(alert(facts=(("reason", "see the run"),)), recovered=True)
    assert plain([told], PAGES) == (
        "people runs again (recovered, 2026-03-02 09:00 UTC)\n"
        "  reason: see the run\n"
        "  run in Dagster: https://dagster.example.test/runs/4f3c1c4e\n"
        "  asset in Dagster: https://dagster.example.test/assets/people\n"
        "  console: https://console.example.test/base/syncs/people\n"
    )
