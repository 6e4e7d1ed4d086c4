"""QuickBooks' query language: one SELECT over one kind of entity, with AND as its only connective.

Owns parsing and matching. A statement it cannot read is refused as the vendor does (4000), a readable one that asks for
something impossible with 4001; neither OR, JOIN nor GROUP BY exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations_platform.sandbox.quickbooks.refusals import refusal

DEFAULT_PAGE, LONGEST_PAGE = 100, 1000

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|=|<|>|\(|\)|,|\*))",
    re.ASCII,
)
_SIGNS = ("=", "<", ">", "<=", ">=")


@dataclass(frozen=True)
class Condition:
    """``path`` compared with values; ``sign`` is a comparison, LIKE or IN."""

    path: str
    sign: str
    values: tuple[str | Decimal | bool, ...]


@dataclass(frozen=True)
class Select:
    """A parsed statement. ``order`` holds (path, descending)."""

    kind: str
    counts: bool = False
    where: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    start: int = 1
    most: int = DEFAULT_PAGE

    def names(self, path: str) -> bool:
        """Whether a condition is about ``path``."""
        return any(condition.path.casefold() == path.casefold() for condition in self.where)


class _Words:
    """The tokens of a statement, read one after the other."""

    def __init__(self, statement: str) -> None:
        self.words: list[tuple[str, str]] = []
        at, text = 0, statement.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise refusal("4000", f"Encountered {text[at : at + 10]!r} at column {at + 1}")
            self.words.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()
        self.at = 0

    def peek(self, *words: str) -> bool:
        """Whether these words come next."""
        ahead = [text.upper() for kind, text in self.words[self.at : self.at + len(words)] if kind != "text"]
        return ahead == list(words)

    def take(self, *words: str) -> bool:
        """Step over these words if they come next."""
        if not self.peek(*words):
            return False
        self.at += len(words)
        return True

    def need(self, *words: str) -> None:
        """Step over these words, which must come next."""
        if not self.take(*words):
            raise refusal("4000", f"Expected {' '.join(words)} {self.near()}")

    def next(self, *kinds: str) -> str:
        """The next token, of one of these kinds."""
        if self.at >= len(self.words) or self.words[self.at][0] not in kinds:
            raise refusal("4000", f"Expected a {' or '.join(kinds)} {self.near()}")
        self.at += 1
        return self.words[self.at - 1][1]

    def near(self) -> str:
        """Where the reading stands, for messages."""
        return f"near {self.words[self.at][1]!r}" if self.at < len(self.words) else "at the end"


def parse(statement: str) -> Select:
    """Read a statement. Raises VendorError with code 4000 or 4001."""
    words = _Words(statement)
    words.need("SELECT")
    counts = words.take("COUNT", "(", "*", ")")
    if not counts:
        words.need("*")
        while words.take(","):
            words.next("name")  # fields that `*` leaves out elsewhere; here it leaves out none
    words.need("FROM")
    kind = words.next("name")
    where: list[Condition] = []
    if words.take("WHERE"):
        where.append(_condition(words))
        while words.take("AND"):
            where.append(_condition(words))
    order: list[tuple[str, bool]] = []
    if words.take("ORDERBY") or words.take("ORDER", "BY"):
        order.append(_ordering(words))
        while words.take(","):
            order.append(_ordering(words))
    start = _whole(words) if words.take("STARTPOSITION") else 1
    most = _whole(words) if words.take("MAXRESULTS") else DEFAULT_PAGE
    if words.at < len(words.words):
        raise refusal("4000", f"Not understood {words.near()}")
    if start < 1 or not 1 <= most <= LONGEST_PAGE:
        raise refusal("4001", f"STARTPOSITION from 1, MAXRESULTS from 1 to {LONGEST_PAGE}")
    return Select(kind, counts, tuple(where), tuple(order), start, most)


def _condition(words: _Words) -> Condition:
    path = words.next("name")
    if words.take("IN"):
        words.need("(")
        values = [_literal(words)]
        while words.take(","):
            values.append(_literal(words))
        words.need(")")
        return Condition(path, "IN", tuple(values))
    if words.take("LIKE"):
        return Condition(path, "LIKE", (_literal(words),))
    sign = words.next("sign")
    if sign not in _SIGNS:
        raise refusal("4000", f"Expected a comparison {words.near()}")
    return Condition(path, sign, (_literal(words),))


def _ordering(words: _Words) -> tuple[str, bool]:
    path = words.next("name")
    return path, words.take("DESC") or (words.take("ASC") and False)


def _literal(words: _Words) -> str | Decimal | bool:
    text = words.next("text", "number", "name")
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    try:
        return Decimal(text)
    except InvalidOperation:
        raise refusal("4000", f"{text!r} needs quotes") from None


def _whole(words: _Words) -> int:
    text = words.next("number")
    if not text.isdigit() or len(text) > 9:
        raise refusal("4000", f"{text!r} is no position")
    return int(text)


@dataclass(frozen=True)
class Matcher:
    """Compares values as one reading of the vendor's silence has it."""

    any_case: bool = True
    ids_as_text: bool = False

    def matches(self, select: Select, record: Mapping[str, Any]) -> bool:
        """Whether a record fulfils every condition."""
        return all(self._holds(condition, look_up(record, condition.path)) for condition in select.where)

    def ordered(self, select: Select, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Records in the asked order; by id where none is asked or where values are equal."""
        found = sorted(records, key=lambda record: self._rank(record["Id"], "Id"))
        for path, descending in reversed(select.order):
            found.sort(key=lambda record: self._rank(look_up(record, path), path), reverse=descending)
        return found

    def _holds(self, condition: Condition, value: Any) -> bool:
        if value is None:
            return False
        if condition.sign == "LIKE":
            pattern = re.escape(str(condition.values[0])).replace("%", ".*")
            return re.fullmatch(pattern, str(value), re.IGNORECASE | re.DOTALL) is not None
        if condition.sign == "IN":
            return any(self._compare(condition.path, value, wanted) == 0 for wanted in condition.values)
        order = self._compare(condition.path, value, condition.values[0])
        tests: dict[str, Callable[[int], bool]] = {
            "=": lambda found: found == 0, "<": lambda found: found < 0, ">": lambda found: found > 0,
            "<=": lambda found: found <= 0, ">=": lambda found: found >= 0,
        }  # fmt: skip
        return tests[condition.sign](order)

    def _compare(self, path: str, value: Any, wanted: str | Decimal | bool) -> int:
        left, right = self._rank(value, path), self._rank(wanted, path)
        if left[0] != right[0]:
            raise refusal("4001", f"{path} cannot be compared with that value")
        return int(left > right) - int(left < right)

    def _rank(self, value: Any, path: str) -> tuple[int, Any]:
        """A value as something that sorts: the kind of comparison, then the value in it."""
        if value is None:
            return (0, 0)
        if isinstance(value, bool):
            return (1, value)
        if isinstance(value, int | Decimal):
            return (2, Decimal(value))
        if path.casefold().endswith("time"):
            try:
                moment = datetime.fromisoformat(str(value))
            except ValueError:
                raise refusal("4001", f"{path} is compared with a time, with its offset") from None
            if moment.tzinfo is None:
                raise refusal("4001", f"{path} is compared with a time, with its offset")
            return (3, moment)
        if path.casefold() == "id" and str(value).isdigit() and not self.ids_as_text:
            return (4, int(value))
        return (4 if path.casefold() == "id" else 5, str(value).casefold() if self.any_case else str(value))


def look_up(record: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, names compared without case; a reference is its ``value``; None if there is none."""
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = next((held for key, held in value.items() if key.casefold() == name.casefold()), None)
    return value.get("value") if isinstance(value, Mapping) else value
