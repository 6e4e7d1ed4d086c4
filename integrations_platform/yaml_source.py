"""YAML text as values that know their line, and the faults found in them.

Owns the reading of hostile YAML: size, depth and alias limits, duplicate keys, encodings, and the form in which every
fault of a configuration file is shown. It constructs no Python objects from tags and knows no key of any file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000  # a sync with a thousand fields is below 200 kB
MAX_DEPTH = 20
MAX_VALUES = 50_000  # aliases count each time they are used, so that a few lines cannot expand without end
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", re.ASCII)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp")}
# `<<` and `=` resolve to types of their own in YAML 1.1; both are ordinary text here.
_TEXT_TAGS = {"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}
_TRUE_WORDS = {"true", "yes", "on"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a configuration file; ``line`` is None when the fault is not at any one line."""

    file: str
    line: int | None
    path: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(filter(None, (place, self.path, self.what))) + (f"; {self.remedy}" if self.remedy else "")


class ConfigurationError(Exception):
    """A configuration file cannot be used. ``faults`` holds everything found, one line each in ``str()``."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Faults:
    """Collects what is wrong with one file, so that a person mends it in one go."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(sorted(self._found, key=lambda fault: fault.line or 0))

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: int | None, path: str, what: str, remedy: str = "") -> None:
        """Note one fault; the same fault is noted once."""
        fault = Fault(self.file, line, path, what, remedy)
        if fault not in self._found:
            self._found.append(fault)

    def within(self, path: str) -> bool:
        """Whether anything is wrong at ``path`` or below it."""
        return any(fault.path == path or fault.path.startswith((f"{path}.", f"{path}[")) for fault in self._found)


@dataclass(frozen=True, slots=True)
class Located:
    """A YAML value with the line of its key (or of itself in a list) and, for scalars, its text as written."""

    value: str | int | Decimal | bool | tuple[Located, ...] | dict[str, Located] | None
    line: int
    text: str = ""

    def get(self, key: str) -> Located | None:
        """The value under ``key``; None when this is no mapping or has no such key."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def plain(self) -> Any:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value


def entries_of(node: Located | None) -> list[tuple[str, Located]]:
    """Keys and values of a mapping, in their order; none of what is missing or no mapping."""
    return list(node.value.items()) if node is not None and isinstance(node.value, dict) else []


def day_of(node: Located | None, path: str, faults: Faults) -> date | None:
    """The day written as YYYY-MM-DD; None when it is missing, and, with a fault noted, when there is no such day."""
    if node is None:
        return None
    try:
        return date.fromisoformat(node.text)
    except ValueError:
        faults.add(node.line, path, f"there is no day {node.text!r}", "write YYYY-MM-DD")
        return None


def shown_path(path: Path) -> str:
    """``path`` as a person would type it from the current directory."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):
        return str(path)


def read_file(path: Path, faults: Faults) -> Located | None:
    """Read the file at ``path``; None with faults noted when it cannot be read or is no YAML mapping."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else "not a usable path"
        faults.add(None, "", f"cannot be read ({reason})", "give the path of a readable YAML file")
        return None
    return read_text(data, faults)


def read_text(data: bytes | str, faults: Faults) -> Located | None:
    """Read YAML text; None with faults noted when it is not one well-formed mapping within the limits."""
    if len(data) > MAX_BYTES:
        faults.add(None, "", f"larger than {MAX_BYTES:,} bytes", "is this the right file?")
        return None
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as fault:
        line = bytes(data[: fault.start]).count(b"\n") + 1 if isinstance(data, bytes) else None
        faults.add(line, "", "not UTF-8 text", "save the file as UTF-8")
        return None
    try:
        root = _document(text, faults)
    except _RefusedError as refusal:
        faults.add(refusal.line, "", refusal.what, refusal.remedy)
        return None
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        what = f"not YAML: {fault.problem or fault.context or 'malformed'}"
        tabs = "\\t" in what
        remedy = (
            "indent with spaces, not tabs" if tabs else "check indentation, quotes and brackets here and just above"
        )
        faults.add(mark.line + 1 if mark else None, "", what, remedy)
        return None
    except (yaml.YAMLError, ValueError, OverflowError) as fault:
        # The reader refuses characters by position only; escapes and directives beyond range raise bare ValueErrors.
        position = fault.position if isinstance(fault, yaml.reader.ReaderError) else None
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        faults.add(line, "", "not YAML: a character or escape that YAML does not allow", "remove or replace it")
        return None
    return root


def _document(text: str, faults: Faults) -> Located | None:
    """By the parser in C, which takes a seventh of the time; what it does not read is left to the one in Python, which
    says better what is wrong."""
    try:
        return _Composer(text, faults, getattr(yaml, "CSafeLoader", yaml.SafeLoader)).document()
    except (yaml.YAMLError, ValueError, OverflowError):
        return _Composer(text, faults, yaml.SafeLoader).document()


class _RefusedError(Exception):
    def __init__(self, line: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line, self.what, self.remedy = line, what, remedy


class _Composer:
    """Builds located values from parser events: unlike PyYAML's own composer it keeps lines and counts expansions."""

    def __init__(self, text: str, faults: Faults, loader: Any) -> None:
        self._loader = loader(text)  # its methods carry no types
        self._faults = faults
        self._anchors: dict[str, tuple[Located, int]] = {}
        self._count = 0

    def document(self) -> Located | None:
        loader = self._loader
        loader.get_event()  # stream start
        if isinstance(loader.peek_event(), yaml.StreamEndEvent):
            self._faults.add(1, "", "the file is empty", "write a mapping of keys and values")
            return None
        loader.get_event()  # document start
        root = self._value(0, "")
        loader.get_event()  # document end
        if not isinstance(loader.peek_event(), yaml.StreamEndEvent):
            line = loader.peek_event().start_mark.line + 1
            raise _RefusedError(line, "a second YAML document", "keep one document per file")
        if not isinstance(root.value, dict):
            what = "the file is empty" if root.value is None else "the top of the file is not a mapping"
            self._faults.add(root.line, "", what, "write a mapping of keys and values")
            return None
        return root

    def _spend(self, amount: int, line: int) -> None:
        self._count += amount
        if self._count > MAX_VALUES:
            raise _RefusedError(line, f"more than {MAX_VALUES:,} values", "split the file, or use fewer aliases")

    def _value(self, depth: int, path: str) -> Located:
        event = self._loader.get_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _RefusedError(line, f"alias *{event.anchor} names no finished anchor", "write the value out")
            known, size = self._anchors[event.anchor]
            self._spend(size, line)
            return known
        before = self._count
        self._spend(1, line)
        if depth > MAX_DEPTH:
            raise _RefusedError(line, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(event, yaml.ScalarEvent):
            built = self._scalar(event, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._refuse_tag(event.tag, "seq", line)
            built = self._sequence(depth, path, line)
        else:
            self._refuse_tag(event.tag, "map", line)
            built = self._mapping(depth, path, line)
        if event.anchor:
            self._anchors[event.anchor] = (built, self._count - before)
        return built

    @staticmethod
    def _refuse_tag(tag: str | None, kind: str, line: int) -> None:
        if tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            raise _RefusedError(line, f"tag {tag!r} is not read", "remove the tag")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Located:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag not in _PLAIN_TAGS | _TEXT_TAGS:
            raise _RefusedError(line, f"tag {tag!r} is not read", "remove the tag")
        text: str = event.value
        if any("\ud800" <= character <= "\udfff" for character in text) or "\0" in text:
            raise _RefusedError(line, "text with a NUL or half a surrogate pair", "write the character itself")
        kind = tag.rpartition(":")[2]
        value: str | int | Decimal | bool | None = text
        if kind == "int" and _WHOLE.fullmatch(text):
            value = int(text)
        elif kind == "float" and _DECIMAL.fullmatch(text):
            value = Decimal(text)
        elif kind == "bool":
            value = text.lower() in _TRUE_WORDS
        elif kind == "null":
            value = None
        return Located(value, line, text)

    def _sequence(self, depth: int, path: str, line: int) -> Located:
        items: list[Located] = []
        while not isinstance(self._loader.peek_event(), yaml.SequenceEndEvent):
            items.append(self._value(depth + 1, f"{path}[{len(items)}]"))
        self._loader.get_event()
        return Located(tuple(items), line)

    def _mapping(self, depth: int, path: str, line: int) -> Located:
        entries: dict[str, Located] = {}
        while not isinstance(self._loader.peek_event(), yaml.MappingEndEvent):
            name = self._value(depth + 1, path)
            if isinstance(name.value, dict | tuple):
                raise _RefusedError(name.line, "a list or mapping as a key", "use plain text as keys")
            key = name.text
            below = f"{path}.{key}" if path else key
            value = self._value(depth + 1, below)
            if key in entries:
                self._faults.add(name.line, below, f"declared twice (first on line {entries[key].line})", "remove one")
                continue
            entries[key] = Located(value.value, name.line, value.text)
        self._loader.get_event()
        return Located(entries, line)
