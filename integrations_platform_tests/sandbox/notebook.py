"""A made-up vendor, small enough to see through: notes with a text, behind a bearer token that can expire."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations_platform.sandbox.contracts import OTHER_STATUS, Contract, Operation, Schema
from integrations_platform.sandbox.vendor import Vendor, VendorError

NOTE: Schema = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string", "maxLength": 100}},
    "required": ["id", "text"],
    "additionalProperties": False,
}
NEW: Schema = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "colour": {"enum": ["red", "blue"]}},
    "required": ["text"],
    "additionalProperties": False,
}
ERROR: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
REF: Schema = {"$ref": "#/$defs/Note"}


class Notebook(Vendor):
    """``token`` opens it; the next one is given at ``/token``."""

    name = "notebook"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.notes: dict[str, str] = {}
        self.token = "t1"
        self.lies = False

    def routes(self) -> list[Route]:
        return [
            Route("/notes", self.list_notes, methods=["GET"]),
            Route("/notes", self.create, methods=["POST"]),
            Route("/notes/{id}", self.read, methods=["GET"]),
            Route("/notes/{id}", self.remove, methods=["DELETE"]),
            Route("/token", self.renew, methods=["POST"]),
            Route("/broken", self.broken, methods=["GET"]),
        ]

    def contract(self) -> Contract:
        listed = {"type": "object", "properties": {"notes": {"type": "array", "items": REF}}, "required": ["notes"]}
        return Contract(
            {
                ("GET", "/notes"): Operation(None, {200: listed, OTHER_STATUS: ERROR}, frozenset({"limit"})),
                ("POST", "/notes"): Operation(NEW, {201: REF, OTHER_STATUS: ERROR}),
                ("GET", "/notes/{id}"): Operation(None, {200: REF, OTHER_STATUS: ERROR}),
                ("DELETE", "/notes/{id}"): Operation(None, {204: None, OTHER_STATUS: ERROR}),
                ("POST", "/token"): Operation({}, {200: {"type": "object"}}, media="application/x-www-form-urlencoded"),
                ("GET", "/broken"): Operation(None, {500: {}}),
            },
            {"Note": NOTE},
            nulls_are_unset=True,
        )

    def populate(self, size: int) -> None:
        words = random.Random(self.seed)
        for _ in range(size):
            self._add(f"{words.choice('abc')}{words.randrange(1000)}")

    def reset(self) -> None:
        self.notes.clear()

    def dump(self) -> Any:
        return self.notes

    def load(self, state: Any) -> None:
        self.notes = dict(state)

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        if action.get("do") != "edit":
            raise ValueError("a person can only edit")
        self.notes[str(action["id"])] = str(action["text"])
        return {"id": action["id"]}

    def expire_token(self) -> None:
        self.token = f"t{int(self.token[1:]) + 1}"

    # Handlers

    def list_notes(self, request: Request) -> Any:
        self._admit(request)
        return {"notes": [{"id": key, "text": text} for key, text in self.notes.items()]}

    def create(self, request: Request) -> Any:
        self._admit(request)
        given = self.body(request)
        if not isinstance(given.get("text"), str):
            raise VendorError(400, {"message": "text is missing"})
        key = self._add(given["text"])
        return self._note(key, 201)

    def read(self, request: Request) -> Any:
        self._admit(request)
        return self._note(request.path_params["id"], 200)

    async def remove(self, request: Request) -> None:
        self._admit(request)
        self.notes.pop(request.path_params["id"], None)

    def renew(self, _request: Request) -> Any:
        return {"access_token": self.token, "expires_in": 3600}

    def broken(self, _request: Request) -> Any:
        raise RuntimeError("a fault of the stand-in itself")

    def _add(self, text: str) -> str:
        key = str(len(self.notes) + 1)
        self.notes[key] = text
        return key

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise VendorError(401, {"message": "who are you?"}, {"www-authenticate": "Bearer"})

    def _note(self, key: str, status: int) -> Response:
        if key not in self.notes:
            raise VendorError(404, {"message": "no such note"})
        from starlette.responses import JSONResponse

        return JSONResponse({"id": 7 if self.lies else key, "text": self.notes[key]}, status)
