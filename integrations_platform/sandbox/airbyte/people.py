"""What a person does in Airbyte's own interface, and what an operator does to the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations_platform.sandbox.airbyte.account import Account
from integrations_platform.sandbox.airbyte.jobs import Script

ACTIONS = ("script", "job", "cancel", "clear", "connection", "pause", "enable", "streams", "state", "server")
_WORDS = ("do", "connection", "type", "age_seconds")


def act(account: Account, action: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    """Carry out one action.

    ``script``: how the next jobs of a connection go (all of them without one; given again: the one after; the last one
    stays), see :class:`.jobs.Script`. ``job``: one that somebody else made, ``age_seconds`` ago, of a ``type``, under a
    script. ``cancel`` a ``job``; ``clear`` all jobs and scripts. ``connection``: a new one with a ``name`` and
    ``streams``. ``pause`` with a ``reason``, ``enable``, other ``streams``, a ``state``. ``server``: ``version``,
    ``auth`` (application or none), ``token_seconds``. Raises ValueError naming the actions there are.
    """
    what = action.get("do")
    if what not in ACTIONS:
        raise ValueError(f"do is one of {', '.join(ACTIONS)}")
    if what == "script":
        key = account.named(action["connection"]).name if "connection" in action else "*"
        account.scripts.setdefault(key, []).append(_script(action))
    elif what == "job":
        connection = account.named(str(action["connection"]))
        created = now - float(action.get("age_seconds", 0))
        job = account.add(connection.id, str(action.get("type", "sync")), _script(action), created)
        return {"job": job.id}
    elif what == "cancel":
        account.shown_job(int(action["job"])).cancel(now)
    elif what == "clear":
        account.jobs.clear()
        account.scripts.clear()
    elif what == "connection":
        return {"connection": account.connect(str(action["name"]), _streams(action)).id}
    elif what == "server":
        account.version = str(action.get("version", account.version))
        account.auth = str(action.get("auth", account.auth))
        account.token_seconds = int(action.get("token_seconds", account.token_seconds))
    else:
        _change(account, what, action)
    return {}


def _change(account: Account, what: str, action: Mapping[str, Any]) -> None:
    connection = account.named(str(action["connection"]))
    if what == "pause":
        connection.status, connection.reason = "inactive", str(action.get("reason", ""))
    elif what == "enable":
        connection.status, connection.reason = "active", ""
    elif what == "streams":
        connection.streams = _streams(action)
    else:
        connection.state = dict(action["state"])


def _script(action: Mapping[str, Any]) -> Script:
    return Script.from_data({key: value for key, value in action.items() if key not in _WORDS})


def _streams(action: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": each} if isinstance(each, str) else dict(each) for each in action["streams"]]
