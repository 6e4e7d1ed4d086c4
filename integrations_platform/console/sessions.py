"""Sessions kept by the browser in a signed cookie, what forms prove they were made with, and the pace of sign-in.

Nothing is stored: any process with the same tokens takes a session, and changed tokens end all of them. Signing out
ends a session in the process that heard of it, beside removing the cookie.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from integrations_platform.console.people import Person, Role

_REMEMBERED = 10_000  # sessions that were ended, addresses that guessed


def signing_key(secret: str, tokens: str) -> bytes:
    """The key of an environment; without either text one that lasts as long as the process."""
    if not secret and not tokens:
        return secrets.token_bytes(32)
    return hmac.digest(secret.encode(), b"console\0" + tokens.encode(), "sha256")


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in. ``mark`` tells it from all others; ``until``: Unix time."""

    mark: str
    person: Person
    until: float


@dataclass
class Sessions:
    """Begins, recognises and ends sessions. ``now``: Unix time."""

    key: bytes
    seconds: float
    now: Callable[[], float]
    _ended: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def begin(self, person: Person) -> str:
        """A new session, as its cookie holds it."""
        session = {"mark": secrets.token_urlsafe(18), "name": person.name, "role": person.role.value}
        return self.seal("session", session | {"until": self.now() + self.seconds})

    def find(self, cookie: str) -> Session | None:
        """The session a cookie stands for; None when it was never ours, is over or was ended."""
        data = self.unseal("session", cookie)
        if data is None or data["until"] <= self.now() or data["mark"] in self._ended:
            return None
        return Session(data["mark"], Person(data["name"], Role(data["role"])), data["until"])

    def end(self, mark: str) -> None:
        """Take the session no more."""
        self._ended[mark] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def form_proof(self, mark: str) -> str:
        """What a form of that session must bring along; nobody else can know it."""
        return hmac.new(self.key, b"form\0" + mark.encode(), sha256).hexdigest()

    def seal(self, purpose: str, data: dict[str, Any]) -> str:
        """``data`` as text that only we can have written, for that purpose."""
        body = urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")  # a cookie would have to quote it
        return f"{body}.{self._signature(purpose, body)}"

    def unseal(self, purpose: str, text: str) -> dict[str, Any] | None:
        """What :meth:`seal` was given; None for anything else."""
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(self._signature(purpose, body).encode(), signature.encode("utf-8", "replace")):
            return None
        data: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return data

    def _signature(self, purpose: str, body: str) -> str:
        return hmac.new(self.key, f"{purpose}\0{body}".encode("utf-8", "replace"), sha256).hexdigest()


@dataclass
class Pace:
    """How often wrong tokens are looked at: ``each`` per address and ``all`` together within ``seconds``."""

    now: Callable[[], float]
    each: int = 10
    all: int = 200
    seconds: float = 300.0
    _wrong: deque[tuple[float, str]] = field(default_factory=deque)

    def wait(self, peer: str) -> int:
        """Seconds until a token from there is looked at; 0: at once."""
        while self._wrong and self._wrong[0][0] <= self.now() - self.seconds:
            self._wrong.popleft()
        theirs = [at for at, whose in self._wrong if whose == peer]
        if len(theirs) < self.each and len(self._wrong) < self.all:
            return 0
        first = theirs[0] if len(theirs) >= self.each else self._wrong[0][0]
        return max(1, round(first + self.seconds - self.now()))

    def wrong(self, peer: str) -> None:
        """A token from there was none of ours."""
        self._wrong.append((self.now(), peer))
