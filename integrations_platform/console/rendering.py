"""Templates, and how the console writes times, numbers and the names of systems and fields.

Everything is escaped, nothing undefined is passed over in silence, and text that came from records is shown without
characters that would steer the page it stands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from integrations_platform.words import age, clean

if TYPE_CHECKING:
    from integrations_platform.unified_sync.spec import SideName, SyncSpec

PATH = "/console"
_HERE = Path(__file__).parent
STATIC = _HERE / "static"

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


def system_name(name: str) -> str:
    """A system as people call it: `hubspot` is HubSpot, `web_shop` is Web shop."""
    return _PROPER.get(name) or plain_name(name)


def plain_name(name: str) -> str:
    """A name of configuration as words: `open_balance` is Open balance."""
    words = [_CAPITALS.get(word, word) for word in name.replace("_", " ").replace("-", " ").split()]
    text = " ".join(words)
    return clean(text[:1].upper() + text[1:])


def side_name(spec: SyncSpec, side: SideName) -> str:
    """One end of a sync by its system; by its object as well where both ends are in one system."""
    end = spec.side(side)
    same = spec.source.system == spec.target.system
    return f"{system_name(end.system)} {plain_name(end.object)}" if same else system_name(end.system)


def link(*parts: str, **query: object) -> str:
    """The address of a page: `link("syncs", name, page=2)`. Parts and values may hold anything; None is left out."""
    path = "/".join(quote(part, safe="") for part in parts)
    asked = urlencode([(name, str(value)) for name, value in query.items() if value not in (None, "")])
    return f"{PATH}/{path}" + (f"?{asked}" if asked else "")


def moment(at: datetime | None) -> str:
    """22 Nov 2026, 08:35 UTC."""
    return "never" if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def duration(span: timedelta | float) -> str:
    """`0.4 s`, `2 min`, `3 h`, `4 days`."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{round(seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[unit])} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def number(count: int) -> str:
    """12,000."""
    return f"{count:,}"


def _environment() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {
        "moment": moment, "ago": age, "clean": clean, "plain": plain_name, "system": system_name, "number": number,
        "duration": duration,
    }  # fmt: skip
    pages.globals |= {"link": link, "side_name": side_name}
    return pages


_PAGES = _environment()


def render(template: str, words: Mapping[str, Any]) -> str:
    """The page. Raises jinja2's UndefinedError for a word that is missing."""
    return _PAGES.get_template(template).render(words)
