"""The made-up town that all stand-ins know: its people, companies and articles, by number.

One number is one person in every stand-in, so that their data overlaps as that of one firm's systems does. The same
number is always the same, whatever the seed: who is where is for each vendor's own data to say. Domains and telephone
numbers are those reserved for examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

_GIVEN = (
    "Ada", "Björn", "Chioma", "Dana", "Émile", "Fatima", "Goran", "Hana", "Ines", "João", "Kofi", "Léa", "Mehmet",
    "Noor", "Olga", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Viktor", "Wanda",
)  # fmt: skip
_FAMILY = (
    "Abbott", "Bergström", "Chen", "Duarte", "Eze", "Fischer", "García", "Haddad", "Ivanov", "Jensen", "Kowalski",
    "Lindqvist", "Moreau", "Nakamura", "O'Brien", "Pereira", "Quispe", "Rossi", "Schäfer",
)  # fmt: skip
_PLACES = (
    ("Lakeside", "CA", "92040"), ("Portland", "OR", "97205"), ("Austin", "TX", "78701"), ("Boston", "MA", "02108"),
    ("Duluth", "MN", "55802"),
)  # fmt: skip
_STREETS = ("Harbor Road", "Main Street", "Mill Lane", "Orchard Avenue", "Quay Street", "Station Square", "Vine Street")
_TRADES = ("Analytics", "Bakery", "Boatyard", "Clinic", "Couriers", "Energy", "Farms", "Hardware", "Hotel", "Studio")
_GOODS = ("Anchor", "Bench", "Canvas", "Dinghy", "Engine oil", "Fender", "Gasket", "Hull paint", "Inspection", "Jib")
_PEOPLE_A_COMPANY = 4
_CHANGES = 20  # of so many people, one has moved and one has another number


@dataclass(frozen=True)
class Company:
    """A company of the town."""

    name: str
    domain: str
    city: str
    state: str
    zip: str


@dataclass(frozen=True)
class Person:
    """Somebody of the town; ``phone`` in the international form."""

    given: str
    family: str
    email: str
    phone: str
    street: str
    city: str
    state: str
    zip: str
    company: Company

    @property
    def name(self) -> str:
        """In full: nobody else has it."""
        return f"{self.given} {self.family}"

    @property
    def typed_phone(self) -> str:
        """The same number as people type it."""
        digits = self.phone.removeprefix("+1")
        return f"+1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}"


@dataclass(frozen=True)
class Article:
    """Something the town's firms sell, known by its number."""

    sku: str
    name: str
    price: Decimal


def company(number: int) -> Company:
    """The company of that number."""
    family, trade = _FAMILY[number * 7 % len(_FAMILY)], _TRADES[number % len(_TRADES)]
    again = _again(number, len(_FAMILY) * len(_TRADES))
    city, state, code = _PLACES[number % len(_PLACES)]
    return Company(f"{family} {trade}{again}", f"{_plain(family)}-{trade.lower()}-{number}.example", city, state, code)


def person(number: int) -> Person:
    """The person of that number; four of them work for each company."""
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number % len(_FAMILY)]
    family += _again(number, len(_GIVEN) * len(_FAMILY))
    works_for = company(number // _PEOPLE_A_COMPANY)
    city, state, code = _PLACES[number % len(_PLACES)]
    return Person(
        given, family, f"{_plain(given)}.{_plain(family)}.{number}@{works_for.domain}",
        f"+1202555{number % 10_000:04}", f"{number % 300 + 1} {_STREETS[number % len(_STREETS)]}", city, state, code,
        works_for,
    )  # fmt: skip


def moved(number: int) -> bool:
    """Whether somebody lives elsewhere since lately, which not every system has heard of."""
    return number % _CHANGES == 7


def renumbered(number: int) -> bool:
    """Whether somebody has a new telephone number since lately, which not every system has heard of."""
    return number % _CHANGES == 11


def formerly(number: int) -> Person:
    """The person of that number as known to whoever has not heard lately."""
    now = person(number)
    if moved(number):
        then = person(number + 1)
        return replace(now, street=then.street, city=then.city, state=then.state, zip=then.zip)
    return replace(now, phone=f"+1202555{(number + 5_000) % 10_000:04}") if renumbered(number) else now


def article(number: int) -> Article:
    """The article of that number."""
    name = f"{_GOODS[number % len(_GOODS)]} {number // len(_GOODS) + 1}"
    return Article(f"LS-{number:05}", name, Decimal(495 + number * 1750 % 89_000).scaleb(-2))


def _again(number: int, distinct: int) -> str:
    """What tells the second round of names from the first."""
    return f" {number // distinct + 1}" if number >= distinct else ""


def _plain(name: str) -> str:
    """A name as it stands in an address."""
    spelled = name.lower().translate(str.maketrans("áäãéèíøöóüů'", "aaaeeioooou-"))
    return "".join(letter for letter in spelled if letter.isascii() and (letter.isalnum() or letter == "-"))
