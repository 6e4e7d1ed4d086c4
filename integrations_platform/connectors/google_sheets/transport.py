"""gspread's HTTP client with one choke point: time limits, addresses and errors are decided by :class:`.client.Sheets`.

Apart from :mod:`.client` because it imports gspread and google-auth, which takes half a second; imported when the first
call is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import requests
from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.service_account import Credentials
from gspread.auth import DEFAULT_SCOPES
from gspread.http_client import HTTPClient
from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    from integrations_platform.connectors.google_sheets.client import Sheets

_READS = frozenset({"get", "head"})


class SheetsHttp(HTTPClient):
    """Every request of gspread passes here. gspread's own back-off client is not used: it repeats writes."""

    def __init__(self, sheets: Sheets, session: requests.Session) -> None:
        super().__init__(sheets, session)  # type: ignore[arg-type]  # unused: the session holds the credentials
        self._sheets = sheets

    def request(  # type: ignore[override]  # the same parameters, without naming each
        self, method: str, endpoint: str, params: Any = None, data: Any = None, json: Any = None, **more: Any
    ) -> requests.Response:
        """See the base class. Raises SideError."""
        return self._sheets.exchange(
            lambda timeout: self.session.request(
                method, self._sheets.address(endpoint), params=params, data=data, json=json, timeout=timeout,
                allow_redirects=False, **more,
            ),
            writes=method.lower() not in _READS,
        )  # fmt: skip


def opened(sheets: Sheets, account: Mapping[str, Any], stand_in: bool) -> SheetsHttp:
    """A client for a service account; ``stand_in``: Google is not there, and nothing is asked of it.

    Raises ValueError for a key that cannot be read.
    """
    credentials: Any = _Account.from_service_account_info(  # type: ignore[no-untyped-call]
        account, scopes=DEFAULT_SCOPES
    )
    for_tokens = requests.Session()
    if stand_in:
        for_tokens.trust_env = False
        for_tokens.mount("https://iamcredentials.googleapis.com/", _Refused())
    session: requests.Session = AuthorizedSession(  # type: ignore[no-untyped-call]
        credentials, auth_request=Request(for_tokens)
    )
    session.trust_env = not stand_in  # proxies are for the world outside
    return SheetsHttp(sheets, session)


class _Account(Credentials):
    """A service account. google-auth takes any answer of status 200 to hold a token, and trips over one cut short."""

    def refresh(self, request: Any) -> None:
        """Raises TransportError, as for no answer at all."""
        try:
            super().refresh(request)  # type: ignore[no-untyped-call]
        except TypeError:
            message = "the answer with the access token is not as it should be"
            raise TransportError(message) from None  # type: ignore[no-untyped-call]


class _Refused(BaseAdapter):
    """google-auth asks Google, in the background, in which regions an account may be used; a stand-in has none."""

    def send(self, *_args: Any, **_options: Any) -> Any:
        """Nothing is sent."""
        raise requests.exceptions.ConnectionError("a stand-in has no regions")

    def close(self) -> None:
        """Nothing is open."""
