"""Properties of every type, and values that must come back as they were written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.connectors.hubspot.stage import Crm

WIDE = {
    "email": FieldType.EMAIL, "firstname": FieldType.TEXT, "phone": FieldType.PHONE, "amount": FieldType.DECIMAL,
    "count_of": FieldType.INTEGER, "vip": FieldType.BOOLEAN, "born": FieldType.DATE, "seen": FieldType.DATETIME,
    "likes": FieldType.SET, "lifecyclestage": FieldType.ENUM,
}  # fmt: skip

ROUND_TRIPS: list[tuple[str, Value]] = [
    ("firstname", "Zoë Ångström – naïve"),
    ("firstname", "👩🏽‍🚀 𝒳 漢字"),
    ("firstname", 'it\'s 100% \\ "quoted"; {json: [1]}'),
    ("firstname", "two\nlines\tand a tab"),
    ("firstname", " blanks "),
    ("firstname", "00123"),
    ("firstname", None),
    ("phone", "+44 20 7946 0958"),
    ("amount", Decimal("0.1")),
    ("amount", Decimal("-1234567.89")),
    ("amount", Decimal(0)),
    ("amount", Decimal("100000000000000000000")),
    ("count_of", -1),
    ("vip", True),
    ("vip", False),
    ("vip", None),
    ("born", date(1969, 7, 20)),
    ("born", date(2024, 2, 29)),
    ("seen", datetime(2024, 3, 31, 1, 30, 0, 123000, UTC)),
    ("seen", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ("likes", ("a", "c")),
    ("likes", None),
    ("lifecyclestage", "lead"),
]


def with_types(portal: Crm) -> None:
    """Properties of every type."""
    for name, kind, field in (
        ("amount", "number", "number"), ("count_of", "number", "number"), ("vip", "bool", "booleancheckbox"),
        ("born", "date", "date"), ("seen", "datetime", "date"),
    ):  # fmt: skip
        portal.person("add_property", name=name, property_type=kind, field_type=field)
    portal.person(
        "add_property", name="likes", property_type="enumeration", field_type="checkbox", options=["a", "b", "c"]
    )
