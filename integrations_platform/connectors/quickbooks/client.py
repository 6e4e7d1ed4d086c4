"""QuickBooks' operations as this project uses them: queries in pages, single writes, batches, company and preferences.

Owns paths, parameters, the query language's spelling and the trace id in messages. It knows neither records nor syncs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.http import HttpApi, Reply, quoted
from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.quickbooks.errors import RULES, read_error
from integrations_platform.connectors.quickbooks.oauth import Tokens
from integrations_platform.unified_sync.port import ClockReading, ErrorKind, SideError

BATCH_MOST: Final = 30
PAGE_MOST: Final = 1000
_MINOR_VERSION = "75"
_SECONDS = 120.0  # after which QuickBooks itself gives up
_LONG_SINCE = timedelta(seconds=2 * _SECONDS)
HOSTS: Final[Mapping[str, str]] = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}

Entity = dict[str, Any]


class Client:
    """The API of one company (``realm``). ``page`` is how many entities a query asks for at once."""

    def __init__(
        self,
        system: str,
        base_url: str,
        realm: str,
        tokens: Tokens,
        *,
        budget: Budget,
        clock: Callable[[], datetime],
        page: int = PAGE_MOST,
    ) -> None:
        self.system, self.realm, self.page = system, realm, page
        self._base = f"/v3/company/{quoted(realm)}/"
        self._tokens, self._budget, self._clock = tokens, budget, clock
        self._api = HttpApi(
            system, base_url, budget=budget, clock=clock, authorize=tokens.headers, renew=tokens.renew,
            secrets=tokens.secrets, rules=RULES, read_error=read_error, timeout=_SECONDS,
        )  # fmt: skip

    # Reading

    def pages(self, kind: str, where: str = "") -> Iterator[list[Entity]]:
        """All entities of a kind in the order of their ids, page by page, until a page is empty.

        The next page begins behind the last id seen, never at a position: what is deleted or made meanwhile moves
        nothing. Raises SideError when a page does not move on.
        """
        last: str | None = None
        seen: set[str] = set()
        while True:
            behind = f"Id > {literal(last)}" if last is not None else ""
            conditions = " AND ".join(part for part in (where, behind) if part)
            clause = f" WHERE {conditions}" if conditions else ""
            found = self.query(kind, f"SELECT * FROM {kind}{clause} ORDERBY Id MAXRESULTS {self.page}")
            if not found:
                return
            ids = {str(entity["Id"]) for entity in found}
            if ids & seen:
                message = f"{self.system}: {kind}: pages repeat records they have shown; the listing stays incomplete"
                raise SideError(ErrorKind.PERMANENT, message, code="pages")
            seen |= ids
            last = str(found[-1]["Id"])
            yield found

    def by_ids(self, kind: str, where: str, ids: Sequence[str]) -> list[Entity]:
        """The entities with these ids that exist. Pages may be short: it asks until an answer brings nothing new."""
        found: dict[str, Entity] = {}
        missing = list(dict.fromkeys(ids))
        while missing:
            listed = ",".join(map(literal, missing))
            conditions = " AND ".join(part for part in (where, f"Id IN ({listed})") if part)
            new = self.query(kind, f"SELECT * FROM {kind} WHERE {conditions} MAXRESULTS {PAGE_MOST}")
            found |= {str(entity["Id"]): entity for entity in new}
            still = [each for each in missing if each not in found]
            if len(still) == len(missing):
                break
            missing = still
        return list(found.values())

    def count(self, kind: str, where: str = "") -> int:
        """How many entities a condition finds."""
        clause = f" WHERE {where}" if where else ""
        answer = self._ask(kind, f"SELECT COUNT(*) FROM {kind}{clause}")
        count = answer.get("totalCount")
        if not isinstance(count, int):
            raise self._odd(kind, "a count without a number")
        return count

    def query(self, kind: str, statement: str) -> list[Entity]:
        """The entities of one page; an answer without them is an empty page."""
        found = self._ask(kind, statement).get(kind, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) and each.get("Id") for each in found):
            raise self._odd(kind, "entities without ids")
        return found

    def company(self) -> Entity:
        """The company's own record."""
        return self._one("CompanyInfo", self._request("GET", f"companyinfo/{quoted(self.realm)}", bucket="read").data)

    def preferences(self) -> Entity:
        """How the books are kept."""
        return self._one("Preferences", self._request("GET", "preferences", bucket="read").data)

    # Writing

    def write(self, kind: str, body: Mapping[str, Any], request_id: str, operation: str | None = None) -> Entity:
        """Create, update, delete or void one entity; as QuickBooks shows it then.

        ``request_id`` makes the request one and the same however often it is sent. Raises HttpError and SideError.
        """
        what = f"{kind} {body['Id']}" if "Id" in body else f"new {kind}"
        params = {"requestid": request_id, "operation": operation}
        reply = self._request("POST", kind.lower(), params=params, json=body, what=what, bucket="call")
        return self._one(kind, reply.data)

    def repeated(self, entity: Entity) -> bool:
        """Whether a create was answered with an entity made long before: the answer is that of an earlier request, and
        what it shows may be gone or changed by now. Both times are QuickBooks' own."""
        created, reading = (entity.get("MetaData") or {}).get("CreateTime"), self.clock_reading
        if not isinstance(created, str) or reading is None:
            return False
        return self._clock() + reading.offset - datetime.fromisoformat(created) > _LONG_SINCE

    def batch(self, items: Sequence[Mapping[str, Any]], request_id: str) -> list[Entity]:
        """Items of a batch answer, each with its bId."""
        reply = self._request(
            "POST", "batch", params={"requestid": request_id}, json={"BatchItemRequest": items},
            what=f"batch of {len(items)}", bucket="batch",
        )  # fmt: skip
        found = reply.data.get("BatchItemResponse") if isinstance(reply.data, dict) else None
        if not isinstance(found, list):
            raise self._odd("batch", "no BatchItemResponse", unknown=True)
        return [item for item in found if isinstance(item, dict)]

    def throttled(self, seconds: float, bucket: str) -> None:
        """An item was refused for calling too often: nobody calls before ``seconds`` are over."""
        self._budget.penalize(seconds, bucket)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._api.requests

    @property
    def clock_reading(self) -> ClockReading | None:
        """See :attr:`HttpApi.clock_reading`."""
        return self._api.clock_reading

    def close(self) -> None:
        """Release connections."""
        self._api.close()
        self._tokens.close()

    def _ask(self, kind: str, statement: str) -> Mapping[str, Any]:
        # By POST: lists of ids outgrow a URL.
        reply = self._request(
            "POST", "query", content=statement.encode(), headers={"Content-Type": "application/text"}, what=kind,
            bucket="read", writes=False,
        )  # fmt: skip
        answer = reply.data.get("QueryResponse") if isinstance(reply.data, dict) else None
        if not isinstance(answer, dict):
            raise self._odd(kind, "no QueryResponse")
        return answer

    def _one(self, kind: str, data: Any) -> Entity:
        found = data.get(kind) if isinstance(data, dict) else None
        if not isinstance(found, dict) or not found.get("Id"):
            raise self._odd(kind, f"no {kind}", unknown=True)
        return found

    def _request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, **options: Any) -> Reply:
        try:
            return self._api.request(
                method, self._base + path, params={"minorversion": _MINOR_VERSION, **(params or {})}, **options
            )
        except HttpError as fault:
            trace = fault.headers.get("intuit_tid", "")
            if trace and trace.isascii() and trace.isprintable():
                fault.message = f"{fault.message} [intuit_tid {trace[:60]}]"
                fault.args = (fault.message,)
            raise

    def _odd(self, what: str, how: str, *, unknown: bool = False) -> SideError:
        message = f"{self.system}: {what}: QuickBooks answered with {how}; it is asked again"
        return SideError(ErrorKind.TRANSIENT, message, code="answer", effect_unknown=unknown)


def literal(text: str) -> str:
    """A text in the query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
