"""Changes of many records that go over as they are: one operation instead of one for every record.

It is done only where nothing is to be decided: the record changed on one side and the other shows what was agreed, or
it is new and the other side has none of its id; both sides keep all fields in the same bytes; and what was agreed is
known as such bytes too, because the record got there by a load. Whatever else a record needs (a value that is only
spelled otherwise, one that is missing, an open question) leaves it to an operation of its own. What goes over is part
of the plan: guards count it. What the written side shows otherwise at that moment is left as it is, for the next run.

The order is that of every write (B7): what is sent is stored before the side commits, and becomes the base after.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.loading import LOAD, ORIGIN, Load, Loads, as_they_are, key_of
from integrations_platform.unified_sync.loading_port import Bulk, Carriage, Form
from integrations_platform.unified_sync.port import ErrorKind, Presence, SideError
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec, other
from integrations_platform.unified_sync.store import AuditEntry, Lease, LinkState, OpState, Role, Store

if TYPE_CHECKING:
    from integrations_platform.unified_sync.classify import Classes
    from integrations_platform.unified_sync.plan import Plan, World

_log = logging.getLogger(__name__)

FEWEST = 500  # records for one side from which on a load of their own is worth it
PIECE = 20_000  # rows sent and stored together
_NOTHING = pl.DataFrame(schema={"id": pl.String, "version": pl.String, "row": pl.Binary})


@dataclass(frozen=True)
class Carrier:
    """Plans and makes the loads of changes of one sync. ``loads``: where they are remembered."""

    spec: SyncSpec
    callers: Mapping[SideName, Caller]
    store: Store
    loads: Loads

    def pick(self, world: World, plan: Plan, classes: Classes) -> Classes:
        """Plan what goes over so; who is left for operations of their own. Raises SideError."""
        found = {side: (self._changed(world, classes, side), self._new(world, classes, side)) for side in SIDES}
        many = [side for side, (changed, new) in found.items() if len(changed) + len(new) >= FEWEST]
        wanted = [side for side in many if _may_write(world, side)]
        key = key_of(self.spec) if wanted else None
        way = None if key is None else as_they_are(world.places, self.callers, key)
        if way is None or key is None:
            return classes
        ids = classes.look.filter(pl.col("link_id") == ORIGIN + pl.col("id_a"))["id_a"]
        agreed = self.loads.packed(self.spec.name, way[1].layout, ids).rename({"row": "before"})  # for both at once
        for side in wanted:
            rows, changed = self._rows(world, agreed, *found[side], *way, side)
            if not rows.is_empty():
                plan.carriages.append(Carriage(side, way[0][side], way[1].layout, key.type, rows, changed))
                plan.counts[f"read_{other(side).lower()}"] += rows.height
                plan.changed_fields.update({(other(side), name): count for name, count in changed.items()})
                classes = _without(classes, rows)
        return classes

    def _changed(self, world: World, classes: Classes, side: SideName) -> pl.DataFrame:
        """Records that changed on the other side alone, and of which nothing else is open (columns ``id``,
        ``expected``)."""
        here, there = side.lower(), other(side).lower()
        disputed = {*(link_id for link_id, _ in world.conflicts), *(row.link_id for row in world.quarantined.values())}
        return classes.look.filter(
            pl.col("state") == LinkState.ACTIVE.value,
            pl.col(f"presence_{there}") == Presence.LIVE.value,
            pl.col(f"version_{there}").is_not_null(),
            ~pl.col(f"same_{there}"),
            pl.col(f"same_{here}"),
            pl.col("id_a") == pl.col("id_b"),
            pl.col("link_id") == ORIGIN + pl.col("id_a"),
            ~pl.col("link_id").is_in([link_id for link_id in disputed if link_id is not None]),
        ).select(id="id_a", expected=f"seen_{here}")

    def _new(self, world: World, classes: Classes, side: SideName) -> pl.Series:
        """Records of the source whose ids the target does not show and no link ever had."""
        new = pl.Series("id", classes.new_a, dtype=pl.String)
        if side == "A" or new.is_empty() or not self.spec.creates["A"] or not world.listings["B"].complete:
            return new.clear()
        shown, links = world.listings["B"].frame["id"], world.links["link_id"]
        taken = {
            *shown.filter(shown.is_in(new.implode())),
            *links.filter(links.is_in((ORIGIN + new).implode())).str.strip_prefix(ORIGIN),
            *(row.record_id for row in world.quarantined.values()),
        }
        return new.filter(~new.is_in([name for name in taken if name is not None]))

    def _rows(
        self,
        world: World,
        agreed: pl.DataFrame,
        changed: pl.DataFrame,
        new: pl.Series,
        bulks: Mapping[SideName, Bulk],
        form: Form,
        side: SideName,
    ) -> tuple[pl.DataFrame, Counter[str]]:
        """Rows of a carriage; and in how many of them each field differs from what was agreed."""
        origin = other(side)
        ids = [*agreed.join(changed, on="id", how="semi")["id"], *new]
        required = [place.spec.columns(origin)[0] for place in world.places if place.spec.required]
        picked = pl.concat(
            [_NOTHING, *self.callers[origin].call(lambda: list(bulks[origin].pick(ids, required)))], how="diagonal"
        )
        rows = picked.join(agreed.join(changed, on="id"), on="id", how="left").with_columns(
            n=pl.col("n").fill_null(0) + 1
        )
        known = rows.filter(pl.col("before").is_not_null())
        differs, respellings = bulks[origin].compare(form.layout, known)
        unclear = [
            one.row
            for one in respellings
            for pair in [(one.now, one.before) if origin == "A" else (one.before, one.now)]
            if world.by_name[one.field].corresponds(*pair)
        ]
        clear = differs.select(pl.any_horizontal(pl.all())).to_series() & ~pl.Series(range(known.height)).is_in(unclear)
        counts = differs.filter(clear).sum()
        going = pl.concat([known.filter(clear), rows.filter(pl.col("before").is_null())]).drop("before")
        return going, Counter({name: counts[name][0] for name in counts.columns if counts[name][0]})

    def carry(
        self, carriage: Carriage, seen_at: datetime, lease: Lease, runtime: Runtime, run_id: str, actor: str
    ) -> tuple[int, int] | None:
        """Write the rows; how many were replaced and how many made, or None if the side takes none of them so.
        ``seen_at``: when both sides were looked at. Raises SideError (of an unknown effect: the load stays open, and
        the next run asks), LeaseLost."""
        name = f"{LOAD}{run_id}:{carriage.side}"
        load = Load(
            name, run_id, carriage.layout, carriage.key, 0, OpState.SENT, seen_at, carriage.side, whole=False
        )  # fmt: skip
        self.loads.begin(lease, load)
        for number, piece in enumerate(carriage.rows.iter_slices(PIECE)):
            self.loads.add(lease, name, number, piece.select("id", "row"))
        try:
            written = self._write(carriage, name, lease, runtime)
        except SideError as fault:
            if fault.effect_unknown:
                raise
            self.loads.end(lease, name, OpState.NOT_APPLIED, [])
            if fault.kind is ErrorKind.TRANSIENT:
                raise
            _log.info("a load of changes was refused (%s); its records go one by one", fault.code or "no code")
            return None
        if written is None:
            self.loads.end(lease, name, OpState.NOT_APPLIED, [])
            return None
        rule = f"carried as they are: {sum(written):,} records"
        line = AuditEntry(
            run_id, Role.WRITTEN, "", carriage.side, None, name, "", rule, runtime.clock(), actor=actor
        )  # fmt: skip
        self.loads.end(lease, name, OpState.APPLIED, [line])
        return written

    def _write(self, carriage: Carriage, name: str, lease: Lease, runtime: Runtime) -> tuple[int, int] | None:
        rows, place = carriage.rows, self.spec.side(carriage.side)
        replaced = made = 0
        with carriage.bulk.changing(name) as changing:
            if changing is None:
                return None
            for number, piece in enumerate(rows.iter_slices(PIECE)):
                runtime.progress(f"writing to {place.place}", number * PIECE, rows.height)
                changing.send(piece.select("id", "row", "expected"))
                self.store.renew(lease, runtime.lease_seconds, runtime.clock())
            for number, shown in enumerate(changing.versions()):
                known = shown.join(rows.rename({"version": "sent"}), on="id")
                if not known["version"].equals(known["sent"]):
                    message = f"{place.system}: what was written shows otherwise"
                    raise SideError(ErrorKind.PERMANENT, message, code="load")
                self.loads.vouch(lease, name, number, known.select("id", "version", "n"))
                made += known["expected"].null_count()
                replaced += known.height - known["expected"].null_count()
            runtime.progress(f"writing to {place.place}", rows.height, rows.height)
            self.store.renew(lease, runtime.lease_seconds, runtime.clock())  # whoever took over has asked by now
            changing.commit()
        return replaced, made


def _may_write(world: World, side: SideName) -> bool:
    return world.spec.may_write(side) and all(place.spec.direction.allows(other(side)) for place in world.places)


def _without(classes: Classes, rows: pl.DataFrame) -> Classes:
    gone = set(rows["id"])
    links = (ORIGIN + rows["id"]).to_frame("link_id")
    return replace(
        classes,
        look=classes.look.join(links, on="link_id", how="anti", maintain_order="left"),
        new_a=[name for name in classes.new_a if name not in gone],
    )
