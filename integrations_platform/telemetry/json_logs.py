"""Lines of the log for machines: one JSON object a line, whatever stands in it, for Loki, ELK and their like.

Each line says which run of which sync it belongs to, where it does. A record is named by a hash of its key: lines about
one record can be found together, and the key, often an e-mail address, stands nowhere. A plain hash of what can be
guessed can be guessed, too; with a key of your own in INTEGRATIONS_LOG_KEY it cannot.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations_platform.secret_text import SettingsError, masked
from integrations_platform.settings import variable
from integrations_platform.unified_sync.watching import subject
from integrations_platform.yaml_source import Fault

FORMAT_VARIABLE = "INTEGRATIONS_LOG_FORMAT"
KEY_VARIABLE = "INTEGRATIONS_LOG_KEY"
_FORMATS = ("text", "json")
_TOLD = ("sync", "run", "system", "outcome", "written", "seconds", "trigger")
_OF_DAGSTER = {"run_id": "dagster_run", "job_name": "job", "step_key": "step"}
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


class JsonFormatter(logging.Formatter):
    """One record, one line of ASCII: ``ts``, ``level``, ``logger``, ``message``, and what is known of the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _clean(_said(record)),
            **_of_dagster(getattr(record, "dagster_meta", None)),
            **subject(),
        }
        for name in _TOLD:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value if isinstance(value, int | float) else _clean(str(value))
        key = getattr(record, "record", None)
        if key is not None:
            line["record"] = hashed(str(key))
        if record.exc_info:
            line["exception"] = _clean(self.formatException(record.exc_info))
        return json.dumps(line)


def hashed(key: str) -> str:
    """What stands for the key of a record: 16 digits of its SHA-256, or of its HMAC by ``INTEGRATIONS_LOG_KEY``."""
    text, secret = key.encode("utf-8", "replace"), variable(KEY_VARIABLE)
    if secret is None:
        return hashlib.sha256(text).hexdigest()[:16]
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()[:16]


def log_as_asked(below: str = "", *, debug: bool = False) -> logging.Handler | None:
    """Where ``INTEGRATIONS_LOG_FORMAT`` is ``json``, write what loggers ``below`` that name (default: all) log in this
    process to stderr like that: of this platform everything from INFO on, of others what they warn of. Returns what
    writes it; None for ``text``. Raises SettingsError for a format there is none of."""
    wanted = variable(FORMAT_VARIABLE) or "text"
    if wanted not in _FORMATS:
        what = f"{wanted!r} is no format of the log"
        raise SettingsError([Fault("environment", None, FORMAT_VARIABLE, what, f"one of {', '.join(_FORMATS)}")])
    if wanted == "text":
        return None
    logging.getLogger("integrations_platform").setLevel(logging.DEBUG if debug else logging.INFO)
    logger = logging.getLogger(below)
    handler = next((each for each in logger.handlers if isinstance(each.formatter, JsonFormatter)), None)
    if handler is None:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
    return handler


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # its arguments do not fit; better half of it than none
        return str(record.msg)


def _clean(text: str) -> str:
    return masked(_HALF_A_CHARACTER.sub("\ufffd", text))


def _of_dagster(meta: Mapping[str, Any] | None) -> dict[str, str]:
    """Which of Dagster's runs and steps it is, as far as it belongs to one."""
    return {ours: str(meta[theirs]) for theirs, ours in _OF_DAGSTER.items() if meta.get(theirs)} if meta else {}
