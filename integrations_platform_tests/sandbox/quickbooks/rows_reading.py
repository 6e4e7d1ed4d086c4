"""Rows about reads, limits and tokens: queries, pages, CDC, XML, both fault spellings, quotas, OAuth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from integrations_platform.sandbox.quickbooks.quotas import Limits
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform.sandbox.quickbooks.tokens import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from integrations_platform_tests.sandbox.quickbooks.behaviour import row
from integrations_platform_tests.sandbox.quickbooks.books import Books, code, held

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def refresh(
    books: Books, token: str = FIRST_REFRESH, auth: tuple[str, str] = (CLIENT_ID, CLIENT_SECRET)
) -> httpx.Response:
    """Ask for new tokens."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return books.client.post(f"{books.url}/oauth2/v1/tokens/bearer", data=form, auth=auth)


@row("§3 inactive")
def inactive_records_are_hidden_unless_asked_for(books: Books) -> None:
    books.customer("Ann")
    books.post("Customer", {**held(books.customer("Bob")), "Active": False})
    assert books.names("SELECT * FROM Customer") == ["Ann"]
    assert books.names("SELECT * FROM Customer WHERE Active IN (true,false)") == ["Ann", "Bob (deleted)"]
    assert books.names("SELECT * FROM Customer WHERE Active = false") == ["Bob (deleted)"]
    assert books.query("SELECT COUNT(*) FROM Customer")["totalCount"] == 1


@row("§3 no match")
def no_match_is_no_entity_key(books: Books) -> None:
    assert books.query("SELECT * FROM Customer") == {}


@row("§3 no match, the other form", readings=Readings(empty_page_has_positions=True))
def no_match_may_still_hold_positions(books: Books) -> None:
    assert books.query("SELECT * FROM Customer") == {"startPosition": 1, "maxResults": 0}


@row("§3 pages")
def pages_hold_a_hundred_unless_asked_and_a_thousand_at_most(books: Books) -> None:
    books.vendor.populate(120)
    assert len(books.names("SELECT * FROM Customer")) == 100
    assert len(books.names("SELECT * FROM Customer STARTPOSITION 101 MAXRESULTS 1000")) == 20
    assert books.call("GET", "query", params={"query": "SELECT * FROM Customer MAXRESULTS 1001"}).status_code == 400


@row("§3 pages")
def pages_may_be_short_and_the_end_is_an_empty_one(books: Books) -> None:
    books.vendor.populate(7)
    books.vendor.short_pages = 3
    starts = (1, 4, 7, 8)
    pages = [books.query(f"SELECT * FROM Customer STARTPOSITION {start} MAXRESULTS 1000") for start in starts]
    assert [len(page.get("Customer", [])) for page in pages] == [3, 3, 1, 0]


@row("§3 grammar")
def conditions_compare_and_join_with_and_only(books: Books) -> None:
    for name in ("Ann O'Hara", "Bob", "Bea 50%"):
        books.customer(name)
    query = books.names
    assert query(r"SELECT * FROM Customer WHERE DisplayName = 'Ann O\'Hara'") == ["Ann O'Hara"]
    assert query("select * from customer where DisplayName like 'b%' and Id > '2' orderby DisplayName desc") == [
        "Bea 50%"
    ]
    assert query("SELECT * FROM Customer WHERE Id IN ('1','3') ORDER BY Id DESC") == ["Bea 50%", "Ann O'Hara"]
    assert query("SELECT * FROM Customer WHERE Balance >= 0 AND Active = true MAXRESULTS 1") == ["Ann O'Hara"]
    moment = "2026-01-01T00:00:00-08:00"
    assert len(query(f"SELECT * FROM Customer WHERE Metadata.LastUpdatedTime >= '{moment}'")) == 3
    for bad, expected in (
        ("SELECT * FROM Customer WHERE Id = '1' OR Id = '2'", "4000"), ("SELECT Id FROM Customer", "4000"),
        ("SELECT * FROM Customer GROUP BY Id", "4000"), ("DELETE FROM Customer", "4000"), ("", "4000"),
        ("SELECT * FROM Customer WHERE DisplayName = 'a", "4000"), ("SELECT * FROM Unicorn", "4001"),
        ("SELECT * FROM Customer WHERE MetaData.CreateTime > 'soon'", "4001"),
    ):  # fmt: skip
        assert books.call("GET", "query", params={"query": bad}).status_code == 400, bad
        assert code(books.last) == expected, bad


@row("§2 query, POST")
def a_query_may_be_posted_as_text(books: Books) -> None:
    books.customer("A+B")
    headers = {"Content-Type": "application/text"}
    books.call("POST", "query", content="SELECT * FROM Customer WHERE DisplayName = 'A+B'", headers=headers)
    assert len(books.json()["QueryResponse"]["Customer"]) == 1


@row("§3, order of ids", assumption=True)
def ids_are_ordered_as_numbers(books: Books) -> None:
    books.vendor.populate(12)
    ids = [int(each["Id"]) for each in books.query("SELECT * FROM Customer WHERE Id > '9' ORDERBY Id")["Customer"]]
    assert ids == sorted(ids)
    assert min(ids) > 9


@row("§3, order of ids, the other reading", assumption=True, readings=Readings(ids_as_text=True))
def ids_are_ordered_as_text(books: Books) -> None:
    books.vendor.populate(12)
    ids = [each["Id"] for each in books.query("SELECT * FROM Customer WHERE Id > '10' ORDERBY Id")["Customer"]]
    assert ids == sorted(ids)
    assert "9" in ids


@row("§4 CDC")
def cdc_shows_changes_inactive_records_and_deletions_and_nothing_else(books: Books) -> None:
    customer, invoice = books.customer("Ann"), books.invoice(books.customer("Bob"))
    books.vendor.clock.advance(60)
    since = books.vendor.clock.now().isoformat()
    books.post("Customer", {**held(customer), "Active": False})
    books.post("Invoice", {"Id": invoice["Id"], "SyncToken": "0"}, operation="delete")
    books.call("GET", "cdc", params={"entities": "Customer,Item,Invoice", "changedSince": since})
    customers, items, invoices = books.json()["CDCResponse"][0]["QueryResponse"]
    assert [each["DisplayName"] for each in customers["Customer"]] == ["Ann (deleted)"]
    assert items == {}
    assert [(each["Id"], each["status"]) for each in invoices["Invoice"]] == [(invoice["Id"], "Deleted")]


@row("§4 CDC")
def cdc_cuts_silently(books: Books) -> None:
    for number in range(12):
        books.customer(f"Customer {number}")
    books.vendor.cdc_most = 10
    since = (books.vendor.clock.now() - timedelta(minutes=5)).isoformat()
    books.call("GET", "cdc", params={"entities": "Customer,Item", "changedSince": since})
    found = [
        len(each.get("Customer", each.get("Item", []))) for each in books.json()["CDCResponse"][0]["QueryResponse"]
    ]
    assert found == [10, 0]


@row("§4 CDC, the edge at thirty days", assumption=True)
def cdc_looks_back_thirty_days(books: Books) -> None:
    long_ago: Any = {"entities": "Customer", "changedSince": "2020-01-01T00:00:00-08:00"}
    assert books.call("GET", "cdc", params=long_ago).status_code == 400


@row("§1 headers", validate=False)
def without_an_accept_header_for_json_the_answer_is_xml(books: Books) -> None:
    customer = books.customer("Ann & Co")
    for accept in ("*/*", "text/html"):
        answer = books.call("GET", f"customer/{customer['Id']}", headers={"Accept": accept})
        assert answer.headers["content-type"].startswith("application/xml")
        assert "<Customer>" in answer.text
        assert "<DisplayName>Ann &amp; Co</DisplayName>" in answer.text


@row("§1 trace")
def every_answer_carries_a_trace_id(books: Books) -> None:
    traces = {books.call("GET", path).headers["intuit_tid"] for path in ("customer/1", "preferences", "query")}
    assert len(traces) == 3


@row("§1 times")
def times_have_the_pacific_offset_and_whole_seconds(books: Books) -> None:
    assert books.customer()["MetaData"]["LastUpdatedTime"][19:] in ("-08:00", "-07:00")


@row("§5 gateway spelling")
def the_gateway_spells_faults_in_lower_case(books: Books) -> None:
    answer = books.call("GET", "customer/1", headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 401
    (error,) = answer.json()["fault"]["error"]
    assert (error["code"], "errorCode=003200" in error["message"]) == ("3200", True)
    assert books.call("GET", "customer/1", realm="1").status_code == 403
    assert code(books.last) == "3100"


@row("§2 company")
def company_and_preferences_tell_how_the_books_are_kept(books: Books) -> None:
    assert books.call("GET", f"companyinfo/{books.vendor.realm}").json()["CompanyInfo"]["Country"] == "US"
    assert books.call("GET", "preferences").json()["Preferences"]["SalesFormsPrefs"] == {"CustomTxnNumbers": True}
    assert books.call("GET", "companyinfo/1").status_code == 400


@row("§6 ten a second", limits=Limits(), clock=lambda: NOON)
def more_than_ten_calls_a_second_are_throttled(books: Books) -> None:
    assert [books.call("GET", "preferences").status_code for _ in range(11)] == [200] * 10 + [429]
    books.vendor.clock.advance(1)
    assert books.call("GET", "preferences").status_code == 200


@row("§6 a minute", limits=Limits(per_second=10**6, per_minute=20))
def calls_a_minute_are_counted(books: Books) -> None:
    assert [books.call("GET", "preferences").status_code for _ in range(21)] == [200] * 20 + [429]
    assert code(books.last) == "3001"
    assert "retry-after" not in books.last.headers
    books.vendor.clock.advance(60)
    assert books.call("GET", "preferences").status_code == 200


@row("§12 Retry-After", assumption=True, limits=Limits(per_minute=0), readings=Readings(retry_after=60))
def a_throttled_answer_may_say_when_to_come_back(books: Books) -> None:
    assert books.call("GET", "preferences").headers["retry-after"] == "60"


@row("§6 batches", limits=Limits(10**6, 10**6, 2))
def batches_a_minute_are_counted_by_themselves(books: Books) -> None:
    item = {"bId": "1", "Query": "SELECT * FROM Customer"}
    statuses = [books.call("POST", "batch", json={"BatchItemRequest": [item]}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert books.call("GET", "preferences").status_code == 200


@row("§6 reads a month", limits=Limits(10**6, 10**6, 10**6, 3))
def reads_are_counted_by_the_month_and_writes_are_free(books: Books) -> None:
    customer = books.customer()
    for path in ("customer/1", "cdc?entities=Customer", "query?query=SELECT * FROM Item"):
        books.call("GET", path)
    assert books.call("GET", "preferences").status_code == 429
    books.post("Customer", {**held(customer), "Notes": "still written"})
    books.vendor.clock.advance(32 * 86_400)
    books.token = refresh(books).json()["access_token"]
    assert books.call("GET", "preferences").status_code == 200


@row("§8")
def access_tokens_last_an_hour_and_a_refresh_gives_the_next(books: Books) -> None:
    books.vendor.clock.advance(3601)
    assert books.call("GET", "preferences").status_code == 401
    granted = refresh(books).json()
    assert (granted["token_type"], granted["expires_in"], granted["refresh_token"]) == (
        "bearer",
        3600,
        "sandbox-refresh-0",
    )
    books.token = granted["access_token"]
    assert books.call("GET", "preferences").status_code == 200


@row("§8 rotation", assumption=True)
def the_refresh_token_changes_after_a_day_and_the_old_one_is_dead(books: Books) -> None:
    books.vendor.clock.advance(86_401)
    newest = refresh(books).json()["refresh_token"]
    assert newest != FIRST_REFRESH
    refused = refresh(books)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})
    assert refresh(books, newest, auth=("a", "b")).status_code == 401
    assert refresh(books, newest).status_code == 200
