"""Templates, and how the console writes times, numbers and the names of systems and fields.

Everything is escaped, nothing undefined is passed over in silence, and text that came from records is shown without
characters that would steer the page it stands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from integrations_platform.words import age, clean, duration, plain_name, system_name

if TYPE_CHECKING:
    from integrations_platform.unified_sync.spec import SideName, SyncSpec

PATH = "/console"
_HERE = Path(__file__).parent
STATIC = _HERE / "static"


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
