"""How an answer leaves QuickBooks: JSON where the caller asked for it, XML otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

_NAMESPACE = "http://schema.intuit.com/finance/v3"


def shown(entity: Mapping[str, Any]) -> dict[str, Any]:
    """An entity without what only the stand-in knows of it."""
    return {name: value for name, value in entity.items() if not name.startswith("_")}


def plain(value: Any) -> Any:
    """JSON-safe: decimals as JSON numbers, whole ones without a fraction."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    return value


def answer(request: Request, data: Mapping[str, Any], status: int, tid: str, headers: Mapping[str, str]) -> Response:
    """The response in the form the request's Accept header asks for; only ``application/json`` avoids XML."""
    wanted = request.headers.get("accept", "")
    if "application/json" in wanted:
        response = Response(json.dumps(plain(data)), status, media_type="application/json")
    else:
        inner = _xml(plain({name: value for name, value in data.items() if name != "time"}))
        time = escape(str(data.get("time", "")))
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?><IntuitResponse xmlns="{_NAMESPACE}" time="{time}">'
            f"{inner}</IntuitResponse>"
        )
        response = Response(text, status, media_type="application/xml")
    response.headers["intuit_tid"] = tid
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(
            "".join(f"<{name}>{_xml(each)}</{name}>" for each in (held if isinstance(held, list) else [held]))
            for name, held in value.items()
        )
    if isinstance(value, list):
        return "".join(map(_xml, value))
    return escape(str(value).lower() if isinstance(value, bool) else str("" if value is None else value))
