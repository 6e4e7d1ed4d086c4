"""Errors as Databricks words them: ``error_code`` and ``message``, with the status that goes with the code."""

from __future__ import annotations

from typing import Any

from integrations_platform.sandbox.vendor import VendorError

STATUSES = {
    "INVALID_PARAMETER_VALUE": 400,
    "INVALID_STATE": 400,
    "MALFORMED_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_ALREADY_EXISTS": 409,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "INTERNAL_ERROR": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
}


def body_of(code: str, message: str) -> dict[str, Any]:
    """The JSON of an error."""
    return {"error_code": code, "message": message}


def refusal(code: str, message: str) -> VendorError:
    """An error to raise, with the status of its code."""
    return VendorError(STATUSES[code], body_of(code, message))


def invalid(message: str) -> VendorError:
    """What most wrong requests are told, unknown jobs and runs among them: 400, not 404."""
    return refusal("INVALID_PARAMETER_VALUE", message)
