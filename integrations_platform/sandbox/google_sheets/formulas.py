"""Formulas: arithmetic, text and references to cells of the same tab, enough for stories about formulas.

Owns parsing and evaluation of that small part; anything else gives the error values people see in a sheet.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from integrations_platform.sandbox.google_sheets.a1 import column_index

Scalar = str | float | bool | None
Lookup = Callable[[int, int], Scalar]

ERRORS = frozenset({"#DIV/0!", "#NAME?", "#REF!", "#VALUE!", "#ERROR!"})
_TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|"((?:[^"]|"")*)"|(\$?[A-Za-z]{1,3}\$?\d+)|([A-Za-z]+)|(.))')
_DEPTH = 40  # cells a chain of references may pass, brackets a formula may open


class Failed(Exception):  # noqa: N818  the value of a formula that fails, not a fault of ours
    """Evaluation ended in an error value."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.shown = shown


def evaluate(formula: str, lookup: Lookup) -> Scalar:
    """The value of ``=…``; ``lookup`` gives a cell by row and column. Error values come back as their text."""
    try:
        parser = _Parser(formula[1:], lookup)
        value = parser.joined(0)
        parser.expect_end()
    except Failed as failure:
        return failure.shown
    return value


class _Parser:
    def __init__(self, text: str, lookup: Lookup) -> None:
        self._tokens = [match.groups() for match in _TOKEN.finditer(text)]
        self._at = 0
        self._lookup = lookup

    def joined(self, depth: int) -> Scalar:
        if depth > _DEPTH:
            raise Failed("#REF!")
        value = self._sum(depth)
        while self._take("&"):
            value = _text(value) + _text(self._sum(depth))
        return value

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise Failed("#ERROR!")

    def _sum(self, depth: int) -> Scalar:
        value = self._product(depth)
        while sign := self._take("+") or self._take("-"):
            right = _number(self._product(depth))
            value = _number(value) + (right if sign == "+" else -right)
        return value

    def _product(self, depth: int) -> Scalar:
        value = self._atom(depth)
        while sign := self._take("*") or self._take("/"):
            right = _number(self._atom(depth))
            if sign == "/" and right == 0:
                raise Failed("#DIV/0!")
            value = _number(value) * right if sign == "*" else _number(value) / right
        return value

    def _atom(self, depth: int) -> Scalar:
        if self._take("-"):
            if depth > _DEPTH:
                raise Failed("#REF!")
            return -_number(self._atom(depth + 1))
        if self._take("("):
            value = self.joined(depth + 1)
            if not self._take(")"):
                raise Failed("#ERROR!")
            return value
        if self._at >= len(self._tokens):
            raise Failed("#ERROR!")
        number, text, reference, word, _ = self._tokens[self._at]
        self._at += 1
        if number is not None:
            return float(number)
        if text is not None:
            return text.replace('""', '"')
        if reference is not None:
            return self._cell(reference.replace("$", ""))
        if word is not None and word.upper() in ("TRUE", "FALSE"):
            return word.upper() == "TRUE"
        raise Failed("#NAME?" if word is not None else "#ERROR!")

    def _cell(self, reference: str) -> Scalar:
        letters = reference.rstrip("0123456789")
        value = self._lookup(int(reference[len(letters) :]) - 1, column_index(letters))
        if isinstance(value, str) and value in ERRORS:
            raise Failed(value)
        return value

    def _take(self, sign: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at][4] == sign:
            self._at += 1
            return sign
        return None


def _number(value: Scalar) -> float:
    if value is None:
        return 0.0
    if isinstance(value, str):
        raise Failed("#VALUE!")
    return float(value)


def _text(value: Scalar) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"{value:.15g}" if isinstance(value, float) else value
