"""Why something failed, in words of ours: a table from what messages say to what may be repeated of it.

Messages of systems and of exceptions hold values, addresses and now and then a secret, so none is passed on. What they
say is recognised, not quoted; what is not recognised is left to the page that a link leads to.
"""

from __future__ import annotations

import re

UNKNOWN = "see the run"
_TABLE = {
    r"environment variable|which is not set|needs the variable": "a variable is not set",
    r"no system is named|no declared sync|is neither a system": "a name that is not declared",
    r"circuit breaker|breaker is open": "a circuit breaker is open",
    r"quota|rate.?limit|too many requests|\b429\b": "a quota or rate limit is used up",
    r"\b401\b|authenticat|(invalid|expired|access).?token|log-?in failed|password": "credentials are wrong or expired",
    r"\b403\b|permission|privilege|forbidden|not allowed to|access denied": "permissions are missing",
    r"certificate|\bSSL\b|\bTLS\b": "no secure connection",
    r"refused the connection|connection (refused|lost|failed|reset|is bad)|could not (be reached|connect|translate)"
    r"|unreachable|no route|name resolution|temporarily unavailable|\b50[234]\b": "a system could not be reached",
    r"timed? ?out|no answer within|gave no answer": "a system did not answer in time",
    r"disk is full|no space left|disk I/O": "a disk is full or failing",
    r"no such (table|column)|does not exist|undefined.?table|no table": "a table or column is missing",
    r"\blease\b": "another run of it was going on",
    r"out of memory|MemoryError|\bOOM": "memory ran out",
    r"terminated|unexpectedly exited|was interrupted|heartbeat|worker": "the process that ran it died",
}
_REASONS = tuple((re.compile(pattern, re.IGNORECASE), words) for pattern, words in _TABLE.items())


def reason(message: str) -> str:
    """What a failure's message comes to, or where to read it."""
    return next((words for pattern, words in _REASONS if pattern.search(message)), UNKNOWN)
