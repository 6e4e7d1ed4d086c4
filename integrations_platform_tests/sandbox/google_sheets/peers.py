"""The vendor's own client, pointed at the stand-in; it shares no code with the connector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gspread
import requests
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.service_account import Credentials
from gspread.http_client import HTTPClient
from requests.adapters import BaseAdapter

from integrations_platform.sandbox.google_sheets import GoogleSheets

_BASES = ("https://sheets.googleapis.com", "https://www.googleapis.com")


def client_of(vendor: GoogleSheets, url: str, account: Mapping[str, str] | None = None) -> gspread.Client:
    """gspread as it is, with the two bases rewritten; ``account``: other credentials than the right ones."""

    class Redirected(HTTPClient):
        def request(self, method: str, endpoint: str, *args: Any, **options: Any) -> Any:
            for base in _BASES:
                if endpoint.startswith(base):
                    endpoint = url + endpoint.removeprefix(base)
            return super().request(method, endpoint, *args, **options)

    credentials = Credentials.from_service_account_info(
        account or vendor.credentials(url), scopes=gspread.auth.DEFAULT_SCOPES
    )
    for_tokens = requests.Session()
    for_tokens.mount("https://", Nowhere())  # google-auth asks Google where the account may be used
    session = AuthorizedSession(credentials, auth_request=Request(for_tokens))
    return gspread.Client(credentials, session=session, http_client=Redirected)


class Nowhere(BaseAdapter):
    """Lets nothing leave this machine."""

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        raise requests.exceptions.ConnectionError("stand-ins have no outside")

    def close(self) -> None:
        """Nothing is open."""
