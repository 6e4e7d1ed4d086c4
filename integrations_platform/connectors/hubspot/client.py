"""The operations of HubSpot's CRM API that a sync uses, one method each, in either family of paths.

Owns requests and the shape of answers. It decides nothing: outcomes, retries and limits are for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.http import HttpApi, Reply
from integrations_platform.connectors.hubspot import errors
from integrations_platform.connectors.hubspot.paths import Paths, paths_of
from integrations_platform.connectors.hubspot.properties import TYPE_IDS, Property, defined
from integrations_platform.unified_sync.port import ClockReading, ErrorKind, SideError

BASE_URL = "https://api.hubapi.com"
BATCH, BATCH_WITH_HISTORY, PAGE, ASSOCIATIONS = 100, 50, 100, 1000
LONGEST_QUERY = 6000  # characters of property names in an address
Json = dict[str, Any]


class HubSpotClient:
    """One portal, one object. ``options`` are token, base_url and api_version; see the environment file.

    Raises SideError(CONFIGURATION) for options that cannot be used.
    """

    def __init__(
        self, system: str, options: Mapping[str, str], kind: str, *, clock: Callable[[], datetime], budget: Budget
    ) -> None:
        token = options.get("token", "").strip()
        if not token:
            message = f"{system}: there is no token; set HUBSPOT_API_TOKEN to the token of a private app"
            raise SideError(ErrorKind.CONFIGURATION, message, code="token")
        self.kind, self._budget = kind, budget
        self.zone: str | None = None
        self._paths: Paths = paths_of(system, options.get("api_version", ""))
        self._api = HttpApi(
            system, options.get("base_url") or BASE_URL, budget=budget, clock=clock,
            authorize=lambda: {"Authorization": f"Bearer {token}"}, secrets=lambda: (token,), rules=errors.RULES,
            read_error=lambda status, data: errors.reader(clock(), self.zone, status, data),
        )  # fmt: skip

    # Records

    def pages(self, properties: Sequence[str], *, archived: bool, limit: int = PAGE) -> Iterator[list[Json]]:
        """All records in pages, in order of their ids. Raises SideError, also for a listing that does not advance."""
        after: str | None = None
        named = ",".join(properties)
        fits = len(named) <= LONGEST_QUERY  # more names than an address holds travel in bodies, page by page
        while True:
            query = {"limit": limit, "after": after, "archived": archived, "properties": named if fits else None}
            data = self._api.request("GET", self._paths.objects(self.kind), params=query, what=self.kind).data
            rows = self._rows(data)
            yield rows if fits else self.read([str(row["id"]) for row in rows], properties, archived=archived)
            cursor = ((data.get("paging") or {}).get("next") or {}).get("after")
            if cursor is None:
                return
            if str(cursor) == after:
                message = f"{self._api.place(self.kind)}: the listing does not advance beyond {after}"
                raise SideError(ErrorKind.TRANSIENT, message, code="paging")
            after = str(cursor)

    def read(
        self,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        history: Sequence[str] = (),
        by: str | None = None,
        archived: bool = False,
    ) -> list[Json]:
        """Records by id, or by the unique property ``by``; what is missing is left out."""
        found: list[Json] = []
        size = BATCH_WITH_HISTORY if history else BATCH
        for start in range(0, len(ids), size):
            body: Json = {"inputs": [{"id": one} for one in ids[start : start + size]], "properties": list(properties)}
            if history:
                body["propertiesWithHistory"] = list(history)
            if by:
                body["idProperty"] = by
            reply = self._post("read", body, writes=False, params={"archived": True} if archived else None)
            found += self._rows(reply.data)
        return found

    def create(self, inputs: Sequence[Json]) -> Json:
        """Create a batch of records. Raises HttpError when it is refused as a whole."""
        return self._answer(self._post("create", {"inputs": list(inputs)}))

    def update(self, inputs: Sequence[Json]) -> Json:
        """Update a batch of records. Raises HttpError when it is refused as a whole."""
        return self._answer(self._post("update", {"inputs": list(inputs)}))

    def archive(self, ids: Sequence[str]) -> None:
        """Archive records; those archived already stay so, so repeating is harmless."""
        self._post("archive", {"inputs": [{"id": one} for one in ids]}, repeatable=True)

    def erase(self, record_id: str) -> None:
        """Erase a contact for good."""
        path = self._paths.objects("contacts", "gdpr-delete")
        self._api.request("POST", path, json={"objectId": record_id}, what=f"contact {record_id}", repeatable=True)

    def _post(
        self, verb: str, body: Json, *, writes: bool = True, repeatable: bool = False,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:  # fmt: skip
        path = self._paths.objects(self.kind, "batch", verb)
        return self._api.request(
            "POST", path, json=body, params=params, what=self.kind, writes=writes, repeatable=repeatable
        )

    # Associations

    def associated(self, ids: Sequence[str], to: str) -> dict[str, dict[str, set[int]]]:
        """Association type ids by record id and associated id; a record that has none is left out."""
        found: dict[str, dict[str, set[int]]] = {}
        for start in range(0, len(ids), ASSOCIATIONS):
            inputs: list[Json] = [{"id": one} for one in ids[start : start + ASSOCIATIONS]]
            while inputs:
                path = self._paths.associations(self.kind, to, "read")
                data = self._api.request("POST", path, json={"inputs": inputs}, what=self.kind, writes=False).data
                inputs = []
                for row in self._rows(data):
                    record_id = str(row["from"]["id"])
                    targets = found.setdefault(record_id, {})
                    for target in row["to"]:  # ids are numbers in recorded answers, text in the specification
                        types = {int(one["typeId"]) for one in target["associationTypes"]}
                        targets.setdefault(str(target["toObjectId"]), set()).update(types)
                    cursor = ((row.get("paging") or {}).get("next") or {}).get("after")
                    if cursor is not None:
                        inputs.append({"id": record_id, "after": str(cursor)})
        return found

    def associate(self, to: str, rows: Sequence[Json]) -> Json:
        """Associate records: inputs of ``from``, ``to`` and ``types``."""
        path = self._paths.associations(self.kind, to, "create")
        reply = self._api.request("POST", path, json={"inputs": list(rows)}, what=self.kind, repeatable=True)
        return self._answer(reply)

    def dissociate(self, to: str, rows: Sequence[Json]) -> None:
        """Remove associations: inputs of ``from`` and a list ``to``."""
        path = self._paths.associations(self.kind, to, "archive")
        self._api.request("POST", path, json={"inputs": list(rows)}, what=self.kind, repeatable=True)

    # Settings

    def properties(self) -> dict[str, Property]:
        """Definitions of all properties of the object, by name."""
        path = self._paths.properties(self.kind)
        data = self._api.request("GET", path, what=f"properties of {self.kind}").data
        return {one.name: one for one in map(defined, self._rows(data))}

    def add_property(self, definition: Json) -> None:
        """Define a property."""
        path = self._paths.properties(self.kind)
        self._api.request("POST", path, json=definition, what=f"property {definition['name']}")

    def rules(self) -> list[Json]:
        """Validation rules of an administrator, per property."""
        path = self._paths.validations(TYPE_IDS[self.kind])
        return self._rows(self._api.request("GET", path, what=f"validation rules of {self.kind}").data)

    def account(self) -> Json:
        """Details of the portal; remembers its time zone, in which its days end and the daily quota is counted."""
        data = self._api.request("GET", self._paths.account(), what="account").data
        self.zone = str(data.get("timeZone") or "") or None
        if self.zone:
            self._budget.located(self.zone)
        return dict(data)

    def clock(self) -> ClockReading:
        """The portal's clock, as its answers tell it. Raises SideError when they do not."""
        self.account()
        reading = self._api.clock_reading
        if reading is None:
            raise SideError(ErrorKind.TRANSIENT, f"{self._api.system}: answers carry no Date header", code="clock")
        return reading

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._api.requests

    def close(self) -> None:
        """Release the connections."""
        self._api.close()

    def _answer(self, reply: Reply) -> Json:
        return reply.data if isinstance(reply.data, dict) else {}

    def _rows(self, data: Any) -> list[Json]:
        if not isinstance(data, dict) or not isinstance(data.get("results"), list):
            message = f"{self._api.place(self.kind)}: the answer is not of the shape the API documents (no results)"
            raise SideError(ErrorKind.TRANSIENT, message, code="shape")
        return list(data["results"])
