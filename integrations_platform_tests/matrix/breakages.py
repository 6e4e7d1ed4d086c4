"""Connectors broken on purpose, each in one promise: what a matrix that proves anything must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from integrations_platform.connectors.google_sheets import writing as sheet_writing
from integrations_platform.connectors.google_sheets.grid import Page
from integrations_platform.connectors.google_sheets.reading import Reader
from integrations_platform.connectors.hubspot.client import HubSpotClient
from integrations_platform.connectors.quickbooks.client import Client, Entity
from integrations_platform.connectors.quickbooks.writing import Writer as BooksWriter
from integrations_platform.unified_sync.port import Outcome, Write
from integrations_platform_tests.matrix.history import PAIRS

Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Breakage:
    """``kind``: the system whose connector is broken. ``within``: one of so many histories of its pairs must notice it.
    ``noticed_by``: the number of one that does, lived through first: each takes a second."""

    name: str
    kind: str
    break_it: Break
    noticed_by: int = 0
    within: int = 20

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs that meet the broken connector."""
        return [pair for pair in PAIRS if self.kind in pair]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            self.break_it(patch)
            yield


def remembered_rows(patch: pytest.MonkeyPatch) -> None:
    """A row is written where it was when the tab was listed, and nobody looks where the cells went."""
    read, formulas, pages = Reader.page, Reader.page_with_formulas, dict[int, Page]()

    def page(self: Reader) -> Page:
        pages[id(self)] = found = read(self)
        return found

    def remembered(self: Reader) -> Page:
        return pages.get(id(self)) or formulas(self)

    patch.setattr(Reader, "page", page)
    patch.setattr(Reader, "page_with_formulas", remembered)
    patch.setattr(sheet_writing.editing, "strayed", lambda _edits, _after: [])


def no_request_ids(patch: pytest.MonkeyPatch) -> None:
    """Creates carry no requestid, and a name nobody has, so that none is refused: nothing tells that one was sent
    before. (Without the requestid alone no customer is made twice: QuickBooks refuses the name.)"""
    send, numbers = Client.write, count()

    def write(
        self: Client, kind: str, body: Mapping[str, Any], request_id: str, operation: str | None = None
    ) -> Entity:
        if "Id" not in body:
            body, request_id = {**body, "DisplayName": f"Customer {next(numbers)}"}, ""
        return send(self, kind, body, request_id, operation)

    patch.setattr(Client, "write", write)


def stale_tokens(patch: pytest.MonkeyPatch) -> None:
    """A record is written over whatever it shows by now: the token is fetched anew just before the write."""
    change = BooksWriter._change

    def over(self: BooksWriter, writes: Sequence[Write]) -> list[Outcome]:
        return change(self, [replace(each, expected_version=None) for each in writes])

    patch.setattr(BooksWriter, "_change", over)


def first_page_only(patch: pytest.MonkeyPatch) -> None:
    """A listing ends after its first page and calls itself complete."""
    pages = HubSpotClient.pages

    def first(self: HubSpotClient, properties: Sequence[str], *, archived: bool, limit: int = 100) -> Iterator[Any]:
        yield next(pages(self, properties, archived=archived, limit=limit))

    patch.setattr(HubSpotClient, "pages", first)


BREAKAGES = (
    Breakage("sheet rows by remembered number", "google_sheets", remembered_rows, noticed_by=5),
    Breakage("QuickBooks without requestids", "quickbooks", no_request_ids, noticed_by=14),
    Breakage("QuickBooks over stale tokens", "quickbooks", stale_tokens, noticed_by=9),
    Breakage("HubSpot listing of one page", "hubspot", first_page_only),
)
