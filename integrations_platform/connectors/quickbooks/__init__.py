"""QuickBooks Online as a side of a sync: customers, items and invoices of one company.

Options: ``access_token`` and ``realm_id``; ``client_id``, ``client_secret`` and ``refresh_token`` together, so that
tokens are renewed; ``environment`` production or sandbox, or ``base_url`` and ``token_url``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from integrations_platform.connectors.budgets import Budget, LocalRows, account_of
from integrations_platform.unified_sync.port import ErrorKind, SideError

if TYPE_CHECKING:
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.connectors.quickbooks.client import Client
    from integrations_platform.connectors.quickbooks.side import QuickBooksSide
    from integrations_platform.unified_sync.port import BoundColumn
    from integrations_platform.unified_sync.spec import SideName, SideSpec

Options = Mapping[str, str]
_TOKEN_URL = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105  an address
_APP = ("client_id", "client_secret", "refresh_token")


def open_quickbooks(
    system: str,
    options: Options,
    spec: SideSpec,
    columns: Sequence[BoundColumn],
    pair: str,
    side: SideName,
    *,
    clock: Callable[[], datetime],
    budget: Budget,
    page: int = 1000,
) -> QuickBooksSide:
    """An object of a company as one side of the sync ``pair``. Connects to nothing yet.

    Renewed tokens are kept beside the account's budget. ``page`` is how many records a query asks for.
    Raises SideError(CONFIGURATION) for options that cannot be used.
    """
    from integrations_platform.connectors.quickbooks.side import QuickBooksSide

    del pair, side  # nothing of ours is kept in QuickBooks
    return QuickBooksSide(_client(system, options, clock, budget, page), spec, columns)


def probe(system: str, options: Options, *, clock: Callable[[], datetime], budget: Budget) -> str:
    """Product and company, e.g. ``QuickBooks Online, company Lakeside (US)``. Raises SideError."""
    # Whoever renews must keep what he gets: with nowhere to keep it, the given token has to do.
    given = {name: text for name, text in options.items() if name not in _APP}
    client = _client(system, given if isinstance(budget.rows, LocalRows) else options, clock, budget, 1)
    try:
        company = client.company()
    finally:
        client.close()
    return f"QuickBooks Online, company {company.get('CompanyName', '')} ({company.get('Country', '')})"


def introspect(
    system: str, options: Options, object_name: str, *, clock: Callable[[], datetime], budget: Budget
) -> Description:
    """The columns of an object; they are the same in every company, so nothing is asked. Raises SideError."""
    from integrations_platform.connectors.introspection import describe
    from integrations_platform.connectors.quickbooks.checking import unknown_object
    from integrations_platform.connectors.quickbooks.objects import OBJECTS
    from integrations_platform.unified_sync.spec import SideSpec

    del options, clock, budget
    book = OBJECTS.get(object_name.lower())
    if book is None:
        problem = unknown_object(SideSpec(system, object_name))
        raise SideError(ErrorKind.CONFIGURATION, f"{problem.message}; {problem.remedy}", code="object")
    return describe(book.shape)


def _client(
    system: str,
    options: Options,
    clock: Callable[[], datetime],
    budget: Budget,
    page: int,
) -> Client:
    from integrations_platform.connectors.quickbooks.client import HOSTS, Client
    from integrations_platform.connectors.quickbooks.oauth import App, RenewedTokens, Tokens

    environment = options.get("environment", "production")
    realm, given = options.get("realm_id", ""), options.get("access_token", "")
    if environment not in HOSTS:
        raise _unusable(system, f"environment is {' or '.join(HOSTS)}")
    if not realm.isascii() or not realm.isdigit():
        raise _unusable(system, "realm_id is the number of the company; set QUICKBOOKS_REALM_ID")
    present = [name for name in _APP if options.get(name)]
    if present and len(present) < len(_APP):
        missing = " and ".join(name for name in _APP if name not in present)
        raise _unusable(system, f"{missing} is missing beside {' and '.join(present)}; give all three or none")
    if not given and not present:
        raise _unusable(system, "there is no access_token; set QUICKBOOKS_ACCESS_TOKEN")
    base_url = options.get("base_url") or HOSTS[environment]
    access = Tokens(given)
    if present:
        token_url = options.get("token_url") or _TOKEN_URL
        app = App(options["client_id"], options["client_secret"], options["refresh_token"], token_url)
        account = account_of("quickbooks", base_url, environment, realm)
        access = RenewedTokens(system, given, app, budget.rows, account, budget, clock)
    return Client(system, base_url, realm, access, budget=budget, clock=clock, page=page)


def _unusable(system: str, what: str) -> SideError:
    return SideError(ErrorKind.CONFIGURATION, f"{system} (QuickBooks): {what}", code="options")
