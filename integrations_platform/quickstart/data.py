"""Realistic customers, the same ones every time: names of many scripts, decimals, dates, and the faults real data has.

Owns the two populations and what a first sync must make of them, known by construction rather than by asking the
engine. It opens no database. Every name, address and number is invented; the domains are reserved for examples.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

SEED = 20_240_229
FEWEST = 1_000
LONGEST_NAME = 120

# given names, family names and a spelling of them for e-mail addresses, by script or language
_PEOPLE: tuple[tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], str], ...] = (
    (
        (("Anna", "anna"), ("James", "james"), ("Grace", "grace")),
        (("Smith", "smith"), ("O’Connor", "oconnor")),
        "{} {}",
    ),
    ((("Zoë", "zoe"), ("François", "francois")), (("Müller", "mueller"), ("Lefèvre", "lefevre")), "{} {}"),
    ((("Łukasz", "lukasz"), ("Jiří", "jiri")), (("Wiśniewski", "wisniewski"), ("Dvořák", "dvorak")), "{} {}"),
    ((("Søren", "soren"), ("Åsa", "asa")), (("Ångström", "angstrom"), ("Þórsdóttir", "thorsdottir")), "{} {}"),
    ((("Nguyễn Văn", "nguyenvan"), ("Trần Thị", "tranthi")), (("Hương", "huong"), ("Đức", "duc")), "{} {}"),
    (
        (("Ἑλένη", "eleni"), ("Γιώργος", "giorgos")),
        (("Παπαδοπούλου", "papadopoulou"), ("Νικολάου", "nikolaou")),
        "{} {}",
    ),
    ((("Ольга", "olga"), ("Дмитро", "dmytro")), (("Кузнецова", "kuznetsova"), ("Шевченко", "shevchenko")), "{} {}"),
    ((("ფატიმა", "fatima"), ("გიორგი", "giorgi")), (("ბერიძე", "beridze"), ("კაპანაძე", "kapanadze")), "{} {}"),
    ((("Անահիտ", "anahit"), ("Արամ", "aram")), (("Պետրոսյան", "petrosyan"), ("Սարգսյան", "sargsyan")), "{} {}"),
    ((("נועה", "noa"), ("דוד", "david")), (("כהן", "cohen"), ("מזרחי", "mizrahi")), "{} {}"),
    ((("ليلى", "layla"), ("يوسف", "yusuf")), (("الخطيب", "alkhatib"), ("حداد", "haddad")), "{} {}"),
    ((("प्रिया", "priya"), ("अर्जुन", "arjun")), (("शर्मा", "sharma"), ("पटेल", "patel")), "{} {}"),
    ((("สมชาย", "somchai"), ("มาลี", "malee")), (("ใจดี", "jaidee"), ("ศรีสุข", "srisuk")), "{} {}"),
    ((("ሰላም", "selam"), ("አበበ", "abebe")), (("ተስፋዬ", "tesfaye"), ("በቀለ", "bekele")), "{} {}"),
    ((("小明", "xiaoming"), ("美玲", "meiling")), (("王", "wang"), ("李", "li")), "{1}{0}"),
    ((("さくら", "sakura"), ("健太", "kenta")), (("佐藤", "sato"), ("高橋", "takahashi")), "{1} {0}"),
    ((("지우", "jiwoo"), ("민준", "minjun")), (("김", "kim"), ("박", "park")), "{1}{0}"),
    ((("Ada 🌻", "ada"), ("Kofi 🎧", "kofi")), (("Mensah", "mensah"), ("Ọlátúnjí", "olatunji")), "{} {}"),
)
_DOMAINS = ("example.org", "example.com", "example.net", "mail.example.org", "post.example.com")
_DIALS = ("+1 202 555", "+44 20 7946", "+49 30 23125", "+81 3 5550", "+91 22 5550", "+254 20 555")
_FIRST_DAY = date(2018, 1, 1)
_FIRST_EDIT = datetime(2025, 1, 1, 8, 0, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True)
class Customer:
    """One record as a person knows it; ``number`` is its key in its own database."""

    number: int
    name: str
    email: str
    phone: str | None
    balance: Decimal
    since: date
    updated_at: datetime


@dataclass
class Facts:
    """What the first sync must find, by construction. Keys of ``refused`` are reasons."""

    matched: int = 0
    to_webshop: int = 0
    to_crm: int = 0
    later_crm: int = 0
    later_webshop: int = 0
    ties: int = 0
    balances: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    parked: set[str] = field(default_factory=set)  # e-mails, in lower case like the following
    stay_in_crm: set[str] = field(default_factory=set)
    stay_in_webshop: set[str] = field(default_factory=set)


@dataclass
class Population:
    """Both databases before the first sync. ``ordinary``: CRM customers nothing is special about, for later edits."""

    crm: list[Customer]
    webshop: list[Customer]
    facts: Facts
    ordinary: list[Customer]


def make_population(records: int) -> Population:
    """``records`` customers in the CRM, a tenth of them in the web shop already, and some known to the web shop only.

    Raises ValueError below :data:`FEWEST`.
    """
    if records < FEWEST:
        raise ValueError(f"at least {FEWEST} records")
    dice = random.Random(SEED)  # noqa: S311  data, not secrets
    crm = [_customer(dice, number) for number in range(1, records + 1)]
    facts = Facts(matched=records // 10, to_crm=records // 20)
    webshop, ordinary = _known_to_both(dice, crm, facts)
    webshop += [_customer(dice, 700_000 + n) for n in range(1, facts.to_crm + 1)]
    faulty = _spoil(crm, webshop, facts)
    facts.to_webshop = records - facts.matched - faulty
    return Population(crm, webshop, facts, ordinary[:-faulty])


def _customer(dice: random.Random, number: int) -> Customer:
    given, family, order = _PEOPLE[dice.randrange(len(_PEOPLE))]
    (first, first_ascii), (last, last_ascii) = dice.choice(given), dice.choice(family)
    phone = f"{dice.choice(_DIALS)} {dice.randrange(10_000):04d}" if dice.random() > 0.12 else None
    return Customer(
        number=number,
        name=unicodedata.normalize("NFC", order.format(first, last)),
        email=f"{first_ascii}.{last_ascii}.{number}@{dice.choice(_DOMAINS)}",
        phone=phone,
        balance=Decimal(dice.randrange(-50_000, 2_500_000)) / 100,
        since=_FIRST_DAY + timedelta(days=dice.randrange(2_500)),
        updated_at=_FIRST_EDIT + timedelta(seconds=dice.randrange(25_000_000)),
    )


def _known_to_both(dice: random.Random, crm: list[Customer], facts: Facts) -> tuple[list[Customer], list[Customer]]:
    """Customers the web shop knows already: mostly alike, some spelled differently, some changed since."""
    both = set(dice.sample(range(len(crm) - 20), facts.matched))
    webshop = []
    for place, index in enumerate(sorted(both)):
        mine = crm[index]
        theirs = replace(mine, number=500_000 + mine.number)
        if place % 4 == 0:  # the web shop's form keeps what people type
            theirs = replace(theirs, email=theirs.email.title())
        if place % 10 == 1:
            theirs = replace(theirs, phone=None)  # blank on one side: filled
        if 20 <= place < 26:
            days = 3 if place % 2 else -3
            theirs = replace(theirs, name=f"{mine.name} Jr.", updated_at=mine.updated_at + timedelta(days=days))
            facts.later_webshop, facts.later_crm = facts.later_webshop + (days > 0), facts.later_crm + (days < 0)
        if 30 <= place < 32:
            theirs = replace(theirs, name=f"{mine.name} Sr.")  # same updated_at: nothing proves which is later
            facts.ties += 1
            facts.parked.add(mine.email.lower())
        if 40 <= place < 45:
            theirs = replace(theirs, balance=mine.balance + 10)
            facts.balances += 1
        webshop.append(theirs)
    return webshop, [one for index, one in enumerate(crm) if index not in both]


def _spoil(crm: list[Customer], webshop: list[Customer], facts: Facts) -> int:
    """Put faults into the last customers of either side; returns how many of the CRM's cannot be synced."""
    crm[-1] = replace(crm[-1], email=crm[-2].email.upper())  # one person twice
    crm[-3] = replace(crm[-3], email=crm[-4].email)
    crm[-5] = replace(crm[-5], email="")
    crm[-6] = replace(crm[-6], email="   ")
    crm[-7] = replace(crm[-7], name="  ")
    long = "Wolfeschlegelsteinhausenbergerdorff "
    crm[-8] = replace(crm[-8], name=f"Hubert {long * 4}Senior")
    webshop[-1] = replace(webshop[-1], email=webshop[-2].email.title())
    webshop[-3] = replace(webshop[-3], name="")
    facts.stay_in_crm = {crm[-7].email.lower(), crm[-8].email.lower()}  # the others have no e-mail of their own
    facts.stay_in_webshop = {webshop[-3].email.lower()}
    facts.to_crm -= 3
    facts.refused = {"one e-mail, two records": 6, "a required value is blank": 4, "too long for the other side": 1}
    return 8
