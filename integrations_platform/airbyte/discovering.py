"""Declarations of the connections that a workspace has, for a person to review.

Writes text only. What Airbyte does not say, such as whether an incremental stream comes from a log of changes, is left
to the reader; names of connections become names of ours, and their ids stand in the file because they are no secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from integrations_platform.airbyte.looks import Connection, Stream
from integrations_platform.settings_airbyte import ConnectionSettings

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_MANUAL = ("", "manual")


def undeclared(found: Iterable[Connection], declared: Mapping[str, str]) -> list[Connection]:
    """Those whose id is none of ``declared``, ids by name; connections that were deleted are left out."""
    ids = set(declared.values())
    return [each for each in found if each.id not in ids and each.status != "deprecated"]


def declaration(found: Sequence[Connection], taken: Iterable[str] = ()) -> str:
    """An `airbyte:` section with these connections; names of ``taken`` are given to none of them."""
    used = {"all", *taken}
    lines = ["airbyte:", "  connections:" if found else "  connections: {}"]
    for each in sorted(found, key=lambda each: (each.name, each.id)):
        lines += [f"    {line}" for line in _one(each, _named(each.name, used))]
    return "\n".join(lines) + "\n"


def name_of(text: str) -> str:
    """What a connection of that name in Airbyte may be called here."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower().replace("→", " to ")).strip("_")[:50]
    return name if name[:1].isalpha() else f"connection_{name}".rstrip("_")


def id_of(connection: ConnectionSettings) -> str:
    """The declared id; empty where no variable gives it."""
    from integrations_platform.secret_text import SettingsError

    try:
        return connection.id()
    except SettingsError:
        return ""


def _named(text: str, used: set[str]) -> str:
    base = name_of(text)
    name = next(each for number in count(1) if (each := base if number == 1 else f"{base}_{number}") not in used)
    used.add(name)
    return name


def _one(connection: Connection, name: str) -> Iterator[str]:
    yield f"{name}:"
    yield f"  connection_id: {_text(connection.id.replace('${', '$${'))}"
    if connection.name:
        yield f"  description: {_text(connection.name)}"
    if connection.status not in ("", "active"):
        yield f"  # It is {connection.status} in Airbyte and does not sync."
    full = bool(connection.streams) and all(each.mode.startswith("full_refresh") for each in connection.streams)
    yield "  mode: full" if full else "  mode: incremental     # cdc, where it reads a log of changes"
    if connection.schedule.lower() not in _MANUAL:
        yield f"  # Airbyte syncs it itself ({_comment(connection.schedule)}): set it to Manual, schedule it here."
    namespaces = {each.namespace for each in connection.streams}
    usual = next(iter(namespaces)) if len(namespaces) == 1 else ""
    if usual:
        yield f"  namespace: {_text(usual)}"
    if not connection.streams:
        yield "  # It has no stream yet: select some there, and name them here."
    yield f"  streams: [{', '.join(_stream(each, usual) for each in connection.streams)}]"


def _stream(stream: Stream, usual: str) -> str:
    if stream.namespace == usual:
        return _text(stream.name)
    return f"{{name: {_text(stream.name)}, namespace: {_text(stream.namespace)}}}"


def _text(value: str) -> str:
    """A YAML scalar that is read back as this text; what could be anything else is quoted."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in shown)


def _comment(value: str) -> str:
    return " ".join(value.split())
