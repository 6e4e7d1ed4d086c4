"""Lists of the public API: their filters, their order, their pages, and the odd address of the next one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from integrations_platform.sandbox.airbyte.account import WORKSPACE
from integrations_platform.sandbox.airbyte.jobs import Job
from integrations_platform.sandbox.airbyte.refusals import refused

_USUAL, _MOST = 20, 100
_ELSEWHERE = "http://airbyte-server:8001/api/public/v1"  # a server knows the name it was deployed under
_KEPT = ("jobType", "connectionId", "workspaceIds")


def page(found: list[Any], show: Callable[[Any], dict[str, Any]], asked: QueryParams, path: str) -> dict[str, Any]:
    """One page. There is a next one until a page is empty, and its address leaves filters and order out."""
    limit, offset = _number(asked, "limit", _USUAL, 1, _MOST), _number(asked, "offset", 0, 0, 10**9)
    shown = [show(each) for each in found[offset : offset + limit]]
    kept = [(name, value) for name in _KEPT for value in asked.getlist(name)]

    def address(at: int) -> str:
        return f"{_ELSEWHERE}{path}?{urlencode([*kept, ('limit', limit), ('offset', at)])}"

    return {
        "data": shown, "next": address(offset + limit) if shown else "",
        "previous": address(max(0, offset - limit)) if offset else "",
    }  # fmt: skip


def check_workspaces(asked: QueryParams) -> bool:
    """Whether this workspace is among those asked for. Raises VendorError where two are named."""
    named = [each for text in asked.getlist("workspaceIds") for each in text.split(",") if each]
    if len(named) > 1:
        raise refused(403, "a request may name one workspace")
    return not named or named == [WORKSPACE]


def jobs(every: list[Job], asked: QueryParams, word: Callable[[Job], str]) -> list[Job]:
    """Those asked for, in the order asked for: the oldest first unless the request says otherwise."""
    if not check_workspaces(asked):
        return []
    bounds = {name: _moment(asked, name) for name in
              ("createdAtStart", "createdAtEnd", "updatedAtStart", "updatedAtEnd")}  # fmt: skip
    found = [
        job for job in every
        if asked.get("connectionId") in (None, job.connection_id) and asked.get("jobType") in (None, job.type)
        and asked.get("status") in (None, word(job))
        and _within(job.created, bounds["createdAtStart"], bounds["createdAtEnd"])
        and _within(job.updated, bounds["updatedAtStart"], bounds["updatedAtEnd"])
    ]  # fmt: skip
    by, _, way = asked.get("orderBy", "createdAt|ASC").partition("|")
    if by not in ("createdAt", "updatedAt") or way not in ("ASC", "DESC"):
        raise refused(400, "orderBy is not valid: it is createdAt or updatedAt, |, and ASC or DESC")
    return sorted(found, key=lambda job: (job.created if by == "createdAt" else job.updated, job.id),
                  reverse=way == "DESC")  # fmt: skip


def _within(at: float, start: float | None, end: float | None) -> bool:
    return (start is None or at >= start) and (end is None or at <= end)


def _number(asked: QueryParams, name: str, usual: int, least: int, most: int) -> int:
    text = asked.get(name, str(usual))
    if not text.isdigit() or not least <= int(text) <= most:
        raise refused(400, f"{name} must be between {least} and {most}")
    return int(text)


def _moment(asked: QueryParams, name: str) -> float | None:
    if name not in asked:
        return None
    try:
        found = datetime.fromisoformat(asked[name])
    except ValueError:
        raise refused(400, f"{name} is not a time") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
