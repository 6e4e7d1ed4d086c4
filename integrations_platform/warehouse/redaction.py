"""Takes credentials out of text that people or logs will see.

Owns the forms in which a statement carries them, known or not, and the filter that keeps them out of the logs of the
vendor's client. What is shown instead says that something was there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

HIDDEN = "***"
_IN_STATEMENT = re.compile(
    r"(?P<name>\b(?:aws_key_id|aws_secret_key|aws_token|azure_sas_token|master_key|password|private_key)\s*=>?\s*)"
    r"'(?:[^'\\]|\\.|'')*(?:'|$)",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURE = re.compile(
    r"(?P<name>[?&]?\b(?:sig|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=)[^&\s'\"]+", re.I
)
_SHORTEST = 4  # a secret of three characters would hide every third word


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, however they are spelled in it, and without what looks like credentials."""
    for secret in sorted({form for value in secrets for form in _forms(value)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _IN_STATEMENT.sub(rf"\g<name>'{HIDDEN}'", text)
    return _SIGNATURE.sub(rf"\g<name>{HIDDEN}", text)


def _forms(secret: str) -> Iterator[str]:
    if len(secret) >= _SHORTEST:
        yield secret
        yield secret.replace("\\", "\\\\").replace("'", "''")
        yield quote(secret, safe="")


class _Redacting(logging.Filter):
    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; it is always let through."""
        record.msg, record.args = redact(record.getMessage(), self._secrets), None
        return True


@contextmanager
def redacted_logs(secrets: Iterable[str], below: str = "snowflake") -> Iterator[None]:
    """While open, no logger ``below`` writes a credential. Its own masking knows AWS keys, and no SAS token."""
    masking = _Redacting(tuple(secrets))
    # A logger's filter does not see what its children log, so each that exists gets it.
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict) if name.split(".")[0] == below]
    for logger in loggers:
        logger.addFilter(masking)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(masking)
