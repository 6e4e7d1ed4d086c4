"""The syncs of a folder, together: finding one by name, and what several may not do to one another.

Owns the rules across files (unique names, no two syncs fighting over a column, references that resolve). A file that is
wrong by itself is judged in :mod:`.declaration_file`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations_platform.declaration_file import (
    DeclarationError,
    Declared,
    json_schema,
    load_sync,
    parse_sync,
    read_declared,
)
from integrations_platform.schema_check import nearest
from integrations_platform.unified_sync.spec import SIDES, Direction, FieldSpec, SideSpec, SyncSpec, other
from integrations_platform.unified_sync.values import FieldType
from integrations_platform.yaml_source import Fault, shown_path

__all__ = [
    "SYNCS_FOLDER",
    "DeclarationError",
    "check_together",
    "find_sync",
    "json_schema",
    "load_declared",
    "load_sync",
    "parse_sync",
]

SYNCS_FOLDER = Path(__file__).parent / "syncs"


def load_declared(folder: Path | None = None) -> list[SyncSpec]:
    """All syncs of ``folder`` (default: those of the package), sorted by name and checked together.

    Raises :class:`DeclarationError` with the faults of every file.
    """
    declared, faults = _read_all(folder or SYNCS_FOLDER)
    faults += [overlap.fault for overlap in _overlaps(declared)]
    if faults:
        raise DeclarationError(faults)
    return sorted((one.spec for one in declared), key=lambda spec: spec.name)


def find_sync(name_or_path: str | Path, folder: Path | None = None) -> SyncSpec:
    """The sync of that name in ``folder`` (default: the package's), or the one declared in that file.

    Anything with a path separator or ending in .yaml or .yml is a path. A named sync is also checked against the other
    files of the folder; faults that do not concern it are left to :func:`load_declared`. Raises DeclarationError.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text or "\\" in text:
        return read_declared(Path(name_or_path)).spec
    place = folder or SYNCS_FOLDER
    declared, faults = _read_all(place)
    found = next((one for one in declared if one.spec.name == text), None)
    if found is None:
        own = [fault for fault in faults if Path(fault.file).stem == text]
        known = {one.spec.name for one in declared}
        unknown = Fault(shown_path(place), None, "", f"no sync is named {text!r}", nearest(text, known))
        raise DeclarationError(own or [unknown])
    concerning = [overlap.fault for overlap in _overlaps(declared) if found.file in (overlap.fault.file, overlap.first)]
    if concerning:
        raise DeclarationError(concerning)
    return found.spec


def check_together(specs: Sequence[SyncSpec], files: Mapping[str, str] | None = None) -> None:
    """Refuse two syncs of one name, two that fight over one column, and references to syncs that cannot translate them.

    ``files`` maps sync names to the files shown in faults. Raises :class:`DeclarationError`.
    """
    overlaps = _overlaps([Declared(spec, (files or {}).get(spec.name, spec.name), {}) for spec in specs])
    if overlaps:
        raise DeclarationError(overlap.fault for overlap in overlaps)


@dataclass(frozen=True)
class _Overlap:
    """A fault between two files: the one it is reported under, and the one that came ``first``."""

    fault: Fault
    first: str = ""


def _read_all(folder: Path) -> tuple[list[Declared], list[Fault]]:
    declared: list[Declared] = []
    faults: list[Fault] = []
    if not folder.is_dir():
        return [], [Fault(shown_path(folder), None, "", "is not a folder", "give the folder of the sync files")]
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            declared.append(read_declared(path))
        except DeclarationError as refusal:
            faults += refusal.faults
    return declared, faults


def _overlaps(declared: Sequence[Declared]) -> list[_Overlap]:
    return [*_same_names(declared), *_shared_columns(declared), *_lost_references(declared)]


def _same_names(declared: Sequence[Declared]) -> list[_Overlap]:
    faults: list[_Overlap] = []
    seen: dict[str, Declared] = {}
    for one in declared:
        first = seen.setdefault(one.spec.name, one)
        if first is not one:
            what = f"the name {one.spec.name!r} is already taken in {first.file}"
            fault = Fault(one.file, None, "name", what, "rename one: links and history are kept by name")
            faults.append(_Overlap(fault, first.file))
    return faults


@dataclass
class _Column:
    """A column of some rows, and the earlier field that wrote it. ``joined``: another column that two-way fields keep
    equal to this one, directly or in a chain."""

    system: str
    name: str
    end: SideSpec
    writer: tuple[Declared, FieldSpec] | None = None
    joined: _Column | None = None

    def root(self) -> _Column:
        """The one column that stands for all that are kept equal to this one."""
        return self if self.joined is None else self.joined.root()


def _shared_columns(declared: Sequence[Declared]) -> list[_Overlap]:
    """A column may be written by several syncs only as a chain: each carries it both ways, and no way leads round in a
    circle. Two one-way fields would overwrite each other for ever, a circle would carry a value back to where it came
    from as if a person had typed it."""
    faults: list[_Overlap] = []
    columns: list[_Column] = []
    for one in declared:
        for field in one.spec.fields:
            ends = [_column(columns, one.spec.side(side), field.columns(side)) for side in SIDES]
            for side, column in zip(SIDES, ends, strict=True):
                if column is None or not field.direction.allows(other(side)):
                    continue
                writer = column.writer = column.writer or (one, field)
                passed_on = field.direction is writer[1].direction is Direction.BIDIRECTIONAL
                if writer[0] is not one and not passed_on:
                    faults.append(_clash(one, field, column, writer))
            first, second = ends
            if first is None or second is None or field.direction is not Direction.BIDIRECTIONAL:
                continue
            if first.root() is not second.root():
                first.root().joined = second.root()
            elif first.writer is not None:
                what = (
                    f"{_where(first)} and {_where(second)} are already kept equal, {_said(first.writer)} among others"
                )
                faults.append(_overlap(one, field, f"{what}: values would run in a circle", first.writer[0]))
    return faults


def _column(columns: list[_Column], end: SideSpec, names: Sequence[str]) -> _Column | None:
    if len(names) != 1:
        return None
    for known in columns:
        if (known.system, known.name) == (end.system, names[0]) and _same_rows(known.end, end):
            return known
    columns.append(_Column(end.system, names[0], end))
    return columns[-1]


def _clash(one: Declared, field: FieldSpec, column: _Column, writer: tuple[Declared, FieldSpec]) -> _Overlap:
    return _overlap(one, field, f"{_where(column)} is also written by {_said(writer)}", writer[0])


def _said(writer: tuple[Declared, FieldSpec]) -> str:
    return f"fields.{writer[1].name} in {writer[0].file}"


def _overlap(one: Declared, field: FieldSpec, what: str, first: Declared) -> _Overlap:
    remedy = "let one sync own the column; in the other make the field one-way or `never`"
    return _Overlap(Fault(one.file, one.lines.get(field.name), f"fields.{field.name}", what, remedy), first.file)


def _where(column: _Column) -> str:
    return f"{column.system}:{column.end.object}.{column.name}"


def _same_rows(first: SideSpec, second: SideSpec) -> bool:
    """Whether two ends may reach one row: the same table, and no scope column that keeps them apart."""
    if not _same_table(first.object, second.object):
        return False
    shared = first.only.keys() & second.only.keys()
    return all(set(first.only[column]) & set(second.only[column]) for column in shared)


def _same_table(first: str, second: str) -> bool:
    """Names without a schema are taken to mean any schema: refusing a pair is safer than missing one."""
    one, two = first.casefold().split("."), second.casefold().split(".")
    shorter = min(len(one), len(two))
    return one[-shorter:] == two[-shorter:]


def _lost_references(declared: Sequence[Declared]) -> list[_Overlap]:
    faults: list[_Overlap] = []
    by_name = {one.spec.name: one for one in declared}
    for one in declared:
        for field in one.spec.fields:
            if field.type is not FieldType.REF or field.references is None:
                continue
            path, line = f"fields.{field.name}.to", one.lines.get(field.name)
            referred = by_name.get(field.references)
            if referred is None:
                what = f"no sync is named {field.references!r}"
                faults.append(_Overlap(Fault(one.file, line, path, what, nearest(field.references, by_name))))
            elif not {one.spec.side(side).system for side in SIDES} & {
                referred.spec.side(side).system for side in SIDES
            }:
                what = f"{field.references!r} joins neither system of this sync, says {referred.file}"
                remedy = "refer to a sync of the same two systems, or of one of them and the system whose ids are held"
                faults.append(_Overlap(Fault(one.file, line, path, what, remedy), referred.file))
    return faults
