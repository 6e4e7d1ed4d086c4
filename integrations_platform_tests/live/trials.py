"""What is tried on an account of each vendor: the same on a live one and on its stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations_platform.airbyte.authentication import authentication
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.connectors.budgets import ALLOWANCES, Budget
from integrations_platform.connectors.google_sheets.client import Sheets
from integrations_platform.connectors.hubspot.client import HubSpotClient
from integrations_platform.connectors.quickbooks import _client as quickbooks_client
from integrations_platform.databricks.faults import JobFault
from integrations_platform.databricks.launch import ExistingJob
from integrations_platform.databricks.workspace import Workspace
from integrations_platform.unified_sync.port import SideError
from integrations_platform.waiting import Patience, Timing, wait

Options = Mapping[str, str]
Say = Callable[[str], None]


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def budget(kind: str) -> Budget:
    """The vendor's limits, counted for this process."""
    return Budget(kind, f"trial:{kind}", ALLOWANCES[kind], clock=now)


def try_hubspot(options: Options, prefix: str, say: Say) -> None:
    """Contacts in batches: what a partly refused batch says of its members, and a merged contact's old id."""
    client = HubSpotClient("hubspot", options, "contacts", clock=now, budget=budget("hubspot"))
    made: list[str] = []
    try:
        good = {"properties": {"email": f"{prefix}a@example.com"}, "objectWriteTraceId": "good"}
        bad = {"properties": {"email": f"{prefix}b@example.com", "lifecyclestage": "no such stage"},
               "objectWriteTraceId": "bad"}  # fmt: skip
        try:
            answer = client.create([good, bad])
            ids = [(error.get("context") or {}).get("objectWriteTraceId") for error in answer.get("errors") or []]
            say(f"HubSpot: a partly refused batch is carried out in part; its errors name the writes {ids}")
        except SideError as refusal:
            answer = client.create([good])
            say(f"HubSpot: a partly refused batch is refused as a whole ({refusal.code})")
        made += [str(row["id"]) for row in answer["results"]]
        again = client.create([{"properties": {"email": f"{prefix}c@example.com"}, "objectWriteTraceId": "c"}])
        made += [str(row["id"]) for row in again["results"]]
        found = client.read(made, ["email"], history=["email"])
        assert {str(row["id"]) for row in found} == set(made)
        assert all(row["propertiesWithHistory"]["email"][0]["sourceType"] for row in found)
        client.update([{"id": made[0], "properties": {"firstname": prefix}, "objectWriteTraceId": "u"}])
        (row,) = client.read(made[:1], ["firstname"])
        assert row["properties"]["firstname"] == prefix
    finally:
        client.archive(made)
        gone = client.read(made, ["email"])
        client.close()
    assert gone == []


def try_quickbooks(options: Options, prefix: str, say: Say) -> None:
    """A customer made twice under one requestid, alone and in a batch, then made inactive."""
    client = quickbooks_client("quickbooks", options, now, budget("quickbooks"), 100)
    try:
        body = {"DisplayName": prefix}
        first = client.write("Customer", body, f"{prefix}-1")
        try:
            second = client.write("Customer", body, f"{prefix}-1")
            assert second["Id"] == first["Id"]
            say("QuickBooks: a requestid sent again answers as the first time did")
            notes = {"Id": first["Id"], "SyncToken": first["SyncToken"], "sparse": True, "Notes": prefix}
            item = {"bId": "1", "operation": "update", "Customer": notes}
            (before,) = client.batch([item], f"{prefix}-2")
            assert before["Customer"]["Notes"] == prefix
            (after,) = client.batch([item], f"{prefix}-2")
            word = "is" if "Customer" in after else "is not"
            say(f"QuickBooks: the requestid of a batch {word} honoured; a stale token refuses what is repeated anyway")
        finally:
            (held,) = client.by_ids("Customer", "Active IN (true,false)", [first["Id"]])
            gone = {"Id": held["Id"], "SyncToken": held["SyncToken"], "sparse": True, "Active": False}
            inactive = client.write("Customer", gone, f"{prefix}-3")
        assert inactive["Active"] is False
        say(f"QuickBooks: an inactive customer is called {inactive['DisplayName']!r}")
    finally:
        client.close()


def try_google_sheets(options: Options, prefix: str, say: Say) -> None:
    """A tab of its own: values come back in the types they were written in, and a batch is all or nothing."""
    sheets = Sheets("google_sheets", options["credentials"], options["spreadsheet_id"], clock=now,
                    budget=budget("google_sheets"), base_url=options.get("base_url", ""))  # fmt: skip
    try:
        sheets.change([{"addSheet": {"properties": {"title": prefix}}}])
        (tab,) = [each["properties"]["sheetId"] for each in sheets.metadata()["sheets"]
                  if each["properties"]["title"] == prefix]  # fmt: skip
        try:
            cells = [{"stringValue": "=1+1"}, {"stringValue": "007"}, {"numberValue": 2.5}, {"boolValue": True}]
            sheets.change([_row(tab, cells)])
            (shown,) = sheets.values([prefix])
            assert shown == [["=1+1", "007", 2.5, True]], shown
            try:
                sheets.change([_row(tab, [{"stringValue": "half"}]), _row(2**31 - 1, [{"stringValue": "no such tab"}])])
            except SideError:
                (after,) = sheets.values([prefix])
                say(f"Google Sheets: a batch is {'all or nothing' if after == shown else 'carried out in part'}")
                assert after == shown
        finally:
            sheets.change([{"deleteSheet": {"sheetId": tab}}])
    finally:
        sheets.close()


def _row(tab: int, cells: list[dict[str, Any]]) -> dict[str, Any]:
    values = [{"userEnteredValue": cell} for cell in cells]
    return {"updateCells": {"start": {"sheetId": tab, "rowIndex": 0, "columnIndex": 0}, "rows": [{"values": values}],
                            "fields": "userEnteredValue"}}  # fmt: skip


def try_databricks(options: Options, prefix: str, say: Say, timing: Timing | None = None) -> None:
    """A run of the job, started twice with one token and cancelled: what the refusals of unknown jobs say, whether the
    token holds, and how a cancellation shows. The job named by ``job_id`` does start; name one that may."""
    workspace = Workspace(options["host"], options["token"])
    assert workspace.who()
    for what, call in (
        ("an unknown job", lambda: workspace.start(ExistingJob(1), f"{prefix}unknown")),
        ("an unknown run", lambda: workspace.look(1)),
        ("a repair of an unknown run", lambda: workspace.repair(1, None)),
        ("a cancellation of an unknown run", lambda: workspace.cancel(1)),
    ):
        try:
            call()
            say(f"Databricks: {what} is accepted")
        except JobFault as refusal:
            say(f"Databricks: {what} is refused with {refusal.code} ({refusal.kind.value})")
    job = ExistingJob(int(options["job_id"]))
    first, again = (workspace.start(job, f"{prefix}token") for _ in range(2))
    assert first == again, "one token is one run"
    workspace.cancel(first)
    ended = wait(lambda: workspace.look(first), Patience(1, 5, timeout=300), timing or Timing(), say, say)
    say(f"Databricks: the cancelled run ended as {ended.life} {ended.result} ({ended.code})")
    workspace.cancel(first)
    say("Databricks: cancelling a finished run is accepted")
    assert ended.verdict is not None


def try_airbyte(options: Options, _prefix: str, say: Say, timing: Timing | None = None) -> None:
    """A sync of the connection, asked for twice and cancelled: how a second start and a late cancellation are refused,
    and how the cancelled job ends. The connection named by ``connection_id`` does sync; name one that may."""
    who = authentication("auto", options["client_id"], options["client_secret"], "", "")
    airbyte = Airbyte(options["url"], who, workspace_id=options.get("workspace_id", ""), timing=timing)
    try:
        assert airbyte.health()
        version, known = airbyte.instance().version or "of an unknown version", len(airbyte.connections())
        say(f"Airbyte: {version}, {known} connections")
        connection = airbyte.connection(options["connection_id"])
        job = airbyte.start(connection.id)
        say(f"Airbyte: job {job.id} is {job.status} at once")
        with pytest.raises(AirbyteFault) as refusal:
            airbyte.start(connection.id)
        assert refusal.value.status == 409
        say(f"Airbyte: a second start is refused: {refusal.value.message}")
        say(f"Airbyte: cancelling says {'cancelled' if airbyte.cancel(job.id) else 'over already'}")
        ended = wait(lambda: airbyte.job(job.id), Patience(1, 5, timeout=300), timing or Timing(), say, say)
        say(f"Airbyte: the cancelled job ended {ended.status}; once more: {airbyte.cancel(job.id)}")
        assert ended.over
    finally:
        airbyte.close()
