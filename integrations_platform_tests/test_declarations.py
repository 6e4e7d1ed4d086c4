"""Sync files: the sample, every key, every fault with its line, and hostile text."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations_platform.cron import cron_fault
from integrations_platform.declarations import (
    DeclarationError,
    check_together,
    find_sync,
    json_schema,
    load_declared,
    load_sync,
    parse_sync,
)
from integrations_platform.settings import json_schema as environment_schema
from integrations_platform.unified_sync.spec import (
    Direction,
    Guards,
    OnDelete,
    OnDeleteOfChanged,
    OnTie,
    Strategy,
    SyncSpec,
)
from integrations_platform.unified_sync.values import FieldType, Value
from integrations_platform_tests.test_settings import SAMPLE as ENVIRONMENT

SAMPLE = """\
name: customers
description: Customers of the billing database kept in agreement with the shop database.
source: {system: billing, object: public.customer}     # a name under `systems:` of the environment; schema.table
target: {system: shop, object: customer}
direction: bidirectional          # source_to_target | target_to_source | bidirectional
match: [email]                    # first sync: canonical match keys, in order
fields:
  email:   {source: email,      target: email_address, type: email}
  name:    {source: full_name,  target: name,          type: text, max_length: 120}
  balance: {source: balance,    target: balance,       type: decimal, scale: 2}
  since:   {source: created_on, target: customer_since, type: date, direction: source_to_target}
  phone:   {source: phone,      target: phone,         type: text, required: false}
modified: {source: updated_at, target: updated_at}     # optional evidence for `latest`
conflicts: {default: latest, on_tie: manual, fields: {balance: source_wins}}
deletes: {source_to_target: archive, target_to_source: ignore, max: 10, max_fraction: 0.05}
batch_size: 500
schedule: "*/15 * * * *"
"""
FULL = """\
name: invoices
source:
  system: billing
  object: public.invoice
  key: [company, number]
  modified: updated_at
  soft_delete: archived
  zone: Europe/Berlin
  only: {status: [open, paid], company: 3, issued: "2024-01-01T00:00:00"}
target: {system: shop, object: invoice, key: id, modified: changed, zone: UTC}
fields:
  customer: {source: customer_id, target: customer, type: ref, to: customers}
  status:   {source: status, target: state, type: enum, options: [open, paid], transform: [{map: {open: o, paid: p}}]}
  company:  {source: company, target: company, type: integer, direction: never}
  issued:   {source: issued, target: issued, type: datetime}
  amount:   {source: amount, target: amount, type: decimal, scale: 4, group: money, transform: [{default: 0.10}]}
  currency: {source: currency, target: currency, type: text, group: money, transform: [trim, upper]}
  contact:  {target: contact, type: text, transform: [{template: "{first} {last}"}, trim]}
  origin:   {target: origin, type: text, transform: [{constant: billing}]}
  checked:  {target: checked, type: boolean, transform: [{constant: true}]}
  code:     {source: code, target: code, type: text, transform: [PYTHON]}
conflicts: {fields: {money: target_wins, status: manual}}
creates: {target_to_source: false}
deletes: {source_to_target: delete, on_update: manual, max: 3}
guards: {max_change_fraction: 0.25, change_floor: 7, canary: {source: 17, target: "a-1"}}
fill_blanks: no
owner: team:billing
tags: {tier: gold, company/area: money}
freshness_hours: 1.5
after: [airbyte/stripe/charges, other]
max_open_conflicts: 20
defer_runs: 9
""".replace(
    "PYTHON",
    "{python: 'integrations_platform_tests.test_declarations:turned', "
    "inverse: 'integrations_platform_tests.test_declarations:turned'}",
)


def turned(value: Value) -> Value:
    """Its own inverse."""
    return value[::-1] if isinstance(value, str) else value


def two_arguments(first: Value, second: Value) -> Value:
    return first or second


def faults_of(text: str | bytes) -> list[str]:
    with pytest.raises(DeclarationError) as raised:
        parse_sync(text, "x.yaml")
    return str(raised.value).splitlines()


def changed(old: str, new: str, base: str = SAMPLE) -> str:
    assert old in base
    return base.replace(old, new, 1)


def test_the_sample_loads_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "customers.yaml"
    file.write_text(SAMPLE)
    spec = load_sync(file)
    assert (spec.name, spec.match, spec.batch_size, spec.schedule) == ("customers", ("email",), 500, "*/15 * * * *")
    assert (spec.source.system, spec.source.object, spec.source.modified) == (
        "billing",
        "public.customer",
        "updated_at",
    )
    assert (spec.target.system, spec.target.object, spec.target.modified) == ("shop", "customer", "updated_at")
    assert [field.name for field in spec.fields] == ["email", "name", "balance", "since", "phone"]
    assert spec.field_named("email").columns("B") == ("email_address",)
    assert spec.field_named("name").max_length == 120
    assert spec.field_named("balance").scale == 2
    assert spec.field_named("balance").strategy is Strategy.SOURCE_WINS
    assert spec.field_named("phone").strategy is Strategy.LATEST
    assert not spec.field_named("phone").required
    assert spec.field_named("since").direction is Direction.SOURCE_TO_TARGET
    assert spec.on_delete == {"A": OnDelete.ARCHIVE, "B": OnDelete.IGNORE}
    assert spec.guards == Guards()
    assert spec == find_sync("customers")


def test_every_key_reaches_the_spec() -> None:
    spec = parse_sync(FULL, "x.yaml")
    assert spec.source.key == ("company", "number")
    assert spec.target.key == ("id",)
    assert (spec.source.soft_delete, spec.source.zone, spec.target.zone) == ("archived", "Europe/Berlin", "UTC")
    assert spec.source.only == {
        "status": ("open", "paid"),
        "company": (3,),
        "issued": (datetime(2023, 12, 31, 23, tzinfo=UTC),),
    }
    assert spec.field_named("customer").references == "customers"
    assert spec.field_named("status").options == ("open", "paid")
    assert spec.field_named("company").direction is Direction.NEVER
    assert spec.field_named("amount").strategy is spec.field_named("currency").strategy is Strategy.TARGET_WINS
    assert spec.field_named("amount").transforms[0].forward(None) == Decimal("0.1")
    assert [step.name for step in spec.field_named("currency").transforms] == ["trim", "upper"]
    assert spec.field_named("contact").source == ("first", "last")
    assert spec.field_named("contact").direction is Direction.SOURCE_TO_TARGET
    assert spec.field_named("origin").source == ()
    assert spec.field_named("checked").transforms[0].forward(None) is True
    code = spec.field_named("code").transforms[0]
    assert code.forward("abc") == "cba"
    assert code.backward
    assert spec.field_named("code").direction is Direction.BIDIRECTIONAL
    assert spec.creates == {"A": True, "B": False}
    assert spec.on_delete == {"A": OnDelete.DELETE, "B": OnDelete.ARCHIVE}
    assert spec.on_delete_of_changed is OnDeleteOfChanged.MANUAL
    assert (spec.strategy, spec.on_tie) == (Strategy.MANUAL, OnTie.MANUAL)
    assert spec.guards == Guards(3, 0.05, 0.25, 7, {"A": "17", "B": "a-1"})
    assert spec.fill_blanks is False
    assert (spec.owner, spec.tags) == ("team:billing", {"tier": "gold", "company/area": "money"})
    assert (spec.freshness_hours, spec.max_open_conflicts, spec.defer_runs) == (1.5, 20, 9)
    assert spec.after == ("airbyte/stripe/charges", "other")


def test_defaults_are_the_spec_s_own() -> None:
    text = "name: a\nsource: {system: s, object: o}\ntarget: {system: t, object: o}\n"
    spec = parse_sync(text + "fields: {f: {source: c, target: d, type: text}}\n", "x.yaml")
    assert spec == SyncSpec("a", spec.source, spec.target, spec.fields)


def test_a_one_way_sync_makes_every_field_one_way() -> None:
    spec = parse_sync(changed("direction: bidirectional ", "direction: source_to_target "), "x.yaml")
    assert {field.direction for field in spec.fields} == {Direction.SOURCE_TO_TARGET}
    spec = parse_sync(changed("direction: bidirectional ", "direction: target_to_source "), "x.yaml")
    assert spec.field_named("since").direction is Direction.NEVER


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("scale: 2", "scale: 19", "x.yaml:10: fields.balance.scale: 19 is out of range; use a number between 0 and 18"),
        ("scale: 2", "scale: two", "x.yaml:10: fields.balance.scale: must be a whole number, found text ('two')"),
        ("scale: 2", "scale: true", "fields.balance.scale: must be a whole number, found true or false (true)"),
        ("max_length: 120", "max_length: 0", "x.yaml:9: fields.name.max_length: 0 is out of range"),
        ("max_length: 120", "scale: 2", "x.yaml:9: fields.name.scale: has no meaning for type text"),
        ("max_length: 120", "options: [a]", "fields.name.options: has no meaning for type text"),
        ("max_length: 120", "to: others", "fields.name.to: has no meaning for type text"),
        ("type: decimal", "type: money", "fields.balance.type: 'money' is not known; use one of boolean, date,"),
        ("type: email", "type: ref", "x.yaml:8: fields.email.to: is missing"),
        ("required: false", "requird: false", "fields.phone.requird: unknown key; did you mean required?"),
        ("batch_size: 500", "batch_size: 10001", "x.yaml:16: batch_size: 10001 is out of range"),
        ("batch_size: 500", "shards: 0", "x.yaml:16: shards: 0 is out of range"),
        ("batch_size: 500", "shards: -2", "x.yaml:16: shards: -2 is out of range"),
        ("batch_size: 500", "shards: 65", "x.yaml:16: shards: 65 is out of range"),
        ("batch_size: 500", "batch-size: 500", "x.yaml:16: batch-size: unknown key; did you mean batch_size?"),
        ("batch_size: 500", "batch_size:", "x.yaml:16: batch_size: must be a whole number, found nothing"),
        ("max_fraction: 0.05", "max_fraction: 1.5", "x.yaml:15: deletes.max_fraction: 1.5 is out of range"),
        ("match: [email]", "match: [emial]", "x.yaml:6: match: 'emial' is no field of this sync; did you mean email?"),
        ("match: [email]", "match: []", "x.yaml:6: match: the list is empty"),
        ("match: [email]", "match: email", "x.yaml:6: match: must be a list, found text ('email')"),
        ("{balance: source_wins}", "{balnce: source_wins}", "x.yaml:14: conflicts.fields.balnce: is no field or group"),
        ("default: latest", "default: newest", "x.yaml:14: conflicts.default: 'newest' is not known"),
        ("name: customers", "name: Customers", "x.yaml:1: name: 'Customers' cannot be used here"),
        ("name: customers", "name: 2024", 'name: must be text, found a whole number (2024); quote it: "2024"'),
        ("name: customers\n", "", "name: is missing"),
        ("  phone: ", "  Phone: ", "fields.Phone: the name 'Phone' cannot be used"),
        ("  phone: ", "  name: ", "x.yaml:12: fields.name: declared twice (first on line 9)"),
        ("target: phone,", "target: name,", "x.yaml:12: fields.phone.target: column 'name' of the target is already"),
        ("source: phone,", "source: email,", "x.yaml:12: fields.phone.source: column 'email' of the source is already"),
        ("source: phone,", "", "x.yaml:12: fields.phone.source: is missing"),
        ('"*/15 * * * *"', '"*/15 * * *"', "x.yaml:17: schedule: a schedule has 5 fields"),
        ('"*/15 * * * *"', "5", 'schedule: must be text, found a whole number (5); quote it: "5"'),
        ("system: shop, object: customer", "system: billing, object: public.customer", "x.yaml:4: target: is the same"),
        ("system: shop,", "system: shop, zone: Mars/Base,", "x.yaml:4: target.zone: 'Mars/Base' is no IANA time zone"),
        ("system: shop,", "system: shop, zone: ../x,", "target.zone: '../x' is no IANA time zone"),
        (
            "system: shop,",
            "system: shop, modified: other,",
            "x.yaml:13: modified.target: says 'updated_at', but target.",
        ),
        (
            "system: shop,",
            "system: shop, only: {balance: a lot},",
            "target.only.balance: 'a lot' is not written as type",
        ),
        ("batch_size: 500", "owner: someone", "x.yaml:16: owner: 'someone' cannot be used here"),
        ("batch_size: 500", "tags: {a b: c}", "tags.a b: the name 'a b' cannot be used"),
        ("batch_size: 500", "creates: {source: true}", "creates.source: unknown key"),
        ("batch_size: 500", "deletes: {}", "x.yaml:16: deletes: declared twice (first on line 15)"),
        ("scale: 2", "transform: [trim]", "fields.balance.transform[0]: trim has no meaning for type decimal"),
        ("scale: 2", "transform: trim", "fields.balance.transform: must be a list, found text ('trim')"),
        ("scale: 2", "transform: [round]", "fields.balance.transform[0]: 'round' is not known; use one of lower, trim"),
        ("scale: 2", "transform: [{default: x}]", "fields.balance.transform[0].default: 'x' is not written as type"),
        ("scale: 2", "transform: [{}]", "fields.balance.transform[0]: not one transform"),
        ("max_length: 120", "transform: [{default: 5}]", "default: '5' is not written as type text; quote it: \"5\""),
        ("max_length: 120", "transform: [{map: {a: yes}}]", "map.a: must be text, found true or false (yes); quote it"),
        ("max_length: 120", "transform: [{template: '{a}'}]", "fields.name.source: a template names no single source"),
        ("max_length: 120", "transform: [{inverse: 'a:b'}]", "not one transform"),
        ("max_length: 120", "transform: [trim, {constant: x}]", "constant must be the first step"),
        ("max_length: 120", "transform: [{python: 'os:system'}]", "os:system is part of Python itself"),
        ("max_length: 120", "transform: [{python: 'os.path:join'}]", "os.path:join is part of Python itself"),
        ("max_length: 120", "transform: [{python: 'nowhere:f'}]", "nowhere:f cannot be used (ModuleNotFoundError"),
        ("max_length: 120", "transform: [{python: 'no colon'}]", "'no colon' cannot be used here"),
        (
            "max_length: 120",
            "transform: [{python: 'integrations_platform_tests.test_declarations:two_arguments'}]",
            "cannot be used (TypeError",
        ),
        (
            "max_length: 120",
            "direction: bidirectional, transform: [{map: {a: c, b: c}}]",
            "x.yaml:9: fields.name.direction: bidirectional is impossible: the transform map has no inverse",
        ),
    ],
)
def test_faults_name_line_and_field(old: str, new: str, expected: str) -> None:
    lines = faults_of(changed(old, new))
    assert any(expected in line for line in lines), lines
    assert all("; " in line for line in lines), "every fault says what to do"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "conflicts:",
            "match: [status, origin]\nconflicts:",
            "match: 'origin' is a constant, which every record shares",
        ),
        ('"{first} {last}"', '"{first!r}"', "is not a template"),
        ('"{first} {last}"', '"{first:>999999999}"', "is not a template"),
        ('"{first} {last}"', '"{}"', "is not a template"),
        ('"{first} {last}"', '"{first"', "is not a template"),
        ('"{first} {last}"', '"plain"', "is not a template"),
        ("conflicts: {fields: {money:", "conflicts: {fields: {amount:", "is merged with its group 'money'"),
        ("group: money, transform: [trim", "group: money, direction: never, transform: [trim", "never here, but"),
        ("group: money, transform: [trim", "group: status, transform: [trim", "'status' is also the name of a field"),
        ("[{constant: true}]", "[{constant: wrong}]", "'wrong' is not written as type boolean"),
        ("fill_blanks: no\n", "direction: target_to_source\n", "and the sync runs target_to_source only"),
    ],
)
def test_faults_between_keys(old: str, new: str, expected: str) -> None:
    assert expected in "\n".join(faults_of(changed(old, new, FULL)))


def test_all_faults_come_together() -> None:
    text = changed("scale: 2", "scale: 40")
    text = changed("match: [email]", "match: [emial]", text)
    text = changed("on_tie", "on_tye", text)
    text = changed("*/15", "75", text)
    assert [re.match(r"x\.yaml:(\d+)", line)[1] for line in faults_of(text)] == ["6", "10", "14", "17"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x.yaml:1: the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("null", "the file is empty"),
        ("- a\n", "x.yaml:1: the top of the file is not a mapping"),
        ("just text", "the top of the file is not a mapping"),
        (b"name: caf\xe9\n", "x.yaml:1: not UTF-8 text"),
        (b"a: 1\nb: \xff\n", "x.yaml:2: not UTF-8 text"),
        ("a:\n\tb: 1\n", "x.yaml:2: not YAML: found character '\\t' that cannot start any token; indent with spaces"),
        ("a: [1\n", "not YAML"),
        ("a: 1\n---\nb: 1\n", "x.yaml:2: a second YAML document"),
        ("a: " + "[" * 5000, "nested deeper than 20 levels"),
        ("a: &x [*x]\n", "alias *x names no finished anchor"),
        ("a: *y\n", "alias *y names no finished anchor"),
        ("a: !!python/object/apply:os.system [id]\n", "is not read; remove the tag"),
        ("? [a]\n: b\n", "a list or mapping as a key"),
        ('a: "\\UFFFFFFFF"\n', "a character or escape that YAML does not allow"),
        ("a: \x00\n", "a character or escape that YAML does not allow"),
        ('a: "\\ud800"\n', "half a surrogate pair"),
        ("a: " + "x" * 1_000_001, "larger than 1,000,000 bytes"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)),
            "more than 50,000 values",
        ),
    ],
)
def test_hostile_text(text: str | bytes, expected: str) -> None:
    lines = faults_of(text)
    assert any(expected in line for line in lines), lines


def test_a_byte_order_mark_and_anchors_are_read() -> None:
    text = changed("{source: phone,      target: phone, ", "{<<: 1, source: phone,      target: phone, ")
    assert any("fields.phone.<<: unknown key" in line for line in faults_of(text))
    shared = changed("modified: {source: updated_at,", "modified: {source: &t updated_at,").replace(
        "target: updated_at}", "target: *t}"
    )
    assert parse_sync(b"\xef\xbb\xbf" + shared.encode(), "x.yaml") == parse_sync(SAMPLE, "x.yaml")


def test_an_unreadable_file_is_a_declaration_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, "a\0b.yaml"):
        with pytest.raises(DeclarationError, match="cannot be read"):
            load_sync(path)


KEYS = ["name", "source", "fields", "transform", "default", "template", "constant", "map", "only", "key", "group", "to"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) below ``node``."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


@settings(max_examples=300, deadline=None)
@given(st.text() | st.binary())
def test_arbitrary_text_raises_declaration_errors_only(text: str | bytes) -> None:
    with pytest.raises(DeclarationError):
        parse_sync(text, "x.yaml")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_text_raises_declaration_errors_only(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([SAMPLE, FULL]))
    start = data.draw(st.integers(0, len(text)))
    text = text[:start] + data.draw(st.text(max_size=4)) + text[start + data.draw(st.integers(0, 20)) :]
    with contextlib.suppress(DeclarationError):
        parse_sync(text, "x.yaml")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_values_raise_declaration_errors_only(data: st.DataObject) -> None:
    tree = yaml.safe_load(data.draw(st.sampled_from([SAMPLE, FULL])))
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(_places(tree))
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        container[key] = data.draw(VALUES)
    with contextlib.suppress(DeclarationError):
        parse_sync(yaml.safe_dump(tree, allow_unicode=True), "x.yaml")


def _accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """A second, minimal reading of JSON Schema, written apart from the loader's own."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].split("/")[-1]]
    if "oneOf" in schema:
        return sum(_accepts(one, value, root) for one in schema["oneOf"]) == 1
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    kind = names.get(type(value), "null")
    allowed = schema.get("type", kind)
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if kind not in allowed and not (kind == "integer" and "number" in allowed):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if kind == "object":
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        if not set(schema.get("required", ())) <= set(value):
            return False
        return all(
            _accepts(properties[key], child, root)
            if key in properties
            else others is True or (others is not False and _accepts(others, child, root))
            for key, child in value.items()
        )
    if kind == "array":
        return all(_accepts(schema.get("items", {}), item, root) for item in value)
    if kind == "string":
        return re.search(schema.get("pattern", ""), value) is not None
    return kind in ("boolean", "null") or schema.get("minimum", value) <= value <= schema.get("maximum", value)


def test_the_json_schema_accepts_the_samples_and_refuses_faults() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"].endswith("2020-12/schema")
    for text in (SAMPLE, FULL):
        assert _accepts(schema, yaml.safe_load(text), schema)
    for old, new in (("scale: 2", "scale: 19"), ("batch_size", "batchsize"), ("type: date", "type: day")):
        assert not _accepts(schema, yaml.safe_load(changed(old, new)), schema)
    assert _accepts(environment_schema(), yaml.safe_load(ENVIRONMENT), environment_schema())


def test_every_key_of_the_schema_is_described() -> None:
    def described(schema: dict[str, Any]) -> bool:
        children = schema.get("properties", {}).values()
        return all(("description" in child or "$ref" in child) and described(child) for child in children)

    assert described(json_schema())
    assert all(described(part) for part in json_schema()["$defs"].values())


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("*/15 * * * *", True),
        ("0 6-18/2 1,15 jan-jun MON-fri", True),
        ("0 0 29 2 *", True),
        ("0 0 30 2 *", False),
        ("0 0 31 4,6 *", False),
        ("0 0 31 2 1", False),
        ("60 * * * *", False),
        ("* 24 * * *", False),
        ("* * 0 * *", False),
        ("5-1 * * * *", False),
        ("*/0 * * * *", False),
        ("a * * * *", False),
        ("@daily", False),
        ("* * * * * *", False),
        ("", False),
        ("²  * * * *", False),
    ],
)
def test_cron(expression: str, good: bool) -> None:
    assert (cron_fault(expression) is None) is good


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yaml").write_text(text)


def test_two_syncs_writing_one_column_are_refused_naming_both_files(tmp_path: Path) -> None:
    write(tmp_path, "customers", SAMPLE)
    write(tmp_path, "people", changed("name: customers", "name: people").replace("public.customer", "customer"))
    with pytest.raises(DeclarationError) as raised:
        load_declared(tmp_path)
    first = str(raised.value).splitlines()[0]
    assert re.search(r"people\.yaml:8: fields\.email: billing:.*email and shop:.*email_address are already kept", first)
    assert "customers.yaml" in first
    for name in ("customers", "people"):
        with pytest.raises(DeclarationError, match="is also written by"):
            find_sync(name, tmp_path)
    specs = [load_sync(tmp_path / f"{name}.yaml") for name in ("customers", "people")]
    with pytest.raises(DeclarationError, match=r"two\.yaml: .* in one\.yaml"):
        check_together(specs, {"customers": "one.yaml", "people": "two.yaml"})
    check_together(specs[:1])


def chained(name: str, source: str, target: str, direction: str = "bidirectional") -> SyncSpec:
    return parse_sync(
        f"""
name: {name}
source: {{system: {source}, object: people}}
target: {{system: {target}, object: people}}
direction: {direction}
match: [email]
fields:
  email: {{source: email, target: email, type: email}}
""",
        name,
    )


def test_syncs_may_pass_a_column_on_in_a_chain_but_not_in_a_circle() -> None:
    chain = [chained("one", "sheet", "crm"), chained("two", "crm", "books"), chained("three", "books", "shop")]
    check_together(chain)
    with pytest.raises(
        DeclarationError, match=r"already kept equal, fields\.email in three among others: values would run"
    ):
        check_together([*chain, chained("four", "shop", "sheet")])
    with pytest.raises(DeclarationError, match="circle"):
        check_together([chain[0], chained("back", "crm", "sheet")])
    with pytest.raises(DeclarationError, match=r"crm:people\.email is also written by fields\.email in one"):
        check_together([chain[0], chained("import", "shop", "crm", "source_to_target")])
    check_together([chain[0], chained("export", "crm", "shop", "source_to_target")])


def test_syncs_of_scopes_apart_may_share_a_table(tmp_path: Path) -> None:
    def scoped(name: str, country: str) -> str:
        text = changed("name: customers", f"name: {name}")
        text = changed("object: public.customer", f"object: public.customer, only: {{country: {country}}}", text)
        return changed("object: customer}", f"object: customer, only: {{country: [{country}]}}}}", text)

    write(tmp_path, "german", scoped("german", "DE"))
    write(tmp_path, "french", scoped("french", "FR"))
    assert [spec.name for spec in load_declared(tmp_path)] == ["french", "german"]
    write(tmp_path, "french", scoped("french", "DE"))
    with pytest.raises(DeclarationError, match="is also written by"):
        load_declared(tmp_path)


def test_names_and_references_across_files(tmp_path: Path) -> None:
    write(tmp_path, "customers", SAMPLE)
    write(tmp_path, "invoices", FULL)
    assert [spec.name for spec in load_declared(tmp_path)] == ["customers", "invoices"]
    write(tmp_path, "invoices", changed("to: customers", "to: customer", FULL))
    with pytest.raises(DeclarationError, match="no sync is named 'customer'; did you mean customers"):
        load_declared(tmp_path)
    write(tmp_path, "invoices", changed("system: shop", "system: crm", FULL))
    assert len(load_declared(tmp_path)) == 2  # one shared system is enough: the other end holds the ids of the third
    write(tmp_path, "invoices", changed("system: shop", "system: crm", changed("system: billing", "system: erp", FULL)))
    with pytest.raises(DeclarationError, match="joins neither system of this sync"):
        load_declared(tmp_path)
    write(tmp_path, "invoices", changed("name: invoices", "name: customers", FULL))
    with pytest.raises(DeclarationError, match=r"the name 'customers' is already taken in .*customers\.yaml"):
        load_declared(tmp_path)


def test_finding_a_sync(tmp_path: Path) -> None:
    write(tmp_path, "customers", SAMPLE)
    write(tmp_path, "broken", "name: broken\n")
    assert find_sync("customers", tmp_path).name == "customers"
    assert find_sync(tmp_path / "customers.yaml").name == "customers"
    assert find_sync(str(tmp_path / "customers.yaml")).name == "customers"
    with pytest.raises(DeclarationError, match=r"broken\.yaml:1: fields: is missing"):
        find_sync("broken", tmp_path)
    with pytest.raises(DeclarationError, match="no sync is named 'custmers'; did you mean customers"):
        find_sync("custmers", tmp_path)
    with pytest.raises(DeclarationError, match="is not a folder"):
        load_declared(tmp_path / "none")


def test_the_declared_syncs_of_the_package_are_sound() -> None:
    assert "customers" in [spec.name for spec in load_declared()]
    assert {field.type for field in find_sync("customers").fields} >= {FieldType.EMAIL, FieldType.DECIMAL}
