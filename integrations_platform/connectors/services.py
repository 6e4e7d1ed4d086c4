"""Services reached over HTTP as sides: which folder speaks to which kind, and whose budget a call is charged to.

Owns the table of kinds. Each folder exports ``open_<kind>`` as :class:`Opener` says and may export ``probe`` as
:class:`Prober` and ``introspect`` as :class:`Introspector` say; it is imported when a side of its kind is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from integrations_platform.connectors.budgets import ALLOWANCES, SHARED_ALLOWANCES, UNLIMITED, Budget, Rows, account_of
from integrations_platform.connectors.plugins import installed, plugin
from integrations_platform.unified_sync.port import ErrorKind, SideError

if TYPE_CHECKING:
    from integrations_platform.connectors.introspection import Description
    from integrations_platform.unified_sync.port import BoundColumn, Side
    from integrations_platform.unified_sync.spec import SideName, SideSpec

Options = Mapping[str, str]
"""Options of a service by name, as in the environment file, variables filled in: secrets."""

# Which options say whose account it is: calls with the same ones share its limits.
_IDENTITY: Mapping[str, tuple[str, ...]] = {
    "hubspot": ("base_url", "token"),
    "quickbooks": ("base_url", "environment", "realm_id"),
    "google_sheets": ("base_url", "credentials"),
    "rest": ("base_url", "username", "token"),
}


class Opener(Protocol):
    """``open_<kind>`` of a folder. Connects to nothing yet. Raises SideError(CONFIGURATION) for unusable options."""

    def __call__(
        self,
        system: str,
        options: Options,
        spec: SideSpec,
        columns: Sequence[BoundColumn],
        pair: str,
        side: SideName,
        *,
        clock: Callable[[], datetime],
        budget: Budget,
    ) -> Side: ...


class Prober(Protocol):
    """``probe`` of a folder: asks the service who it is by its cheapest call, and says so in a few words."""

    def __call__(self, system: str, options: Options, *, clock: Callable[[], datetime], budget: Budget) -> str: ...


class Introspector(Protocol):
    """``introspect`` of a folder: the columns of an object with suggested field types, for drafting a sync."""

    def __call__(
        self, system: str, options: Options, object_name: str, *, clock: Callable[[], datetime], budget: Budget
    ) -> Description: ...


def service(kind: str) -> Any:
    """The module that speaks ``kind``. Raises SideError(CONFIGURATION) for a kind nobody speaks."""
    if kind not in _IDENTITY:
        found = plugin(kind)
        if found is None:
            known = ", ".join([*_IDENTITY, *installed()])
            message = f"unknown kind of system {kind!r}; known are {known}"
            raise SideError(ErrorKind.CONFIGURATION, message, code="kind")
        return found
    folder = f"{__package__}.{kind}"
    try:
        return import_module(folder)
    except ModuleNotFoundError as fault:
        if fault.name != folder:
            raise
        message = f"this installation has no connector for kind {kind}; install a release that has it"
        raise SideError(ErrorKind.CONFIGURATION, message, code="kind") from None


def budget_for(
    system: str,
    kind: str,
    options: Options,
    rows: Rows | None = None,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    told: Callable[[], None] = lambda: None,
) -> Budget:
    """The budget of the account that ``options`` open, shared through ``rows`` with all that call it; ``told`` is
    called whenever a call is charged."""
    if kind in _IDENTITY:
        names, allowance = _IDENTITY[kind], ALLOWANCES.get(kind, UNLIMITED)
    else:
        module = service(kind)
        names = getattr(module, "IDENTITY", tuple(options))
        allowance = getattr(module, "ALLOWANCE", UNLIMITED)
    mine = account_of(kind, *(_said_in(options.get(name, ""), "client_email") for name in names))
    shared = None
    if kind in SHARED_ALLOWANCES:
        ours = account_of(kind, "project", *(_said_in(options.get(name, ""), "project_id") for name in names))
        shared = Budget(f"{system} (its project)", ours, SHARED_ALLOWANCES[kind], rows, clock=clock, sleep=sleep)
    return Budget(system, mine, allowance, rows, clock=clock, sleep=sleep, shared=shared, told=told)


def _said_in(credential: str, name: str) -> str:
    """What a service account's key, given as JSON or as a file, says of the user (``client_email``) or the project
    (``project_id``) it belongs to: limits are theirs, not the key's. Any other credential is itself."""
    text = credential.strip()
    if text.endswith(".json"):
        with suppress(OSError, UnicodeDecodeError):
            text = Path(text).expanduser().read_text(encoding="utf-8").strip()
    if text.startswith("{"):
        with suppress(ValueError, RecursionError):
            return str(json.loads(text).get(name) or text)
    return text


def stand_in_options(system: str, kind: str, url: str, missing: Sequence[str]) -> Options:
    """By which options the stand-in at ``url`` is reached, as it says itself.

    ``missing`` are the variables whose absence made it stand in. Raises SideError(CONFIGURATION) when it is not on this
    machine or not running, and says how to start it.
    """
    import httpx

    from integrations_platform.connectors import http_json
    from integrations_platform.connectors.http import checked_base, is_loopback, trusted

    if not is_loopback(checked_base(system, url).host):
        message = f"{system}: a stand-in runs on this machine only; write sandbox: http://127.0.0.1:PORT"
        raise SideError(ErrorKind.CONFIGURATION, message, code="sandbox")
    try:
        answer = httpx.get(f"{url.rstrip('/')}/_control/options", timeout=10, trust_env=False, verify=trusted())
        said = http_json.parse(answer.content) if answer.status_code == 200 else None
    except (httpx.HTTPError, http_json.NotJson):
        said = None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        unset = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"
        what = f"{system}: no stand-in for {kind} answers at {url}, which is used because {unset}"
        message = f"{what}; start it with `integrations sandbox`, or set {'it' if len(missing) == 1 else 'them'}"
        raise SideError(ErrorKind.CONFIGURATION, message, code="sandbox")
    return said
