"""Rows of random values of every type, from a seed: what people and programs really leave in columns.

Values stay within what the wide columns of all three databases can represent; :func:`misfits` has those that some
narrower column cannot.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID

from integrations_platform_tests.end_to_end.every_type import CAN_MISFIT, fits_narrow

LETTERS = (
    "abcXYZ 019 -_.,;:!?'\"\\%&/()[]{}<>|@#\t\n"
    "äöüßéÑøłşğČžÅe\u0301a\u0308\u200d\u200b\u00a0\ufeff日本語العربيةעבריתΕλληνικά👍🏽👩🚀𝔘𐍈"
)
FIRST_DAY, DAYS = date(1000, 1, 1), (date(9999, 12, 31) - date(1000, 1, 1)).days


def _word(chance: random.Random, most: int) -> str:
    return "".join(chance.choice(LETTERS) for _ in range(chance.randint(0, most)))


def _decimal(chance: random.Random) -> str:
    digits = chance.randint(0, 10 ** chance.randint(1, 15) - 1)
    return f"{chance.choice(['', '-'])}{digits // 10_000}.{digits % 10_000:04}"


def _moment(chance: random.Random) -> datetime:
    day = FIRST_DAY + timedelta(days=chance.randint(0, DAYS))
    microsecond = chance.choice([0, 1, 999_999, 500_000, chance.randint(0, 999_999)])
    clock = chance.choice([(0, 0, 0), (23, 59, 59), (chance.randint(0, 23), chance.randint(0, 59), 30)])
    return datetime.combine(day, time(*clock, microsecond, UTC))


def _tree(chance: random.Random, depth: int = 2) -> Any:
    kind = chance.randint(0, 6 if depth else 4)
    if kind == 5:
        return [_tree(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    if kind == 6:
        return {f"k{number}": _tree(chance, depth - 1) for number in range(chance.randint(0, 3))}
    return [None, True, chance.randint(-(10**12), 10**12), "é👍", _word(chance, 6)][kind]


MAKERS: dict[str, Callable[[random.Random], Any]] = {
    "text": lambda chance: _word(chance, 40),
    "email": lambda chance: (
        f"{chance.choice(['Ann', 'bob', 'Ç.D'])}+{chance.randint(0, 10**9)}@Example.{chance.choice('AbC')}om"
    ),
    "phone": lambda chance: (
        f"{chance.choice(['+', '00', ''])}{chance.randint(10**6, 10**13)}{chance.choice(['', ' ext. 5'])}"
    ),
    "integer": lambda chance: chance.choice([1, -1]) * chance.randint(0, 2 ** chance.randint(1, 63) - 1),
    "decimal": _decimal,
    "boolean": lambda chance: chance.random() < 0.5,
    "date": lambda chance: FIRST_DAY + timedelta(days=chance.randint(0, DAYS)),
    "datetime": _moment,
    "enum": lambda chance: chance.choice(["new", "größer", "done"]),
    "set": lambda chance: tuple(letter for letter in "abc" if chance.random() < 0.5),
    "uuid": lambda chance: str(UUID(int=chance.getrandbits(128))),
    "json": _tree,
}


def rows(types: list[str], count: int, seed: str) -> list[dict[str, Any]]:
    """``count`` rows; one value in twelve is NULL. The same seed gives the same rows."""
    chance = random.Random(seed)
    return [{kind: None if chance.random() < 1 / 12 else MAKERS[kind](chance) for kind in types} for _ in range(count)]


def _drawn(chance: random.Random, kind: str, database: str, *, fits: bool) -> Any:
    """A value of that kind that fits, or does not fit, the narrow column of a database."""
    while True:
        value = MAKERS[kind](chance)
        # The same characters have two spellings, of two lengths: values on the edge of both are left out.
        spellings = (value, normalize("NFC", value)) if isinstance(value, str) else (value,)
        if all(fits_narrow(kind, each, database) is fits for each in spellings):
            return value


def misfits(types: list[str], each: int, seed: str, database: str) -> list[dict[str, Any]]:
    """Rows for the narrow columns of a ``database``: for each type that can be too large for it, ``each`` rows in which
    that value is and all others fit, and after each of them a row in which every value fits."""
    chance = random.Random(seed)
    found = []
    for wrong in [kind for kind in types if kind in CAN_MISFIT[database]]:
        for number in range(2 * each):
            row = {kind: _drawn(chance, kind, database, fits=True) for kind in types}
            found.append(row | ({} if number % 2 else {wrong: _drawn(chance, wrong, database, fits=False)}))
    return found
