"""QuickBooks' faults in both spellings: business faults (``Fault``) and the gateway's (``fault``, lower case)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from integrations_platform.sandbox.vendor import VendorError

PACIFIC = ZoneInfo("America/Los_Angeles")

MESSAGES = {
    "610": "Object Not Found",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2050": "A value is longer than the property allows",
    "2080": "A number is not valid",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Error validating query",
    "5010": "Stale Object Error",
    "6000": "A business validation error has occurred while processing your request",
    "6070": "Amount calculation incorrect in the request",
    "6140": "Duplicate Document Number Error",
    "6240": "Duplicate Name Exists Error",
    "10000": "An application error has occurred while processing your request",
    "3001": "ThrottleExceeded",
}


def stamp(moment: datetime) -> str:
    """A time as QuickBooks writes it: Pacific offset, whole seconds."""
    return moment.astimezone(PACIFIC).replace(microsecond=0).isoformat()


def fault_of(code: str, detail: str, element: str = "") -> dict[str, Any]:
    """The ``Fault`` member, as it also stands in a batch item."""
    kind = "SystemFault" if code == "10000" else "ValidationFault"
    error = {"Message": MESSAGES[code], "Detail": detail, "code": code, "element": element}
    return {"Error": [error], "type": kind}


class BusinessError(VendorError):
    """A business fault that knows its own ``Fault``, so that a batch can carry it; the answer's time is added."""

    def __init__(self, code: str, detail: str, element: str = "") -> None:
        self.fault = fault_of(code, detail, element)
        super().__init__(500 if code == "10000" else 400, {"Fault": self.fault})


def refusal(code: str, detail: str, element: str = "") -> BusinessError:
    """A business fault to raise: HTTP 400, or 500 for system faults."""
    return BusinessError(code, detail, element)


def gateway(status: int, code: str, name: str, kind: str, retry_after: int | None = None) -> VendorError:
    """A fault of the gateway: its message carries the code with leading zeros, and everything is in lower case."""
    error = {
        "message": f"message={name}; errorCode={int(code):06d}; statusCode={status}",
        "detail": f"{name} for this request",
        "code": code,
        "element": None,
    }
    body: dict[str, Any] = {
        "fault": {"error": [error], "type": kind},
        "warnings": None,
        "intuitObject": None,
        "queryResponse": None,
        "batchItemResponse": [],
    }
    return VendorError(status, body, {} if retry_after is None else {"Retry-After": str(retry_after)})
