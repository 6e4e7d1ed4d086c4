"""One observation of both sides: what they list and promise, beside what is remembered. It decides nothing.

The snapshots stay open while the plan is made from them. A state without links beside records that carry tags has been
lost; it is rebuilt here, before anybody plans over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import polars as pl

from integrations_platform.unified_sync.calls import Caller
from integrations_platform.unified_sync.evidence import Moment
from integrations_platform.unified_sync.forms import place_fields
from integrations_platform.unified_sync.merge import Policy
from integrations_platform.unified_sync.merging import follow_merges
from integrations_platform.unified_sync.plan import Unit, World
from integrations_platform.unified_sync.port import TAG_SCHEMA, Listing, Snapshot
from integrations_platform.unified_sync.quiet import Recalled, remembered, told_since
from integrations_platform.unified_sync.rebuilding import (
    Rebuilt,
    find_tagged_records,
    frame_of,
    rebuild,
    recognise_away,
)
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.shares import WHOLE, Share
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec
from integrations_platform.unified_sync.store import ConflictStatus, Lease, Observation, Store

NOTHING: Mapping[SideName, Recalled] = MappingProxyType({})


@dataclass(frozen=True)
class Observatory:
    """Where observations of one run are made from. ``known``: all declared syncs by name, for references between them.
    Without a lease (dry runs, looks) nothing is written, not even what a rebuild found."""

    store: Store
    runtime: Runtime
    known: Mapping[str, SyncSpec]

    def recall(self, spec: SyncSpec, callers: Mapping[SideName, Caller], run_id: str, lease: Lease) -> None:
        """Rebuild a state that was lost, which every observation does first, and look no further."""
        with ExitStack() as stack:
            stack.enter_context(self.world(spec, callers, run_id, lease))

    @contextmanager
    def world(
        self,
        spec: SyncSpec,
        callers: Mapping[SideName, Caller],
        run_id: str,
        lease: Lease | None,
        share: Share = WHOLE,
        recalled: Mapping[SideName, Recalled] = NOTHING,
    ) -> Iterator[tuple[World, list[Observation]]]:
        """Observe both sides, and hold their snapshots open while the plan is made. ``recalled``: sides that are not
        listed, or asked only for what moved, because it is known how they stood when there was nothing to do."""
        columns = {name: caller.call(caller.side.columns) for name, caller in callers.items()}
        places, _ = place_fields(spec, columns["A"], columns["B"])
        clocks = {name: caller.call(caller.side.clock) for name, caller in callers.items()}
        with ExitStack() as stack:
            still = {name: one.seen for name, one in recalled.items() if one.still}
            taken_at = min([self.runtime.clock(), *(seen.taken_at for seen in still.values())])
            snapshots = {
                name: stack.enter_context(caller.call(caller.side.snapshot)) for name, caller in callers.items()
            }
            known = self.store.links(spec.name) if recalled else None
            if lease is not None and recalled:  # whoever took over may have changed the links, and what is told by them
                self.store.renew(lease, self.runtime.lease_seconds, self.runtime.clock())
            earlier = {} if known is None else {
                name: one.listing or remembered(spec, known, one.seen) for name, one in recalled.items()
            }  # fmt: skip
            told = {
                name: told_since(callers[name], snapshots[name], listing)
                for name, listing in earlier.items() if name not in still
            }  # fmt: skip
            listings = {
                name: earlier[name] if name in still
                else told.get(name) or self._listed(spec, callers[name], snapshots[name], name)
                for name in callers
            }  # fmt: skip
            now = self.runtime.clock()
            if lease is not None:
                self.store.renew(lease, self.runtime.lease_seconds, now)
            links = self.store.links(spec.name) if known is None else known
            lost = links.is_empty() and any(caller.capabilities.tags for caller in callers.values())
            found = self._rebuilt(callers, listings) if lost else None
            links, merges = follow_merges(frame_of(found.links) if found is not None else links, listings)
            moments = {name: Moment(now, clocks[name]) for name in callers}
            observations = [
                replace(still[name], taken_at=taken_at, digest=None, mark=None)
                if name in still
                else Observation(
                    name, taken_at, listings[name].frame.height, listings[name].complete, listings[name].reason,
                    whole_at=taken_at if told.get(name) is None else recalled[name].seen.whole_at,
                )
                for name in SIDES
            ]  # fmt: skip
            by_name = {place.spec.name: place for place in places}
            units: list[Unit] = [
                (
                    unit,
                    tuple(by_name[member.name] for member in members),
                    Policy(members[0].direction, members[0].strategy, spec.on_tie, spec.fill_blanks),
                )
                for unit, members in spec.units
            ]
            world = World(
                spec=spec,
                pair=spec.name,
                run_id=run_id,
                now=now,
                taken_at=taken_at,
                clock=self._heartbeat(lease),
                places=places,
                units=tuple(units),
                callers=callers,
                snapshots=snapshots,
                listings=listings,
                moments=moments,
                previous=self.store.last_settled(spec.name),
                links=links,
                store=self.store,
                references=References.of(spec, self.store, self.known),
                conflicts={
                    (row.link_id, row.unit): row for row in self.store.conflicts(spec.name, ConflictStatus.OPEN)
                },
                quarantined={row.subject: row for row in self.store.quarantined(spec.name)},
                progress=self.runtime.progress,
                merges=merges,
                share=share,
            )
            if found is not None:
                world = self._completed(world, found, lease)
            yield world, observations

    def _listed(self, spec: SyncSpec, caller: Caller, snapshot: Snapshot, name: SideName) -> Listing:
        stage = f"looking through {spec.side(name).place}"
        self.runtime.progress(stage, 0, 1)  # one listing: how many records there are is known once all are seen
        listing = caller.call(snapshot.listing)
        self.runtime.progress(stage, 1, 1)
        return listing

    def _heartbeat(self, lease: Lease | None) -> Callable[[], datetime]:
        """A clock for planning that keeps the lease alive: planning is long where much changed, and writes nothing
        that would renew it. It is looked at a few times for every thousand records."""

        def now() -> datetime:
            moment = self.runtime.clock()
            if lease is not None:
                self.store.renew(lease, self.runtime.lease_seconds, moment)
            return moment

        return now

    def _rebuilt(self, callers: Mapping[SideName, Caller], listings: Mapping[SideName, Listing]) -> Rebuilt:
        """A state without links beside records that carry tags has been lost: rebuild it from the tags (P29)."""
        none = pl.DataFrame(schema=TAG_SCHEMA)
        tags = {
            name: caller.call(caller.side.tags) if caller.capabilities.tags else none
            for name, caller in callers.items()
        }
        present, away = find_tagged_records(callers, tags, listings)
        rows, tombstones = rebuild(
            tags,
            present,
            away,
            {name: listings[name].merged for name in SIDES},
            {name: caller.capabilities.tags for name, caller in callers.items()},
            self.runtime.clock(),
        )
        return Rebuilt(rows, tombstones, away, tags)

    def _completed(self, world: World, found: Rebuilt, lease: Lease | None) -> World:
        """The world with every link that a rebuild can tell, all of them stored at once: what a run that dies had left
        out, no later one would look for."""
        more = recognise_away(world, found.away, found.tags)
        rows = [*found.links, *more]
        if lease is not None and rows:
            with self.store.transaction(lease) as tx:
                tx.put_links(rows)
                tx.put_tombstones(found.tombstones)
        return replace(world, links=pl.concat([world.links, frame_of(more)]))
