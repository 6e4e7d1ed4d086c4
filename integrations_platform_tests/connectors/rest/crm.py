"""A made-up CRM with people, whose API pages in whatever way a story needs, and its description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations_platform.sandbox.contracts import Contract
from integrations_platform.sandbox.vendor import Vendor, VendorError

TOKEN = "crm-token-of-the-tests"
SIZE = 3

DESCRIPTION = """\
auth: {type: bearer}
errors: {message: error.message, code: error.code}
objects:
  people:
    key: id
    modified: changed_at
    external_id: ref
    list: {path: /people, records: data.items, total: data.total, query: {state: live}, pages: PAGES}
    read: {path: "/people/{id}", record: person}
    create: {method: POST, path: /people, body: person, record: person}
    update: {method: METHOD, path: "/people/{id}", body: person, record: person}
    delete: {method: DELETE, path: "/people/{id}"}
    columns:
      name: {type: text, max_length: 40}
      contact.email: {type: email}
      contact.city: {type: text}
      balance: {type: decimal, scale: 2}
"""

PAGES = {
    "page": "{type: page, parameter: page, size_parameter: per_page, size: 3}",
    "offset": "{type: offset, parameter: skip, size_parameter: per_page, size: 3}",
    "cursor": "{type: cursor, parameter: after, next: data.next, size_parameter: per_page, size: 3}",
    "link": "{type: link, size_parameter: per_page, size: 3}",
    "next": "{type: link, next: data.next_page, size_parameter: per_page, size: 3}",
}


def description(pages: str = "cursor", method: str = "PATCH") -> str:
    """The description file for a way of paging."""
    return DESCRIPTION.replace("PAGES", PAGES[pages]).replace("METHOD", method)


def described(folder: Path, url: str, pages: str = "cursor", method: str = "PATCH") -> dict[str, str]:
    """Options of the system, its description written into ``folder``."""
    file = folder / f"crm-{pages}-{method}.yaml"
    file.write_text(description(pages, method), encoding="utf-8")
    return {"api": str(file), "base_url": f"{url}/api", "token": TOKEN}


class Crm(Vendor):
    """People by id. ``elsewhere``: the next page is said to lie on another host."""

    name = "crm"

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=False, **options)
        self.elsewhere = False
        self.tokens = {TOKEN}
        self.reset()

    def routes(self) -> list[Route]:
        return [
            Route("/api/people", self.listed, methods=["GET"], name="list"),
            Route("/api/people", self.create, methods=["POST"], name="create"),
            Route("/api/people/{id:int}", self.read, methods=["GET"], name="read"),
            Route("/api/people/{id:int}", self.update, methods=["PATCH"], name="update"),
            Route("/api/people/{id:int}", self.replace, methods=["PUT"], name="update"),
            Route("/api/people/{id:int}", self.remove, methods=["DELETE"], name="remove"),
        ]

    def contract(self) -> Contract:
        return Contract({})

    def populate(self, size: int) -> None:
        for number in range(size):
            self.add({"name": f"Person {number}"})

    def reset(self) -> None:
        self.people: dict[int, dict[str, Any]] = {}
        self.last = 0

    def dump(self) -> Any:
        return [self.people, self.last]

    def load(self, state: Any) -> None:
        self.people, self.last = {int(key): value for key, value in state[0].items()}, state[1]

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ValueError("nobody works by hand here")

    def expire_token(self) -> None:
        self.tokens.clear()

    def error_body(self, status: int) -> Mapping[str, Any]:
        return {"error": {"message": "try again", "code": "E"}}

    def add(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add a person."""
        self._judge(data)
        self.last += 1
        empty = {"name": None, "contact": {"email": None, "city": None}, "balance": None, "ref": None, "note": None}
        self.people[self.last] = {**empty, "id": self.last}
        return self.change(self.last, data)

    def change(self, key: int, data: Mapping[str, Any]) -> dict[str, Any]:
        """Change a person; one level deep members are merged."""
        self._judge(data)
        row = self.people[key]
        for name, value in data.items():
            row[name] = {**row[name], **value} if name == "contact" and isinstance(value, dict) else value
        row["changed_at"] = self.clock.now().isoformat()
        return row

    def _judge(self, data: Mapping[str, Any]) -> None:
        if len(data.get("name") or "") > 40:
            raise VendorError(422, {"error": {"message": "name is too long", "code": "too_long"}})

    # Handlers

    def listed(self, request: Request) -> Response:
        self._admit(request)
        rows, query = sorted(self.people.values(), key=lambda row: row["id"]), request.query_params
        assert query["state"] == "live"
        size = int(query.get("per_page", 1000))
        start = int(query.get("skip", 0)) or int(query.get("after", 0)) or (int(query.get("page", 1)) - 1) * size
        shown, more = rows[start : start + size], start + size < len(rows)
        host = "http://evil.example.test/api" if self.elsewhere else f"http://{request.headers['host']}/api"
        following = f"{host}/people?state=live&per_page={size}&skip={start + size}" if more else None
        data = {"items": shown, "total": len(rows), "next": start + size if more else None, "next_page": following}
        link = f'<{host}/people?page=1>; rel="first"' + (f', <{following}>; rel="next"' if following else "")
        return JSONResponse({"data": data}, headers={"link": link})

    def create(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse({"person": self.add(self.body(request)["person"])}, 201)

    def read(self, request: Request) -> Any:
        self._admit(request)
        return {"person": self._row(request)}

    def update(self, request: Request) -> Any:
        self._admit(request)
        return {"person": self.change(self._row(request)["id"], self.body(request)["person"])}

    def replace(self, request: Request) -> Any:
        self._admit(request)
        key, given = self._row(request)["id"], self.body(request)["person"]
        if set(given) != set(self.people[key]):
            raise VendorError(422, {"error": {"message": "a person is replaced whole", "code": "partial"}})
        return {"person": self.change(key, given)}

    def remove(self, request: Request) -> None:
        self._admit(request)
        del self.people[self._row(request)["id"]]

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise VendorError(401, {"error": {"message": "who is this?", "code": "auth"}})

    def _row(self, request: Request) -> dict[str, Any]:
        row = self.people.get(request.path_params["id"])
        if row is None:
            raise VendorError(404, {"error": {"message": "no such person", "code": "gone"}})
        return row
