"""A plan as a person reads it: counts first, then record by record what changes and by which rule.

Owns the layout only; every word comes from :mod:`integrations_platform.plan_data`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations_platform.cli.output import count, more, say, value

SHOWN = 20
_VERBS = {"create": "create", "update": "update", "archive": "archive", "restore": "restore", "delete": "delete"}
_COLOURS = {"create": "green", "restore": "green", "archive": "red", "delete": "red"}


def show_plan(data: Mapping[str, Any], *, limit: int = SHOWN) -> None:
    """``limit``: records, conflicts and quarantine rows shown of each; 0 for all."""
    ends = {name: f"{data[name]['system']}:{data[name]['object']}" for name in ("source", "target")}
    say(f"{data['sync']}: {ends['source']} ⇄ {ends['target']} ({data['direction']})", bold=True)
    for name in ("source", "target"):
        done = [f"{number:,} to {_VERBS[kind]}" for kind, number in data["writes"][name].items() if number]
        say(f"  {name} {ends[name]}: {', '.join(done) or 'nothing to write'}")
    say(f"  {_beside(data)}")
    _operations(data, ends, limit)
    _conflicts(data, limit)
    _quarantine(data, limit)
    for text in data["warnings"]:
        say(f"note: {text}", colour="yellow")
    show_refusals(data["refusals"])


def show_refusals(refusals: list[dict[str, str]]) -> None:
    """Guards that stop the plan, with what to do."""
    for refusal in refusals:
        say(f"REFUSED by guard {refusal['guard']}: {refusal['message']}", colour="red", bold=True)
        say(f"  {refusal['remedy']}", colour="red")


def _beside(data: Mapping[str, Any]) -> str:
    parts = [f"{data['settled']:,} settled"]
    if data["linked"]:
        parts.append(f"{data['linked']:,} recognised as the same record")
    opened = len(data["conflicts"])
    if opened or data["conflicts_open"]:
        before = f" ({data['conflicts_open']:,} open before)" if data["conflicts_open"] else ""
        parts.append(f"{count(opened, 'new or changed conflict')}{before}")
    if data["quarantined"]:
        parts.append(f"{data['quarantined']:,} quarantined")
    if data["deferred"]:
        parts.append(f"{data['deferred']:,} deferred")
    return ", ".join(parts)


def _cut(rows: list[Any], limit: int) -> list[Any]:
    return rows if limit == 0 else rows[:limit]


def _operations(data: Mapping[str, Any], ends: Mapping[str, str], limit: int) -> None:
    rows = data["operations"]
    for row in _cut(rows, limit):
        say()
        show_operation(row, ends)
    more(len(rows) - len(_cut(rows, limit)), "record")


def show_operation(row: Mapping[str, Any], ends: Mapping[str, str]) -> None:
    """One write: which side, which record, and every field it changes."""
    ids = [f"{name} {found}" for name, found in _ids(row).items() if found]
    head = f"{row['kind']} on {row['side']} {ends[row['side']]}: {row['record_key'] or row['link']}"
    say(f"{head}  [{', '.join(ids)}]", colour=_COLOURS.get(row["kind"]))
    one_rule = {field["rule"] for field in row["fields"].values()}
    same = len(one_rule) == 1 and len(row["fields"]) > 1
    if same or row["kind"] in ("archive", "delete", "restore"):
        say(f"    ({row['rule'] or ''.join(sorted(one_rule)[:1])})")
    for name, field in row["fields"].items():
        before = "" if row["kind"] == "create" else f"{value(field['before'])} → "
        rule = "" if same else f"   ({field['rule']})"
        lost = "   the value replaced is kept in the audit" if field["lost"] else ""
        say(f"    {name}: {before}{value(field['sent'])}{rule}{lost}")


def _ids(row: Mapping[str, Any]) -> dict[str, str | None]:
    other = "target" if row["side"] == "source" else "source"
    return dict(sorted({row["side"]: row["record_id"], other: row["other_id"]}.items()))


def _conflicts(data: Mapping[str, Any], limit: int) -> None:
    rows = data["conflicts"]
    for row in _cut(rows, limit):
        say()
        show_conflict(row)
    more(len(rows) - len(_cut(rows, limit)), "conflict")


def show_conflict(row: Mapping[str, Any]) -> None:
    """One conflict: what was agreed, what each side says, and what is known of the order."""
    unit = row["unit"] or "the whole record"
    key = row.get("record_key") or row["link"]
    say(
        f"conflict {row['id']} on {key}: {unit}  [source {row['source_id']}, target {row['target_id']}]",
        colour="yellow",
    )
    for name, known in (("base", row["base"]), ("source", row["source"]), ("target", row["target"])):
        if known is None:
            shown = "(never agreed)" if name == "base" else "(deleted)"
        elif len(known) == 1 and row["unit"]:
            shown = value(next(iter(known.values())))
        else:
            shown = ", ".join(f"{field}: {value(item, 30)}" for field, item in known.items())
        say(f"    {name + ':':<8}{shown}")
    if row["evidence"]:
        say(f"    why:    {row['evidence']}")


def _quarantine(data: Mapping[str, Any], limit: int) -> None:
    rows = data["quarantine"]
    if rows:
        say()
    for row in _cut(rows, limit):
        say(f"quarantine {row['subject']} ({row['reason']}): {row['message']}", colour="yellow")
    more(len(rows) - len(_cut(rows, limit)), "quarantined record")
