"""Calls to the Sheets API through gspread, every way they can end put in the engine's words.

Owns credentials, time limits, the budget, the classification of errors, the server's clock and the count of requests.
It repeats nothing by itself: a batch whose answer was lost may have been carried out. google-auth renews an ended
token once and sends the request again, which is safe because a refused token did nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.google_sheets.grid import Area, Tab
from integrations_platform.connectors.http import checked_base
from integrations_platform.connectors.http_errors import Rule, Said, http_date, redacted, retry_after, rule_for
from integrations_platform.unified_sync.port import ClockReading, ErrorKind, SideError

if TYPE_CHECKING:
    from gspread.http_client import HTTPClient
    from requests import Response

SHEETS, DRIVE = "https://sheets.googleapis.com", "https://www.googleapis.com"
METADATA = ("properties(title,timeZone),sheets(properties(sheetId,title,sheetType,gridProperties),merges,"
            "protectedRanges,developerMetadata)")  # fmt: skip
WITNESS = "integrations_platform.key"
TIMEOUT = (10.0, 180.0)  # to connect, and to wait for an answer: Google gives a request 180 s
_DATE_STEP = timedelta(seconds=0.5)  # a Date header says the second, cut off
_ACCOUNT = ("client_email", "private_key", "token_uri")
_PROTECTED = "protected cell"

RULES: Sequence[Rule] = (
    Rule((400,), ErrorKind.CONFIGURATION, "range", codes=frozenset({"RANGE"}),
         remedy="the tab was renamed or deleted meanwhile; run again, or correct `object:`"),
    Rule((400,), ErrorKind.PERMANENT, "protected", codes=frozenset({"PROTECTED"}),
         remedy="let the service account edit the protected range (Data → Protect sheets and ranges)"),
    Rule((401,), ErrorKind.CONFIGURATION, "unauthorized", remedy="create a new key for the service account"),
    Rule((404,), ErrorKind.CONFIGURATION, "spreadsheet",
         remedy="correct spreadsheet_id: it stands in the address of the sheet between /d/ and /edit"),
    Rule((429,), ErrorKind.TRANSIENT, "rate_limit", wait=20.0),  # the quota is per minute
)  # fmt: skip


def read_error(status: int, data: Any) -> Said:
    """What an error body says, with a code of our own where Google gives none."""
    error = data.get("error") if isinstance(data, Mapping) else None
    if not isinstance(error, Mapping):
        return Said()
    message, code = str(error.get("message", "")), str(error.get("status", ""))
    if status == 400 and message.startswith("Unable to parse range"):
        code = "RANGE"
    elif status == 400 and _PROTECTED in message:
        code = "PROTECTED"
    return Said(code, message)


def account_from(system: str, credentials: str) -> dict[str, Any]:
    """A service account's key, from JSON text or a file. Raises SideError(CONFIGURATION) that quotes nothing."""
    text = credentials.strip()
    if text and not text.startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError):
            message = "the credentials are neither JSON nor a file that can be read"
            raise _unusable(system, message) from None
    try:
        account = json.loads(text) if text else {}
    except ValueError:
        raise _unusable(system, "the credentials are not JSON") from None
    missing = [name for name in _ACCOUNT if not isinstance(account, dict) or not isinstance(account.get(name), str)]
    if missing:
        raise _unusable(system, f"the credentials lack {', '.join(missing)}")
    return dict(account)


def _unusable(system: str, what: str) -> SideError:
    message = (f"{system}: {what}; give the whole JSON key of a service account (Google Cloud → IAM → Service "
               "accounts → Keys), or the path of its file")  # fmt: skip
    return SideError(ErrorKind.CONFIGURATION, message, code="credentials")


class Sheets:
    """One spreadsheet, reached as one service account. Connects when first asked. Used from one thread.

    ``base_url`` stands in for both of Google's addresses; left out, they are Google's. Raises SideError(CONFIGURATION)
    for credentials or an address that cannot be used.
    """

    def __init__(
        self,
        system: str,
        credentials: str,
        spreadsheet_id: str,
        *,
        clock: Callable[[], datetime],
        budget: Budget,
        base_url: str = "",
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self.system, self.spreadsheet_id, self.requests = system, spreadsheet_id, 0
        self._account = account_from(system, credentials)
        self.email = str(self._account["client_email"])
        base = str(checked_base(system, base_url)).rstrip("/") if base_url else SHEETS
        self._base = "" if base == SHEETS else base
        self._clock, self._budget, self._timeout = clock, budget, timeout
        self._http: HTTPClient | None = None
        self.clock_reading: ClockReading | None = None
        if not spreadsheet_id:
            message = f"{system}: no spreadsheet_id; it stands in the address of the sheet between /d/ and /edit"
            raise SideError(ErrorKind.CONFIGURATION, message, code="spreadsheet")

    def metadata(self) -> Mapping[str, Any]:
        """Title, zone and tabs, without cells. Raises SideError."""
        found: Mapping[str, Any] = self._asked(
            lambda http: http.fetch_sheet_metadata(self.spreadsheet_id, {"fields": METADATA})
        )
        return found

    def values(self, ranges: Sequence[str], render: str = "UNFORMATTED_VALUE") -> list[list[list[Any]]]:
        """Cells of ranges in one read, in the order asked; dates as serials. Raises SideError."""
        params: Any = {"valueRenderOption": render, "dateTimeRenderOption": "SERIAL_NUMBER"}
        answer = self._asked(lambda http: http.values_batch_get(self.spreadsheet_id, list(ranges), params))
        blocks = answer.get("valueRanges") if isinstance(answer, Mapping) else None
        if not isinstance(blocks, list) or len(blocks) != len(ranges):
            raise SideError(ErrorKind.TRANSIENT, f"{self.system}: the answer does not hold the ranges that were asked "
                            "for", code="answer")  # fmt: skip
        return [block.get("values", []) for block in blocks]

    def change(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Carry out requests as one, all or none. Raises SideError; ``effect_unknown`` when the answer was lost."""
        self._asked(lambda http: http.batch_update(self.spreadsheet_id, {"requests": list(requests)}), writes=True)

    def close(self) -> None:
        """Release the connections."""
        if self._http is not None:
            self._http.session.close()
            self._http = None

    def _asked(self, call: Callable[[HTTPClient], Any], *, writes: bool = False) -> Any:
        http = self._opened()
        from requests.exceptions import JSONDecodeError

        try:
            return call(http)
        except JSONDecodeError:
            raise self.lost("answered with something that is not JSON", writes=writes, code="not_json") from None

    def _opened(self) -> HTTPClient:
        if self._http is None:
            from integrations_platform.connectors.google_sheets.transport import opened

            try:
                self._http = opened(self, self._account, bool(self._base))
            except ValueError:  # the key itself cannot be read
                raise _unusable(self.system, "the private_key of the credentials cannot be used") from None
        return self._http

    # For the transport

    def address(self, url: str) -> str:
        """Where a request to one of Google's addresses goes."""
        for prefix in (SHEETS, DRIVE):
            if self._base and url.startswith(prefix + "/"):
                return self._base + url.removeprefix(prefix)
        return url

    def exchange(self, send: Callable[[tuple[float, float]], Response], *, writes: bool) -> Response:
        """One exchange under the budget; an answer that is no error. Raises SideError."""
        from google.auth.exceptions import GoogleAuthError, RefreshError
        from requests.exceptions import ConnectTimeout, RequestException, Timeout

        bucket = "write" if writes else "read"
        self._budget.spend(1, bucket)
        self.requests += 1
        asked = self._clock()
        try:
            answer = send(self._timeout)
        except RefreshError as fault:
            raise self._no_token(fault) from None
        except GoogleAuthError:
            raise self.lost("gave no access token", writes=False, code="connection") from None
        except Timeout as fault:
            sent = writes and not isinstance(fault, ConnectTimeout)
            raise self.lost("did not answer in time", writes=sent, code="timeout") from None
        except RequestException as fault:
            unsent = "NewConnectionError" in repr(fault) or "NameResolutionError" in repr(fault)
            how = "cannot be reached" if unsent else "closed the connection without a whole answer"
            raise self.lost(how, writes=writes and not unsent, code="connection") from None
        there = http_date(answer.headers.get("date", ""))
        if there is not None:
            half = (self._clock() - asked) / 2
            self.clock_reading = ClockReading(there + _DATE_STEP - (asked + half), half + _DATE_STEP)
        if answer.status_code >= 300:
            raise self._error(answer, bucket, writes=writes)
        return answer

    def lost(self, how: str, *, writes: bool, code: str) -> SideError:
        """No usable answer; a write may have been carried out."""
        more = "; it may have been carried out even so" if writes else ""
        message = f"{self.system}: Google Sheets {how}{more}"
        return SideError(ErrorKind.TRANSIENT, message, code=code, effect_unknown=writes)

    def _no_token(self, fault: Any) -> SideError:
        # A refusal is JSON and comes along whole; a page of some gateway says nothing about the key.
        if fault.retryable or len(fault.args) < 2:
            return self.lost("gave no access token", writes=False, code="token")
        said = redacted(str(fault.args[0]) if fault.args else "refused", [str(self._account["private_key"])])
        message = (f"{self.system}: Google refused the key of {self.email} ({said}); create a new key for this service "
                   "account, and check this machine's clock")  # fmt: skip
        return SideError(ErrorKind.CONFIGURATION, message, code="credentials")

    def _error(self, answer: Response, bucket: str, *, writes: bool) -> SideError:
        try:
            data = answer.json()
        except ValueError:
            data = None
        said = read_error(answer.status_code, data)
        rule = rule_for(RULES, answer.status_code, said.code)
        wait = retry_after({name.lower(): value for name, value in answer.headers.items()}, self._clock())
        wait = rule.wait if wait is None else wait
        if rule.kind is ErrorKind.TRANSIENT and wait and answer.status_code in (429, 503):
            self._budget.penalize(wait, bucket)
        remedy = rule.remedy
        if answer.status_code == 403:
            remedy = (f"share the spreadsheet with {self.email} as Editor (button Share), and enable the Google Sheets "
                      "API in the project of the service account")  # fmt: skip
        parts = [f"{self.system}: {said.message or 'refused'} (HTTP {answer.status_code} {said.code}".rstrip() + ")",
                 remedy]  # fmt: skip
        message = redacted("; ".join(filter(None, parts)), [str(self._account["private_key"])])
        return SideError(
            rule.kind, message, code=rule.code or said.code or f"http_{answer.status_code}",
            effect_unknown=writes and rule.perhaps_done,
            retry_after=wait if rule.kind is ErrorKind.TRANSIENT else None,
        )  # fmt: skip


def tabs_of(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tabs that hold cells."""
    return [sheet for sheet in metadata.get("sheets", []) if sheet["properties"].get("sheetType", "GRID") == "GRID"]


def tab_of(sheet: Mapping[str, Any], zone: Any) -> Tab:
    """One tab of the metadata."""
    properties = sheet["properties"]
    grid = properties.get("gridProperties", {})
    rows, columns = grid.get("rowCount", 0), grid.get("columnCount", 0)

    def area(given: Mapping[str, Any], *, editable: bool = True) -> Area:
        return Area(given.get("startRowIndex", 0), given.get("startColumnIndex", 0), given.get("endRowIndex", rows),
                    given.get("endColumnIndex", columns), editable)  # fmt: skip

    return Tab(
        properties.get("sheetId", 0), properties.get("title", ""), rows, columns, zone,
        tuple(area(one) for one in sheet.get("merges", [])),
        tuple(area(one.get("range", {}), editable=bool(one.get("warningOnly") or one.get("requestingUserCanEdit")))
              for one in sheet.get("protectedRanges", [])),
        any(entry.get("metadataKey") == WITNESS for entry in sheet.get("developerMetadata", [])),
    )  # fmt: skip
