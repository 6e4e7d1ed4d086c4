"""One message to Slack, by an incoming webhook or by a poster that is handed in, and what each answer means.

The webhook goes around dagster-slack on purpose: its resource posts `chat.postMessage` with a bot token, and with
nothing but SLACK_WEBHOOK_URL it can send nothing. Where there is a token, Dagster's side hands its resource in as a
:class:`Poster`. A webhook needs the standard library only, so that Airflow's side sends by it, too; its address is a
secret: it is in no log, note or exception that leaves this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from integrations_platform.alerts.alert import Alert
from integrations_platform.alerts.delivery import Answer, Fate
from integrations_platform.alerts.wording import slack
from integrations_platform.pages import Pages

ANSWER_SECONDS = 10
LONGEST_WAIT = 3600.0
_LONGEST_BODY = 10_000
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NOT_SLACK = "not Slack"  # said yes, as the page of a proxy does where people sign in
_WORD = re.compile(r"[a-z_]{1,40}")

STATUSES: Mapping[int, tuple[Fate, str]] = {
    400: (Fate.NEVER, "the message is not as Slack wants it"),
    403: (Fate.LATER, "the webhook may not post there: check it in Slack"),
    404: (Fate.LATER, "the webhook is gone or revoked: make another and set SLACK_WEBHOOK_URL"),
    408: (Fate.SOON, "Slack waited too long for it"),
    410: (Fate.LATER, "the channel is archived"),
    429: (Fate.SOON, "too many messages"),
}
"""What Slack's statuses mean; any other from 500 on may pass, any other below is for a person."""

ERRORS: Mapping[str, Fate] = {
    "ratelimited": Fate.SOON, "rate_limited": Fate.SOON, "internal_error": Fate.SOON, "fatal_error": Fate.SOON,
    "service_unavailable": Fate.SOON, "request_timeout": Fate.SOON, "invalid_blocks": Fate.NEVER,
    "invalid_blocks_format": Fate.NEVER, "no_text": Fate.NEVER, "msg_too_long": Fate.NEVER, "msg_blocks_too_long":
    Fate.NEVER,
}  # fmt: skip
"""What errors of `chat.postMessage` mean; any other is a setting: the token, its scopes, the channel."""


@dataclass(frozen=True)
class SlackAnswer:
    """What Slack said. ``error``: the name of what is wrong, where Slack gives one. ``status`` 0: it said nothing."""

    status: int
    error: str = ""
    retry_after: str | None = None


class Poster(Protocol):
    """Posts to a channel with a bot token."""

    def __call__(self, channel: str, payload: Mapping[str, Any], /) -> SlackAnswer: ...


@dataclass(frozen=True)
class BotSender:
    """A channel, through ``poster``."""

    poster: Poster
    channel: str
    pages: Pages

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        """As :class:`~.delivery.Sender` says."""
        del bundle_id, recipients  # Slack knows neither
        answer = _posted(self.poster(self.channel, slack(alerts, self.pages)))
        if answer.fate is Fate.NEVER:
            answer = _posted(self.poster(self.channel, slack(alerts, self.pages, bare=True)))
        return answer


class WebhookSender:
    """An incoming webhook. Its address is never shown."""

    def __init__(self, url: str, pages: Pages, answer_seconds: int = ANSWER_SECONDS) -> None:
        self._url, self._pages, self._seconds = url, pages, answer_seconds

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        """As :class:`~.delivery.Sender` says. A message that Slack does not want is sent once more without blocks."""
        del bundle_id, recipients  # Slack knows neither
        if (wrong := self.fault()) is not None:
            return Answer(Fate.LATER, wrong)
        payload = slack(alerts, self._pages)
        answer = _answer(self._post(payload))
        if answer.fate is Fate.NEVER:
            size = f"{len(json.dumps(payload))} characters, {len(payload['blocks'])} blocks"
            again = _answer(self._post(slack(alerts, self._pages, bare=True)))
            return Answer(again.fate, f"{answer.note} ({size}); without blocks: {again.note}", again.wait)
        return answer

    def fault(self) -> str | None:
        """What is wrong with the address; None: nothing."""
        return None if is_usable(self._url) else "the webhook is no https address: set SLACK_WEBHOOK_URL"

    def _post(self, payload: Mapping[str, Any]) -> SlackAnswer:
        body = json.dumps(payload).encode()
        request = Request(self._url, body, {"Content-Type": "application/json;charset=utf-8"})  # noqa: S310  checked
        try:
            with urlopen(request, timeout=self._seconds) as response:  # noqa: S310  checked by fault()
                return _heard(response.status, response.headers, response.read(_LONGEST_BODY))
        except HTTPError as refusal:
            with refusal:
                return _heard(refusal.code, refusal.headers, refusal.read(_LONGEST_BODY))
        except (OSError, ValueError, HTTPException) as fault:
            return SlackAnswer(0, _nature(fault))


def _heard(status: int, headers: Message, body: bytes) -> SlackAnswer:
    word = body.decode("utf-8", "replace").strip()
    error = "" if word == "ok" or not _WORD.fullmatch(word) else word
    if status == 200 and word != "ok":
        error = _NOT_SLACK
    return SlackAnswer(status, error, headers.get("retry-after"))


def is_usable(url: str) -> bool:
    """Whether this is an address that a message may be posted to: https, or this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and url.isprintable() and " " not in url and (
        parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    )  # fmt: skip


def _answer(said: SlackAnswer) -> Answer:
    if said.status == 200 and not said.error:
        return Answer(Fate.ARRIVED, "ok")
    if said.error == _NOT_SLACK:
        return Answer(Fate.LATER, "200 came without Slack's ok: check SLACK_WEBHOOK_URL, and who answers in between")
    if said.status == 0:
        return Answer(Fate.SOON, said.error)
    if said.status in STATUSES:
        fate, words = STATUSES[said.status]
    elif said.status >= 500:
        fate, words = Fate.SOON, "trouble in Slack"
    else:
        fate, words = Fate.LATER, "not what a webhook answers: check the address"
    named = f" {said.error}" if said.error else ""
    return Answer(fate, f"Slack answered {said.status}{named}: {words}", _wait(said.retry_after))


def _posted(said: SlackAnswer) -> Answer:
    if said.status != 200 or not said.error:
        return _answer(said)
    words = said.error if _WORD.fullmatch(said.error) else "an error"
    fate = ERRORS.get(said.error, Fate.LATER)
    return Answer(fate, f"Slack answered {words}", _wait(said.retry_after))


def _wait(retry_after: str | None) -> float | None:
    """Seconds to wait; what is no whole number of them is not asked for."""
    text = (retry_after or "").strip()
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdecimal() else None


def _nature(fault: BaseException) -> str:
    """What kind of fault it was; its own words may hold the address."""
    inner = getattr(fault, "reason", fault)
    if isinstance(inner, TimeoutError):
        return f"Slack gave no answer within {ANSWER_SECONDS} s; it may have arrived"
    if isinstance(inner, ConnectionRefusedError):
        return "Slack could not be reached: the connection was refused"
    if isinstance(inner, ConnectionError):
        return "the connection to Slack was lost; it may have arrived"
    return f"Slack could not be reached ({type(inner).__name__})"
