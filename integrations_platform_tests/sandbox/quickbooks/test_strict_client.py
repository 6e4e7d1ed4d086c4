"""python-quickbooks, which nobody here wrote, as a peer: each operation the project uses, in success and in error.

Its requests are not schema-clean (empty texts, numbers as tokens, read-only balances), so the stand-in leaves requests
unchecked here; its answers stay checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from quickbooks import QuickBooks as Client
from quickbooks import exceptions
from quickbooks.batch import batch_create, batch_update
from quickbooks.cdc import change_data_capture
from quickbooks.objects import Account, Customer, Invoice, Item, Preferences, Ref, SalesItemLine, SalesItemLineDetail
from quickbooks.objects.company_info import CompanyInfo

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks import REALM
from integrations_platform_tests.sandbox.quickbooks.books import Books
from integrations_platform_tests.sandbox.quickbooks.conftest import Open


@pytest.fixture
def books(open_books: Open) -> Books:
    return open_books(lenient_requests=True)


@pytest.fixture
def client(books: Books) -> Iterator[Any]:
    session = requests.Session()

    class Peer(Client):  # type: ignore[misc]
        api_url_v3 = f"{books.url}/v3"

        def process_request(
            self, request_type: str, url: str, headers: Any = "", params: Any = "", data: Any = ""
        ) -> Any:
            bearer = {**headers, "Authorization": f"Bearer {books.token}"}
            return session.request(request_type, url, headers=bearer, params=params, data=data, timeout=10)

    yield Peer(company_id=REALM, minorversion=75)
    session.close()


def customer(client: Any, name: str) -> Any:
    made = Customer()
    made.DisplayName = name
    return made.save(qb=client)


def item(client: Any, name: str = "Bolt") -> Any:
    account = Account()
    account.Name, account.AccountType, account.AccountSubType = f"Sales of {name}", "Income", "SalesOfProductIncome"
    made = Item()
    made.Name, made.Type, made.UnitPrice = name, "Service", 2.5
    made.IncomeAccountRef = account.save(qb=client).to_ref()
    return made.save(qb=client)


def invoice(client: Any, of: Any, number: str = "1") -> Any:
    line = SalesItemLine()
    line.Amount = 5
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = item(client, f"Item {number}").to_ref()
    line.SalesItemLineDetail.Qty, line.SalesItemLineDetail.UnitPrice = 2, 2.5
    made = Invoice()
    made.CustomerRef, made.DocNumber = of.to_ref(), number
    made.Line.append(line)
    return made.save(qb=client)


def test_customers_are_made_changed_found_counted_and_deactivated(client: Any) -> None:
    ann = customer(client, "Ann O'Hara")
    ann.Notes = "changed"
    assert ann.save(qb=client).SyncToken == "1"
    assert Customer.filter(DisplayName="Ann O'Hara", qb=client)[0].Notes == "changed"
    assert Customer.count(qb=client) == 1
    again = Customer.get(int(ann.Id), qb=client)
    again.Active = False
    assert again.save(qb=client).DisplayName == "Ann O'Hara (deleted)"
    assert Customer.all(qb=client) == []
    assert [each.Id for each in Customer.where("Active = false", qb=client)] == [ann.Id]


def test_items_invoices_and_what_is_computed(client: Any) -> None:
    made = invoice(client, customer(client, "Ann"))
    assert (made.TotalAmt, made.Balance) == (5, 5)
    assert [line.DetailType for line in made.Line] == ["SalesItemLineDetail", "SubTotalLineDetail"]
    made.PrivateNote = "n"
    assert made.save(qb=client).PrivateNote == "n"
    assert Item.all(qb=client)[0].UnitPrice == 2.5


def test_invoices_are_voided_and_deleted(client: Any) -> None:
    ann = customer(client, "Ann")
    first, second = invoice(client, ann, "1"), invoice(client, ann, "2")
    assert first.void(qb=client)["Invoice"]["PrivateNote"] == "Voided"
    assert second.delete(qb=client)["Invoice"]["status"] == "Deleted"
    assert [each.DocNumber for each in Invoice.all(qb=client)] == ["1"]


def test_company_and_preferences(client: Any) -> None:
    assert CompanyInfo.get(REALM, qb=client).Country == "US"
    assert Preferences.get(qb=client).SalesFormsPrefs.CustomTxnNumbers is True


def test_batches_are_matched_by_their_bids(client: Any) -> None:
    made = []
    for name in ("A", "B", "a"):
        new = Customer()
        new.DisplayName = name
        made.append(new)
    answer = batch_create(made, qb=client)
    assert [each.DisplayName for each in answer.successes] == ["A", "B"]
    assert [each.Error[0].code for each in answer.faults] == ["6240"]
    answer.successes[0].Notes = "n"
    assert batch_update(answer.successes[:1], qb=client).successes[0].SyncToken == "1"


def test_changes_and_deletions_come_by_cdc(client: Any, books: Books) -> None:
    invoice(client, customer(client, "Ann")).delete(qb=client)
    since = (books.vendor.clock.now() - timedelta(hours=1)).isoformat()
    found = change_data_capture([Customer, Invoice, Item], since, qb=client)
    assert [each.DisplayName for each in found.Customer] == ["Ann"]
    assert [each.status for each in found.Invoice] == ["Deleted"]


def test_requestid_is_a_query_parameter_and_replays(client: Any, books: Books) -> None:
    made = Customer()
    made.DisplayName = "Ann"
    first = made.save(qb=client, request_id="r-1")
    made.Id = None
    assert made.save(qb=client, request_id="r-1").Id == first.Id
    assert Customer.count(qb=client) == 1


def test_refusals_become_the_clients_own_exceptions(client: Any) -> None:
    ann = customer(client, "Ann")
    with pytest.raises(exceptions.QuickbooksException) as caught:
        customer(client, "ANN")
    assert caught.value.error_code == 6240
    ann.SyncToken = "7"
    with pytest.raises(exceptions.QuickbooksException) as caught:
        ann.save(qb=client)
    assert caught.value.error_code == 5010
    with pytest.raises(exceptions.ObjectNotFoundException):
        Customer.get(404, qb=client)
    with pytest.raises(exceptions.ValidationException) as caught:
        Customer.query("SELECT nonsense", qb=client)
    assert caught.value.error_code == 4000
    with pytest.raises(exceptions.ValidationException) as caught:
        Item().save(qb=client)
    assert caught.value.error_code == 2020


def test_the_gateways_refusals_too(client: Any, books: Books) -> None:
    books.vendor.faults.add(Fault(FaultKind.STATUS, "query", status=429))
    with pytest.raises(exceptions.QuickbooksException) as caught:  # it does not know the lower-case spelling
        Customer.all(qb=client)
    assert caught.value.error_code == 10000
    books.token = "expired"
    with pytest.raises(exceptions.AuthorizationException) as caught:
        Customer.all(qb=client)
    assert json.loads(caught.value.detail)["fault"]["error"][0]["code"] == "3200"


def test_the_client_signs_as_this_project_understands_webhooks(client: Any) -> None:
    body, signature = '{"eventNotifications":[]}', "CiE57lxrvZewwiIk43nv6IWTGoKyI7NZpOJ2MXQrSvg="
    assert client.validate_webhook_signature(body, signature, "qb-verifier-demo")
    assert not client.validate_webhook_signature(body + " ", signature, "qb-verifier-demo")
    assert Ref().value == ""
