"""What trouble has done to two tables and the state between them, found in plain SQL and counted.

Owns the one check every story of trouble ends with: nothing lost, doubled, contested or left for a person to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integrations_platform.state import open_store
from integrations_platform.unified_sync.audit import verify_chain
from integrations_platform.unified_sync.report import RunStatus
from integrations_platform_tests.end_to_end.arrange import Base, World

Outcome = Mapping[str, tuple[str, Decimal | None]]

MOST_RUNS = 4  # a later one would still be moving what should have come to rest


@dataclass
class Damage:
    """What must not be, in words: values users wrote last, records made twice, conflicts nobody had, manual steps."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    spurious_conflicts: list[str] = field(default_factory=list)
    manual_steps: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def figures(self) -> Counter[str]:
        """How many of each."""
        return Counter({name: len(said) for name, said in vars(self).items()})


def inspect(world: World, outcome: Outcome, lost_values: frozenset[str], removed: tuple[str, ...]) -> Damage:
    """Let the sync run until nothing moves, then look.

    ``outcome``: (name, balance) by e-mail that both sides must show; ``lost_values``: values that lost a true conflict
    and must be restorable; ``removed``: a name each of the records the shop must have archived once.
    """
    damage = Damage()
    _settle(world, damage)
    for name, base in (("office", world.a), ("shop", world.b)):
        _compare(name, base, outcome, damage)
    archived = world.b.rows("SELECT count(*) FROM integrations_archive")[0][0]
    surplus = archived - len(removed)
    (damage.lost if surplus < 0 else damage.duplicated).extend([f"archived: {archived} records"] * abs(surplus))
    _remembered(world, lost_values, removed, damage)
    agreement = world.verify()
    if not agreement.agrees or (agreement.links, agreement.unlinked_a, agreement.unlinked_b) != (len(outcome), 0, 0):
        damage.manual_steps.append(f"no agreement: {agreement}")
    return damage


def _settle(world: World, damage: Damage) -> None:
    for _ in range(MOST_RUNS):
        report = world.run()
        if report.status is not RunStatus.SUCCEEDED:
            damage.manual_steps.append(f"run {report.status.value}: {report.message} {report.warnings}")
        if not report.written:
            return
    damage.manual_steps.append(f"still writing after {MOST_RUNS} runs")


def _exact(balance: Any) -> Any:
    return Decimal(str(balance)) if isinstance(balance, float) else balance  # of SQLite


def _compare(side: str, base: Base, outcome: Outcome, damage: Damage) -> None:
    rows = base.rows("SELECT lower(email), name, balance FROM person ORDER BY id")
    counted = Counter(row[0] for row in rows)
    shown = {email: (name, _exact(balance)) for email, name, balance in rows}
    for email, values in outcome.items():
        if shown.get(email) != values:
            damage.lost.append(f"{side}: {email} shows {shown.get(email)}, not {values}")
    for email, count in counted.items():
        if surplus := count - (email in outcome):
            damage.duplicated.append(f"{side}: {email} is there {surplus} times too often")


def _remembered(world: World, lost_values: frozenset[str], removed: tuple[str, ...], damage: Damage) -> None:
    """What lost a true conflict or was removed can be restored, and nothing else is said to need anybody."""
    store = open_store(world.state_url)
    try:
        damage.spurious_conflicts += [repr(conflict) for conflict in store.conflicts("people", None)]
        damage.manual_steps += [f"in quarantine: {row.message}" for row in store.quarantined("people")]
        damage.manual_steps += [f"never resolved: {intent}" for intent in store.open_intents("people")]
        stored = list(store.audit("people"))
    finally:
        store.close()
    if fault := verify_chain(stored)[1]:
        damage.manual_steps.append(fault)
    losers = {line.entry.lost for line in stored if line.entry.role == "loser" and line.entry.lost is not None}
    deleted = [line.entry.lost or "" for line in stored if line.entry.role == "deleted"]
    damage.lost += [f"not restorable: {value}" for value in sorted(lost_values - losers)]
    damage.lost += [f"not restorable: {name}" for name in removed if not any(name in text for text in deleted)]
    damage.spurious_conflicts += [f"called a loser: {value}" for value in sorted(losers - lost_values)]
