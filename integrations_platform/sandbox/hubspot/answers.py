"""Errors and batch answers in HubSpot's own shapes."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.responses import JSONResponse

from integrations_platform.sandbox.hubspot.catalogue import Json
from integrations_platform.sandbox.hubspot.portal import Duplicate, Refused
from integrations_platform.sandbox.hubspot.property_values import iso
from integrations_platform.sandbox.vendor import VendorError

VALIDATION = "VALIDATION_ERROR"


def error(status: int, category: str, message: str, **more: object) -> VendorError:
    """An error answer; ``more`` are further members such as ``errors`` or ``context``."""
    return VendorError(status, error_body(category, message, **more))


def error_body(category: str, message: str, **more: object) -> Json:
    """The usual body of an error."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return body | more


def invalid(message: str) -> VendorError:
    """A request that makes no sense."""
    return error(400, VALIDATION, message)


def not_found() -> VendorError:
    """There is no such record, property, pipeline or path."""
    return error(404, "OBJECT_NOT_FOUND", "resource not found")


def missing_scopes(*scopes: str) -> VendorError:
    """The token may not do this."""
    message = "This app hasn't been granted all required scopes to make this call."
    detail = {"message": "One or more of the following scopes are required.",
              "context": {"requiredGranularScopes": list(scopes)}}  # fmt: skip
    return error(403, "MISSING_SCOPES", message, errors=[detail])


def limited(policy: str, retry_after: float | None) -> VendorError:
    """A limit was reached; ``policy`` names which."""
    body = {"status": "error", "message": f"You have reached your {policy.lower()} limit.", "errorType": "RATE_LIMIT",
            "policyName": policy}  # fmt: skip
    return VendorError(429, body, {} if retry_after is None else {"Retry-After": f"{max(1, round(retry_after))}"})


def refusal(fault: Refused | Duplicate, *, names_id: bool, taken_is_conflict: bool) -> VendorError:
    """A refused write of one record, or of a whole batch."""
    entry = entry_of(fault, taken_is_conflict=taken_is_conflict)
    more: Json = {}
    if isinstance(fault, Refused):
        more["errors"] = [
            {"message": one.message, "code": one.error, "context": {"propertyName": [one.name]}}
            for one in fault.refusals
        ]
    message = entry["message"] if names_id else entry["message"].partition(" Existing ID")[0]
    return error(409 if entry["category"] == "CONFLICT" else 400, entry["category"], message, **more)


def entry_of(fault: Refused | Duplicate, *, taken_is_conflict: bool) -> Json:
    """One refused record as an entry of a 207, without its context."""
    if isinstance(fault, Refused):
        listed = json.dumps([one.shown() for one in fault.refusals], ensure_ascii=False)
        return {"status": "error", "category": VALIDATION, "message": f"Property values were not valid: {listed}"}
    if fault.name == "email" or taken_is_conflict:
        return {"status": "error", "category": "CONFLICT", "message": str(fault)}
    row = {"isValid": False, "message": "value is taken", "error": "CONFLICTING_UNIQUE_VALUE", "name": fault.name}
    listed = json.dumps([row])
    return {"status": "error", "category": VALIDATION, "message": f"Property values were not valid: {listed}"}


@dataclass
class Batch:
    """A batch answer in the making. Results are shuffled: nobody may rely on the order of inputs."""

    started: datetime
    shuffle: random.Random
    results: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)
    failed: int = 0

    def refuse(self, entry: Json, context: Json, inputs: int = 1) -> None:
        """Note that ``inputs`` inputs failed for one reason."""
        self.errors.append(entry | ({"context": context} if context else {}))
        self.failed += inputs

    def missing(self, ids: Sequence[str]) -> None:
        """All ids that were not found are one entry, however many they are."""
        if ids:
            entry = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects"}
            self.refuse(entry, {"ids": list(ids)}, len(ids))

    def answer(self, completed: datetime, status: int = 200) -> JSONResponse:
        """The answer: ``status`` when everything worked, else 207."""
        self.shuffle.shuffle(self.results)
        body: Json = {"status": "COMPLETE", "results": self.results, "startedAt": iso(self.started),
                      "completedAt": iso(completed)}  # fmt: skip
        if self.errors:
            body |= {"numErrors": self.failed, "errors": self.errors}
        return JSONResponse(body, 207 if self.errors else status)
