"""Slack by a bot token, through dagster-slack's resource: what :mod:`integrations_platform.alerts` is handed where a
token is set instead of a webhook, or a route names a channel."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from integrations_platform.alerts.slack import ANSWER_SECONDS, Poster, SlackAnswer

API = "https://slack.com/api/"


def poster_of(token: str, base_url: str | None = None) -> Poster:
    """A poster that uses ``token``, which nothing here shows or logs."""

    def post(channel: str, payload: Mapping[str, Any]) -> SlackAnswer:
        from dagster_slack import SlackResource
        from slack_sdk.errors import SlackApiError, SlackClientError

        client = SlackResource(token=token).get_client()
        client.base_url, client.timeout = base_url or API, ANSWER_SECONDS
        # The outbox repeats and waits; the client would sleep in between, and write what it sends to its log.
        client.retry_handlers = []
        client._logger = logging.Logger("slack_sdk", logging.CRITICAL + 1)
        try:
            client.chat_postMessage(channel=channel, **payload)
        except SlackApiError as fault:
            response: Any = fault.response  # typed for both clients, the synchronous and the other
            headers = {name.lower(): value for name, value in response.headers.items()}
            data = response.data if isinstance(response.data, dict) else {}
            return SlackAnswer(response.status_code, str(data.get("error", "")), headers.get("retry-after"))
        except (OSError, ValueError, SlackClientError) as fault:
            return SlackAnswer(0, f"Slack could not be reached ({type(fault).__name__}); it may have arrived")
        return SlackAnswer(200)

    return post
