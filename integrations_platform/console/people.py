"""Who somebody is: by a token they were given, or by the word of a proxy that signed them in.

Knows two roles. Viewers look, operators decide as well. A proxy is believed only by its own address; what anybody else
sends in its headers counts for nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from integrations_platform.settings_console import ConsoleSettings

SHORTEST = 16  # characters of a token; about what cannot be guessed over a network
_LONGEST_NAME = 120
_HEADER = re.compile("[A-Za-z0-9-]{1,64}")


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Person:
    """Somebody who is known. ``name`` is what the audit says."""

    name: str
    role: Role

    @property
    def may_decide(self) -> bool:
        """Whether decisions and runs of theirs are taken."""
        return self.role is Role.OPERATOR


class NoRole(Exception):  # noqa: N818
    """A proxy names somebody who has no role here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no role here")
        self.name = name


@dataclass(frozen=True)
class Tokens:
    """People by the digest of their token."""

    people: Sequence[tuple[bytes, Person]] = ()

    def whose(self, token: str) -> Person | None:
        """The person with that token. Takes as long for a wrong one as for a right one."""
        given, found = _digest(token), None
        for digest, person in self.people:
            if hmac.compare_digest(digest, given):
                found = person
        return found


@dataclass(frozen=True)
class Proxy:
    """Proxies that sign people in. ``operators`` and ``viewers``: names and groups in lower case."""

    trusted: Sequence[IPv4Network | IPv6Network] = ()
    user_header: str = "x-forwarded-email"
    groups_header: str = "x-forwarded-groups"
    operators: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    def names(self, peer: str, headers: Headers) -> Person | None:
        """Whom a proxy at the address ``peer`` has signed in; None: nobody, or ``peer`` is no proxy of ours. Raises
        :class:`NoRole`."""
        said = headers.getlist(self.user_header)
        if not said or not self._trusts(peer):
            return None
        name = " ".join(said[0].split())
        # Two lines of one header: somebody else's came through beside the proxy's own.
        if len(said) > 1 or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
            raise NoRole("whoever the proxy means")
        groups = ",".join(headers.getlist(self.groups_header)).lower().split(",")
        known = {name.lower(), *(group.strip() for group in groups)} - {""}
        if known & self.operators:
            return Person(name, Role.OPERATOR)
        if known & self.viewers or "*" in self.viewers:
            return Person(name, Role.VIEWER)
        raise NoRole(name)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.trusted)


def read_tokens(settings: ConsoleSettings) -> Tokens:
    """Those of the setting ``tokens``. Raises SettingsError, which shows no token."""
    text = settings.access["tokens"]
    people: dict[bytes, Person] = {}
    for place, entry in enumerate(_listed(text.resolve()), start=1):
        name, role, token = (part.strip() for part in [*entry.split(":", 2), "", ""][:3])
        if not name or len(name) > _LONGEST_NAME or not name.isprintable() or role not in [*Role]:
            remedy = "write name:operator:token or name:viewer:token, and a comma between two"
            raise text.error(f"holds, in place {place}, what is no person with a role", remedy)
        if len(token) < SHORTEST:
            remedy = f"give each at least {SHORTEST} characters, as of `openssl rand -hex 24`"
            raise text.error(f"holds, in place {place}, a token that could be guessed", remedy)
        if _digest(token) in people:
            raise text.error(f"holds, in place {place}, a token that somebody else has", "give everybody their own")
        people[_digest(token)] = Person(name, Role(role))
    return Tokens(tuple(people.items()))


def read_proxy(settings: ConsoleSettings) -> Proxy:
    """Those of the setting ``trusted_proxies``. Raises SettingsError."""
    text = settings.access["trusted_proxies"]
    trusted = []
    for place, entry in enumerate(_listed(text.resolve()), start=1):
        try:
            trusted.append(ip_network(entry, strict=False))
        except ValueError:
            remedy = "write 10.1.2.3 or 10.0.0.0/8, and a comma between two"
            raise text.error(f"holds, in place {place}, what is no address or network", remedy) from None
    headers = {}
    for key in ("user_header", "groups_header"):
        headers[key] = settings.text(key).lower()
        if trusted and not _HEADER.fullmatch(headers[key]):
            raise settings.access[key].error("is no name of a header", "write X-Forwarded-Email")
    operators, viewers = (frozenset(_listed(settings.text(key).lower())) for key in ("operators", "viewers"))
    if trusted and not operators | viewers:
        raise text.error("lets people in who have no role", "name them or their groups in `operators` or `viewers`")
    return Proxy(tuple(trusted), headers["user_header"], headers["groups_header"], operators, viewers)


def _listed(text: str) -> list[str]:
    return [entry for part in re.split(r"[,\n]", text) if (entry := part.strip())]


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
