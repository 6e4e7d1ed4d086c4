"""Alerts as text, as Slack's blocks and as a mail, with their links.

Owns the limits of what Slack takes (docs.slack.dev/reference/block-kit) and what each form needs escaped. Everything a
person sees of an alert is made here, and all of it comes from the alert and where the pages are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

from integrations_platform.alerts.alert import Alert, Severity, moment
from integrations_platform.pages import Pages

HEADER, SECTION, FIELD, FIELDS, LINK = 150, 3000, 2000, 10, 2000
_LINES = 20  # alerts that are listed of many
_LINE = 130  # characters of one of them
_MARKED = re.compile(r"[*_~`]")
_SIGNS = {Severity.CRITICAL: "red_circle", Severity.WARNING: "large_yellow_circle", Severity.INFO: "large_blue_circle"}


def links_of(alert: Alert, pages: Pages) -> list[tuple[str, str]]:
    """(label, address) of the pages an alert is about."""
    found = [
        ("run in Dagster", pages.run(alert.run)),
        ("asset in Dagster", pages.asset(alert.sync) if alert.sync else ""),
        ("console", pages.sync(alert.sync) if alert.sync else pages.console),
    ]
    return [(label, address) for label, address in found if 0 < len(address) <= LINK]


def plain(alerts: Sequence[Alert], pages: Pages) -> str:
    """Alerts as plain text."""
    return "\n\n".join("\n".join(_plain_lines(alert, pages)) for alert in alerts) + "\n"


def _plain_lines(alert: Alert, pages: Pages) -> list[str]:
    lines = [f"{alert.headline} ({_status(alert)}, {moment(alert.at)})"]
    lines += [f"  {label}: {value}" for label, value in alert.facts]
    return lines + [f"  {label}: {address}" for label, address in links_of(alert, pages)]


def title(alerts: Sequence[Alert]) -> str:
    """Alerts in a line: the only one's own, or how many they are and about what."""
    if len(alerts) == 1:
        return _line(alerts[0].headline) or alerts[0].kind.value
    subjects = list(dict.fromkeys(alert.subject for alert in alerts))
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
    return _line(f"{len(alerts)} alerts: {', '.join(subjects[:3])}{more}")


def slack(alerts: Sequence[Alert], pages: Pages, *, bare: bool = False) -> dict[str, Any]:
    """The payload of one Slack message; ``bare``: without blocks, which leaves nothing to object to but the text."""
    text = _cut(escape(title(alerts)), SECTION)
    if bare:
        lines = [_cut(escape(title([alert])), _LINE) for alert in alerts[:_LINES]]
        return {"text": _cut("\n".join(lines), SECTION)}
    heading = {"type": "header", "text": {"type": "plain_text", "text": _cut(title(alerts), HEADER)}}
    body = _one(alerts[0], pages) if len(alerts) == 1 else _many(alerts, pages)
    return {"text": text, "blocks": [heading, *body], "unfurl_links": False, "unfurl_media": False}


def _one(alert: Alert, pages: Pages) -> list[dict[str, Any]]:
    fields = [_cut(f"*{escape(_line(label))}*\n{_value(value)}", FIELD) for label, value in alert.facts]
    if len(fields) > FIELDS:
        fields = [*fields[: FIELDS - 1], f"… {len(fields) - FIELDS + 1} more"]
    blocks: list[dict[str, Any]] = []
    if fields:
        blocks.append({"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in fields]})
    return [*blocks, _context(f"{_sign(alert)} {_status(alert)} · {moment(alert.at)}", links_of(alert, pages))]


def _many(alerts: Sequence[Alert], pages: Pages) -> list[dict[str, Any]]:
    lines = [f"{_sign(alert)} {_value(_cut(_line(alert.headline), _LINE))}" for alert in alerts[:_LINES]]
    if len(alerts) > _LINES:
        lines.append(f"… {len(alerts) - _LINES} more")
    shown = {"type": "section", "text": {"type": "mrkdwn", "text": _cut("\n".join(lines), SECTION)}}
    console = [("console", pages.console)] if pages.console else []
    return [shown, _context(f"{moment(alerts[0].at)} to {moment(alerts[-1].at)}", console)]


def _context(text: str, links: Sequence[tuple[str, str]]) -> dict[str, Any]:
    words = [text, *(f"<{_address(address)}|{escape(label)}>" for label, address in links)]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": word} for word in words]}


def mail(
    alerts: Sequence[Alert], pages: Pages, *, sender: str, recipients: Sequence[str], message_id: str, at: datetime
) -> EmailMessage:
    """One mail, as text and as HTML. The same ``message_id`` at every try lets mailboxes see that it is the same."""
    message, domain = EmailMessage(), parseaddr(sender)[1].rpartition("@")[2]
    message["Subject"] = f"[{_worst(alerts).value}] {_cut(title(alerts), HEADER)}"
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Date"], message["Message-ID"] = format_datetime(at), f"<{message_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable, because not every server on the way takes eight bits.
    message.set_content(plain(alerts, pages), cte="quoted-printable")
    page = "".join(_html(alert, pages) for alert in alerts)
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message


def _html(alert: Alert, pages: Pages) -> str:
    rows = "".join(
        f"<tr><th align=left valign=top>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>"
        for label, value in alert.facts
    )
    links = " · ".join(
        f'<a href="{html.escape(there)}">{html.escape(label)}</a>' for label, there in links_of(alert, pages)
    )
    facts = f"<table cellpadding=4>{rows}</table>" if rows else ""
    head = f"<h3>{html.escape(alert.headline)}</h3>"
    return f"{head}{facts}<p>{html.escape(_status(alert))} · {moment(alert.at)} {links}</p>\n"


def escape(text: str) -> str:
    """Text that Slack shows as it is, but for its marks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _value(text: str) -> str:
    """A value that Slack neither formats nor takes for a link: what looks like marks stands in backticks."""
    line = escape(_line(text)) or "–"
    return f"`{line.replace('`', 'ˋ')}`" if _MARKED.search(line) else line


def _address(address: str) -> str:
    return address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")


def _worst(alerts: Sequence[Alert]) -> Severity:
    present = {alert.severity for alert in alerts if not alert.recovered}
    return next((severity for severity in Severity if severity in present), Severity.INFO)


def _status(alert: Alert) -> str:
    return "recovered" if alert.recovered else alert.severity.value


def _sign(alert: Alert) -> str:
    return f":{'large_green_circle' if alert.recovered else _SIGNS[alert.severity]}:"


def _line(text: str) -> str:
    """Text on one line, without what a header or a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
