"""What a fresh HubSpot portal holds besides records: object types, stock properties, pipelines, association types.

Owns names and ids as the vendor spells them; it keeps no state. Properties added by a portal's users live in
:class:`.portal.Portal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

TYPE_IDS: Mapping[str, str] = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
SINGULAR: Mapping[str, str] = {"contacts": "Contact", "companies": "Company", "deals": "Deal"}
MODIFIED: Mapping[str, str] = {
    "contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate", "deals": "hs_lastmodifieddate"
}  # fmt: skip
GROUPS: Mapping[str, str] = {
    "contacts": "contactinformation", "companies": "companyinformation", "deals": "dealinformation"
}  # fmt: skip
RETURNED_BY_DEFAULT: Mapping[str, tuple[str, ...]] = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
    "deals": (
        "dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate", "hs_object_id"
    ),
}  # fmt: skip

LINK_TYPES: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 279, ("companies", "contacts"): 280, ("deals", "contacts"): 3,
    ("contacts", "deals"): 4, ("deals", "companies"): 341, ("companies", "deals"): 342,
}  # fmt: skip
"""Type id of an unlabelled association from one object type to another."""

PRIMARY_TYPES: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 1, ("companies", "contacts"): 2, ("deals", "companies"): 5, ("companies", "deals"): 6,
}  # fmt: skip
"""Type id of the one association that is marked as the primary one."""

TYPES = ("string", "number", "bool", "enumeration", "date", "datetime", "phone_number")


@dataclass(frozen=True)
class Option:
    """One value of an enumeration; ``value`` is the internal one, which travels."""

    value: str
    label: str
    hidden: bool = False


@dataclass(frozen=True)
class Property:
    """A property definition. ``rules`` are an administrator's validation rules as (type, arguments)."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    options: tuple[Option, ...] = ()
    unique: bool = False
    calculated: bool = False
    read_only: bool = False
    hidden: bool = False
    description: str = ""
    vendor: bool = True
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def multiple(self) -> bool:
        """Whether several options may be chosen, joined by ``;``."""
        return self.type == "enumeration" and self.field_type == "checkbox"

    def shown(self) -> Json:
        """The definition as the API answers it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": option.label, "value": option.value, "displayOrder": place, "hidden": option.hidden}
                for place, option in enumerate(self.options)
            ],
            "hasUniqueValue": self.unique,
            "calculated": self.calculated,
            "hidden": self.hidden,
            "modificationMetadata": {
                "archivable": not self.vendor,
                "readOnlyDefinition": self.vendor,
                "readOnlyValue": self.read_only,
            },
        }


def _options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value, value.replace("_", " ").title()) for value in values)


def _texts(*names: str) -> list[Property]:
    return [Property(name, name.replace("_", " ").capitalize()) for name in names]


def _computed(modified: str) -> list[Property]:
    return [
        Property("hs_object_id", "Record ID", "number", "number", unique=True, read_only=True),
        Property("createdate", "Create Date", "datetime", "date", read_only=True),
        Property(modified, "Last Modified Date", "datetime", "date", read_only=True),
        Property("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", calculated=True,
                 read_only=True),
        Property("hs_object_source", "Record source", read_only=True, hidden=True),
        Property("hs_object_source_id", "Record source ID", read_only=True, hidden=True),
    ]  # fmt: skip


LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
    "other",
)  # fmt: skip
_STAGE = Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=_options(*LIFECYCLE))
_OWNER = Property("hubspot_owner_id", "Owner")

DEAL_STAGES: Sequence[tuple[str, str, bool]] = (
    ("appointmentscheduled", "0.2", False), ("qualifiedtobuy", "0.4", False), ("presentationscheduled", "0.6", False),
    ("decisionmakerboughtin", "0.8", False), ("contractsent", "0.9", False), ("closedwon", "1.0", True),
    ("closedlost", "0.0", True),
)  # fmt: skip
"""Stages of the stock pipeline ``default``: id, probability, whether it closes the deal."""

_STOCK: Mapping[str, Sequence[Property]] = {
    "contacts": [
        *_computed("lastmodifieddate"),
        Property("email", "Email", unique=True),
        *_texts("firstname", "lastname", "jobtitle", "company", "website", "address", "city", "state", "zip"),
        *_texts("country"),
        Property("phone", "Phone Number", "phone_number", "phonenumber"),
        Property("mobilephone", "Mobile Phone Number", "phone_number", "phonenumber"),
        _STAGE,
        Property("hs_lead_status", "Lead Status", "enumeration", "radio",
                 options=_options("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED")),
        Property("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox", read_only=True),
        _OWNER,
    ],
    "companies": [
        *_computed("hs_lastmodifieddate"),
        *_texts("name", "domain", "website", "city", "state", "zip", "country", "description"),
        Property("phone", "Phone Number", "phone_number", "phonenumber"),
        Property("industry", "Industry", "enumeration", "select",
                 options=_options("COMPUTER_SOFTWARE", "RETAIL", "BANKING", "FARMING")),
        Property("annualrevenue", "Annual Revenue", "number", "number"),
        Property("hs_additional_domains", "Additional domains", "enumeration", "checkbox", read_only=True),
        _STAGE, _OWNER,
    ],
    "deals": [
        *_computed("hs_lastmodifieddate"),
        *_texts("dealname", "description"),
        Property("amount", "Amount", "number", "number"),
        Property("closedate", "Close Date", "datetime", "date"),
        Property("pipeline", "Pipeline", "enumeration", "select", options=_options("default")),
        Property("dealstage", "Deal Stage", "enumeration", "radio",
                 options=_options(*(stage for stage, _, _ in DEAL_STAGES))),
        Property("dealtype", "Deal Type", "enumeration", "radio", options=_options("newbusiness", "existingbusiness")),
        _OWNER,
    ],
}  # fmt: skip


def stock_properties(object_type: str) -> dict[str, Property]:
    """Properties every portal has, by name."""
    return {one.name: replace(one, group=GROUPS[object_type]) for one in _STOCK[object_type]}
