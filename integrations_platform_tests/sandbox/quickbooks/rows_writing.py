"""Rows about writes: tokens, sparse and full updates, names, deactivation, invoices, replays, batches."""

from __future__ import annotations

from decimal import Decimal

from integrations_platform.sandbox.faults import Fault, FaultKind
from integrations_platform.sandbox.quickbooks.readings import Readings
from integrations_platform_tests.sandbox.quickbooks.behaviour import row
from integrations_platform_tests.sandbox.quickbooks.books import Books, code, held, sale


@row("§2 update, §5 5010")
def a_stale_token_is_refused_and_writes_nothing(books: Books) -> None:
    customer = books.customer(Notes="first")
    books.post("Customer", {**held(customer), "Notes": "second"})
    assert books.fault("Customer", {**held(customer), "Notes": "third"}) == (400, "5010")
    assert books.read("Customer", customer["Id"])["Notes"] == "second"


@row("§2 update")
def each_write_answers_200_and_moves_the_token_by_one(books: Books) -> None:
    customer = books.customer()
    changed = books.post("Customer", {**held(customer), "Notes": "n"})
    assert (customer["SyncToken"], changed["SyncToken"]) == ("0", "1")


@row("§2 update")
def a_sparse_update_keeps_what_it_does_not_name(books: Books) -> None:
    customer = books.customer(Notes="kept", CompanyName="C")
    changed = books.post("Customer", {**held(customer), "CompanyName": "D"})
    assert (changed["Notes"], changed["CompanyName"]) == ("kept", "D")


@row("§2 update")
def a_full_update_nulls_what_it_does_not_name(books: Books) -> None:
    customer = books.customer(Notes="lost", CompanyName="C")
    changed = books.post("Customer", {**held(customer), "sparse": False, "DisplayName": "Ann", "CompanyName": "D"})
    assert "Notes" not in changed
    assert changed["CompanyName"] == "D"


@row("§2 update, the whole of an address in a sparse update", assumption=True)
def a_sparse_update_replaces_an_address(books: Books) -> None:
    customer = books.customer(BillAddr={"City": "Rome", "Line1": "Via 1"})
    changed = books.post("Customer", {**held(customer), "BillAddr": {"City": "Oslo"}})
    assert changed["BillAddr"] == {"City": "Oslo"}


@row("§2 update, the other reading", assumption=True, readings=Readings(sparse_merges_objects=True))
def a_sparse_update_merges_an_address(books: Books) -> None:
    customer = books.customer(BillAddr={"City": "Rome", "Line1": "Via 1"})
    changed = books.post("Customer", {**held(customer), "BillAddr": {"City": "Oslo"}})
    assert changed["BillAddr"] == {"City": "Oslo", "Line1": "Via 1"}


@row("§2 update")
def lines_are_replaced_whole_even_by_a_sparse_update(books: Books) -> None:
    item = books.item()
    invoice = books.invoice(None, sale(item, 1), sale(item, 2), DocNumber="7")
    changed = books.post("Invoice", {**held(invoice), "Line": [sale(item, 3)]})
    assert [line["DetailType"] for line in changed["Line"]] == ["SalesItemLineDetail", "SubTotalLineDetail"]
    assert (changed["DocNumber"], changed["TotalAmt"]) == ("7", Decimal("7.5"))


@row("§2 deactivate")
def a_deactivated_record_is_renamed_and_its_name_is_free(books: Books) -> None:
    first = books.customer("Ann")
    gone = books.post("Customer", {**held(first), "Active": False})
    assert (gone["DisplayName"], gone["FullyQualifiedName"]) == ("Ann (deleted)", "Ann (deleted)")
    assert gone["PrintOnCheckName"] == "Ann"
    assert books.customer("Ann")["Id"] != first["Id"]


@row("§2 deactivate, a name deactivated twice", assumption=True)
def a_name_deactivated_twice_is_numbered(books: Books) -> None:
    names = [books.post("Customer", {**held(books.customer("Ann")), "Active": False})["DisplayName"] for _ in range(2)]
    assert names == ["Ann (deleted)", "Ann (deleted 2)"]


@row("§2 deactivate")
def list_entities_cannot_be_deleted(books: Books) -> None:
    customer, item = books.customer(), books.item()
    assert books.fault("Customer", held(customer), operation="delete")[0] == 400
    assert books.fault("Item", held(item), operation="delete")[0] == 400
    assert books.read("Customer", customer["Id"])["Active"]


@row("§5 6240")
def one_name_is_shared_by_customers_vendors_and_employees_in_any_case(books: Books) -> None:
    books.customer("Ann Lee")
    assert books.fault("Vendor", {"DisplayName": "ANN LEE"}) == (400, "6240")
    assert books.fault("Employee", {"GivenName": "ann", "FamilyName": "lee"}) == (400, "6240")
    books.post("Vendor", {"DisplayName": "Bob"})
    assert books.fault("Customer", {"DisplayName": "bob"}) == (400, "6240")
    books.item("Bob")  # items have names of their own
    assert books.fault("Item", {"Name": "BOB", "Type": "Service", "IncomeAccountRef": {"value": "1"}})[1] in (
        "6240",
        "2500",
    )


@row("§5 6240")
def a_rename_frees_the_old_name_and_clashes_with_a_taken_one(books: Books) -> None:
    ann, bob = books.customer("Ann"), books.customer("Bob")
    assert books.fault("Customer", {**held(ann), "DisplayName": "bob"}) == (400, "6240")
    books.post("Customer", {**held(bob), "DisplayName": "Bert"})
    assert books.post("Customer", {**held(ann), "DisplayName": "Bob"})["DisplayName"] == "Bob"


@row("§5 6140")
def a_document_number_is_used_once(books: Books) -> None:
    customer, line = books.customer(), sale(books.item())
    books.invoice(customer, line, DocNumber="A-1")
    again = {"CustomerRef": {"value": customer["Id"]}, "Line": [line], "DocNumber": "A-1"}
    assert books.fault("Invoice", again) == (400, "6140")


@row("§7 DocNumber")
def a_document_number_counts_only_with_custom_numbers(books: Books) -> None:
    books.vendor.company.custom_numbers = False
    assert books.invoice(DocNumber="A-1")["DocNumber"] == "1001"


@row("§2 read, §5 610")
def what_is_not_there_answers_400_and_610(books: Books) -> None:
    assert books.call("GET", "customer/404").status_code == 400
    assert code(books.last) == "610"
    assert books.fault("Customer", {"Id": "404", "SyncToken": "0", "sparse": True}) == (400, "610")


@row("§5 610, 2500")
def references_to_nothing_and_to_inactive_records_are_refused(books: Books) -> None:
    item, customer = books.item(), books.customer()
    books.post("Item", {**held(item), "Active": False})
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [sale(item)]}
    assert books.fault("Invoice", body) == (400, "610")
    assert books.fault("Invoice", {**body, "CustomerRef": {"value": "999"}}) == (400, "2500")


@row("§5 2020, 2010, 2050, 2080, 6070")
def faulty_values_are_refused_with_their_own_codes(books: Books) -> None:
    item, customer = books.item(), books.customer()
    reference = {"value": customer["Id"]}
    for kind, values, expected in (
        ("Customer", {}, "2020"),
        ("Customer", {"DisplayName": "B", "Colour": "red"}, "2010"),
        ("Customer", {"DisplayName": "a:b"}, "2010"),
        ("Customer", {"DisplayName": "B", "PrimaryPhone": {"FreeFormNumber": "1" * 31}}, "2050"),
        ("Customer", {"DisplayName": "B", "CreditLimit": "much"}, "2080"),
        ("Item", {"Name": "x" * 101, "Type": "Service"}, "2050"),
        ("Item", {"Name": "x", "Type": "Service"}, "2020"),
        ("Item", {"Name": "x", "Type": "Inventory", "IncomeAccountRef": {"value": "1"}}, "2020"),
        ("Invoice", {"CustomerRef": reference, "Line": []}, "2020"),
        ("Invoice", {"Line": [sale(item)]}, "2020"),
        ("Invoice", {"CustomerRef": reference, "Line": [{**sale(item), "Amount": 99}]}, "6070"),
        ("Customer", {"Id": customer["Id"], "sparse": True}, "2020"),
        ("Item", {**held(item), "Type": "NonInventory"}, "6000"),
        ("Customer", {**held(customer), "CurrencyRef": {"value": "EUR"}}, "6000"),
    ):
        assert books.fault(kind, values) == (400, expected), (kind, values)


@row("§7 Invoice")
def totals_lines_and_subtotal_are_computed(books: Books) -> None:
    item = books.item()
    invoice = books.invoice(None, sale(item, 2, 2.5), {**sale(item, 1, 10.01)}, TotalAmt=1, Balance=1)
    assert (invoice["TotalAmt"], invoice["Balance"]) == (Decimal("15.01"), Decimal("15.01"))
    assert [(line.get("Id"), line.get("LineNum")) for line in invoice["Line"]] == [("1", 1), ("2", 2), (None, None)]
    assert invoice["Line"][-1]["Amount"] == Decimal("15.01")


@row("§2 void")
def a_void_keeps_the_number_and_loses_the_amounts(books: Books) -> None:
    invoice = books.invoice(DocNumber="V-1")
    gone = books.post("Invoice", {"Id": invoice["Id"], "SyncToken": "0"}, operation="void")
    assert (gone["PrivateNote"], gone["TotalAmt"], gone["Balance"], gone["DocNumber"]) == ("Voided", 0, 0, "V-1")


@row("§2 void, one old recording", assumption=True, readings=Readings(void_keeps_amounts=True))
def a_void_keeps_the_amounts(books: Books) -> None:
    invoice = books.invoice()
    gone = books.post("Invoice", {"Id": invoice["Id"], "SyncToken": "0"}, operation="void")
    assert (gone["PrivateNote"], gone["TotalAmt"]) == ("Voided", invoice["TotalAmt"])


@row("§2 delete")
def a_deleted_invoice_is_gone_unless_a_payment_is_linked(books: Books) -> None:
    first, second = books.invoice(), books.invoice(books.customer("Bob"), sale(books.item("Nut")))
    gone = books.post("Invoice", {"Id": first["Id"], "SyncToken": "0"}, operation="delete")
    assert gone == {"domain": "QBO", "status": "Deleted", "Id": first["Id"]}
    assert books.call("GET", f"invoice/{first['Id']}").status_code == 400
    books.vendor.person({"do": "pay", "kind": "Invoice", "id": second["Id"], "amount": "1"})
    token = books.read("Invoice", second["Id"])["SyncToken"]
    assert books.fault("Invoice", {"Id": second["Id"], "SyncToken": token}, operation="delete") == (400, "6000")


@row("§1 times, §7 derived balances", assumption=True)
def a_balance_changes_without_touching_the_customers_token(books: Books) -> None:
    customer = books.customer()
    books.invoice(customer)
    now = books.read("Customer", customer["Id"])
    assert (now["Balance"], now["SyncToken"]) == (Decimal(5), "0")


@row("§1 times, the other reading", assumption=True, readings=Readings(derived_changes_bump_token=True))
def a_balance_counts_as_a_change_of_the_customer(books: Books) -> None:
    customer = books.customer()
    books.invoice(customer)
    assert books.read("Customer", customer["Id"])["SyncToken"] == "1"


@row("§7 sub-customer")
def a_sub_customer_carries_its_parents_name(books: Books) -> None:
    parent = books.customer("Top")
    child = books.customer("Sub", Job=True, ParentRef={"value": parent["Id"]})
    assert (child["FullyQualifiedName"], child["Level"]) == ("Top:Sub", 1)
    books.post("Customer", {**held(parent), "DisplayName": "New"})
    assert books.read("Customer", child["Id"])["FullyQualifiedName"] == "New:Sub"


@row("§2 requestid", assumption=True)
def a_repeated_requestid_gets_the_first_answer_and_no_second_effect(books: Books) -> None:
    first = books.post("Customer", {"DisplayName": "Ann"}, requestid="r1")
    assert books.post("Customer", {"DisplayName": "Ann"}, requestid="r1") == first
    changed = books.post("Customer", {**held(first), "Notes": "n"}, requestid="r2")
    books.post("Customer", {**held(changed), "Notes": "a person's"})
    assert books.post("Customer", {**held(first), "Notes": "n"}, requestid="r2") == changed
    assert books.query("SELECT COUNT(*) FROM Customer")["totalCount"] == 1


@row("§2 requestid", assumption=True)
def a_request_refused_by_the_gateway_is_carried_out_when_repeated(books: Books) -> None:
    books.vendor.faults.add(Fault(FaultKind.STATUS, "customer.write", status=429))
    assert books.fault("Customer", {"DisplayName": "Ann"}, requestid="r1") == (429, "3001")
    books.post("Customer", {"DisplayName": "Ann"}, requestid="r1")
    assert books.query("SELECT COUNT(*) FROM Customer")["totalCount"] == 1


@row("§2 requestid", assumption=True)
def a_commit_answered_with_500_is_answered_rightly_when_repeated(books: Books) -> None:
    books.vendor.faults.add(Fault(FaultKind.COMMIT_THEN_500, "customer.write"))
    assert books.fault("Customer", {"DisplayName": "Ann"}, requestid="r1") == (500, "10000")
    assert books.post("Customer", {"DisplayName": "Ann"}, requestid="r1")["SyncToken"] == "0"
    assert books.query("SELECT COUNT(*) FROM Customer")["totalCount"] == 1


@row("§2 requestid, a refused first answer", assumption=True)
def a_refusal_is_not_remembered(books: Books) -> None:
    bob = books.customer("Bob")
    assert books.fault("Customer", {"DisplayName": "Bob"}, requestid="r1") == (400, "6240")
    books.post("Customer", {**held(bob), "DisplayName": "Bert"})
    books.post("Customer", {"DisplayName": "Bob"}, requestid="r1")


@row("§2 requestid, the other reading", assumption=True, readings=Readings(requestid_replays_faults=True))
def a_refusal_is_remembered(books: Books) -> None:
    bob = books.customer("Bob")
    assert books.fault("Customer", {"DisplayName": "Bob"}, requestid="r1") == (400, "6240")
    books.post("Customer", {**held(bob), "DisplayName": "Bert"})
    assert books.fault("Customer", {"DisplayName": "Bob"}, requestid="r1") == (400, "6240")


@row("§4 batch, requestid", assumption=True)
def a_batch_is_replayed_whole(books: Books) -> None:
    item = {"bId": "1", "operation": "create", "Customer": {"DisplayName": "Ann"}}
    assert books.batch(item, requestid="b1") == books.batch(item, requestid="b1")


@row("§4 batch, the other reading", assumption=True, readings=Readings(requestid_in_batch=False))
def a_repeated_batch_is_carried_out_again(books: Books) -> None:
    line = {"bId": "1", "operation": "create", "Customer": {"DisplayName": "Ann"}}
    books.batch(line, requestid="b1")
    assert books.batch(line, requestid="b1")[0]["Fault"]["Error"][0]["code"] == "6240"


@row("§4 batch")
def a_batch_answers_in_order_with_a_fault_for_each_bad_item(books: Books) -> None:
    answers = books.batch(
        {"bId": "x", "operation": "create", "Customer": {"DisplayName": "A"}},
        {"bId": "y", "operation": "create", "Customer": {"DisplayName": "a"}},
        {"bId": "z", "Query": "select * from Customer"},
        {"bId": "w", "operation": "update", "Customer": {"Id": "1", "SyncToken": "9", "sparse": True}},
    )
    assert [answer["bId"] for answer in answers] == ["x", "y", "z", "w"]
    assert [answer.get("Fault", {}).get("Error", [{}])[0].get("code") for answer in answers] == [
        None,
        "6240",
        None,
        "5010",
    ]
    assert len(answers[2]["QueryResponse"]["Customer"]) == 1  # items see what those before them did


@row("§4 batch")
def a_batch_holds_thirty_items_and_may_throttle_some(books: Books) -> None:
    items = [{"bId": str(n), "operation": "create", "Customer": {"DisplayName": f"C{n}"}} for n in range(31)]
    assert books.call("POST", "batch", json={"BatchItemRequest": items}).status_code == 400
    books.vendor.throttled_from = 3
    codes = [each.get("Fault", {}).get("Error", [{}])[0].get("code") for each in books.batch(*items[:4])]
    assert codes == [None, None, "3001", "3001"]
