"""Opening the Airbyte that an environment names, or that variables alone do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from integrations_platform.airbyte.authentication import authentication
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.service_faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from integrations_platform.secret_text import SecretText
    from integrations_platform.waiting import Timing

NO_URL = "no Airbyte server is known: set AIRBYTE_API_URL, e.g. http://airbyte.internal:8000"


class Place(Protocol):
    """What the settings say of a server, unresolved; the `airbyte:` section has it."""

    @property
    def url(self) -> SecretText: ...

    @property
    def client_id(self) -> SecretText: ...

    @property
    def client_secret(self) -> SecretText: ...

    @property
    def username(self) -> SecretText: ...

    @property
    def password(self) -> SecretText: ...

    @property
    def auth(self) -> SecretText: ...

    @property
    def workspace_id(self) -> SecretText: ...


def open_airbyte(place: Place, timing: Timing | None = None) -> Airbyte:
    """The server that ``place`` names; calls nothing. Raises AirbyteFault, and SettingsError for a missing variable."""
    return _opened(
        place.url.resolve(), place.auth.resolve(), place.client_id.resolve(), place.client_secret.resolve(),
        place.username.resolve(), place.password.resolve(), place.workspace_id.resolve(), timing,
    )  # fmt: skip


def from_variables(timing: Timing | None = None, read: Callable[[str], str | None] | None = None) -> Airbyte:
    """The server of AIRBYTE_API_URL, AIRBYTE_CLIENT_ID, AIRBYTE_CLIENT_SECRET, AIRBYTE_API_USERNAME,
    AIRBYTE_API_PASSWORD, AIRBYTE_AUTH_MODE and AIRBYTE_WORKSPACE_ID, each as ``read`` gives it, by default from the
    environment. Raises AirbyteFault."""
    if read is None:
        from integrations_platform.settings import variable

        read = variable
    names = ("API_URL", "AUTH_MODE", "CLIENT_ID", "CLIENT_SECRET", "API_USERNAME", "API_PASSWORD", "WORKSPACE_ID")
    url, mode, *who, workspace_id = (read(f"AIRBYTE_{name}") or "" for name in names)
    client_id, client_secret, username, password = who
    return _opened(url, mode, client_id, client_secret, username, password, workspace_id, timing)


def _opened(
    url: str, mode: str, client_id: str, client_secret: str, username: str, password: str, workspace_id: str,
    timing: Timing | None,
) -> Airbyte:  # fmt: skip
    if not url:
        raise AirbyteFault(FaultKind.CONFIGURATION, NO_URL)
    who = authentication(mode or "auto", client_id, client_secret, username, password)
    return Airbyte(url, who, workspace_id=workspace_id, timing=timing)
