"""What would make a run against a HubSpot object fail or lie, found before the run.

Owns the findings of ``Side.check`` and their remedies; it changes nothing in the portal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.hubspot.binding import PLAIN
from integrations_platform.connectors.hubspot.client import HubSpotClient, Json
from integrations_platform.connectors.hubspot.properties import ASSOCIATION, READABLE, TYPE_IDS, Property
from integrations_platform.unified_sync.port import BoundColumn, Problem, SideError
from integrations_platform.unified_sync.spec import SideSpec
from integrations_platform.unified_sync.values import FieldType, NotCanonical, canonical

CREATE_NEEDS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "contacts": [("email", "firstname", "lastname")],
    "companies": [("name", "domain")],
    "deals": [("dealname",), ("dealstage",)],
}


def missing_columns(
    kind: str, spec: SideSpec, columns: Sequence[BoundColumn], shape: Mapping[str, Property]
) -> list[Problem]:
    """Every declared column the object lacks, with what declares it."""
    declared = {column.name: "a field" for column in columns} | dict.fromkeys(spec.only, "`only:`")
    if spec.modified:
        declared[spec.modified] = "`modified:`"
    problems = []
    for name, origin in declared.items():
        if name in shape or _association(kind, name):
            continue
        near = difflib.get_close_matches(name, [*shape, *_associations(kind)], n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "its internal name is shown in the property's settings"
        problems.append(Problem(f"{kind} has no property {name!r}, which {origin} names", hint, column=name))
    if spec.soft_delete or spec.key:
        problems.append(Problem(f"{kind}: `key:` and `soft_delete:` are for tables; HubSpot archives records itself",
                                "leave them out"))  # fmt: skip
    return problems


def _associations(kind: str) -> list[str]:
    return [f"{ASSOCIATION}{to}" for origin, to in PLAIN if origin == kind]


def _association(kind: str, name: str) -> bool:
    return name in _associations(kind)


def column_problems(kind: str, columns: Sequence[BoundColumn], shape: Mapping[str, Property]) -> list[Problem]:
    """Columns that cannot be read as declared, or not be written."""
    problems = []
    for column in columns:
        if column.name.startswith(ASSOCIATION):
            if column.type is not FieldType.REF:
                problems.append(Problem(f"column {column.name!r} is an association, which is not read as {column.type}",
                                        "declare type ref, with `to:`", column=column.name))  # fmt: skip
            continue
        known = shape[column.name]
        readable = READABLE.get(known.type, frozenset({FieldType.TEXT}))
        if column.type not in readable:
            problems.append(Problem(f"property {column.name!r} of {kind} is {known.type}, which is not read as "
                                    f"{column.type}", f"declare type {' or '.join(sorted(readable))}",
                                    column=column.name))  # fmt: skip
        if column.type is FieldType.ENUM and known.several:
            problems.append(Problem(f"property {column.name!r} of {kind} holds several options at once",
                                    "declare type set", column=column.name))  # fmt: skip
        if column.written and known.read_only:
            problems.append(Problem(f"property {column.name!r} of {kind} is read-only in HubSpot and cannot be written",
                                    "make the field one-way from this side", column=column.name))  # fmt: skip
    written = {column.name for column in columns if column.written}
    problems += [
        Problem(f"a new record of {kind} needs {' or '.join(names)} and no field writes it, so none can be created "
                "here", "map a field to it", blocking=False)
        for names in CREATE_NEEDS[kind] if written and not written & set(names)
    ]  # fmt: skip
    return problems


def scope_problems(spec: SideSpec, kinds: Mapping[str, FieldType], shape: Mapping[str, Property]) -> list[Problem]:
    """Values of ``only:`` that no record can hold."""
    problems = []
    for name, accepted in spec.only.items():
        known = shape[name]
        for value in accepted:
            try:
                canonical(kinds.get(name, known.suggested()), value, "UTC")
            except NotCanonical as fault:
                problems.append(Problem(f"`only:` {name}: {fault}", "correct the value", column=name))
                continue
            if known.options and not known.several and str(value) not in known.options:
                problems.append(Problem(f"`only:` {name}: {value!r} is not among its options",
                                        f"its options: {', '.join(known.options[:20])}", column=name))  # fmt: skip
    return problems


def rule_problems(rules: Iterable[Json], columns: Sequence[BoundColumn]) -> list[Problem]:
    """Validation rules an administrator put on properties this sync writes: HubSpot refuses what breaks them."""
    written = {column.name for column in columns if column.written}
    problems = []
    for row in rules:
        name = str(row.get("propertyName"))
        kinds = [str(rule.get("ruleType")) for rule in row.get("propertyValidationRules") or []]
        if name in written and kinds:
            problems.append(Problem(f"property {name!r} has validation rules in HubSpot ({', '.join(kinds)}); records "
                                    "that break them are refused and quarantined",
                                    "make sure that the other side keeps them", blocking=False,
                                    column=name))  # fmt: skip
    return problems


def tag_problems(kind: str, tag: str, known: Property | None) -> list[Problem]:
    """Whether link ids can be kept with the records."""
    without = (
        "records are linked by their matching fields if the state is ever lost, and a create whose answer is lost "
        "waits for a person"
    )
    if known is None:
        return [Problem(f"{kind} has no property {tag!r} yet, which keeps our link ids; it is created with the first "
                        f"write, and if that is refused, {without}",
                        f"give the private app the scope crm.schemas.{kind}.write", blocking=False)]  # fmt: skip
    if not known.unique or known.type != "string" or known.read_only:
        return [Problem(f"property {tag!r} of {kind} is not a unique text property, so no link ids are kept; {without}",
                        "delete it in HubSpot; it is then created anew", blocking=False, column=tag)]  # fmt: skip
    return []


def access_problem(client: HubSpotClient) -> Problem | None:
    """Whether records can be read at all. Raises SideError for anything but a missing scope."""
    try:
        for _ in client.pages((), archived=False, limit=1):
            return None
    except HttpError as fault:
        if fault.status == 403:
            return lacking(fault)
        raise
    return None


def lacking(fault: SideError) -> Problem:
    """A missing scope as a finding."""
    message, _, remedy = fault.message.partition("; ")
    return Problem(message, remedy or "add the scope to the private app")


def unknown_object(spec: SideSpec) -> Problem:
    """The object is none of those a sync can name."""
    return Problem(
        f"{spec.system} has no object {spec.object!r} that can be synced", f"known are {', '.join(TYPE_IDS)}"
    )
