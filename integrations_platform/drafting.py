"""A first sync file from two table descriptions, for a person to review.

Owns the pairing of columns by name and the wording of the draft; the tables are described by the caller. It guesses
only what a reader can check: whatever finds no partner stands in the file as a comment.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from integrations_platform.declaration_file import DeclarationError, parse_sync
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.yaml_source import Fault


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """A column as its database describes it; ``generated`` covers computed and identity columns."""

    name: str
    type: FieldType
    nullable: bool = True
    max_length: int | None = None
    fraction_digits: int | None = None
    unique: bool = False
    primary_key: bool = False
    generated: bool = False


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table by the name a sync file would use, and its columns in order."""

    name: str
    columns: tuple[ColumnDescription, ...]


# Words that mean one thing in column names; the first of each row stands for the others.
_SYNONYMS = (
    ("email", "mail", "emailaddress", "mailaddress"),
    ("phone", "telephone", "tel", "phonenumber", "mobile"),
    ("name", "fullname", "displayname", "customername", "title"),
    ("firstname", "givenname", "forename"),
    ("lastname", "surname", "familyname"),
    ("company", "companyname", "organization", "organisation", "employer"),
    ("created", "createdon", "createdat", "creationdate", "datecreated", "since", "customersince", "signupdate"),
    ("updated", "updatedat", "updatedon", "modified", "modifiedat", "modifiedon", "lastmodified", "lastupdate"),
    ("zip", "zipcode", "postcode", "postalcode"),
    ("street", "address", "streetaddress", "addressline1"),
    ("state", "region", "province"),
    ("quantity", "qty"),
    ("description", "descr", "notes", "comment"),
    ("amount", "total", "sum"),
    ("country", "countrycode"),
)
_STANDS_FOR = {word: row[0] for row in _SYNONYMS for word in row}
_TEXTUAL = {FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.ENUM, FieldType.UUID, FieldType.JSON}
_SIMILAR = 0.75
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def draft_sync(
    source: TableDescription,
    target: TableDescription,
    *,
    source_system: str,
    target_system: str,
    name: str | None = None,
) -> str:
    """YAML text of a sync between the two tables, which :func:`load_sync` accepts.

    ``name`` defaults to the source table's. Raises :class:`DeclarationError` when no columns could be paired.
    """
    modified = (_modified(source), _modified(target))
    if None in modified:
        modified = (None, None)
    pairs, clashes = _pair(source, target, {column.name for column in modified if column})
    file = f"draft of {source.name} and {target.name}"
    if not pairs:
        remedy = "write the sync file by hand, or name other tables"
        raise DeclarationError(
            [Fault(file, None, "fields", "no columns of the two tables resemble each other", remedy)]
        )
    text = "\n".join(
        _lines(
            name or _identifier(source.name.rpartition(".")[2]),
            source,
            target,
            (source_system, target_system),
            pairs,
            clashes,
            modified,
        )
    )
    parse_sync(text, file)
    return text


@dataclass(frozen=True, slots=True)
class _Pair:
    field: str
    source: ColumnDescription
    target: ColumnDescription
    type: FieldType


def _lines(
    name: str,
    source: TableDescription,
    target: TableDescription,
    systems: tuple[str, str],
    pairs: list[_Pair],
    clashes: list[str],
    modified: tuple[ColumnDescription | None, ColumnDescription | None],
) -> Iterator[str]:
    yield "# A draft from the two tables as they are. Check every pair, then the policies, before the first run."
    yield f"name: {_quoted(name)}"
    yield f"source: {{system: {_quoted(systems[0])}, object: {_quoted(source.name)}}}"
    yield f"target: {{system: {_quoted(systems[1])}, object: {_quoted(target.name)}}}"
    yield "direction: bidirectional          # source_to_target | target_to_source | bidirectional"
    match = _match(pairs)
    if match:
        yield f"match: [{_quoted(match)}]                    # first sync: how existing records are recognised"
    else:
        yield "# match: [field]                # nothing unique found; without match all records are copied across"
    yield "fields:"
    width = max(len(pair.field) for pair in pairs) + 1
    for pair in pairs:
        yield f"  {pair.field + ':':<{width}} {{{', '.join(_keys(pair))}}}"
    yield from (f"  # {line}" for line in clashes)
    used = {pair.source.name for pair in pairs}, {pair.target.name for pair in pairs}
    for label, table, taken, time in zip(("source", "target"), (source, target), used, modified, strict=True):
        for column in table.columns:
            if column.name not in taken and column != time:
                note = ", primary key" if column.primary_key else ", generated" if column.generated else ""
                yield f"  # {label} only: {_commented(column.name)} ({column.type}{note})"
    if modified[0] and modified[1]:
        yield f"modified: {{source: {_quoted(modified[0].name)}, target: {_quoted(modified[1].name)}}}"
    yield "conflicts: {default: manual}      # source_wins | target_wins | latest | manual"
    yield "deletes: {source_to_target: archive, target_to_source: archive, max: 10, max_fraction: 0.05}"
    yield ""


def _pair(source: TableDescription, target: TableDescription, apart: set[str]) -> tuple[list[_Pair], list[str]]:
    """Pairs in the order of the source, best resemblance first served, and comments on pairs whose types disagree."""
    left = [column for column in source.columns if _usable(column, apart)]
    right = [column for column in target.columns if _usable(column, apart)]
    ranked = sorted(
        ((_resemblance(a.name, b.name), i, j) for i, a in enumerate(left) for j, b in enumerate(right)),
        key=lambda entry: (-entry[0], entry[1], entry[2]),
    )
    chosen: dict[int, int] = {}
    clashes: list[str] = []
    for score, i, j in ranked:
        if score < _SIMILAR or i in chosen or j in chosen.values():
            continue
        if _common_type(left[i], right[j]) is None:
            if score >= 1:
                names = f"{_commented(left[i].name)} ({left[i].type}) and {_commented(right[j].name)} ({right[j].type})"
                clashes.append(f"not paired, types differ: {names}")
            continue
        chosen[i] = j
    pairs: list[_Pair] = []
    for i, j in sorted(chosen.items()):
        kind = _common_type(left[i], right[j])
        if kind is not None:
            pairs.append(_Pair(_field_name(left[i], right[j], {pair.field for pair in pairs}), left[i], right[j], kind))
    return pairs, clashes


def _usable(column: ColumnDescription, apart: set[str]) -> bool:
    """Keys a database hands out differ on both sides by nature; a natural key (text) may be kept in agreement."""
    surrogate = column.primary_key and column.type in (FieldType.INTEGER, FieldType.UUID)
    return not (column.generated or surrogate or column.name in apart) and column.name.isprintable()


def _resemblance(first: str, second: str) -> float:
    """2 for the same name, 1 for names of one meaning, else how alike they are spelled."""
    if first.casefold() == second.casefold():
        return 2.0
    one, two = _meaning(first), _meaning(second)
    return 1.0 if one == two else difflib.SequenceMatcher(None, one, two).ratio()


def _meaning(name: str) -> str:
    word = re.sub(r"[\W_]+", "", name.casefold())
    return _STANDS_FOR.get(word, word)


def _common_type(a: ColumnDescription, b: ColumnDescription) -> FieldType | None:
    meant = {"email": FieldType.EMAIL, "phone": FieldType.PHONE}.get(_meaning(a.name))
    kinds = {a.type, b.type}
    if kinds <= _TEXTUAL:
        if meant:
            return meant
        return a.type if a.type is b.type else FieldType.TEXT
    if a.type is b.type:
        return a.type if a.type is not FieldType.REF else None
    if kinds == {FieldType.INTEGER, FieldType.DECIMAL}:
        return FieldType.DECIMAL
    if kinds == {FieldType.INTEGER, FieldType.BOOLEAN}:  # databases without booleans keep them in small integers
        return FieldType.BOOLEAN
    return None


def _keys(pair: _Pair) -> Iterator[str]:
    yield f"source: {_quoted(pair.source.name)}"
    yield f"target: {_quoted(pair.target.name)}"
    yield f"type: {pair.type}"
    if pair.source.nullable or pair.target.nullable:
        yield "required: false"
    lengths = [length for length in (pair.source.max_length, pair.target.max_length) if length and length <= 10_000_000]
    if lengths and pair.type in (FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE):
        yield f"max_length: {min(lengths)}"
    digits = [places for places in (pair.source.fraction_digits, pair.target.fraction_digits) if places is not None]
    if pair.type is FieldType.DECIMAL and FieldType.INTEGER in (pair.source.type, pair.target.type):
        digits.append(0)
    if digits and pair.type is FieldType.DECIMAL:
        yield f"scale: {min(*digits, 18)}"


def _match(pairs: list[_Pair]) -> str | None:
    """The field by which people would recognise a record: e-mail first, else one that is unique on a side."""
    for wanted in (
        lambda pair: pair.type is FieldType.EMAIL,
        lambda pair: pair.source.unique and pair.target.unique,
        lambda pair: pair.source.unique or pair.target.unique,
    ):
        for pair in pairs:
            if wanted(pair):
                return pair.field
    return None


def _modified(table: TableDescription) -> ColumnDescription | None:
    return next((c for c in table.columns if c.type is FieldType.DATETIME and _meaning(c.name) == "updated"), None)


def _field_name(a: ColumnDescription, b: ColumnDescription, taken: set[str]) -> str:
    meaning = _meaning(a.name)
    base = meaning if meaning == _meaning(b.name) and meaning in _STANDS_FOR.values() else _identifier(a.name)
    name, number = base, 2
    while name in taken:
        name, number = f"{base[:58]}_{number}", number + 1
    return name


def _identifier(text: str) -> str:
    """``text`` as a name that a sync file accepts."""
    name = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    return (name if name[:1].isascii() and name[:1].isalpha() else f"x_{name}".rstrip("_"))[:63]


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS_OF_YAML
    return text if plain else json.dumps(text, ensure_ascii=False)


def _commented(text: str) -> str:
    """``text`` inside a comment: a line break in a column name must not end it."""
    return text if text.isprintable() else repr(text)
