"""The calls of a described API: pages of records, one record, and its changes, as parsed JSON.

Owns paths, paging and authentication. It knows neither columns nor the engine's values.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from integrations_platform.connectors.budgets import Allowance, Budget, Rate
from integrations_platform.connectors.http import HttpApi, Reply, quoted
from integrations_platform.connectors.http_errors import Said
from integrations_platform.connectors.rest.description import Api, Change, DescriptionError, Target, load_api
from integrations_platform.schema_check import nearest
from integrations_platform.unified_sync.port import ErrorKind, SideError

_MOST_PAGES = 100_000
Data = Any


class RestClient:
    """The object ``object_name`` (empty: the first one) of the API that ``options`` name.

    Raises SideError(CONFIGURATION) for a description or options that cannot be used.
    """

    def __init__(
        self,
        system: str,
        options: Mapping[str, str],
        object_name: str,
        *,
        clock: Callable[[], datetime],
        budget: Budget,
    ) -> None:
        try:
            self._said: Api = load_api(Path(options["api"]).expanduser())
        except DescriptionError as fault:
            raise SideError(ErrorKind.CONFIGURATION, f"{system}: {fault}", code="description") from None
        if object_name and object_name not in self._said.objects:
            message = f"{system}: the API has no object {object_name!r}; {nearest(object_name, self._said.objects)}"
            raise SideError(ErrorKind.CONFIGURATION, message, code="object")
        self.system = system
        self.target: Target = self._said.objects[object_name or next(iter(self._said.objects))]
        headers, secrets = _authorization(self._said, system, options)
        if self._said.limits:
            calls, seconds = self._said.limits
            budget = budget.within(Allowance((Rate("declared", calls, seconds),), {"call": ("declared",)}))
        self._base = options["base_url"].rstrip("/")
        self.api = HttpApi(
            system, self._base, budget=budget, clock=clock, authorize=lambda: headers, secrets=lambda: secrets,
            read_error=self._read_error,
        )  # fmt: skip

    def pages(self) -> Iterator[tuple[list[Data], int | None]]:
        """Records of each page, and the number of all records where the API tells it. Raises SideError."""
        listing, pages = self.target.list, self.target.list.pages
        query: dict[str, str] = dict(listing.query)
        if pages.size_parameter:
            query[pages.size_parameter] = str(pages.size)
        path, at = listing.path, pages.first if pages.type == "page" else 0
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            if pages.type in ("page", "offset"):
                query[pages.parameter] = str(at)
            reply = self.api.request("GET", path, params=query, what=self.target.name)
            records = self._records(reply)
            total = within(reply.data, listing.total) if listing.total else None
            yield records, total if isinstance(total, int) else None
            if pages.type == "none" or (pages.type in ("page", "offset") and not records):
                return
            if pages.type == "page":
                at += 1
            elif pages.type == "offset":
                at += len(records)
            else:
                following = self._following(reply)
                if not following:
                    return
                if following in seen:
                    raise self._odd("its pages lead in a circle")
                seen.add(following)
                if pages.type == "cursor":
                    query[pages.parameter] = following
                else:
                    path, query = self._same_place(following)
        raise self._odd(f"it has more than {_MOST_PAGES:,} pages")

    def read(self, record_id: str) -> Data | None:
        """One record, None when it is not there. Raises SideError."""
        path = self.target.read.path.replace("{id}", quoted(record_id))
        reply = self.api.request("GET", path, what=self._named(record_id), accept=(200, 404, 410))
        return within(reply.data, self.target.read.record) if reply.status == 200 else None

    def change(self, how: Change, record_id: str | None, record: Data | None) -> Data | None:
        """Carry out a change; the record in the answer, if there is one. Raises SideError."""
        path = how.path.replace("{id}", quoted(record_id or ""))
        body = None if record is None or how.method == "DELETE" else (put({}, how.body, record) if how.body else record)
        reply = self.api.request(how.method, path, json=body, what=self._named(record_id))
        found = within(reply.data, how.record)
        return found if isinstance(found, dict) else None

    def close(self) -> None:
        """Release the connections."""
        self.api.close()

    def _named(self, record_id: str | None) -> str:
        return self.target.name if record_id is None else f"{self.target.name} {record_id}"

    def _records(self, reply: Reply) -> list[Data]:
        records = within(reply.data, self.target.list.records)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise self._odd(f"its answer holds no list of records at {self.target.list.records or 'the top'!r}")
        return records

    def _following(self, reply: Reply) -> str:
        pages = self.target.list.pages
        if pages.type == "link" and not pages.next:
            return _next_link(reply.headers.get("link", ""))
        found = within(reply.data, pages.next)
        return "" if found is None or found is False else str(found)

    def _same_place(self, address: str) -> tuple[str, dict[str, str]]:
        """Path and query of the next page, which must lie below the base URL: the token goes nowhere else."""
        whole = urljoin(f"{self._base}/", address)
        if not whole.startswith(f"{self._base}/"):
            raise self._odd("its next page lies at another address than its base_url")
        parts = urlsplit(whole[len(self._base) :])
        return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))

    def _odd(self, what: str) -> SideError:
        message = f"{self.system}: {self.target.name}: the API is not as described: {what}; check the description"
        return SideError(ErrorKind.CONFIGURATION, message, code="description")

    def _read_error(self, _status: int, data: Data) -> Said:
        code, message = (within(data, path) if path else None for path in (self._said.code, self._said.message))
        return Said("" if code is None else str(code), "" if message is None else str(message))


def within(data: Data, path: str) -> Data:
    """What stands at ``path``; None where it leads nowhere."""
    for step in path.split(".") if path else ():
        data = data.get(step) if isinstance(data, dict) else None
    return data


def has(data: Data, path: str) -> bool:
    """Whether something stands at ``path``, be it null."""
    above, _, last = path.rpartition(".")
    holder = within(data, above)
    return isinstance(holder, dict) and last in holder


def put(data: dict[str, Data], path: str, value: Data) -> dict[str, Data]:
    """Set what stands at ``path``, making what leads there; returns ``data``."""
    *above, last = path.split(".")
    holder = data
    for step in above:
        below = holder.get(step)
        holder[step] = holder = below if isinstance(below, dict) else {}
    holder[last] = value
    return data


def _authorization(said: Api, system: str, options: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Headers of every request, and the texts in them that must not be shown."""
    needed = {"bearer": ("token",), "header": ("token",), "basic": ("username", "password")}.get(said.auth, ())
    missing = [name for name in needed if not options.get(name)]
    if missing:
        message = f"{system}: auth type {said.auth} needs {' and '.join(missing)}; give it in the environment file"
        raise SideError(ErrorKind.CONFIGURATION, message, code="token")
    if said.auth == "basic":
        pair = base64.b64encode(f"{options['username']}:{options['password']}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}, [pair, options["password"]]
    if said.auth == "none":
        return {}, []
    token = options["token"]
    return {"Authorization": f"Bearer {token}"} if said.auth == "bearer" else {said.header: token}, [token]


def _next_link(header: str) -> str:
    """The address of ``rel="next"`` in a Link header."""
    for part in header.split(","):
        address, *parameters = part.split(";")
        if any(each.strip().replace('"', "").lower() == "rel=next" for each in parameters):
            return address.strip().strip("<>")
    return ""
