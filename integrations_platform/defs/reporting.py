"""A run's report as Dagster metadata: numbers under keys that stay the same, so that the UI can plot them, and tables
that stay short. Values of records are shown cut to a line; nothing that could hold an address or a password is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from integrations_platform.unified_sync.spec import SIDES

if TYPE_CHECKING:
    from integrations_platform.defs.running import Memory, Outcome
    from integrations_platform.unified_sync.agreement import Agreement
    from integrations_platform.unified_sync.plan import Plan
    from integrations_platform.unified_sync.port import Problem
    from integrations_platform.unified_sync.store import Breaker, Conflict, Quarantined

ROWS = 20  # of a table; metadata lives in the event log, and the CLI shows the rest
WIDTH = 120  # characters of one cell
ENDS = (("source", "a"), ("target", "b"))
DEEDS = ("created", "updated", "archived", "deleted", "restored")

NUMERIC_KEYS = (
    *(f"records_{deed}_{end}" for deed in DEEDS for end, _ in ENDS),
    "records_read",
    "records_written",
    "records_rejected",
    "records_stale",
    "records_unknown",
    "conflicts_open",
    "conflicts_opened",
    "quarantined",
    "deferred",
    "recovered",
    "calls",
    "duration_seconds",
    "rows_per_second",
    "dagster/row_count",
)
"""Keys that every materialisation carries, zero or not; beside them stand those of :func:`_calls`."""


def run_metadata(outcome: Outcome) -> dict[str, Any]:
    """What a run did: every key of :data:`NUMERIC_KEYS`, its status, and short tables of what waits for somebody."""
    report, memory, spec = outcome.report, outcome.memory, outcome.spec
    counts = report.counts

    def both(name: str) -> int:
        return sum(counts[f"{name}_{letter}"] for _, letter in ENDS)

    numbers: dict[str, Any] = {
        f"records_{deed}_{end}": counts[f"{deed}_{letter}"] for deed in DEEDS for end, letter in ENDS
    }
    numbers |= {
        "records_read": both("read"),
        "records_written": report.written,
        "records_rejected": both("rejected"),
        "records_stale": both("stale"),
        "records_unknown": both("unknown"),
        "conflicts_open": len(memory.conflicts),
        "conflicts_opened": sum(row.opened_run == report.run_id for row in memory.conflicts),
        "quarantined": _set_aside(memory),
        "deferred": both("deferred"),
        "recovered": report.recovered,
        "calls": counts["calls"],
        "duration_seconds": round(report.seconds, 3),
        "rows_per_second": report.rows_per_second,
        "dagster/row_count": memory.links,
    }
    numbers |= _calls(outcome)
    return _facts(outcome) | waiting_tables(memory) | numbers | {"look_further": commands(spec.name)}


def dry_run_metadata(outcome: Outcome) -> dict[str, Any]:
    """What a run would do: planned writes by kind and side, and a short table of them."""
    plan = outcome.report.plan
    planned = Counter(f"{item.kind.value} {item.side}" for item in (plan.operations if plan else ()))
    facts = _facts(outcome) | {
        f"would_{kind}_{end}": planned[f"{kind} {letter.upper()}"]
        for kind in ("create", "update", "archive", "delete", "restore")
        for end, letter in ENDS
    }
    facts |= _calls(outcome)
    facts["would_open_conflicts"] = outcome.report.counts["conflicts_opened"]
    facts |= {"conflicts_open": len(outcome.memory.conflicts), "quarantined": _set_aside(outcome.memory)}
    if plan is not None and plan.operations:
        facts["planned_writes"] = planned_table(plan)
    name = outcome.spec.name
    return facts | {"look_further": dg.MetadataValue.md(f"`integrations sync plan {name}`")}


def _calls(outcome: Outcome) -> dict[str, int]:
    """What was asked of each system, and what its quotas leave: `calls_hubspot`, `calls_left_hubspot`."""
    found: Counter[str] = Counter()
    for side in SIDES:
        found[f"calls_{outcome.spec.side(side).system}"] += outcome.report.counts[f"calls_{side.lower()}"]
    left: dict[str, int] = {}
    for system, usage in outcome.quotas:
        left[f"calls_left_{system}"] = min(usage.left, left.get(f"calls_left_{system}", usage.left))
    return found | left


def _set_aside(memory: Memory) -> int:
    return sum(row.reason != "deferred" for row in memory.quarantined)


def _facts(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report
    facts: dict[str, Any] = {"status": report.status.value, "sync": report.sync, "sync_run_id": report.run_id}
    if report.message:
        facts["message"] = report.message
    if outcome.page:
        facts["console"] = dg.MetadataValue.url(outcome.page)
    if report.refusals:
        rows = [{"guard": item.guard, "message": item.message, "remedy": item.remedy} for item in report.refusals]
        facts["refusals"] = table(rows)
    if report.warnings:
        facts["warnings"] = listed(report.warnings)
    return facts


def commands(name: str) -> dg.MetadataValue[Any]:
    """What to type to see more of the sync ``name``."""
    words = ("history", "conflicts list", "quarantine list", "verify")
    return dg.MetadataValue.md("\n".join(f"- `integrations sync {word} {name}`" for word in words))


def waiting_tables(memory: Memory) -> dict[str, Any]:
    """Open conflicts and quarantined records, where there are any."""
    tables: dict[str, Any] = {}
    if memory.conflicts:
        tables["conflicts"] = conflicts_table(memory.conflicts)
    if memory.quarantined:
        tables["quarantined_records"] = quarantine_table(memory.quarantined)
    return tables


def conflicts_table(rows: Sequence[Conflict]) -> dg.MetadataValue[Any]:
    """The oldest open conflicts: where they are, and the three values they are about."""
    return table(
        {
            "id": row.conflict_id,
            "record": " / ".join(part or "–" for part in (row.id_a, row.id_b)),
            "field": row.unit or "(record)",
            "base": _value(row.base, row.unit),
            "source": _value(row.value_a, row.unit),
            "target": _value(row.value_b, row.unit),
            "evidence": row.evidence,
        }
        for row in rows[:ROWS]
    )


def quarantine_table(rows: Sequence[Quarantined]) -> dg.MetadataValue[Any]:
    """The oldest records that are set aside, and why."""
    sides = {"A": "source", "B": "target"}
    return table(
        {
            "record": row.record_id or row.subject,
            "side": sides.get(row.side or "", "–"),
            "reason": row.reason,
            "message": row.message,
        }
        for row in rows[:ROWS]
    )


def planned_table(plan: Plan) -> dg.MetadataValue[Any]:
    """The first planned writes, with what each would set."""
    sides = {"A": "source", "B": "target"}
    first = sorted(plan.operations, key=lambda operation: (operation.side, operation.kind.value, operation.op_id))
    return table(
        {
            "side": sides[operation.side],
            "write": operation.kind.value,
            "record": operation.record_id or "(new)",
            "fields": ", ".join(f"{change.name}: {change.sent!s}" for change in operation.fields) or "–",
        }
        for operation in first[:ROWS]
    )


def problems_table(problems: Sequence[Problem]) -> dg.MetadataValue[Any]:
    """What is not in order, and how to mend it."""
    return table(
        {"message": item.message, "remedy": item.remedy or "–", "stops_the_sync": "yes" if item.blocking else "no"}
        for item in problems[:ROWS]
    )


def breakers_table(breakers: Sequence[Breaker]) -> dg.MetadataValue[Any]:
    """Both systems' circuit breakers."""
    return table(
        {
            "system": item.system,
            "state": item.state.value,
            "failures": str(item.failures),
            "last_error": item.last_error or "–",
        }
        for item in breakers
    )


def agreement_metadata(agreement: Agreement) -> dict[str, Any]:
    """Counts of a full comparison, and the first fields that differ."""
    facts: dict[str, Any] = {
        "links": agreement.links,
        "agreeing": agreement.agreeing,
        "explained": agreement.explained,
        "unexplained": agreement.unexplained,
        "missing": agreement.missing,
        "unlinked_source": agreement.unlinked_a,
        "unlinked_target": agreement.unlinked_b,
    }
    shown = sorted(agreement.disagreements, key=lambda item: bool(item.known))[:ROWS]
    if shown:
        facts["disagreements"] = table(
            {
                "record": f"{data['source_id'] or '–'} / {data['target_id'] or '–'}",
                "field": data["field"],
                "source": json.dumps(data["source"], ensure_ascii=False),
                "target": json.dumps(data["target"], ensure_ascii=False),
                "known": data["known"] or "no",
            }
            for data in (item.to_data() for item in shown)
        )
    return facts


def listed(lines: Sequence[str]) -> dg.MetadataValue[Any]:
    """At most :data:`ROWS` lines as a list."""
    shown = [f"- {_cut(line, 500)}" for line in lines[:ROWS]]
    more = [f"- … and {len(lines) - ROWS} more"] if len(lines) > ROWS else []
    return dg.MetadataValue.md("\n".join(shown + more))


def table(rows: Iterable[Mapping[str, str]]) -> dg.MetadataValue[Any]:
    """Rows of text as a table the UI shows; there must be one at least."""
    return dg.MetadataValue.table([dg.TableRecord({name: _cut(text) for name, text in row.items()}) for row in rows])


def _value(text: str | None, unit: str) -> str:
    """A stored value for people: that of the one field it is about, or the whole group as JSON."""
    if text is None:
        return "–"
    data = json.loads(text)
    shown = data[unit] if isinstance(data, dict) and set(data) == {unit} else data
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _cut(text: str, width: int = WIDTH) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
