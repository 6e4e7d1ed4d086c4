"""How long a database server may stay silent before its connection is given up.

Owns the defaults, the options of a URL that replace them, and the limit that psycopg does not have by itself. A server
behind a cut cable, a hung proxy or a firewall that forgot the connection says nothing for ever; a run must not wait so.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 10
ANSWER_SECONDS = 300
"""The longest silence of a server that was asked something. Locks are waited for much shorter, so this bounds work: a
statement over a million rows takes seconds, and a listing streams."""

IDLE_SECONDS = 60
"""How long a server keeps the locks of a writer that fell silent inside its transaction: its connection may be cut
without the server ever hearing of it, and the next run must get at the rows."""

_ANSWER = "read_timeout"

# The kernel finds out within a minute where packets are lost; the limit above is for a proxy that acknowledges them.
_KEEPALIVE = {
    "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000",
}  # fmt: skip


def patient_mysql(url: sa.URL) -> sa.URL:
    """``connect_timeout``, ``read_timeout`` and ``write_timeout`` in seconds, unless the URL has them.

    Raises ValueError for a ``read_timeout`` that is no positive number of seconds.
    """
    _seconds(url.query.get(_ANSWER, str(ANSWER_SECONDS)))
    limits = {"connect_timeout": CONNECT_SECONDS, _ANSWER: ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}
    return _with_defaults(url, {name: str(seconds) for name, seconds in limits.items()})


def patient_postgresql(url: sa.URL, **options: Any) -> sa.Engine:
    """An engine for a ``postgresql+psycopg`` URL, whose ``connect_timeout``, ``read_timeout`` and keep-alives may be
    set in the URL. A connection whose statement is not answered in time is closed.

    Raises ValueError for a ``read_timeout`` that is no positive number of seconds.
    """
    answer = _seconds(url.query.get(_ANSWER, str(ANSWER_SECONDS)))
    url = _with_defaults(url.difference_update_query([_ANSWER]), {"connect_timeout": str(CONNECT_SECONDS)} | _KEEPALIVE)
    engine = sa.create_engine(url, **options)

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        connection = _impatient().connect(*arguments, **named)
        connection.answer_seconds = answer
        return connection

    return engine


@cache
def _impatient() -> Any:
    import psycopg

    class Impatient(psycopg.Connection[Any]):
        answer_seconds: float = ANSWER_SECONDS

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            end = time.monotonic() + self.answer_seconds
            try:
                return super().wait(gen, interval, self.answer_seconds)
            except psycopg.OperationalError:
                if time.monotonic() < end:
                    raise
                self.close()  # an answer that comes later belongs to nobody
                raise psycopg.OperationalError(
                    f"connection lost: the server gave no answer within {self.answer_seconds:g} s"
                ) from None

    return Impatient


def _seconds(text: Any) -> float:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        seconds = 0
    if not 0 < seconds <= 86_400:
        raise ValueError(f"{_ANSWER} must be a number of seconds from above 0 to 86400")
    return seconds


def _with_defaults(url: sa.URL, options: Mapping[str, str]) -> sa.URL:
    return url.update_query_dict({name: value for name, value in options.items() if name not in url.query})
