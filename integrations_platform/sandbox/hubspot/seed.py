"""Made-up companies, contacts and deals; the same for the same generator."""

from __future__ import annotations

import random

from integrations_platform.sandbox.hubspot.catalogue import DEAL_STAGES, LIFECYCLE, LINK_TYPES, PRIMARY_TYPES
from integrations_platform.sandbox.hubspot.portal import PERSON, Portal, Stored

FIRST = ("Ada", "Björn", "Chioma", "Dana", "Émile", "Fatima", "Goran", "Hana", "Ines", "João", "Kai", "Léa", "Mehmet")
LAST = ("Abbott", "Bergström", "Chen", "Duarte", "Eze", "Fischer", "García", "Haddad", "Ivanov", "Jensen", "Kowalski")
TRADES = ("Analytics", "Bakery", "Couriers", "Dental", "Energy", "Farms", "Gardens", "Hardware", "Instruments")
CITIES = ("Lyon", "Oslo", "Porto", "Leeds", "Graz", "Austin", "Nantes", "Zürich")


def populate(portal: Portal, size: int, draw: random.Random) -> None:
    """``size`` contacts, a company for every four of them, a deal for every five."""
    first = portal.next_id
    companies = [_company(portal, draw, first + number) for number in range((size + 3) // 4)]
    for number in range(size):
        contact = _contact(portal, draw, first + number)
        if companies and draw.random() < 0.7:
            _join(portal, contact, draw.choice(companies))
        if number % 5 == 0 and companies:
            deal = _deal(portal, draw, number)
            _join(portal, deal, draw.choice(companies))
            portal.link(deal, contact, LINK_TYPES["deals", "contacts"], LINK_TYPES["contacts", "deals"])


def _join(portal: Portal, record: Stored, company: Stored) -> None:
    there, back = (record.type, "companies"), ("companies", record.type)
    portal.link(record, company, LINK_TYPES[there], LINK_TYPES[back])
    portal.link(record, company, PRIMARY_TYPES[there], PRIMARY_TYPES[back])


def _company(portal: Portal, draw: random.Random, number: int) -> Stored:
    name = f"{draw.choice(LAST)} {draw.choice(TRADES)}"
    values = {
        "name": name, "domain": f"company{number}.example", "city": draw.choice(CITIES),
        "annualrevenue": str(draw.randrange(10, 5000) * 1000), "industry": draw.choice(("RETAIL", "FARMING")),
    }  # fmt: skip
    return portal.create("companies", portal.checked("companies", values, None), PERSON)


def _contact(portal: Portal, draw: random.Random, number: int) -> Stored:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    values = {
        "email": f"person{number}@customers.example", "firstname": first, "lastname": last,
        "phone": f"+44 20 7946 {draw.randrange(10_000):04}", "city": draw.choice(CITIES),
        "lifecyclestage": draw.choice(LIFECYCLE[:6]),
    }  # fmt: skip
    return portal.create("contacts", portal.checked("contacts", values, None), PERSON)


def _deal(portal: Portal, draw: random.Random, number: int) -> Stored:
    values = {
        "dealname": f"Order {number}", "amount": f"{draw.randrange(100, 90_000)}.{draw.randrange(100):02}",
        "pipeline": "default", "dealstage": draw.choice(DEAL_STAGES)[0],
        "closedate": f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T12:00:00Z",
    }  # fmt: skip
    return portal.create("deals", portal.checked("deals", values, None), PERSON)
