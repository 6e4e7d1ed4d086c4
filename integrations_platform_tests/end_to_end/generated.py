"""Rows of random values of every type, from a seed: what people and programs really leave in columns.

Values stay within what all three databases can represent; what they cannot is the matter of the stories of wrong data.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

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
