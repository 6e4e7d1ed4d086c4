"""How Snowflake is let into the lake: one of five ways, as a tagged union, and how a statement spells each.

A storage integration is what Snowflake recommends; then no secret is in any statement. Keys and tokens written into a
statement must be temporary: a permanent key belongs into a stage that is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from integrations_platform.warehouse.errors import StatementError
from integrations_platform.warehouse.names import TableName, identifier, literal

Secret = Callable[[], str]
"""Gives a secret when a statement needs it, so that nothing that holds a statement holds the secret."""


@dataclass(frozen=True)
class Integration:
    """A storage integration of the account, by name."""

    name: str

    def __post_init__(self) -> None:
        identifier(self.name, what="storage integration")


@dataclass(frozen=True)
class Stage:
    """A stage of the account, by name; ``covers``: the lake's URL that it points to, with a slash at its end."""

    name: str
    covers: str

    def __post_init__(self) -> None:
        TableName.of(self.name, what="stage")


@dataclass(frozen=True)
class AwsKeys:
    """Keys of AWS. Temporary ones have a ``token``; Snowflake asks that no other ones are written into a statement."""

    key_id: Secret
    secret_key: Secret
    token: Secret | None = None


@dataclass(frozen=True)
class AwsRole:
    """A role that Snowflake assumes."""

    arn: str


@dataclass(frozen=True)
class SasToken:
    """A shared access signature of Azure storage."""

    token: Secret


Authentication = Integration | Stage | AwsKeys | AwsRole | SasToken
_SPELLED: Mapping[type, Mapping[str, str]] = {
    AwsKeys: {"key_id": "aws_key_id", "secret_key": "aws_secret_key", "token": "aws_token"},
    AwsRole: {"arn": "aws_role"},
    SasToken: {"token": "azure_sas_token"},
}
_SCHEMES: Mapping[type, str] = {AwsKeys: "s3://", AwsRole: "s3://", SasToken: "azure://"}


def render_authentication(way: Authentication | None, location: str, hidden: str | None = None) -> str:
    """The clause for reading ``location``, or nothing; with ``hidden`` that text stands in for every secret.

    Raises StatementError when the way does not fit the location, and what the secrets themselves raise.
    """
    if way is None or isinstance(way, Stage):
        return ""
    if isinstance(way, Integration):
        return f"STORAGE_INTEGRATION={way.name}"
    if not location.startswith(_SCHEMES[type(way)]):
        raise StatementError(f"{type(way).__name__} are for {_SCHEMES[type(way)]}…, not for {location.split('://')[0]}")
    said = []
    for item in fields(way):
        value = getattr(way, item.name)
        if value is None:
            continue
        text = value if isinstance(value, str) else hidden if hidden is not None else value()
        if not text and item.name == "token" and isinstance(way, AwsKeys):
            continue  # keys of a variable that may be unset
        said.append(f"{_SPELLED[type(way)][item.name]}={literal(text)}")
    return f"CREDENTIALS=({' '.join(said)})"


def secrets_of(way: Authentication | None) -> tuple[str, ...]:
    """The secrets that a statement with this authentication carries, for redaction."""
    if not isinstance(way, AwsKeys | SasToken):
        return ()
    values = [getattr(way, item.name) for item in fields(way)]
    return tuple(value() for value in values if value is not None)
