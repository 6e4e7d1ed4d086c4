"""Errors as Airbyte words them: problems of the public API, messages of the configuration API."""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.vendor import VendorError

_TITLES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "resource-not-found",
    422: "unprocessable-entity",
}


def problem(status: int, message: str, title: str = "", detail: str = "") -> dict[str, Any]:
    """The JSON of a problem."""
    title = title or _TITLES.get(status, "unexpected-problem")
    return {
        "status": status, "type": f"https://reference.airbyte.com/reference/errors#{title}", "title": title,
        "detail": detail or message, "data": {"message": message},
    }  # fmt: skip


def refused(status: int, message: str, title: str = "", detail: str = "") -> VendorError:
    """A problem to raise."""
    return VendorError(status, problem(status, message, title, detail))


def busy(connection_id: str) -> VendorError:
    """A job runs on the connection already."""
    message = f"A sync is already running for: {connection_id}"
    return refused(409, message, "try-again-later", "The requested operation cannot be performed now.")


def conflict(message: str) -> VendorError:
    """The state of a thing forbids what was asked for."""
    return refused(409, message, "state-conflict", "Could not fulfill request")


def unknown(kind: str, identity: object) -> VendorError:
    """There is no such thing."""
    return refused(404, f"Could not find a resource for: {kind} {identity}")


def odd(status: int, message: str) -> VendorError:
    """An error of the configuration API."""
    return VendorError(status, {"message": message, "exceptionClassName": "io.airbyte.commons.server.errors"})
