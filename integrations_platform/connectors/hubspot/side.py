"""An object of a HubSpot portal as a side of a sync.

Owns the order of things: learn the properties, bind, hand over to reading or writing. It never retries. HubSpot has no
compare-and-set; histories show who wrote what, and a unique property keeps our link ids with the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import polars as pl

from integrations_platform.connectors.budgets import Budget
from integrations_platform.connectors.http_errors import HttpError
from integrations_platform.connectors.hubspot import checking
from integrations_platform.connectors.hubspot.binding import Binding, Sent
from integrations_platform.connectors.hubspot.client import BATCH, PAGE, HubSpotClient, Json
from integrations_platform.connectors.hubspot.properties import ASSOCIATION, TYPE_IDS, Property
from integrations_platform.connectors.hubspot.reading import HubSpotSnapshot
from integrations_platform.connectors.hubspot.writing import HubSpotWriter
from integrations_platform.unified_sync.port import (
    TAG_SCHEMA,
    BoundColumn,
    Capabilities,
    ClockReading,
    ColumnForm,
    ErrorKind,
    Outcome,
    Problem,
    Record,
    SideError,
    Snapshot,
    Write,
)
from integrations_platform.unified_sync.spec import SideName, SideSpec

GROUPS: Mapping[str, str] = {
    "contacts": "contactinformation", "companies": "companyinformation", "deals": "dealinformation"
}  # fmt: skip
TAG = "integrations_link_id"


class HubSpotSide:
    """Fulfils :class:`port.Side` for contacts, companies or deals. Used from one thread.

    ``pair`` and ``side`` name the property with our link ids: each sync over an object has one of its own, because a
    property holds one value. ``page`` is the size of a page of a listing. Nothing connects before it must.
    """

    def __init__(
        self,
        system: str,
        options: Mapping[str, str],
        spec: SideSpec,
        columns: Sequence[BoundColumn],
        pair: str,
        side: SideName,
        *,
        clock: Callable[[], datetime],
        budget: Budget,
        page: int = PAGE,
    ) -> None:
        self._spec = replace(spec, system=system)
        self._columns, self._clock, self._page = tuple(columns), clock, page
        self._client = HubSpotClient(system, options, spec.object, clock=clock, budget=budget)
        self._tag = f"{TAG}_{pair}_{side}".lower()
        self._tags = True  # until a look or a write finds that they cannot be had
        self._bound: Binding | None = None
        self._rules: list[Json] | None = None

    @property
    def system(self) -> str:
        """Name under ``systems:``."""
        return self._spec.system

    @property
    def requests(self) -> int:
        """See :class:`port.Counted`."""
        return self._client.requests

    @property
    def capabilities(self) -> Capabilities:
        """Only contacts can be deleted for good, and what is archived can be restored by people alone."""
        return Capabilities(
            tags=self._tags, history=True, archive=True, restore=False, delete=self._spec.object == "contacts",
            batch_limit=BATCH,
        )  # fmt: skip

    # Looking

    def check(self) -> Sequence[Problem]:
        """See :meth:`port.Side.check`."""
        kind, spec = self._spec.object, self._spec
        if kind not in TYPE_IDS:
            return [checking.unknown_object(spec)]
        self._client.account()
        try:
            shape = self._client.properties()
        except HttpError as fault:
            if fault.status == 403:
                return [checking.lacking(fault)]
            raise
        if (lacking := checking.access_problem(self._client)) is not None:
            return [lacking]
        problems = checking.missing_columns(kind, spec, self._columns, shape)
        if problems:
            return problems
        kinds = {column.name: column.type for column in self._columns}
        problems = checking.column_problems(kind, self._columns, shape)
        problems += checking.scope_problems(spec, kinds, shape)
        self._rules = None  # an administrator may have changed them since
        self._bind(shape)
        problems += checking.rule_problems(self._rule_rows(), self._columns)
        if any(column.written for column in self._columns):
            problems += checking.tag_problems(kind, self._tag, shape.get(self._tag))
        return problems

    def columns(self) -> Mapping[str, ColumnForm]:
        """See :meth:`port.Side.columns`."""
        shape = self._binding().shape
        forms = {}
        for column in self._columns:
            if column.name.startswith(ASSOCIATION):
                forms[column.name] = ColumnForm(column.name, native_type="association")
            elif column.name in shape:
                forms[column.name] = shape[column.name].form()
        return forms

    def clock(self) -> ClockReading:
        """The portal's clock by the Date of an answer, which tells whole seconds."""
        return self._client.clock()

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See :meth:`port.Side.snapshot`; each read shows its own moment."""
        yield self._snapshot()

    def read(self, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records as they are now."""
        return self._snapshot().read(ids)

    def _snapshot(self) -> HubSpotSnapshot:
        return HubSpotSnapshot(self._client, self._binding(), self._page)

    # Writing

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Each input has its own outcome; several raise PERMANENT only when HubSpot refuses them as a whole."""
        if not writes:
            return []
        self._have_tags()
        return self._writer().write(writes)

    def _writer(self) -> HubSpotWriter:
        return HubSpotWriter(self.system, self._client, self._binding())

    # Tags

    def find_tagged(self, link_ids: Sequence[str]) -> Mapping[str, str]:
        """Read by the unique property: strongly consistent, unlike search."""
        return self._writer().tagged(link_ids)

    def tags(self) -> pl.DataFrame:
        """Tags of live records."""
        tag, found = self._binding().tag, []
        if tag is not None:
            for page in self._client.pages([tag], archived=False, limit=self._page):
                found += [(str(row["id"]), row["properties"][tag]) for row in page if row["properties"].get(tag)]
        return pl.DataFrame(found, schema=TAG_SCHEMA, orient="row")

    def tag(self, links: Sequence[tuple[str, str]]) -> None:
        """Leave link ids; where the property cannot be had, ``capabilities`` says so from then on."""
        self._have_tags()
        if self._tags and links:
            self._writer().tag(links)

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    # Binding

    def _have_tags(self) -> None:
        """Define the property with our link ids when it is first needed. A token that may not leaves us without."""
        binding = self._binding()
        if binding.tag is not None or not self._tags:
            return
        definition = {
            "name": self._tag, "label": f"Link id ({self._tag})", "groupName": GROUPS[self._spec.object],
            "type": "string", "fieldType": "text", "hasUniqueValue": True,
            "description": "Kept by the integrations platform: which record of the other system this one is.",
        }  # fmt: skip
        try:
            self._client.add_property(definition)
        except HttpError as fault:
            if fault.status == 409:  # another process defined it at the same moment
                self._bind(self._client.properties())
                return
            if fault.kind is ErrorKind.TRANSIENT:
                raise
            self._tags = False
            return
        self._bind(self._client.properties())

    def _binding(self) -> Binding:
        if self._bound is None:
            if self._spec.object not in TYPE_IDS:
                raise self._unusable([checking.unknown_object(self._spec)])
            shape = self._client.properties()
            if problems := checking.missing_columns(self._spec.object, self._spec, self._columns, shape):
                raise self._unusable(problems)
            return self._bind(shape)
        return self._bound

    def _unusable(self, problems: Sequence[Problem]) -> SideError:
        listed = "; ".join(f"{problem.message} ({problem.remedy})" for problem in problems)
        return SideError(ErrorKind.CONFIGURATION, f"{self.system}: {listed}", code="columns")

    def _bind(self, shape: Mapping[str, Property]) -> Binding:
        limits = self._longest()
        shape = {name: replace(one, longest=limits.get(name)) for name, one in shape.items()}
        known = shape.get(self._tag)
        if known is not None and checking.tag_problems(self._spec.object, self._tag, known):
            self._tags = False
        sent = self._bound.sent if self._bound else Sent()
        kinds = {column.name: column.type for column in self._columns}
        tag = self._tag if known is not None and self._tags else None
        self._bound = Binding(self._spec.object, self._spec, shape, kinds, tag, sent)
        return self._bound

    def _rule_rows(self) -> list[Json]:
        """An administrator's validation rules; a token that may not see them leaves us without."""
        if self._rules is None:
            try:
                self._rules = self._client.rules()
            except HttpError as fault:
                if fault.status not in (403, 404):
                    raise
                self._rules = []
        return self._rules

    def _longest(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self._rule_rows():
            for rule in row.get("propertyValidationRules") or []:
                given = rule.get("ruleArguments") or []
                if rule.get("ruleType") == "MAX_LENGTH" and given and str(given[0]).isdecimal():
                    found[str(row.get("propertyName"))] = int(given[0])
        return found
