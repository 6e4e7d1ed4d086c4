"""What QuickBooks' faults mean: both spellings in one table, for whole answers and for items of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from integrations_platform.connectors.http_errors import Rule, Said
from integrations_platform.unified_sync.port import ErrorKind

THROTTLED_SECONDS: Final = 60.0  # the vendor: wait a minute, then send the same requestid
_P, _C, _T = ErrorKind.PERMANENT, ErrorKind.CONFIGURATION, ErrorKind.TRANSIENT
_CODE_IN_MESSAGE = re.compile(r"errorCode=0*(\d+)")

MEANINGS: Final[Mapping[str, str]] = {
    "610": "there is no such record, or it refers to one that is inactive",
    "2010": "a property is unknown or cannot hold that value",
    "2020": "a required value is missing",
    "2050": "a value is too long",
    "2080": "a number is not valid",
    "2500": "it refers to a record that does not exist",
    "3001": "called too often",
    "3100": "the app may not open this company",
    "3200": "the access token has expired or is wrong",
    "4000": "the query could not be read",
    "4001": "the query asks for something impossible",
    "5010": "somebody else has changed the record",
    "6000": "a rule of the books forbids it (closed period, linked payment)",
    "6070": "an amount is not quantity times unit price",
    "6140": "the document number is used by another invoice",
    "6240": "the name is used by another record",
    "10000": "QuickBooks failed",
}

RULES: Final[Sequence[Rule]] = (
    Rule((401,), _C, "token", remedy="renew QUICKBOOKS_ACCESS_TOKEN (it lasts an hour), or set client_id, "
         "client_secret and refresh_token, so that it is renewed by itself"),
    Rule((403,), _C, "realm", remedy="check QUICKBOOKS_REALM_ID and that this company has connected the app"),
    Rule((429,), _T, "throttled", wait=THROTTLED_SECONDS),
    Rule((400,), _T, "throttled", wait=THROTTLED_SECONDS, codes=frozenset({"3001"})),
    Rule((400,), _C, "token", remedy="renew the access token", codes=frozenset({"3200"})),
    Rule((400,), _C, "realm", remedy="check the realm id", codes=frozenset({"3100"})),
    Rule((400,), _T, codes=frozenset({"10000"}), perhaps_done=True),
    Rule((404,), _C, "path", remedy="check the base_url"),
    Rule((400,), _P),
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """The first error of a fault: code without leading zeros, and the member it is about."""

    code: str
    element: str = ""

    @property
    def message(self) -> str:
        """Its meaning in our words: the vendor's own quote values of records."""
        meaning = MEANINGS.get(self.code, "refused")
        return f"{meaning} ({self.element})" if self.element else meaning


def fault_in(data: Any) -> Fault | None:
    """The fault of an answer or of a batch item, in either spelling; None where there is none."""
    if not isinstance(data, Mapping):
        return None
    for outer, inner, said in (("Fault", "Error", "Message"), ("fault", "error", "message")):
        held = data.get(outer)
        errors = held.get(inner) if isinstance(held, Mapping) else None
        if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
            continue
        error = errors[0]
        hidden = _CODE_IN_MESSAGE.search(str(error.get(said, "")))
        code = hidden.group(1) if hidden else str(error.get("code", ""))
        element = str(error.get("element") or "")
        return Fault(code.lstrip("0"), element if re.fullmatch(r"[\w.]{1,80}", element) else "")
    return None


def read_error(_status: int, data: Any) -> Said:
    """See :data:`integrations_platform.connectors.http_errors.Reader`."""
    fault = fault_in(data)
    return Said() if fault is None else Said(fault.code, fault.message)
