"""What differs between packed rows is told from what is only spelled otherwise."""

from __future__ import annotations

import struct

import polars as pl
import pytest

from integrations_platform.connectors.packed_rows import differences, layout
from integrations_platform.unified_sync.values import FieldType


def packed(*values: bytes | None) -> bytes:
    """A row as COPY packs it."""
    fields = b"".join(struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in values)
    return struct.pack("!h", len(values)) + fields


def numeric(scale: int) -> bytes:
    """1 with so many decimal places."""
    return struct.pack("!hhhhh", 1, 0, 0, scale, 1)


@pytest.mark.parametrize(
    ("stored", "kind", "before", "now", "thought"),
    [
        ("text", FieldType.TEXT, b"a", b"b", None),
        ("text", FieldType.TEXT, b"", b"b", ("", "b")),
        ("text", FieldType.TEXT, None, b"b", (None, "b")),
        ("text", FieldType.TEXT, b"b", None, ("b", None)),
        ("text", FieldType.TEXT, "caf\u00e9".encode(), "cafe\u0301".encode(), ("caf\u00e9", "caf\u00e9")),
        ("text", FieldType.TEXT, b"a\r\nb", b"a\nb", ("a\nb", "a\nb")),
        ("text", FieldType.EMAIL, b"a@b.c", b"A@b.c", ("a@b.c", "A@b.c")),
        ("int8", FieldType.INTEGER, struct.pack("!q", 1), struct.pack("!q", 2), None),
        ("numeric", FieldType.DECIMAL, numeric(0), numeric(2), (1, 1)),
        ("numeric", FieldType.DECIMAL, numeric(2), numeric(2)[:-1] + b"\x02", None),
        ("bool", FieldType.BOOLEAN, b"\x00", b"\x01", None),
    ],
)
def test_values_that_may_say_the_same_are_told_and_others_are_not(
    stored: str, kind: FieldType, before: bytes | None, now: bytes | None, thought: tuple[object, object] | None
) -> None:
    text = layout([("id", "int4", FieldType.INTEGER, "UTC"), ("it", stored, kind, "UTC")])
    ids = [struct.pack("!i", number) for number in (1, 2)]
    rows = pl.DataFrame({"before": [packed(ids[0], now), packed(ids[1], before)],
                         "row": [packed(ids[0], now), packed(ids[1], now)]})  # fmt: skip
    differs, respellings = differences(text, rows)
    assert differs.to_dict(as_series=False) == {"id": [False, False], "it": [False, True]}
    assert [(one.row, one.field, (one.before, one.now)) for one in respellings] == (
        [(1, "it", thought)] if thought else []
    )


def test_no_rows_differ_in_nothing() -> None:
    text = layout([("id", "int4", FieldType.INTEGER, "UTC")])
    differs, respellings = differences(text, pl.DataFrame(schema={"before": pl.Binary, "row": pl.Binary}))
    assert (differs.height, list(respellings)) == (0, [])
