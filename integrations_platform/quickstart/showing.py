"""Plans, runs, parked and refused records as the small tables of the story.

It turns what the engine reports into words for a newcomer; it adds no judgement of its own.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from integrations_platform.quickstart.folder import SYNC, Folder, QuickstartError
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.unified_sync.plan import Plan
from integrations_platform.unified_sync.port import Kind
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.store import Conflict, Quarantined, Role, StoredAuditEntry

_SHOWN = 34  # characters of a value
_KINDS = {"created": Kind.CREATE, "changed": Kind.UPDATE, "archived": Kind.ARCHIVE}


def show_plan(narrator: Narrator, plan: Plan) -> None:
    """Counts by side and kind."""
    kinds = Counter((str(op.side), op.kind) for op in plan.operations)
    narrator.table(
        ("side", "to create", "to change", "to archive"),
        [
            (system, *(kinds[(side, kind)] for kind in _KINDS.values()))
            for system, side in ((plan.spec.source.system, "A"), (plan.spec.target.system, "B"))
        ],
    )


def show_run(narrator: Narrator, report: RunReport) -> None:
    """What moved, by side. Raises QuickstartError for a run that failed."""
    if report.status is RunStatus.FAILED or report.plan is None:
        raise QuickstartError(f"the run failed: {report.message}")
    rows = []
    for system, side in ((report.plan.spec.source.system, "a"), (report.plan.spec.target.system, "b")):
        done = [report.counts[f"{word}_{side}"] for word in ("created", "updated", "archived", "restored")]
        rows.append((system, *done, report.counts[f"parked_{side}"], report.counts[f"rejected_{side}"]))
    narrator.table(("side", "created", "changed", "archived", "restored", "parked", "refused"), rows)


def show_refused(narrator: Narrator, rows: Sequence[Quarantined]) -> dict[str, int]:
    """Quarantined records by reason, with an example of each; returns how many there are of each."""
    found: dict[str, list[Quarantined]] = defaultdict(list)
    for row in rows:
        found[_reason(row)].append(row)
    narrator.table(
        ("records", "why", "for example"),
        [
            (len(group), why, f"{_record(group[0])}: {group[0].message.partition(';')[0]}")
            for why, group in found.items()
        ],
    )
    return {why: len(group) for why, group in found.items()}


def _reason(row: Quarantined) -> str:
    if row.reason == "ambiguous_match":
        return "one e-mail, two records"
    if "required value" in row.message:
        return "a required value is blank"
    return "too long for the other side" if "characters where" in row.message else row.reason


def _record(row: Quarantined) -> str:
    side, _, number = (row.link_id or row.subject).partition(":")
    return f"{'crm' if side == 'A' else 'webshop'} {number}"


def show_parked(narrator: Narrator, rows: Iterable[Conflict]) -> None:
    """Open conflicts with what either side shows."""
    narrator.table(
        ("conflict", "field", "crm says", "webshop says"),
        [(row.conflict_id, row.unit, _shown(row.value_a), _shown(row.value_b)) for row in rows],
    )


def show_losers(narrator: Narrator, folder: Folder, lines: Iterable[StoredAuditEntry]) -> list[tuple[str, str]]:
    """The losing values of a run and how to restore one; returns (field, value)."""
    losers = [stored for stored in lines if stored.entry.role is Role.LOSER and stored.entry.lost is not None]
    lost = [pair for stored in losers for pair in _fields(stored.entry.lost)]
    narrator.table(
        ("audit line", "side", "field", "lost value", "rule"),
        [
            (stored.number, "crm" if stored.entry.side == "A" else "webshop", stored.entry.field,
             _shown(stored.entry.lost), stored.entry.rule)
            for stored in losers[:4]
        ],
    )  # fmt: skip
    if losers:
        narrator.line(command(folder, "sync", "restore", SYNC, "--audit", str(losers[0].number)))
    return lost


def command(folder: Folder, *words: str, shipped: bool = False) -> str:
    """A command on this quickstart's environment, about its own sync or about one that is ``shipped``."""
    options = ["--env-file", str(folder.environment), *([] if shipped else ["--syncs", str(folder.syncs)])]
    return shlex.join(("uv", "run", "integrations", *options, *words))


def _fields(text: str | None) -> list[tuple[str, str]]:
    data = json.loads(text or "{}")
    return [(name, str(value)) for name, value in data.items()] if isinstance(data, dict) else []


def _shown(text: str | None) -> str:
    value = ", ".join(value for _, value in _fields(text))
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
