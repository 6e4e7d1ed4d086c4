"""A portal's share of the town: its contacts, their companies, and deals about the town's articles.

The same for the same generator. Deals carry the number of the article in the custom property :data:`ARTICLE`, as a
firm that sells one article a deal keeps it.
"""

from __future__ import annotations

import random
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

ARTICLE = "article_sku"
_CONTACTS_A_COMPANY, _CONTACTS_A_DEAL, _CONTACTS_AN_ARTICLE = 4, 5, 10


def populate(portal: Portal, size: int, draw: random.Random) -> None:
    """``size`` contacts, a company for every four of them, a deal for every five; every second deal is won."""
    begun = {kind: len(records) for kind, records in portal.records.items()}
    portal.properties["deals"].setdefault(
        ARTICLE, Property(ARTICLE, "Article number", group=GROUPS["deals"], vendor=False)
    )
    companies = [
        _company(portal, draw, begun["companies"] + number)
        for number in range((size + _CONTACTS_A_COMPANY - 1) // _CONTACTS_A_COMPANY)
    ]
    articles = max(size // _CONTACTS_AN_ARTICLE, 2)
    for number in range(size):
        contact = _contact(portal, draw, begun["contacts"] + number)
        company = companies[number // _CONTACTS_A_COMPANY]
        _join(portal, contact, company)
        if number % _CONTACTS_A_DEAL == 0:
            deal = _deal(portal, draw, begun["deals"] + number // _CONTACTS_A_DEAL, articles)
            _join(portal, deal, company)
            portal.link(deal, contact, LINK_TYPES["deals", "contacts"], LINK_TYPES["contacts", "deals"])


def _join(portal: Portal, record: Stored, company: Stored) -> None:
    there, back = (record.type, "companies"), ("companies", record.type)
    portal.link(record, company, LINK_TYPES[there], LINK_TYPES[back])
    portal.link(record, company, PRIMARY_TYPES[there], PRIMARY_TYPES[back])


def _company(portal: Portal, draw: random.Random, number: int) -> Stored:
    firm = town.company(number)
    values = {
        "name": firm.name, "domain": firm.domain, "city": firm.city, "state": firm.state, "zip": firm.zip,
        "annualrevenue": str(draw.randrange(10, 5000) * 1000), "industry": draw.choice(("RETAIL", "FARMING")),
    }  # fmt: skip
    return portal.create("companies", portal.checked("companies", values, None), PERSON)


def _contact(portal: Portal, draw: random.Random, number: int) -> Stored:
    person = town.person(number)
    values = {
        "email": person.email, "firstname": person.given, "lastname": person.family, "company": person.company.name,
        "lifecyclestage": draw.choice(LIFECYCLE[:6]),
    }  # fmt: skip
    if number % 7 != 3:
        values["phone"] = person.phone
    if number % 4 != 1:
        values |= {"address": person.street, "city": person.city, "state": person.state, "zip": person.zip}
    return portal.create("contacts", portal.checked("contacts", values, None), PERSON)


def _deal(portal: Portal, draw: random.Random, number: int, articles: int) -> Stored:
    article = town.article(number % articles)
    stage = "closedwon" if number % 2 == 0 else draw.choice(DEAL_STAGES[:5])[0]
    values = {
        "dealname": f"{article.name}, order {number + 1}",
        "amount": str(article.price * Decimal(draw.randrange(1, 6))),
        "pipeline": "default", "dealstage": stage, ARTICLE: article.sku,
        "closedate": f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:30:00Z",
    }  # fmt: skip
    return portal.create("deals", portal.checked("deals", values, None), PERSON)
