"""The vendor's contract as JSON Schemas, and what broke it.

Owns schemas by method and path template, their validation, and the list of violations. A stand-in checks every request
it accepts and every answer it gives; a violation fails the test that caused it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import jsonschema_rs

Schema = Mapping[str, Any]
OTHER_STATUS = 0  # key of `Operation.responses` for every status without a schema of its own
JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """What one method of one path takes and gives.

    ``request``: schema of the JSON body; None: no body. ``responses``: by status, or :data:`OTHER_STATUS`; None: an
    answer without a body. ``query``: the names it knows; None: unchecked. ``media``: content types of the request; of
    any other than JSON the body is not looked into. A response that is no JSON is given as ``{}``.
    """

    request: Schema | None = None
    responses: Mapping[int, Schema | None] = field(default_factory=dict)
    query: frozenset[str] | None = None
    media: str | tuple[str, ...] = JSON


@dataclass(frozen=True)
class Violation:
    """A request or an answer that the contract does not allow, or a handler that broke."""

    direction: Literal["request", "response", "handler"]
    method: str
    path: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.direction} of {self.method} {self.path} at {self.pointer or '/'}: {self.message}"


@dataclass(frozen=True)
class Contract:
    """``operations`` by method and path template; ``definitions`` are what ``#/$defs/…`` refers to.

    ``nulls_are_unset``: members that are null in a request count as not sent (Google).
    """

    operations: Mapping[tuple[str, str], Operation]
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    nulls_are_unset: bool = False

    @cached_property
    def _compiled(self) -> dict[tuple[str, str, int], Any]:
        return {}

    def check_request(
        self, method: str, template: str, query: Mapping[str, str], media: str, body: bytes
    ) -> Iterator[tuple[str, str]]:
        """Pointers and messages of what is wrong with a request."""
        operation = self.operations.get((method, template))
        if operation is None:
            yield "", "the contract knows no such operation"
            return
        if operation.query is not None:
            for name in sorted(set(query) - operation.query):
                yield f"?{name}", "is no query parameter of this operation"
        if operation.request is None:
            if body:
                yield "", "a body was sent where none is taken"
            return
        taken = (operation.media,) if isinstance(operation.media, str) else operation.media
        sent = media.partition(";")[0].strip().lower()
        if sent not in taken:
            yield "", f"content type {media or '(none)'} was sent where {' or '.join(taken)} is taken"
        elif sent == JSON:
            yield from self._faults((method, template, -1), operation.request, body, of_request=True)

    def check_response(
        self, method: str, template: str, status: int, media: str, body: bytes
    ) -> Iterator[tuple[str, str]]:
        """Pointers and messages of what is wrong with an answer."""
        operation = self.operations.get((method, template))
        if operation is None:
            return  # said of its request
        if status not in operation.responses and OTHER_STATUS not in operation.responses:
            yield "", f"the contract knows no status {status} here"
            return
        schema = operation.responses.get(status, operation.responses.get(OTHER_STATUS))
        if schema is None:
            if body:
                yield "", f"status {status} has no body"
        elif schema:
            if media.partition(";")[0].strip().lower() != JSON:
                yield "", f"content type {media or '(none)'} where {JSON} is promised"
            yield from self._faults((method, template, status), schema, body, of_request=False)

    def _faults(
        self, key: tuple[str, str, int], schema: Schema, body: bytes, *, of_request: bool
    ) -> Iterator[tuple[str, str]]:
        try:
            data = json.loads(body)
        except ValueError as fault:
            yield "", f"is no JSON: {fault}"
            return
        if of_request and self.nulls_are_unset:
            data = without_nulls(data)
        validator = self._compiled.get(key)
        if validator is None:
            validator = self._compiled[key] = self.validator(schema)
        for found in validator.iter_errors(data):
            yield "".join(f"/{step}" for step in found.instance_path), found.message[:500]

    def validator(self, schema: Schema) -> Any:
        """A compiled validator of ``schema`` in which ``#/$defs/…`` works; it has ``is_valid`` and ``iter_errors``."""
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        return jsonschema_rs.validator_for(whole | {"$defs": {**self.definitions, **schema.get("$defs", {})}})


def without_nulls(data: Any) -> Any:
    """Members that are null left out; elements of arrays stay, because there a null means a cell to skip."""
    if isinstance(data, dict):
        return {name: without_nulls(value) for name, value in data.items() if value is not None}
    if isinstance(data, list):
        return [without_nulls(value) for value in data]
    return data
