"""Connections an Airbyte starts with where people try it: those of the shipped environments."""

from __future__ import annotations

from collections.abc import Mapping

from integrations_platform.sandbox.airbyte.account import Account

CONNECTIONS: Mapping[str, tuple[str, ...]] = {
    "stripe_to_postgres": ("charges", "customers", "invoices", "refunds"),
    "hubspot_to_postgres": ("contacts", "companies", "deals"),
    "salesforce_to_postgres": ("Account", "Contact", "Opportunity"),
    "billing_changes": ("customer", "invoice"),
}


def populate(account: Account) -> None:
    """Set the connections up with their streams."""
    for name, streams in CONNECTIONS.items():
        account.connect(name, [{"name": each} for each in streams])


def variable(name: str) -> str:
    """The variable that holds the id of the connection of that name in the shipped environments."""
    return f"AIRBYTE_{name.partition('_')[0].upper()}_CONNECTION_ID"
