"""The `alerts:` section and the variables: what they mean, and what is wrong with them; no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.alerts.alert import Kind
from integrations_platform.alerts.routing import Unusable, pages_of, senders_of, targets_of
from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.settings_alerts import AlertsSettings, Thresholds, addresses
from integrations_platform_tests.alerts.conftest import Time, alert

FRAME = """
systems: {}
state: {url: "sqlite:///./state.sqlite"}
"""
HOOK = "https://hooks.slack.com/services/T/B/hunter2"


def loaded(tmp_path: Path, section: str = "", **environ: str) -> AlertsSettings:
    file = tmp_path / "env.yaml"
    file.write_text(FRAME + section)
    return load_settings(env_file=file, environ=environ).alerts


def lacking(settings: AlertsSettings) -> dict[str, str]:
    senders = senders_of(settings, Time(), lambda _token: lambda _channel, _payload: None)  # type: ignore[arg-type, return-value]
    return {name: sender.note for name, sender in senders.items() if isinstance(sender, Unusable)}


def test_without_section_and_variables_everything_is_off(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert (settings.channels, settings.thresholds, settings.digest_hour) == ((), Thresholds(), None)
    assert senders_of(settings, Time()) == {}


def test_the_variables_alone_are_enough(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, ENABLE_SLACK="true", SLACK_WEBHOOK_URL=HOOK, ENABLE_EMAIL="True",
        ALERT_EMAILS=" ana@example.com ,bo@example.com,, ana@example.com", SMTP_HOST="mail", SMTP_FROM="a@example.com",
    )  # fmt: skip
    assert settings.channels == ("slack", "email")
    assert addresses(settings.access["emails"]) == ("ana@example.com", "bo@example.com")
    assert (settings.security(), settings.port()) == ("starttls", 587)
    assert set(senders_of(settings, Time())) == {"slack", "email"}
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("security", "port", "found"), [("none", "", 25), ("ssl", "", 465), ("SSL", "2465", 2465), ("", "", 587)]
)
def test_ports_follow_the_security(tmp_path: Path, security: str, port: str, found: int) -> None:
    assert loaded(tmp_path, SMTP_SECURITY=security, SMTP_PORT=port).port() == found


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ENABLE_SLACK": "maybe-hunter2"}, "alerts.enable_slack: is neither true nor false; set ENABLE_SLACK"),
        ({"ENABLE_EMAIL": "2"}, "alerts.enable_email"),
    ],
)
def test_a_switch_that_is_neither_on_nor_off_is_an_error(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        _ = loaded(tmp_path, **environ).channels
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ENABLE_SLACK": "1"}, "set SLACK_WEBHOOK_URL"),
        ({"ENABLE_SLACK": "1", "SLACK_BOT_TOKEN": "xoxb-hunter2"}, "set SLACK_CHANNEL"),
        ({"ENABLE_EMAIL": "1", "ALERT_EMAILS": "hunter2"}, "in place 1, what is no mail address"),
        ({"ENABLE_EMAIL": "1", "ALERT_EMAILS": "a@b.c,x@y\r\nBcc: z@z.z"}, "in place 2"),
        ({"ENABLE_EMAIL": "1", "SMTP_SECURITY": "hunter2"}, "say none, starttls or ssl"),
        ({"ENABLE_EMAIL": "1", "SMTP_PORT": "70000"}, "is no port"),
    ],
)
def test_what_is_missing_is_said_and_its_messages_wait(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    (note,) = lacking(loaded(tmp_path, **environ)).values()
    assert words in note
    assert "hunter2" not in note


ROUTES = """
alerts:
  thresholds: {open_conflicts: 5, conflict_age_hours: 12, silent_intervals: 4}
  digest_hour: 6
  routes:
    sales: {subjects: ["hubspot_*", people], to: [slack, email], channel: "#sales", emails: "${SALES_EMAILS:-}"}
    urgent: {severities: [critical], to: [slack, email], webhook: "${URGENT:-}"}
    quiet: {subjects: ["lake/*"], to: []}
"""


def test_the_first_route_that_fits_decides_and_what_none_fits_goes_everywhere(tmp_path: Path) -> None:
    settings = loaded(tmp_path, ROUTES)
    assert settings.thresholds == Thresholds(5, 12.0, 4)
    everywhere = ("slack", "email")

    def targets(subject: str, kind: Kind, channels: tuple[str, ...] = everywhere) -> list[str]:
        return targets_of(alert(kind=kind, subject=subject), settings, channels)  # type: ignore[arg-type]

    assert targets("hubspot_deals", Kind.SYNC_PARTIAL) == ["slack/sales", "email/sales"]
    assert targets("other", Kind.RUN_FAILED) == ["slack/urgent", "email"]
    assert targets("lake/flights", Kind.SYNC_PARTIAL) == []
    assert targets("other", Kind.SYNC_PARTIAL) == ["slack", "email"]
    assert targets("other", Kind.SYNC_PARTIAL, ("email",)) == ["email"]


def test_a_channel_that_only_a_token_reaches_is_left_to_who_can_post_with_one(tmp_path: Path) -> None:
    given = {"ENABLE_SLACK": "true", "SLACK_WEBHOOK_URL": HOOK, "URGENT": HOOK}
    assert "set SLACK_BOT_TOKEN" in lacking(loaded(tmp_path, ROUTES, **given))["slack/sales"]
    given["SLACK_BOT_TOKEN"] = "xoxb-hunter2"
    assert lacking(loaded(tmp_path, ROUTES, **given)) == {}
    assert set(senders_of(loaded(tmp_path, ROUTES, **given), Time())) == {"slack", "slack/urgent"}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("alerts: {digest_hour: 24}", "digest_hour"),
        ("alerts: {slack: true}", "slack"),
        ("alerts: {thresholds: {open_conflict: 3}}", "open_conflict"),
        ("alerts: {routes: {a: {to: [teams]}}}", "slack"),
        ("alerts: {routes: {a: {subjects: [x]}}}", "to"),
        ("alerts: {routes: {a: {to: [email], channel: ops}}}", "has no meaning without slack"),
        ("alerts: {routes: {a: {to: [slack], emails: a@b.c}}}", "has no meaning without email"),
        ("alerts: {routes: {a: {to: [slack], channel: ops, webhook: x}}}", "has no meaning beside webhook"),
        ('alerts: {smtp_password: "${hunter2"}', "malformed"),
    ],
)
def test_what_is_wrong_with_the_section_is_told_by_line(tmp_path: Path, section: str, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, section)
    assert "env.yaml:4" in str(raised.value)
    assert words in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://user:hunter2@host", "dagster.example.test", "https://a b"]
)
def test_links_lead_to_pages_only(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"alerts\.dagster_url: is no address of a page") as raised:
        pages_of(loaded(tmp_path, DAGSTER_URL=url))
    assert "hunter2" not in str(raised.value)


def test_the_shipped_environments_have_the_section(tmp_path: Path) -> None:
    for name in ("local", "staging", "production"):
        settings: Settings = load_settings(name, environ={})
        assert settings.alerts.digest_hour is not None
        assert settings.alerts.channels == ()
