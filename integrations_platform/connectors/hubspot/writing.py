"""Batches of writes to one object, and what became of each input.

Outcomes are attributed by record id, link id or trace id, never by position: answers come in any order and say nothing
of what they left out. A refused create is looked up by its link id, because an earlier attempt may have made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.hubspot.binding import Binding
from integrations_platform.connectors.hubspot.client import HubSpotClient, Json
from integrations_platform.connectors.hubspot.errors import DUPLICATE, REFUSED, existing_id, said_of
from integrations_platform.connectors.hubspot.properties import LIFECYCLE, UnfitValue, moment
from integrations_platform.unified_sync.port import ErrorKind, Kind, Outcome, Status, Write

Outcomes = list[Outcome]


class HubSpotWriter:
    """Carries out batches. ``system`` names the side in messages."""

    def __init__(self, system: str, client: HubSpotClient, binding: Binding) -> None:
        self._system, self._client, self._binding = system, client, binding

    def write(self, writes: Sequence[Write]) -> Outcomes:
        """Outcomes of a batch of one kind. Raises SideError for the batch as a whole."""
        step: Mapping[Kind, Callable[[Sequence[Write]], Outcomes]] = {
            Kind.CREATE: self._create,
            Kind.UPDATE: self._update,
            Kind.ARCHIVE: self._archive,
            Kind.RESTORE: self._restore,
            Kind.DELETE: self._delete,
        }
        return step[writes[0].kind](writes)

    # Create

    def _create(self, writes: Sequence[Write]) -> Outcomes:
        binding, outcomes = self._binding, []
        inputs: dict[str, Json] = {}
        waiting: dict[str, Write] = {}
        for write in writes:
            try:
                properties = {name: text for name, text in binding.properties(write.values).items() if text}
                links = binding.targets(write.values)
            except UnfitValue as fault:
                outcomes.append(self._refused(write, REFUSED, str(fault)))
                continue
            if binding.tag:
                properties[binding.tag] = write.link_id
            one: Json = {"properties": properties, "objectWriteTraceId": write.op_id}
            if tied := [{"to": {"id": to}, "types": binding.types(target)} for target, to in links.items() if to]:
                one["associations"] = tied
            inputs[write.op_id], waiting[write.op_id] = one, write
        if not inputs:
            return outcomes
        try:
            answer = self._client.create(list(inputs.values()))
        except HttpError as fault:
            return outcomes + self._refused_whole(waiting, fault)
        failed = self._failures(answer, waiting)
        made = self._attributed(answer.get("results") or [], waiting, inputs)
        unclear = [write for op_id, write in waiting.items() if op_id not in made]
        tagged = self.tagged([write.link_id for write in unclear]) if unclear else {}
        for op_id, write in waiting.items():
            if op_id in made:
                record_id = str(made[op_id]["id"])
                self._remember(record_id, inputs[op_id]["properties"], made[op_id])
                outcomes.append(Outcome(op_id, Status.APPLIED, record_id))
            elif write.link_id in tagged:
                # Refused: an earlier attempt made it. Not spoken of: this one did.
                status = Status.ALREADY if op_id in failed else Status.APPLIED
                outcomes.append(Outcome(op_id, status, tagged[write.link_id]))
            elif op_id in failed:
                outcomes.append(failed[op_id])
        return outcomes

    def _refused_whole(self, waiting: Mapping[str, Write], fault: HttpError) -> Outcomes:
        """A batch of several is for the engine to halve; a single create may be one of an earlier attempt."""
        if fault.kind is not ErrorKind.PERMANENT or len(waiting) > 1:
            raise fault
        ((op_id, write),) = waiting.items()
        tagged = self.tagged([write.link_id])
        if write.link_id in tagged:
            return [Outcome(op_id, Status.ALREADY, tagged[write.link_id])]
        return [Outcome(op_id, Status.REJECTED, existing_id(fault.data), fault.code, fault.message)]

    def _attributed(
        self, results: Sequence[Json], waiting: Mapping[str, Write], inputs: Mapping[str, Json]
    ) -> dict[str, Json]:
        """Created records by operation: by link id, or without one by a unique set of the values that were sent."""
        tag, found = self._binding.tag, {}
        if tag:
            by_link = {write.link_id: op_id for op_id, write in waiting.items()}
            for row in results:
                op_id = by_link.get(str(row["properties"].get(tag)))
                if op_id is not None:
                    found[op_id] = row
            return found
        for row in results:
            fits = [op_id for op_id, one in inputs.items() if _shows(row, one["properties"])]
            if len(fits) == 1 and fits[0] not in found:
                found[fits[0]] = row
        return found

    # Update

    def _update(self, writes: Sequence[Write]) -> Outcomes:
        outcomes: Outcomes = []
        inputs: dict[str, Json] = {}
        links: dict[str, dict[str, str | None]] = {}
        waiting = {write.op_id: write for write in writes}
        backwards = self._backwards(writes)
        for write in writes:
            try:
                properties, links[write.op_id] = (
                    self._binding.properties(write.values), self._binding.targets(write.values)
                )  # fmt: skip
            except UnfitValue as fault:
                outcomes.append(self._refused(write, REFUSED, str(fault)))
                continue
            if write.op_id in backwards:
                message = f"{LIFECYCLE} only moves forward in HubSpot; clear it there first, or choose HubSpot's value"
                outcomes.append(self._refused(write, REFUSED, message))
                continue
            inputs[write.op_id] = {"id": write.id, "properties": properties, "objectWriteTraceId": write.op_id}
        outcomes += self._associate({op_id: waiting[op_id] for op_id in inputs}, links)
        for outcome in outcomes:
            inputs.pop(outcome.op_id, None)
        bare = [op_id for op_id, one in inputs.items() if not one["properties"]]
        outcomes += [Outcome(op_id, Status.APPLIED, waiting[op_id].id) for op_id in bare]
        rest = {op_id: one for op_id, one in inputs.items() if one["properties"]}
        return outcomes + (self._send_update(rest, waiting) if rest else [])

    def _send_update(self, inputs: Mapping[str, Json], waiting: Mapping[str, Write]) -> Outcomes:
        try:
            answer = self._client.update(list(inputs.values()))
        except HttpError as fault:
            if fault.kind is not ErrorKind.PERMANENT or len(inputs) > 1:
                raise
            ((op_id, one),) = inputs.items()
            return [Outcome(op_id, Status.REJECTED, one["id"], fault.code, fault.message)]
        by_id = {str(row["id"]): row for row in answer.get("results") or []}
        failed = self._failures(answer, {op_id: waiting[op_id] for op_id in inputs})
        outcomes = []
        for op_id, one in inputs.items():
            row = by_id.get(str(one["id"]))
            if row is not None:
                self._remember(str(one["id"]), one["properties"], row)
                outcomes.append(Outcome(op_id, Status.APPLIED, str(one["id"])))
            elif op_id in failed:
                outcomes.append(failed[op_id])
        return outcomes

    def _backwards(self, writes: Sequence[Write]) -> set[str]:
        """Operations that would move a life cycle back, which HubSpot would ignore or refuse."""
        shape = self._binding.shape.get(LIFECYCLE)
        moving = {write.id or "": write for write in writes if write.values.get(LIFECYCLE)}
        if shape is None or not moving:
            return set()
        now = {str(row["id"]): row["properties"].get(LIFECYCLE) for row in self._client.read(list(moving), [LIFECYCLE])}
        found = set()
        for record_id, write in moving.items():
            held, wanted = now.get(record_id), write.values[LIFECYCLE]
            order = {option: place for place, option in enumerate(shape.options)}
            if order.get(str(wanted), len(order)) < order.get(str(held), 0):
                found.add(write.op_id)
        return found

    def _associate(self, writes: Mapping[str, Write], links: Mapping[str, Mapping[str, str | None]]) -> Outcomes:
        """Put associations as they are wanted; outcomes of those that could not be."""
        outcomes = []
        for target in self._binding.references.values():
            mine = {op_id: write for op_id, write in writes.items() if target in links[op_id]}
            if not mine:
                continue
            now = self._client.associated([write.id or "" for write in mine.values()], target)
            new: list[Json] = []
            old: list[Json] = []
            for op_id, write in mine.items():
                wanted, held = links[op_id][target], now.get(write.id or "", {})
                type_id = self._binding.type_id(target)
                if wanted is not None and type_id not in held.get(wanted, ()):
                    new.append({"from": {"id": write.id}, "to": {"id": wanted}, "types": self._binding.types(target)})
                gone = [record_id for record_id in held if record_id != wanted]
                # Where one association is marked as the primary one, the others are nobody's business but people's.
                if gone and (wanted is None or not self._binding.has_primary(target)):
                    old.append({"from": {"id": write.id}, "to": [{"id": record_id} for record_id in gone]})
            if new and (errors := self._client.associate(target, new).get("errors")):
                outcomes += self._unassociated(target, mine, links, errors[0])
            refused = {outcome.id for outcome in outcomes}
            if old := [row for row in old if row["from"]["id"] not in refused]:
                self._client.dissociate(target, old)
        return outcomes

    def _unassociated(
        self, target: str, writes: Mapping[str, Write], links: Mapping[str, Mapping[str, str | None]], entry: Json
    ) -> Outcomes:
        """Which associations are not there although they were asked for; errors do not say that reliably."""
        now = self._client.associated([write.id or "" for write in writes.values()], target)
        message = f"{self._system}: {self._binding.kind}: {said_of(entry)}; it cannot be associated with that record"
        return [
            Outcome(op_id, Status.REJECTED, write.id, "association", message)
            for op_id, write in writes.items()
            if (wanted := links[op_id][target]) is not None and wanted not in now.get(write.id or "", {})
        ]

    # Archive, delete, restore

    def _archive(self, writes: Sequence[Write]) -> Outcomes:
        self._client.archive([write.id or "" for write in writes])
        return [Outcome(write.op_id, Status.APPLIED, write.id) for write in writes]

    def _delete(self, writes: Sequence[Write]) -> Outcomes:
        for write in writes:
            self._client.erase(write.id or "")
        return [Outcome(write.op_id, Status.APPLIED, write.id) for write in writes]

    def _restore(self, writes: Sequence[Write]) -> Outcomes:
        message = "HubSpot's API cannot bring an archived record back; restore it in HubSpot (within 90 days)"
        return [self._refused(write, "restore", message) for write in writes]

    # Tags

    def tagged(self, link_ids: Sequence[str]) -> dict[str, str]:
        """Record ids by link id, read by the unique property: strongly consistent, unlike search."""
        tag = self._binding.tag
        if tag is None or not link_ids:
            return {}
        rows = self._client.read(list(link_ids), [tag], by=tag)
        wanted = set(link_ids)
        return {row["properties"][tag]: str(row["id"]) for row in rows if row["properties"].get(tag) in wanted}

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Leave link ids on records. One that stands on another record moves: no two may hold the same."""
        tag = self._binding.tag or ""
        held = self.tagged([link_id for _, link_id in links])
        moving = {link_id: record_id for record_id, link_id in links if held.get(link_id) not in (None, record_id)}
        if moving:
            self._set_tags(tag, [(held[link_id], "") for link_id in moving])
        self._set_tags(tag, [(record_id, link_id) for record_id, link_id in links if held.get(link_id) != record_id])

    def _set_tags(self, tag: str, links: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(links), 100):
            inputs = [
                {"id": record_id, "properties": {tag: link_id}, "objectWriteTraceId": f"tag-{record_id}"}
                for record_id, link_id in links[start : start + 100]
            ]
            self._client.update(inputs)  # a record that is gone meanwhile has no need of a tag

    # Answers

    def _failures(self, answer: Json, waiting: Mapping[str, Write]) -> dict[str, Outcome]:
        """What the errors of an answer say of single operations."""
        by_id = {str(write.id): op_id for op_id, write in waiting.items() if write.id is not None}
        found: dict[str, Outcome] = {}
        for entry in answer.get("errors") or []:
            context: Any = entry.get("context") or {}
            ops = [str(one) for one in context.get("objectWriteTraceId") or []]
            gone = [by_id[str(one)] for one in context.get("ids") or [] if str(one) in by_id]
            for op_id in gone:
                found[op_id] = Outcome(op_id, Status.STALE, waiting[op_id].id, message="the record is no longer there")
            for op_id in ops:
                if op_id in waiting and op_id not in found:
                    code = DUPLICATE if entry.get("category") == "CONFLICT" else REFUSED
                    message = f"{self._system}: {self._binding.kind}: {said_of(entry)}"
                    found[op_id] = Outcome(
                        op_id, Status.REJECTED, waiting[op_id].id or existing_id(entry), code, message
                    )
        return found

    def _refused(self, write: Write, code: str, message: str) -> Outcome:
        text = f"{self._system}: {self._binding.kind}: {message}"
        return Outcome(write.op_id, Status.REJECTED, write.id, code, text)

    def _remember(self, record_id: str, properties: Mapping[str, str], row: Json) -> None:
        at = moment(row.get("updatedAt"))
        self._binding.sent.remember(record_id, properties, at or datetime.min.replace(tzinfo=UTC))


def _shows(row: Json, properties: Mapping[str, str]) -> bool:
    """Whether a created record shows what was sent, as far as it shows it at all."""
    shown = {name: row["properties"][name] for name in properties if name in row["properties"]}
    return bool(shown) and all(str(value or "").lower() == properties[name].lower() for name, value in shown.items())
