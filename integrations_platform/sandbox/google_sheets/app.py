"""The stand-in's routes: spreadsheets, their values and metadata, Drive files, tokens, quotas and sharing.

Owns who may call what, how often, and which error they get; what a call does to a spreadsheet is in :mod:`.values` and
:mod:`.batch`. Each write works on a copy that replaces the spreadsheet only when all of it went well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from starlette.requests import Request
from starlette.routing import Route

from integrations_platform.sandbox.contracts import Contract, without_nulls
from integrations_platform.sandbox.google_sheets import batch, filters, keeping, schema, seed, values, wording
from integrations_platform.sandbox.google_sheets import person as people
from integrations_platform.sandbox.google_sheets.a1 import BadRange, Box
from integrations_platform.sandbox.google_sheets.book import Spreadsheet, Tab
from integrations_platform.sandbox.google_sheets.tokens import EMAIL, Refused, Tokens, new_key
from integrations_platform.sandbox.past import Past
from integrations_platform.sandbox.vendor import Vendor, VendorError

T = TypeVar("T")
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
           429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
_UNKNOWN_CALLER = ("Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                   "other valid authentication credential.")  # fmt: skip
_PROTECTED = ("You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove "
              "protection if you need to edit.")  # fmt: skip


class GoogleSheets(Vendor):
    """``reads_per_minute`` and ``writes_per_minute`` are the service's limits for one user; ``retry_after``, in
    seconds, is said with a 429 when given. ``books`` are the spreadsheets by id."""

    name: ClassVar[str] = "google_sheets"

    def __init__(
        self, *, reads_per_minute: int = 60, writes_per_minute: int = 60, retry_after: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.limits = {"Read": reads_per_minute, "Write": writes_per_minute}
        self.retry_after = retry_after
        self.tokens = Tokens(new_key())
        self.books: dict[str, Spreadsheet] = {}
        self.meanwhile: list[tuple[str, Mapping[str, Any]]] = []
        self._used: dict[str, tuple[int, int]] = {}
        self._validators: dict[str, Any] = {}

    # What a vendor supplies

    def routes(self) -> list[Route]:
        """See :meth:`Vendor.routes`; more particular paths come first."""
        return [
            Route(_TOKEN_PATH, self._token, methods=["POST"], name="token"),
            *(
                Route(schema.template(document, method), self._handler(method), name=method,
                      methods=[schema.verb(document, method)])
                for method, document in METHODS.items()
            ),
        ]  # fmt: skip

    def contract(self) -> Contract:
        """See :meth:`Vendor.contract`."""
        return schema.contract(METHODS, _TOKEN_PATH)

    def populate(self, size: int) -> None:
        """One spreadsheet with a tab of ``size`` customers, made long ago and edited lately."""
        book = seed.customers(self.seed, size)
        past = Past(self.name, self.seed, self.clock.now())
        book.created = _stamp(past.created("spreadsheet", len(self.books)))
        book.modified = _stamp(past.lately("spreadsheet", len(self.books)))
        self.add(book)

    def reset(self) -> None:
        """See :meth:`Vendor.reset`."""
        self.books.clear()
        self.meanwhile.clear()
        self._used.clear()

    def dump(self) -> Any:
        """See :meth:`Vendor.dump`; the key is kept, so that credentials given out go on working."""
        return {"key": self.tokens.private_key, "books": [keeping.to_data(book) for book in self.books.values()]}

    def load(self, state: Any) -> None:
        """See :meth:`Vendor.load`."""
        self.tokens = Tokens(state["key"])
        self.books = {data["id"]: keeping.from_data(data) for data in state["books"]}

    def person(self, action: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :mod:`.person`; with ``before`` (an operation) the edit waits for the next call of that operation."""
        if (operation := action.get("before")) is not None:
            people.check(action)
            self.meanwhile.append((str(operation), action))
            return {"waits_for": operation}
        with self.lock:
            book = self.books[action["spreadsheet"]] if "spreadsheet" in action else next(iter(self.books.values()))
            done = people.carry_out(book, action)
            self._touch(book)
        return done

    def expire_token(self) -> None:
        """See :meth:`Vendor.expire_token`."""
        self.tokens.expire()

    def error_body(self, status: int) -> Mapping[str, Any]:
        """See :meth:`Vendor.error_body`."""
        message = _quota("Read") if status == 429 else "The service is currently unavailable."
        return _error(status, message)

    def options(self, url: str) -> Mapping[str, str]:
        """See :meth:`Vendor.options`; the first spreadsheet is the one."""
        first = next(iter(self.books), "")
        return {"base_url": url, "credentials": json.dumps(self.tokens.credentials(url)), "spreadsheet_id": first}

    # What stories use

    def credentials(self, url: str) -> dict[str, str]:
        """Ready credentials of the service account for the stand-in served at ``url``."""
        return self.tokens.credentials(url)

    def add(self, book: Spreadsheet) -> Spreadsheet:
        """Take a spreadsheet in, shared with the service account as editor unless it is shared already."""
        if not book.editors | book.viewers:
            book.editors.add(EMAIL)
        book.created = book.created or self._now()
        book.modified = book.modified or book.created
        self.books[book.id] = book
        return book

    # Calls

    def _handler(self, method: str) -> Callable[[Request], Any]:
        action = getattr(self, "_" + method.replace(".", "_"))
        document = METHODS[method]
        kind = "" if document == schema.DRIVE else "Write" if method in WRITES else "Read"

        def handler(request: Request) -> Any:
            self._admit(request, kind)
            self._interrupted(method)
            try:
                answer = action(request)
            except (BadRange, values.BadValue, batch.Invalid, wording.BadMask) as fault:
                raise VendorError(400, _error(400, str(fault))) from None
            fields = request.query_params.get("fields")
            try:
                return wording.masked(answer, wording.parse_mask(fields)) if fields else answer
            except wording.BadMask as fault:
                raise VendorError(400, _error(400, str(fault))) from None

        return handler

    def _admit(self, request: Request, kind: str) -> None:
        if self.tokens.holder(request.headers.get("authorization", ""), self.clock.now()) is None:
            raise VendorError(401, _error(401, _UNKNOWN_CALLER))
        if not kind:
            return
        minute = int(self.clock.now().timestamp() // 60)
        at, used = self._used.get(kind, (minute, 0))
        used = used if at == minute else 0
        if used >= self.limits[kind]:
            headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
            raise VendorError(429, _error(429, _quota(kind)), headers)
        self._used[kind] = (minute, used + 1)

    def _interrupted(self, method: str) -> None:
        """What a person does just before this call is carried out: one thing before each."""
        found = next((each for each in self.meanwhile if each[0] == method), None)
        if found is not None:
            self.meanwhile.remove(found)
            self.person({name: value for name, value in found[1].items() if name != "before"})

    def _book(self, request: Request, *, writes: bool = False, key: str = "spreadsheetId") -> Spreadsheet:
        book = self.books.get(request.path_params[key])
        if book is None:
            raise VendorError(404, _error(404, "Requested entity was not found."))
        allowed = EMAIL in book.editors or (not writes and EMAIL in book.viewers)
        if not allowed:
            raise VendorError(403, _error(403, "The caller does not have permission"))
        return book

    def _body_of(self, request: Request, method: str) -> Any:
        """The body, checked: what has no place in the service's messages is refused as the service does."""
        try:
            body = without_nulls(self.body(request))
        except ValueError:
            raise VendorError(400, _error(400, "Invalid JSON payload received.")) from None
        document = METHODS[method]
        validator = self._validators.get(method)
        if validator is None:
            validator = self._validators[method] = self.checked_contract.validator(
                schema.request_schema(document, method) or {}
            )
        for fault in validator.iter_errors(body):
            at = ".".join(str(step) for step in fault.instance_path)
            message = f"Invalid JSON payload received. {fault.message[:200]}" + (f" at '{at}'" if at else "")
            details = [{"@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [{"field": at, "description": message}]}]  # fmt: skip
            raise VendorError(400, _error(400, message, details))
        return body

    def _written(self, book: Spreadsheet, action: Callable[[Spreadsheet], T]) -> T:
        """Do ``action`` to a copy, and keep the copy if it went well."""
        copy = book.copy()
        done = action(copy)
        book.take(copy)
        self._touch(book)
        return done

    def _touch(self, book: Spreadsheet) -> None:
        book.version += 1
        book.modified = self._now()

    def _now(self) -> str:
        return _stamp(self.clock.now())

    # Spreadsheets

    def _spreadsheets_get(self, request: Request) -> Any:
        return wording.spreadsheet(self._book(request), EMAIL)

    def _spreadsheets_batchUpdate(self, request: Request) -> Any:  # noqa: N802  the service's name
        book = self._book(request, writes=True)
        body = self._body_of(request, "spreadsheets.batchUpdate")
        requests = body.get("requests", [])
        if not requests:
            raise VendorError(400, _error(400, "Must specify at least one request."))
        replies = self._written(book, lambda copy: batch.carry_out(copy, requests, guard))
        return {"spreadsheetId": book.id, "replies": replies}

    def _spreadsheets_developerMetadata_search(self, request: Request) -> Any:  # noqa: N802
        book = self._book(request)
        body = self._body_of(request, "spreadsheets.developerMetadata.search")
        matched = filters.matched_metadata(book, body.get("dataFilters", []))
        found = [{"developerMetadata": wording.metadata(entry), "dataFilters": by} for entry, by in matched]
        return {"matchedDeveloperMetadata": found} if found else {}

    # Values

    def _spreadsheets_values_get(self, request: Request) -> Any:
        return values.read(self._book(request), request.path_params["range"], _rendering(request))

    def _spreadsheets_values_batchGet(self, request: Request) -> Any:  # noqa: N802
        book, how = self._book(request), _rendering(request)
        found = [values.read(book, text, how) for text in request.query_params.getlist("ranges")]
        return {"spreadsheetId": book.id, "valueRanges": found}

    def _spreadsheets_values_update(self, request: Request) -> Any:
        book, text = self._book(request, writes=True), request.path_params["range"]
        body, option = self._body_of(request, "spreadsheets.values.update"), _input_option(request.query_params)
        written = self._written(book, lambda copy: values.write(copy, text, body, option, guard))
        return written.answer(book) | self._echoed(book, written, request)

    def _echoed(self, book: Spreadsheet, written: values.Written, request: Request) -> dict[str, Any]:
        if request.query_params.get("includeValuesInResponse", "").lower() != "true":
            return {}
        how = values.Rendering(request.query_params.get("responseValueRenderOption", "FORMATTED_VALUE"))
        return {"updatedData": values.read_box(book, written.tab, written.box, how)}

    def _spreadsheets_values_batchUpdate(self, request: Request) -> Any:  # noqa: N802
        book = self._book(request, writes=True)
        body = self._body_of(request, "spreadsheets.values.batchUpdate")
        option = _input_option(body)

        def write(copy: Spreadsheet) -> list[values.Written]:
            return [values.write(copy, one.get("range", ""), one, option, guard) for one in body.get("data", [])]

        return _totals(book, self._written(book, write))

    def _spreadsheets_values_append(self, request: Request) -> Any:
        book, text = self._book(request, writes=True), request.path_params["range"]
        body, query = self._body_of(request, "spreadsheets.values.append"), request.query_params
        option, insert = _input_option(query), query.get("insertDataOption", "OVERWRITE")
        if insert not in ("OVERWRITE", "INSERT_ROWS"):
            raise VendorError(400, _error(400, f"Invalid value at 'insert_data_option': {insert}"))
        table, written = self._written(book, lambda copy: values.append(copy, text, body, option, insert, guard))
        answer: dict[str, Any] = {"spreadsheetId": book.id}
        answer |= {} if table is None else {"tableRange": table}
        return answer | {"updates": written.answer(book) | self._echoed(book, written, request)}

    def _spreadsheets_values_clear(self, request: Request) -> Any:
        book, text = self._book(request, writes=True), request.path_params["range"]
        return {"spreadsheetId": book.id,
                "clearedRange": self._written(book, lambda copy: values.clear(copy, text, guard))}  # fmt: skip

    def _spreadsheets_values_batchClear(self, request: Request) -> Any:  # noqa: N802
        book = self._book(request, writes=True)
        ranges = self._body_of(request, "spreadsheets.values.batchClear").get("ranges", [])
        cleared = self._written(book, lambda copy: [values.clear(copy, text, guard) for text in ranges])
        return {"spreadsheetId": book.id, "clearedRanges": cleared}

    def _spreadsheets_values_batchGetByDataFilter(self, request: Request) -> Any:  # noqa: N802
        book = self._book(request)
        body = self._body_of(request, "spreadsheets.values.batchGetByDataFilter")
        how = values.Rendering(body.get("valueRenderOption", "FORMATTED_VALUE"),
                               body.get("dateTimeRenderOption", "SERIAL_NUMBER"),
                               body.get("majorDimension", "ROWS"))  # fmt: skip
        found = [
            {"valueRange": values.read_box(book, tab, box, how), "dataFilters": [one]}
            for one in body.get("dataFilters", []) for tab, box in filters.boxes(book, one)
        ]  # fmt: skip
        return {"spreadsheetId": book.id, "valueRanges": found}

    def _spreadsheets_values_batchUpdateByDataFilter(self, request: Request) -> Any:  # noqa: N802
        book = self._book(request, writes=True)
        body = self._body_of(request, "spreadsheets.values.batchUpdateByDataFilter")
        option = _input_option(body)

        def write(copy: Spreadsheet) -> list[tuple[Mapping[str, Any], values.Written]]:
            return [
                (one.get("dataFilter", {}),
                 values.put_lines(copy, tab, box.top, box.left, values.by_rows(one), option, guard))
                for one in body.get("data", []) for tab, box in filters.boxes(copy, one.get("dataFilter", {}))
            ]  # fmt: skip

        done = self._written(book, write)
        totals = _totals(book, [written for _, written in done])
        for answer, (one, _) in zip(totals["responses"], done, strict=True):
            del answer["spreadsheetId"]
            answer["dataFilter"] = one
        return totals

    # Drive

    def _files_get(self, request: Request) -> Any:
        book = self.books.get(request.path_params["fileId"])
        if book is None or EMAIL not in book.editors | book.viewers:
            raise VendorError(404, _error(404, f"File not found: {request.path_params['fileId']}.",
                                          errors=[{"domain": "global", "reason": "notFound"}]))  # fmt: skip
        found = wording.file(book)
        return found if "fields" in request.query_params else _brief(found)

    def _files_list(self, request: Request) -> Any:
        title = filters.title_asked_for(request.query_params.get("q", ""))
        files = [wording.file(book) for book in self.books.values()
                 if EMAIL in book.editors | book.viewers and title in (None, book.title)]  # fmt: skip
        if "fields" not in request.query_params:
            files = [_brief(one) for one in files]
        return {"kind": "drive#fileList", "incompleteSearch": False, "files": files}

    def _files_create(self, request: Request) -> Any:
        body = self._body_of(request, "files.create")
        if body.get("mimeType") != wording.MIME:
            raise VendorError(400, _error(400, "This stand-in keeps spreadsheets only."))
        book = Spreadsheet(f"sandbox-{len(self.books) + 1}", body.get("name", "Untitled"))
        book.add_tab("Sheet1")
        return _brief(wording.file(self.add(book)))

    def _token(self, request: Request) -> Any:
        now = self.clock.now()
        try:
            # The assertion was dated by the caller's clock, which nobody moved.
            return self.tokens.grant(request.state.body, now=now, at=now - self.clock.offset)
        except Refused as refusal:
            raise VendorError(400, {"error": refusal.code, "error_description": str(refusal)}) from None


def guard(tab: Tab, box: Box) -> None:
    """Refuse to touch cells that are protected from the service account. Raises :class:`.values.BadValue`."""
    if any(box.overlaps(one.box) and not wording.may_edit(one, EMAIL) for one in tab.protections):
        raise values.BadValue(_PROTECTED)


METHODS: Mapping[str, str] = {
    "spreadsheets.batchUpdate": schema.SHEETS,
    "spreadsheets.developerMetadata.search": schema.SHEETS,
    "spreadsheets.values.batchGet": schema.SHEETS,
    "spreadsheets.values.batchUpdate": schema.SHEETS,
    "spreadsheets.values.batchClear": schema.SHEETS,
    "spreadsheets.values.batchGetByDataFilter": schema.SHEETS,
    "spreadsheets.values.batchUpdateByDataFilter": schema.SHEETS,
    "spreadsheets.values.append": schema.SHEETS,
    "spreadsheets.values.clear": schema.SHEETS,
    "spreadsheets.values.get": schema.SHEETS,
    "spreadsheets.values.update": schema.SHEETS,
    "spreadsheets.get": schema.SHEETS,
    "files.list": schema.DRIVE,
    "files.create": schema.DRIVE,
    "files.get": schema.DRIVE,
}
"""Methods answered, with their documents; particular paths before general ones."""

WRITES = frozenset({
    "spreadsheets.batchUpdate", "spreadsheets.values.update", "spreadsheets.values.append",
    "spreadsheets.values.clear", "spreadsheets.values.batchUpdate", "spreadsheets.values.batchClear",
    "spreadsheets.values.batchUpdateByDataFilter",
})  # fmt: skip
_TOKEN_PATH = "/token"  # noqa: S105  a path


def _error(status: int, message: str, details: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"code": status, "message": message, **more}
    if "errors" not in more:
        found["status"] = _STATUS.get(status, "UNKNOWN")
    return {"error": found | ({"details": details} if details else {})}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + "000Z"


def _quota(kind: str) -> str:
    return (f"Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per minute per user' of "
            "service 'sheets.googleapis.com' for consumer 'project_number:100000000000'.")  # fmt: skip


def _rendering(request: Request) -> values.Rendering:
    query = request.query_params
    found = values.Rendering(
        query.get("valueRenderOption", "FORMATTED_VALUE"), query.get("dateTimeRenderOption", "SERIAL_NUMBER"),
        query.get("majorDimension", "ROWS"),
    )  # fmt: skip
    known = {
        "value_render_option": (found.values, ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")),
        "date_time_render_option": (found.dates, ("SERIAL_NUMBER", "FORMATTED_STRING")),
        "major_dimension": (found.dimension, ("ROWS", "COLUMNS")),
    }
    for name, (given, options) in known.items():
        if given not in options:
            raise VendorError(400, _error(400, f"Invalid value at '{name}': \"{given}\""))
    return found


def _input_option(given: Mapping[str, Any]) -> str:
    option = str(given.get("valueInputOption", ""))
    if option not in ("RAW", "USER_ENTERED"):
        raise VendorError(400, _error(400, "'valueInputOption' is required but not specified"))
    return option


def _totals(book: Spreadsheet, done: list[values.Written]) -> dict[str, Any]:
    rows = {(one.tab.sheet_id, row) for one in done if one.cells for row in range(one.box.top, one.box.bottom)}
    columns = {(one.tab.sheet_id, at) for one in done if one.cells for at in range(one.box.left, one.box.right)}
    totals = {
        "totalUpdatedRows": len(rows),
        "totalUpdatedColumns": len(columns),
        "totalUpdatedCells": sum(one.cells for one in done),
        "totalUpdatedSheets": len({one.tab.sheet_id for one in done if one.cells}),
    }
    found: dict[str, Any] = {"spreadsheetId": book.id}
    found |= {name: count for name, count in totals.items() if count}
    return found | {"responses": [one.answer(book) for one in done]}


def _brief(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("kind", "id", "name", "mimeType")}
