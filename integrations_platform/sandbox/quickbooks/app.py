"""A stand-in for QuickBooks Online's accounting API: its paths, tokens, limits, replays and answers.

The rules of the books are in :mod:`.company`, the shapes in :mod:`.schema`. It is held to the vendor's contract by its
schemas, by the behaviour table and by python-quickbooks; what nobody has verified is in :mod:`.readings`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations_platform.sandbox.contracts import Contract
from integrations_platform.sandbox.quickbooks import openapi, people, seed
from integrations_platform.sandbox.quickbooks.answers import answer, plain, shown
from integrations_platform.sandbox.quickbooks.company import Company, Entity
from integrations_platform.sandbox.quickbooks.query import Matcher, Select, parse
from integrations_platform.sandbox.quickbooks.quotas import Limits, Quotas
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.sandbox.quickbooks.refusals import BusinessError, fault_of, gateway, refusal, stamp
from integrations_platform.sandbox.quickbooks.schema import KINDS
from integrations_platform.sandbox.quickbooks.tokens import (
    CLIENT_ID,
    CLIENT_SECRET,
    FIRST_ACCESS,
    FIRST_REFRESH,
    Tokens,
)
from integrations_platform.sandbox.vendor import Vendor, VendorError

REALM = "4620816365000000001"
_LISTS = frozenset(KINDS) - {"Invoice"}  # kinds with Active, whose inactive ones a query hides
_CDC_DAYS = 30
_LONGEST_REQUEST_ID = 50
Data = Mapping[str, Any]


class QuickBooks(Vendor):
    """``limits`` as the vendor's; tests that are not about them lift them. ``readings`` of what is not verified.

    ``short_pages``: a query answers at most so many entities, though more were asked for and exist. ``cdc_most``: where
    CDC cuts its answer silently. ``throttled_from``: items of a batch from this one on answer 3001 (None: never).
    """

    name = "quickbooks"

    def __init__(self, *, realm: str = REALM, limits: Limits | None = None, readings: Readings | None = None,
                 **options: Any) -> None:  # fmt: skip
        super().__init__(**options)
        self.realm, self.limits, self._readings = realm, limits or Limits(), readings or Readings()
        self.short_pages: int | None = None
        self.cdc_most = 1000
        self.throttled_from: int | None = None
        self.reset()

    # The interface of a vendor

    def routes(self) -> list[Route]:
        """See :meth:`Vendor.routes`."""
        base = "/v3/company/{realm}"
        found = [
            Route("/oauth2/v1/tokens/bearer", self._token, methods=["POST"], name="token"),
            Route(f"{base}/query", self._served(self._query), methods=["GET"], name="query"),
            Route(f"{base}/query", self._served(self._query), methods=["POST"], name="query"),
            Route(f"{base}/batch", self._served(self._batch), methods=["POST"], name="batch"),
            Route(f"{base}/cdc", self._served(self._cdc), methods=["GET"], name="cdc"),
            Route(f"{base}/companyinfo/{{id}}", self._served(self._company_info), methods=["GET"], name="companyinfo"),
            Route(f"{base}/preferences", self._served(self._preferences), methods=["GET"], name="preferences"),
        ]
        for kind in KINDS:
            path = f"{base}/{kind.lower()}"
            found.append(Route(path, self._served(self._writer(kind)), methods=["POST"], name=f"{kind.lower()}.write"))
            found.append(
                Route(f"{path}/{{id}}", self._served(self._reader(kind)), methods=["GET"], name=f"{kind.lower()}.read")
            )
        return found

    def contract(self) -> Contract:
        """See :meth:`Vendor.contract`."""
        return openapi.contract()

    def populate(self, size: int) -> None:
        """See :meth:`Vendor.populate`."""
        with self.lock:
            seed.populate(self.company, size, self.seed)

    def reset(self) -> None:
        """See :meth:`Vendor.reset`."""
        self.company = Company(self.realm, self.clock.now, self._readings)
        self.company.lenient = self.lenient_requests
        self.tokens = Tokens(self.clock.now)
        self.quotas = Quotas(self.limits, self.clock.now, self._readings.retry_after)
        self._first_answers: dict[str, tuple[int, Any]] = {}
        self._tid = 0

    def dump(self) -> Any:
        """See :meth:`Vendor.dump`."""
        company = self.company
        return {
            "entities": plain(company.entities), "tombstones": plain(company.tombstones), "last_id": company.last_id,
            "tokens": self.tokens.dump(), "answers": plain(self._first_answers),
        }  # fmt: skip

    def load(self, state: Any) -> None:
        """See :meth:`Vendor.load`."""
        kept = json.loads(json.dumps(state), parse_float=Decimal)
        self.company.take_over(kept["entities"])
        self.company.tombstones = [(kind, gone) for kind, gone in kept["tombstones"]]
        self.company.last_id = kept["last_id"]
        self.tokens.load(kept["tokens"])
        self._first_answers = {name: (status, body) for name, (status, body) in kept["answers"].items()}

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :meth:`Vendor.person` and :mod:`.people`."""
        with self.lock:
            return plain(people.act(self.company, action))  # type: ignore[no-any-return]

    @classmethod
    def options(cls, url: str) -> Mapping[str, str]:
        """See :meth:`Vendor.options`."""
        return {
            "base_url": url, "token_url": f"{url}/oauth2/v1/tokens/bearer", "realm_id": REALM,
            "access_token": FIRST_ACCESS, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "refresh_token": FIRST_REFRESH,
        }  # fmt: skip

    def expire_token(self) -> None:
        """See :meth:`Vendor.expire_token`."""
        self.tokens.expire()

    def error_body(self, status: int) -> Mapping[str, Any]:
        """See :meth:`Vendor.error_body`."""
        names = {401: ("3200", "AuthenticationFailed", "AUTHENTICATION"), 403: ("3100", "AuthorizationFailed",
                 "AUTHORIZATION"), 429: ("3001", "ThrottleExceeded", "THROTTLING")}  # fmt: skip
        if status in names:
            return gateway(status, *names[status]).body  # type: ignore[no-any-return]
        code = "10000" if status >= 500 else "6000"
        return {"Fault": fault_of(code, f"injected status {status}"), "time": stamp(self.clock.now())}

    # What every call passes

    def _served(self, handler: Callable[[Request], Data]) -> Callable[[Request], Response]:
        def serve(request: Request) -> Response:
            self._tid += 1
            headers: Mapping[str, str] = {}
            try:
                status, data = 200, self._admitted(request, handler)
            except VendorError as error:
                status, data, headers = error.status, error.body, error.headers
            if "fault" not in data and "time" not in data:
                data = {**data, "time": stamp(self.clock.now())}
            if status in (401, 403, 429):  # the gateway speaks JSON whatever is asked for
                return JSONResponse(plain(data), status, {**headers, "intuit_tid": self._trace()})
            return answer(request, data, status, self._trace(), headers)

        return serve

    def _trace(self) -> str:
        return f"1-{self.seed:08x}-{self._tid:024x}"

    def _admitted(self, request: Request, handler: Callable[[Request], Data]) -> Data:
        self.tokens.admit(request.headers.get("authorization", ""))
        if request.path_params["realm"] != self.realm:
            raise gateway(403, "3100", "ApplicationAuthorizationFailed", "AUTHORIZATION")
        batch = request.url.path.endswith("/batch")
        asks = request.method == "GET" or request.url.path.endswith("/query")
        self.quotas.admit(reads=asks, batch=batch)
        request_id = request.query_params.get("requestid", "")
        readings = self._readings
        if not request_id or request.method != "POST" or asks or not readings.requestid_works:
            return handler(request)
        if batch and not readings.requestid_in_batch:
            return handler(request)
        if len(request_id) > _LONGEST_REQUEST_ID:
            raise refusal("2050", f"requestid is longer than {_LONGEST_REQUEST_ID} characters", "requestid")
        if request_id in self._first_answers:
            status, data = self._first_answers[request_id]
            if status != 200:
                raise VendorError(status, data)
            return data  # type: ignore[no-any-return]
        try:
            data = {**handler(request), "time": stamp(self.clock.now())}
        except BusinessError as error:
            if readings.requestid_replays_faults:
                self._first_answers[request_id] = (error.status, error.body)
            raise
        self._first_answers[request_id] = (200, data)
        return data

    # Handlers

    def _token(self, request: Request) -> Mapping[str, Any]:
        return self.tokens.grant(
            request.headers.get("authorization", ""), request.state.body.decode("utf-8", "replace")
        )

    def _reader(self, kind: str) -> Callable[[Request], Data]:
        return lambda request: {kind: shown(self.company.entity(kind, request.path_params["id"]))}

    def _writer(self, kind: str) -> Callable[[Request], Data]:
        def write(request: Request) -> Data:
            return {kind: self._write(kind, request.query_params.get("operation", ""), self._json(request))}

        return write

    def _write(self, kind: str, operation: str, sent: Any) -> Entity:
        company = self.company
        if operation in ("delete", "void"):
            return shown(company.delete(kind, sent) if operation == "delete" else company.void(kind, sent))
        if operation not in ("", "create", "update"):
            raise refusal("2010", f"Operation {operation} is not supported", "operation")
        has_id = isinstance(sent, dict) and sent.get("Id") not in (None, "")
        updates = has_id if operation == "" else operation == "update"
        return shown(company.update(kind, sent) if updates else company.create(kind, sent))

    def _json(self, request: Request) -> Any:
        try:
            return json.loads(request.state.body, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise refusal("2010", "The request body is no JSON") from None

    def _query(self, request: Request) -> Data:
        if request.method == "GET":
            statement = request.query_params.get("query", "")
        else:
            statement = request.state.body.decode("utf-8", "replace")
        if not statement.strip():
            raise refusal("4000", "There is no query")
        return {"QueryResponse": self._answer_query(parse(statement))}

    def _answer_query(self, select: Select) -> dict[str, Any]:
        names = {kind.casefold(): kind for kind in (*KINDS, "CompanyInfo", "Preferences")}
        kind = names.get(select.kind.casefold())
        if kind is None:
            raise refusal("4001", f"No entity {select.kind} can be asked for")
        matcher = Matcher(self._readings.any_case_matches, self._readings.ids_as_text)
        found = [shown(each) for each in self._all(kind)]
        if kind in _LISTS and not select.names("Active"):
            found = [each for each in found if each.get("Active", True)]
        found = [each for each in found if matcher.matches(select, each)]
        if select.counts:
            return {"totalCount": len(found)}
        longest = min(select.most, self.short_pages or select.most)
        page = matcher.ordered(select, found)[select.start - 1 :][:longest]
        positions = {"startPosition": select.start, "maxResults": len(page)}
        if not page:
            return positions if self._readings.empty_page_has_positions else {}
        return {kind: page, **positions}

    def _all(self, kind: str) -> list[Entity]:
        if kind == "CompanyInfo":
            return [self._info()]
        return [self._preferred()] if kind == "Preferences" else self.company.records(kind)

    def _batch(self, request: Request) -> Data:
        sent = self._json(request)
        items = sent.get("BatchItemRequest") if isinstance(sent, dict) else None
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise refusal("2020", "Required parameter BatchItemRequest is missing", "BatchItemRequest")
        if len(items) > 30:
            raise refusal("2050", "A batch holds at most 30 items", "BatchItemRequest")
        return {"BatchItemResponse": [self._item(position, item) for position, item in enumerate(items, 1)]}

    def _item(self, position: int, item: dict[str, Any]) -> dict[str, Any]:
        bid = {"bId": str(item.get("bId", ""))}
        if self.throttled_from is not None and position >= self.throttled_from:
            return {**bid, "Fault": fault_of("3001", "message=ThrottleExceeded; errorCode=003001; statusCode=429")}
        try:
            if "Query" in item:
                return {**bid, "QueryResponse": self._answer_query(parse(str(item["Query"])))}
            kinds = [name for name in item if name in KINDS]
            operation = str(item.get("operation", ""))
            if len(kinds) != 1 or operation not in ("create", "update", "delete", "void"):
                raise refusal("2010", "A batch item holds one entity and an operation, or a Query")
            return {**bid, kinds[0]: self._write(kinds[0], operation, item[kinds[0]])}
        except BusinessError as error:
            return {**bid, "Fault": error.fault}

    def _cdc(self, request: Request) -> Data:
        names = {kind.casefold(): kind for kind in KINDS}
        asked = [name.strip() for name in request.query_params.get("entities", "").split(",") if name.strip()]
        unknown = [name for name in asked if name.casefold() not in names]
        if not asked or unknown:
            raise refusal(
                "2020" if not asked else "2010", f"entities: {', '.join(unknown) or 'none named'}", "entities"
            )
        since = _moment(request.query_params.get("changedSince", ""))
        if since is None or since < self.clock.now() - timedelta(days=_CDC_DAYS):
            raise refusal(
                "2010", f"changedSince is a time with an offset, at most {_CDC_DAYS} days ago", "changedSince"
            )
        left = self.cdc_most
        responses: list[dict[str, Any]] = []
        for kind in dict.fromkeys(names[name.casefold()] for name in asked):
            changed = [shown(each) for each in self.company.records(kind)]
            changed += [gone for gone_kind, gone in self.company.tombstones if gone_kind == kind]
            changed = [each for each in changed if _changed(each) >= since.replace(microsecond=0)]
            changed = sorted(changed, key=_changed, reverse=True)[:left]
            left -= len(changed)
            counts = {"startPosition": 1, "maxResults": len(changed), "totalCount": len(changed)}
            responses.append({kind: changed, **counts} if changed else {})
        return {"CDCResponse": [{"QueryResponse": responses}]}

    def _company_info(self, request: Request) -> Data:
        if request.path_params["id"] != self.realm:
            raise refusal("610", "Object Not Found : CompanyInfo")
        return {"CompanyInfo": self._info()}

    def _preferences(self, _request: Request) -> Data:
        return {"Preferences": self._preferred()}

    def _info(self) -> Entity:
        return {
            **self._single(), "CompanyName": "Lakeside Supplies", "LegalName": "Lakeside Supplies Inc.",
            "CompanyAddr": {"Id": "1", "Line1": "1 Pier Street", "City": "Lakeside", "CountrySubDivisionCode": "CA",
                            "PostalCode": "94000"},
            "Country": "US", "Email": {"Address": "books@lakeside.example"}, "FiscalYearStartMonth": "January",
            "DefaultTimeZone": self.company.time_zone,
        }  # fmt: skip

    def _preferred(self) -> Entity:
        currency = self.company.home_currency
        return {
            **self._single(), "SalesFormsPrefs": {"CustomTxnNumbers": self.company.custom_numbers},
            "CurrencyPrefs": {"MultiCurrencyEnabled": self.company.many_currencies,
                              "HomeCurrency": {"value": currency}},
        }  # fmt: skip

    def _single(self) -> Entity:
        moment = "2020-01-01T00:00:00-08:00"
        times = {"CreateTime": moment, "LastUpdatedTime": moment}
        return {"Id": "1", "SyncToken": "0", "domain": "QBO", "sparse": False, "MetaData": times}

    def read_otherwise(self, **readings: Any) -> None:
        """Take other readings from now on."""
        self._readings = replace(self._readings, **readings)
        self.company.readings = self._readings
        self.quotas = Quotas(self.limits, self.clock.now, self._readings.retry_after)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus that was not URL-encoded arrives as a blank
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _changed(entity: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entity["MetaData"]["LastUpdatedTime"])
