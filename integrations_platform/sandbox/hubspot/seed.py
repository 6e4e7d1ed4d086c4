"""A portal's share of the town: its contacts, their companies, and deals about the town's articles.

The same for the same seed and day, made and edited long ago: a contact's stage and a deal's have moved on since, and of
late somebody has told the portal who lives elsewhere. Deals carry the number of the article in the custom property
:data:`ARTICLE`, as a firm that sells one article a deal keeps it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from integrations_platform.sandbox import town
from integrations_platform.sandbox.hubspot.catalogue import (
    DEAL_STAGES,
    GROUPS,
    LIFECYCLE,
    LINK_TYPES,
    PRIMARY_TYPES,
    Property,
)
from integrations_platform.sandbox.hubspot.portal import PERSON, Portal, Stored
from integrations_platform.sandbox.past import Past

ARTICLE = "article_sku"
_CONTACTS_A_COMPANY, _CONTACTS_A_DEAL, _CONTACTS_AN_ARTICLE = 4, 5, 10


def populate(portal: Portal, size: int, seed: int) -> None:
    """``size`` contacts, a company for every four of them, a deal for every five; every second deal is won."""
    draw = random.Random(seed)  # noqa: S311  made-up people
    past = Past("hubspot", seed, portal.now())
    portal.opened = min(portal.opened, past.opened)
    begun = {kind: len(records) for kind, records in portal.records.items()}
    portal.properties["deals"].setdefault(
        ARTICLE, Property(ARTICLE, "Article number", group=GROUPS["deals"], vendor=False)
    )
    companies = [
        _company(portal, draw, past, begun["companies"] + number)
        for number in range((size + _CONTACTS_A_COMPANY - 1) // _CONTACTS_A_COMPANY)
    ]
    articles = max(size // _CONTACTS_AN_ARTICLE, 2)
    for number in range(size):
        contact = _contact(portal, draw, past, begun["contacts"] + number)
        company = companies[number // _CONTACTS_A_COMPANY]
        _join(portal, contact, company)
        if number % _CONTACTS_A_DEAL == 0:
            deal = _deal(portal, draw, past, begun["deals"] + number // _CONTACTS_A_DEAL, articles)
            _join(portal, deal, company)
            portal.link(deal, contact, LINK_TYPES["deals", "contacts"], LINK_TYPES["contacts", "deals"])


def _join(portal: Portal, record: Stored, company: Stored) -> None:
    there, back = (record.type, "companies"), ("companies", record.type)
    portal.link(record, company, LINK_TYPES[there], LINK_TYPES[back])
    portal.link(record, company, PRIMARY_TYPES[there], PRIMARY_TYPES[back])


def _create(portal: Portal, kind: str, values: Mapping[str, str], at: datetime) -> Stored:
    with portal.at(at):
        return portal.create(kind, portal.checked(kind, values, None), PERSON)


def _edit(portal: Portal, record: Stored, values: Mapping[str, str], at: datetime) -> None:
    with portal.at(at):
        portal.update(record, portal.checked(record.type, values, record), PERSON)


def _company(portal: Portal, draw: random.Random, past: Past, number: int) -> Stored:
    firm = town.company(number)
    values = {
        "name": firm.name, "domain": firm.domain, "city": firm.city, "state": firm.state, "zip": firm.zip,
        "annualrevenue": str(draw.randrange(10, 5000) * 1000), "industry": draw.choice(("RETAIL", "FARMING")),
    }  # fmt: skip
    return _create(portal, "companies", values, past.created("companies", number))


def _contact(portal: Portal, draw: random.Random, past: Past, number: int) -> Stored:
    person, known = town.person(number), town.formerly(number)
    values = {
        "email": person.email, "firstname": person.given, "lastname": person.family, "company": person.company.name,
        "lifecyclestage": LIFECYCLE[0],
    }  # fmt: skip
    if number % 7 != 3:
        values["phone"] = known.phone
    if number % 4 != 1:
        values |= _address(known)
    contact = _create(portal, "contacts", values, past.created("contacts", number))
    _edit(portal, contact, {"lifecyclestage": draw.choice(LIFECYCLE[:6])}, past.edited("contacts", number))
    if town.moved(number):
        _edit(portal, contact, _address(person), past.lately("contacts", number))
    return contact


def _address(person: town.Person) -> dict[str, str]:
    return {"address": person.street, "city": person.city, "state": person.state, "zip": person.zip}


def _deal(portal: Portal, draw: random.Random, past: Past, number: int, articles: int) -> Stored:
    article = town.article(number % articles)
    begun, moved_on = past.created("deals", number), past.edited("deals", number)
    won = number % 2 == 0
    stage = "closedwon" if won else draw.choice(DEAL_STAGES[:5])[0]
    closes = moved_on if won else past.now + timedelta(days=draw.randrange(5, 60))
    values = {
        "dealname": f"{article.name}, order {number + 1}",
        "amount": str(article.price * Decimal(draw.randrange(1, 6))),
        "pipeline": "default", "dealstage": DEAL_STAGES[0][0], ARTICLE: article.sku,
        "closedate": f"{closes:%Y-%m-%d}T{draw.randrange(24):02}:30:00Z",
    }  # fmt: skip
    deal = _create(portal, "deals", values, begun)
    _edit(portal, deal, {"dealstage": stage}, moved_on)
    return deal
