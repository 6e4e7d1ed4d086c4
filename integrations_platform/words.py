"""How counts, times, names and foreign text are spelled for people, at a terminal and on a page."""

from __future__ import annotations

from datetime import datetime, timedelta

_PROPER = {
    "hubspot": "HubSpot",
    "quickbooks": "QuickBooks",
    "google_sheets": "Google Sheets",
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "sqlite": "SQLite",
    "crm": "CRM",
}
_CAPITALS = {"id": "ID", "url": "URL", "vat": "VAT", "iban": "IBAN", "po": "PO", "erp": "ERP", "crm": "CRM"}


def clean(text: str) -> str:
    """The text with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape", "backslashreplace").decode()
        for char in text
    )


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 conflict`, `2 conflicts`, `12,000 records`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, roughly."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now" if seconds < 5 else f"{seconds} s ago"


def duration(span: timedelta | float) -> str:
    """`0.4 s`, `2 min`, `3 h`, `4 days`."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{round(seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[unit])} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def system_name(name: str) -> str:
    """A system as people call it: `hubspot` is HubSpot, `web_shop` is Web shop."""
    return _PROPER.get(name) or plain_name(name)


def plain_name(name: str) -> str:
    """A name of configuration as words: `open_balance` is Open balance."""
    words = [_CAPITALS.get(word, word) for word in name.replace("_", " ").replace("-", " ").split()]
    text = " ".join(words)
    return clean(text[:1].upper() + text[1:])
