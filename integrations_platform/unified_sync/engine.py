"""One run of one sync, from lease to report. It orchestrates; every decision is made in the modules it calls."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from integrations_platform.unified_sync.agreement import Agreement, compare
from integrations_platform.unified_sync.calls import Caller, CallPolicy
from integrations_platform.unified_sync.carrying import Carrier
from integrations_platform.unified_sync.commit import Committer
from integrations_platform.unified_sync.explain import Explanation, explain
from integrations_platform.unified_sync.faults import SetupRefused, faults_in
from integrations_platform.unified_sync.forms import FieldPlace, place_fields
from integrations_platform.unified_sync.loading import load_whole, settle_loads
from integrations_platform.unified_sync.observation import Observatory
from integrations_platform.unified_sync.plan import PLAIN, QUIET, STANDING, Plan, World
from integrations_platform.unified_sync.planner import make_plan, only
from integrations_platform.unified_sync.port import Side, found_by
from integrations_platform.unified_sync.quiet import (
    Recalled,
    standing,
    unmoved,
    untouched,
    with_digests,
    with_marks,
    without_marks,
)
from integrations_platform.unified_sync.recovery import recover
from integrations_platform.unified_sync.references import References
from integrations_platform.unified_sync.report import RunReport, RunStatus
from integrations_platform.unified_sync.restoring import plan_restore
from integrations_platform.unified_sync.runtime import Runtime
from integrations_platform.unified_sync.sharding import (
    Crew,
    Ending,
    Endings,
    Task,
    beating,
    see_through,
    seen_by_all,
    sum_up,
)
from integrations_platform.unified_sync.shares import ENDED, WHOLE, Board, Part, Share
from integrations_platform.unified_sync.spec import SIDES, SideName, SyncSpec, spec_digest
from integrations_platform.unified_sync.store import (
    AuditEntry,
    Lease,
    LeaseLost,
    Observation,
    Quiet,
    Role,
    RunRecord,
    SavedPlan,
    Store,
    StoredAuditEntry,
)
from integrations_platform.unified_sync.watching import Fact, Span, about, span
from integrations_platform.unified_sync.writer import Writer

_log = logging.getLogger(__name__)
_LEVELS = {
    RunStatus.SUCCEEDED: logging.INFO, RunStatus.PARTIAL: logging.WARNING, RunStatus.REFUSED: logging.WARNING,
    RunStatus.FAILED: logging.ERROR,
}  # fmt: skip
Look = Callable[
    [SyncSpec, Mapping[SideName, Caller], Quiet, Callable[[], datetime]], dict[SideName, Recalled]
]  # fmt: skip
PASSES = 2  # a decision that writes to both sides is confirmed by a second look within the same run


@dataclass(frozen=True)
class Request:
    """How a run was asked for.

    ``only_ops``: apply just these operations of a reviewed plan. ``restore``: instead of syncing, bring back what these
    audit lines lost. ``lift``: guards a person lifted for this plan.
    ``attended``: a person started it. ``actor`` goes to the audit. ``trigger`` says what started it. ``hint``: look at
    nothing if the sides' own stamps tell of no change since the last look. ``full``: look at every record, whatever
    the sides know by themselves of what moved.
    """

    dry_run: bool = False
    only_ops: frozenset[str] | None = None
    restore: tuple[StoredAuditEntry, ...] | None = None
    plan_id: str | None = None
    lift: frozenset[str] = frozenset()
    attended: bool = True
    actor: str = "engine"
    trigger: str = "cli"
    hint: bool = False
    full: bool = False


@dataclass
class Engine:
    """Runs syncs against one store. ``known``: all declared syncs by name, for references between them."""

    store: Store
    runtime: Runtime = field(default_factory=Runtime)
    known: Mapping[str, SyncSpec] = field(default_factory=dict)
    call_policies: Mapping[str, CallPolicy] = field(default_factory=dict)  # by system
    crew: Crew | None = None  # without one, every run is one share

    def plan(self, spec: SyncSpec, sides: Mapping[SideName, Side]) -> Plan:
        """Plan without writing anything anywhere. Raises SetupRefused, SideError."""
        with self._look(spec, sides) as world:
            return make_plan(world, attended=True, first_run=False)

    def plan_restore(
        self, spec: SyncSpec, sides: Mapping[SideName, Side], lines: Sequence[StoredAuditEntry]
    ) -> Plan:  # fmt: skip
        """Plan to bring back what these lines lost, without writing anything. Raises SetupRefused, SideError."""
        with self._look(spec, sides) as world:
            return plan_restore(world, lines)

    def save_plan(self, spec: SyncSpec, plan: Plan) -> SavedPlan:
        """Keep a plan for review; it can be applied by its id as long as it is still the same."""
        now = self.runtime.clock()
        text = plan.to_json()
        name = hashlib.sha256(f"{text}{now.isoformat()}".encode()).hexdigest()[:10]
        saved = SavedPlan(name, now, plan.op_ids, text, spec_digest(spec))
        self.store.open_pair(spec.name, saved.spec_digest, now)
        self.store.save_plan(spec.name, saved)
        return saved

    def verify(self, spec: SyncSpec, sides: Mapping[SideName, Side]) -> Agreement:
        """Compare both sides in full, directly. Raises SetupRefused, SideError."""
        with self._look(spec, sides) as world:
            return compare(world)

    def explain(self, spec: SyncSpec, sides: Mapping[SideName, Side], key: str) -> list[Explanation]:
        """Explain the record or link ``key``; empty when there is none. Raises SetupRefused, SideError."""
        with self._look(spec, sides) as world:
            return explain(world, key)

    @property
    def _observatory(self) -> Observatory:
        return Observatory(self.store, self.runtime, self.known)

    @contextmanager
    def _look(self, spec: SyncSpec, sides: Mapping[SideName, Side]) -> Iterator[World]:
        callers = self._callers(sides, None)
        self._check(spec, callers)
        with self._observatory.world(spec, callers, "look", None) as (world, _):
            yield world

    def run(self, spec: SyncSpec, sides: Mapping[SideName, Side], request: Request | None = None) -> RunReport:
        """Run one sync. Faults of sides and setup end in the report, not in an exception; LeaseHeld is raised."""
        request = request or Request()
        report = RunReport(spec.name, self.runtime.new_id(), self.runtime.clock(), request.dry_run)
        facts: dict[str, Fact] = {"sync": spec.name, "run": report.run_id, "dry_run": request.dry_run}
        with about(spec.name, report.run_id), span("run", facts) as watched:
            try:
                self._run(spec, sides, request, report)
            finally:
                if report.finished_at is not None:
                    _tell(watched, report)
        return report

    def _run(self, spec: SyncSpec, sides: Mapping[SideName, Side], request: Request, report: RunReport) -> None:
        if request.dry_run:
            self._dry_run(spec, self._callers(sides, None), report)
            return
        self.store.open_pair(spec.name, spec_digest(spec), report.started_at)
        holder = f"{self.runtime.holder}:{report.run_id}"
        lease = self.store.acquire(spec.name, holder, self.runtime.lease_seconds, report.started_at)
        sequence = self.store.next_sequence(spec.name)
        quiet, callers = self.store.last_quiet(spec.name), self._callers(sides, lease)
        _log.info("run of %s begins", spec.name, extra={"trigger": request.trigger})
        try:
            with faults_in(report):
                self._record(lease, report, request, sequence, "running")
                # Runs that were refused or failed before linking anything leave the next one just as much a first run.
                first_run = not self.store.last_settled(spec.name) and not self.store.has_links(spec.name)
                self._run_under(lease, spec, callers, request, report, quiet, first_run=first_run)
        except BaseException as fault:
            report.status, report.message = RunStatus.FAILED, f"{type(fault).__name__}: {fault}"
            self._finish(lease, spec, callers, report, request, sequence)
            raise
        self._finish(lease, spec, callers, report, request, sequence)

    def _dry_run(self, spec: SyncSpec, callers: Mapping[SideName, Caller], report: RunReport) -> None:
        with faults_in(report):
            self._check(spec, callers)
            with span("plan", {}), self._observatory.world(spec, callers, report.run_id, None) as (world, _):
                report.plan = make_plan(world, attended=True, first_run=False)
            report.counts.update(report.plan.counts)
            report.refusals, report.warnings = report.plan.refusals, list(report.plan.warnings)
            pending = len(self.store.open_intents(spec.name))
            if pending:
                report.warnings.append(f"{pending} interrupted operations will be recovered before the next run plans")
            report.open_conflicts = len(self.store.conflicts(spec.name))
            report.status = RunStatus.REFUSED if report.refusals else RunStatus.SUCCEEDED
        _count_calls(report, callers)
        report.finished_at = self.runtime.clock()

    def _run_under(
        self,
        lease: Lease,
        spec: SyncSpec,
        callers: Mapping[SideName, Caller],
        request: Request,
        report: RunReport,
        quiet: Quiet | None,
        *,
        first_run: bool,
    ) -> None:
        places = self._check(spec, callers)
        references = References.of(spec, self.store, self.known)
        report.recovered = recover(spec, places, references, callers, self.store, lease, self.runtime, report.run_id)
        report.recovered += settle_loads(spec, callers, self.store, lease, report.run_id, self.runtime.clock())
        recalled: Mapping[SideName, Recalled] = {}
        if request.restore is None and request.only_ops is None:
            if quiet is not None and not report.recovered:
                stamps = self._told(untouched, spec, callers, quiet) if request.hint else {}
                recalled = stamps or self._told(unmoved, spec, callers, without_marks(quiet) if request.full else quiet)
                if sum(one.still for one in recalled.values()) == len(SIDES):
                    self._stand(lease, spec, standing(recalled, quiet), quiet, report)
                    return
            begun = request.attended or not first_run
            if begun and load_whole(spec, places, callers, self.store, lease, self.runtime, report):
                return
        earlier: Counter[str] = Counter()
        passes = PASSES
        if self.crew is not None and spec.shards > 1 and request.restore is None and request.only_ops is None:
            if any(caller.capabilities.tags for caller in callers.values()) and not self.store.has_links(spec.name):
                self._observatory.recall(spec, callers, report.run_id, lease)  # once, not by every share
            task = Task.of_run(lease, report.run_id, spec.shards, request, first_run=first_run)
            endings = see_through(spec, task, self.crew, self.store, self.runtime)
            earlier, passes, recalled = sum_up(report, endings), PASSES - 1, {}
            if not report.lost_shards:
                self._note(lease, report, seen_by_all(endings))
            if report.status is not RunStatus.SUCCEEDED or not self._looks_again(spec, endings):
                return
        self._passes(lease, spec, callers, request, report, WHOLE, earlier, passes, recalled, first_run=first_run)

    def work(self, spec: SyncSpec, sides: Mapping[SideName, Side], task: Task, number: int, board: Board) -> None:
        """Do share ``number`` of a run that another process has begun, and tell that one how it ended."""
        report = RunReport(spec.name, task.run_id, self.runtime.clock())
        request = Request(attended=task.attended, actor=task.actor, trigger=task.trigger)
        lease, callers = task.lease, self._callers(sides, task.lease)
        part = Part(number, task.of, board, self.runtime, lambda: self._renew(lease))
        with about(spec.name, task.run_id), span("shard", {"number": number}), beating(board, number, self.runtime):
            try:
                with faults_in(report):
                    self._passes(
                        lease, spec, callers, request, report, part, Counter(), 1, {}, first_run=task.first_run
                    )  # fmt: skip
            except BaseException as fault:
                report.status, report.message = RunStatus.FAILED, f"{type(fault).__name__}: {fault}"
                raise
            finally:
                _count_calls(report, callers)
                board.say(ENDED, number, Ending.of(report, part.seen).to_json())

    def _renew(self, lease: Lease) -> None:
        self.store.renew(lease, self.runtime.lease_seconds, self.runtime.clock())

    def _passes(
        self,
        lease: Lease,
        spec: SyncSpec,
        callers: Mapping[SideName, Caller],
        request: Request,
        report: RunReport,
        share: Share,
        earlier: Counter[str],
        passes: int,
        recalled: Mapping[SideName, Recalled],
        *,
        first_run: bool,
    ) -> None:
        carrier = self._carrier(spec, callers, request, share)
        for _ in range(passes):
            looking = self._observatory.world(spec, callers, report.run_id, lease, share, recalled)
            with span("plan", {}), looking as (world, observations):
                if request.restore is not None:
                    plan = plan_restore(world, request.restore)
                else:
                    plan = make_plan(world, attended=request.attended, first_run=first_run, carrier=carrier)
                    if share.whole and plan.is_quiet and not world.conflicts and not world.quarantined:
                        observations = with_marks(with_digests(observations, world), world, plan)
            report.plan = report.plan or plan
            if isinstance(share, Part):
                share.seen = observations
            else:
                self._note(lease, report, observations)
            if request.only_ops is not None:
                plan, report.stale = only(plan, request.only_ops)
            for name, count in earlier.items():
                if name.startswith(STANDING):
                    report.counts[name] -= count
            report.counts.update(plan.counts)
            earlier = plan.counts
            report.warnings += [warning for warning in plan.warnings if warning not in report.warnings]
            standing = [refusal for refusal in plan.refusals if refusal.guard not in request.lift]
            if plan.refusals and share.number == 0:
                self._note_guards(lease, plan, request, report)
            if standing:
                report.refusals, report.status = standing, RunStatus.REFUSED
                report.message = "; ".join(refusal.message for refusal in standing)
                return
            committer = Committer(
                plan,
                world.places,
                world.references,
                self.store,
                lease,
                self.runtime,
                report.run_id,
                report.counts,
                {row.conflict_id: row for row in world.conflicts.values()},
                world.quarantined,
                actor=request.actor,
            )
            writer = Writer(
                spec.name, plan, callers, self.store, lease, self.runtime, report, committer, share, carrier
            )  # fmt: skip
            writer.carry_out()
            if request.only_ops is not None or not self._looks_again(spec, plan, refused=writer.refused):
                if share.whole and plan.is_plain and not plan.is_quiet and self._leaves_nothing(spec, report):
                    self._note(lease, report, with_marks(observations, world, plan))
                return
            carrier = None
            recalled = {
                seen.side: Recalled(seen, still=False, listing=world.listings[seen.side])
                for seen in observations if seen.side in plan.held
            }  # fmt: skip

    def _carrier(
        self, spec: SyncSpec, callers: Mapping[SideName, Caller], request: Request, share: Share
    ) -> Carrier | None:  # fmt: skip
        """What may carry rows as they are: not of a plan that people chose from or that is made by several."""
        loads = self.store.loads
        if loads is None or not share.whole or request.only_ops is not None or request.restore is not None:
            return None
        return Carrier(spec, callers, self.store, loads)

    def _looks_again(self, spec: SyncSpec, first: Plan | Endings, *, refused: bool = False) -> bool:
        """Whether a second look confirms now what went to both sides, or plans one by one what a side ``refused`` to
        take at once. Not while it is open what became of some write: nothing is planned over that, or a record may be
        made twice (P10); the next run asks first and goes on then."""
        if not first.two_sided and not refused:
            return False
        loads = self.store.loads
        return not self.store.open_intents(spec.name) and not (loads is not None and loads.unfinished(spec.name))

    def _leaves_nothing(self, spec: SyncSpec, report: RunReport) -> bool:
        """Whether all that was planned is written, and nothing is open."""
        counted = {name for name, count in report.counts.items() if count}
        return (
            counted <= PLAIN
            and all(report.counts[f"planned_{side}"] == report.counts[f"applied_{side}"] for side in "ab")
            and not self.store.conflicts(spec.name)
            and not self.store.quarantined(spec.name)
            and not self.store.open_intents(spec.name)
        )

    def _told(
        self, look: Look, spec: SyncSpec, callers: Mapping[SideName, Caller], quiet: Quiet
    ) -> dict[SideName, Recalled]:
        """Sides of which it is known how they were when there was nothing to do."""
        with span(look.__name__, {}):
            return look(spec, callers, quiet, self.runtime.clock)

    def _stand(
        self, lease: Lease, spec: SyncSpec, observations: Sequence[Observation], quiet: Quiet, report: RunReport
    ) -> None:
        """Tell a run that found nothing moved: whatever is active is settled, be it by the run that wrote it."""
        stands = {name: n for name, n in json.loads(quiet.counts).items() if name in QUIET}
        stands |= {"settled": stands["active"]} if "active" in stands else {}
        report.plan = Plan(spec, observations[0].taken_at, counts=Counter(stands))
        report.counts.update(stands)
        self._note(lease, report, observations)

    def _note(self, lease: Lease, report: RunReport, observations: Sequence[Observation]) -> None:
        with self.store.transaction(lease) as tx:
            for observation in observations:
                tx.put_observation(report.run_id, observation)

    def _note_guards(self, lease: Lease, plan: Plan, request: Request, report: RunReport) -> None:
        with self.store.transaction(lease) as tx:
            tx.append_audit(
                [
                    AuditEntry(
                        run_id=report.run_id,
                        role=Role.GUARD,
                        link_id="",
                        side=None,
                        record_id=None,
                        op_id=None,
                        field="",
                        rule=f"{refusal.guard} {'lifted' if refusal.guard in request.lift else 'refused the plan'}: "
                        f"{refusal.message}",
                        at=self.runtime.clock(),
                        actor=request.actor,
                    )
                    for refusal in plan.refusals
                ]
            )

    def _finish(
        self,
        lease: Lease,
        spec: SyncSpec,
        callers: Mapping[SideName, Caller],
        report: RunReport,
        request: Request,
        sequence: int,
    ) -> None:
        report.finished_at = self.runtime.clock()
        _count_calls(report, callers)
        report.open_conflicts = len(self.store.conflicts(spec.name))
        report.in_quarantine = len(self.store.quarantined(spec.name))
        report.conclude()
        try:
            self._record(lease, report, request, sequence, report.status.value)
            if request.plan_id is not None and report.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL):
                with self.store.transaction(lease) as tx:
                    tx.mark_plan_applied(request.plan_id, report.run_id)
        except LeaseLost:
            report.status = RunStatus.FAILED
        finally:
            self.store.release(lease)

    def _record(self, lease: Lease, report: RunReport, request: Request, sequence: int, status: str) -> None:
        counts = {name: count for name, count in sorted(report.counts.items()) if count}
        unknown = sum(report.counts[f"{kind}_{side}"] for kind in ("unknown", "deferred", "stale") for side in "ab")
        ended = report.finished_at is not None
        record = RunRecord(
            run_id=report.run_id,
            sequence=sequence,
            started_at=report.started_at,
            status=status,
            dry_run=False,
            trigger=request.trigger,
            finished_at=report.finished_at,
            settled=ended
            and report.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
            and unknown == 0
            and not report.lost_shards
            and request.only_ops is None
            and request.restore is None,
            counts=json.dumps(counts | (_pace(report) if ended else {})),
            message=report.message,
        )
        with self.store.transaction(lease) as tx:
            tx.put_run(record)

    def _callers(self, sides: Mapping[SideName, Side], lease: Lease | None) -> dict[SideName, Caller]:
        """Without a lease nothing is remembered of how the calls went. A service may ask for a pause longer than the
        lease: what was planned is not written after it if another run has taken over."""
        holding = {"remember": False} if lease is None else {"alive": partial(self._renew, lease)}
        return {
            name: Caller(side, self.store, self.runtime, self.call_policies.get(side.system), **holding)
            for name, side in sides.items()
        }

    def _check(self, spec: SyncSpec, callers: Mapping[SideName, Caller]) -> tuple[FieldPlace, ...]:
        problems = [
            problem for name, caller in callers.items()
            for problem in caller.call(partial(found_by, caller.side, spec.side(name).object))
        ]  # fmt: skip
        if any(problem.blocking for problem in problems):
            raise SetupRefused([problem for problem in problems if problem.blocking])
        columns = {name: caller.call(caller.side.columns) for name, caller in callers.items()}
        places, misfits = place_fields(spec, columns["A"], columns["B"])
        if any(problem.blocking for problem in misfits):
            raise SetupRefused([problem for problem in misfits if problem.blocking])
        return places


def _pace(report: RunReport) -> dict[str, float]:
    return {"seconds": round(report.seconds, 3), "rows_per_second": report.rows_per_second}


def _count_calls(report: RunReport, callers: Mapping[SideName, Caller]) -> None:
    """Add what was called by this process."""
    for name, caller in callers.items():
        report.counts[f"calls_{name.lower()}"] += caller.calls
        report.counts["calls"] += caller.calls


def _tell(watched: Span, report: RunReport) -> None:
    watched.tell("outcome", report.status.value)
    watched.tell("written", report.written)
    numbers = {"outcome": report.status.value, "written": report.written, "seconds": round(report.seconds, 3)}
    _log.log(_LEVELS[report.status], "run of %s: %s", report.sync, report.status.value, extra=numbers)
