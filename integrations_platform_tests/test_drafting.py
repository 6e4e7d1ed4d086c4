"""Drafts of sync files: what is paired, what is left as a comment, and that every draft loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.declarations import DeclarationError, load_sync, parse_sync
from integrations_platform.drafting import ColumnDescription, TableDescription, draft_sync
from integrations_platform.unified_sync.spec import Direction, Strategy
from integrations_platform.unified_sync.values import FieldType as T

BILLING = TableDescription(
    "public.customer",
    (
        ColumnDescription("id", T.INTEGER, nullable=False, primary_key=True, generated=True),
        ColumnDescription("email", T.TEXT, nullable=False, max_length=255, unique=True),
        ColumnDescription("full_name", T.TEXT, nullable=False, max_length=200),
        ColumnDescription("balance", T.DECIMAL, nullable=False, fraction_digits=4),
        ColumnDescription("created_on", T.DATE, nullable=False),
        ColumnDescription("phone", T.TEXT),
        ColumnDescription("active", T.BOOLEAN, nullable=False),
        ColumnDescription("region", T.TEXT),
        ColumnDescription("tier", T.DATE),
        ColumnDescription("updated_at", T.DATETIME),
    ),
)
SHOP = TableDescription(
    "customer",
    (
        ColumnDescription("customer_id", T.INTEGER, nullable=False, primary_key=True),
        ColumnDescription("email_address", T.TEXT, nullable=False, max_length=120),
        ColumnDescription("name", T.TEXT, nullable=False, max_length=120),
        ColumnDescription("balance", T.DECIMAL, nullable=False, fraction_digits=2),
        ColumnDescription("customer_since", T.DATE, nullable=False),
        ColumnDescription("telephone", T.TEXT, max_length=40),
        ColumnDescription("active", T.INTEGER, nullable=False),
        ColumnDescription("tier", T.INTEGER),
        ColumnDescription("loyalty_points", T.INTEGER),
        ColumnDescription("last_modified", T.DATETIME),
    ),
)


def draft(source: TableDescription = BILLING, target: TableDescription = SHOP) -> str:
    return draft_sync(source, target, source_system="billing", target_system="shop")


def test_a_draft_pairs_columns_by_meaning_and_loads(tmp_path: Path) -> None:
    file = tmp_path / "customer.yaml"
    file.write_text(draft(), encoding="utf-8")
    spec = load_sync(file)
    assert (spec.name, spec.source.object, spec.target.object) == ("customer", "public.customer", "customer")
    assert [(field.name, field.source[0], field.target[0], field.type) for field in spec.fields] == [
        ("email", "email", "email_address", T.EMAIL),
        ("name", "full_name", "name", T.TEXT),
        ("balance", "balance", "balance", T.DECIMAL),
        ("created", "created_on", "customer_since", T.DATE),
        ("phone", "phone", "telephone", T.PHONE),
        ("active", "active", "active", T.BOOLEAN),
    ]
    assert spec.match == ("email",)
    assert (spec.source.modified, spec.target.modified) == ("updated_at", "last_modified")
    assert spec.field_named("email").max_length == spec.field_named("name").max_length == 120
    assert spec.field_named("balance").scale == 2
    assert [field.name for field in spec.fields if not field.required] == ["phone"]
    assert (spec.direction, spec.strategy) == (Direction.BIDIRECTIONAL, Strategy.MANUAL)


def test_what_finds_no_partner_stands_as_a_comment() -> None:
    lines = draft().splitlines()
    assert "  # not paired, types differ: tier (date) and tier (integer)" in lines
    assert "  # source only: region (text)" in lines
    assert "  # source only: id (integer, primary key)" in lines
    assert "  # target only: loyalty_points (integer)" in lines
    assert not [line for line in lines if "only: updated_at" in line]


def test_the_same_name_is_preferred_to_a_synonym() -> None:
    both = TableDescription("a", (ColumnDescription("mail", T.TEXT), ColumnDescription("email", T.TEXT)))
    spec = parse_sync(draft(both, TableDescription("b", (ColumnDescription("email", T.TEXT),))), "x")
    assert [field.source for field in spec.fields] == [("email",)]


def test_times_of_change_are_used_only_when_both_sides_have_one() -> None:
    without = TableDescription(SHOP.name, SHOP.columns[:-1])
    text = draft(target=without)
    assert "modified:" not in text
    assert "  # source only: updated_at (datetime)" in text


def test_a_unique_column_is_matched_where_there_is_no_email() -> None:
    number = ColumnDescription("number", T.TEXT, nullable=False, unique=True)
    title = ColumnDescription("label", T.TEXT)
    text = draft(TableDescription("a", (title, number)), TableDescription("b", (title, number)))
    assert parse_sync(text, "x").match == ("number",)
    text = draft(TableDescription("a", (title,)), TableDescription("b", (title,)))
    assert parse_sync(text, "x").match == ()
    assert "# match:" in text


def test_tables_without_anything_alike_are_an_error() -> None:
    one = TableDescription("a", (ColumnDescription("colour", T.TEXT),))
    two = TableDescription("b", (ColumnDescription("weight", T.INTEGER),))
    with pytest.raises(DeclarationError, match="no columns of the two tables resemble each other"):
        draft(one, two)


NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(["email", "Yes", "null", "a b", "ß", "1", "x: y", "#", "’"])
COLUMNS = st.builds(
    ColumnDescription,
    name=NAMES,
    type=st.sampled_from(T),
    nullable=st.booleans(),
    max_length=st.none() | st.integers(1, 2**32),
    fraction_digits=st.none() | st.integers(0, 65),
    unique=st.booleans(),
    primary_key=st.booleans(),
)
TABLES = st.builds(
    TableDescription,
    name=st.sampled_from(["t", "public.t", "Ünïcode", "1st", "two words", "_"]),
    columns=st.lists(COLUMNS, max_size=6, unique_by=lambda column: column.name).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(source=TABLES, target=TABLES)
def test_every_draft_loads(source: TableDescription, target: TableDescription) -> None:
    try:
        text = draft(source, target)
    except DeclarationError as refusal:
        if "resemble" not in str(refusal):
            raise
    else:
        assert parse_sync(text, "x").fields


@settings(max_examples=200, deadline=None)
@given(table=TABLES)
def test_a_table_and_its_copy_are_paired_column_by_column(table: TableDescription) -> None:
    def usable(column: ColumnDescription) -> bool:
        surrogate = column.primary_key and column.type in (T.INTEGER, T.UUID)
        return column.name.isprintable() and not surrogate and column.type is not T.REF

    wanted = {column.name for column in table.columns if usable(column)}
    if wanted:
        spec = parse_sync(draft(table, table), "x")
        paired = {field.source[0] for field in spec.fields} | {spec.source.modified}
        assert wanted <= paired
