"""The syncs of a folder, together: finding one by name, and what several may not do to one another.

Owns the rules across files (unique names, one writer per column, references that resolve). A file that is wrong by
itself is judged in :mod:`.declarations`.
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
from integrations_platform.unified_sync.spec import SIDES, SideSpec, SyncSpec, other
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
    """Refuse two syncs of one name, two that write one column, and references to syncs that cannot translate them.

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


def _shared_columns(declared: Sequence[Declared]) -> list[_Overlap]:
    faults: list[_Overlap] = []
    writers: dict[tuple[str, str], list[tuple[Declared, SideSpec, str]]] = {}
    for one in declared:
        for side in SIDES:
            end = one.spec.side(side)
            for field in one.spec.fields:
                if not field.direction.allows(other(side)):
                    continue
                for column in field.columns(side):
                    earlier = writers.setdefault((end.system, column), [])
                    clash = next((w for w in earlier if w[0] is not one and _same_rows(w[1], end)), None)
                    if clash:
                        where = f"{end.system}:{end.object}.{column}"
                        what = f"{where} is also written by fields.{clash[2]} in {clash[0].file}"
                        remedy = "let one sync own the column; in the other make the field one-way or `never`"
                        line = one.lines.get(field.name)
                        fault = Fault(one.file, line, f"fields.{field.name}", what, remedy)
                        faults.append(_Overlap(fault, clash[0].file))
                    earlier.append((one, end, field.name))
    return faults


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
            elif any(one.spec.side(side).system != referred.spec.side(side).system for side in SIDES):
                what = f"{field.references!r} does not join the same systems in the same roles, says {referred.file}"
                remedy = "refer to a sync with the same source and target"
                faults.append(_Overlap(Fault(one.file, line, path, what, remedy), referred.file))
    return faults
