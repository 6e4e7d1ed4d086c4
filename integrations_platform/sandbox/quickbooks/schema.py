"""The shapes of QuickBooks Online's answers and requests, as strict JSON Schemas: unknown keys are forbidden.

Written by this project from the vendor's documentation, XSDs and recorded traffic, since no OpenAPI file exists. Owns
shapes only: what no schema can say (stale tokens, unique names) is in :mod:`.company`.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
INSTANT: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"}
ITEM_TYPES = (
    "Service", "NonInventory", "Inventory", "Assembly", "Category", "Fixed Asset", "Group", "Other Charge", "Payment",
    "Subtotal", "Discount", "Tax", "Tax Group", "Bundle",
)  # fmt: skip


def ref(name: str) -> Schema:
    """A reference to the shape of that name."""
    return {"$ref": f"#/$defs/{name}"}


def one_of(*words: str) -> Schema:
    """One of these words, spelled exactly so."""
    return {"type": "string", "enum": list(words)}


def closed(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """An object with these members and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(shape: Schema, least: int = 0) -> Schema:
    """An array of that shape."""
    return {"type": "array", "items": shape, "minItems": least}


def _texts(words: str, **limits: Any) -> Schema:
    return dict.fromkeys(words.split(), TEXT | limits)


def _refs(words: str) -> Schema:
    return dict.fromkeys(words.split(), ref("Reference"))


COMMON: Schema = {
    "Id": ID,
    "SyncToken": {"type": "string", "pattern": r"^\d+$"},
    "domain": {"const": "QBO"},
    "sparse": FLAG,
    "MetaData": ref("MetaData"),
    "CustomField": listed(ref("CustomField")),
    "status": one_of("Deleted", "Voided"),
}
ALWAYS = ("Id", "SyncToken", "domain", "sparse", "MetaData")

PERSON: Schema = {
    **_texts("Title GivenName MiddleName FamilyName Suffix PrintOnCheckName"),
    "DisplayName": {"type": "string", "minLength": 1, "maxLength": 500},
    "Active": FLAG,
    "PrimaryPhone": ref("Phone"),
    "Mobile": ref("Phone"),
    "PrimaryEmailAddr": ref("Email"),
}
CUSTOMER: Schema = {
    **PERSON,
    **_texts("FullyQualifiedName CompanyName Notes AcctNum ResaleNum"),
    "PreferredDeliveryMethod": one_of("Print", "Email", "None"),
    **dict.fromkeys(("Taxable", "Job", "BillWithParent", "IsProject"), FLAG),
    **dict.fromkeys(("Balance", "BalanceWithJobs", "CreditLimit"), NUMBER),
    "Level": WHOLE,
    **_refs("CurrencyRef ParentRef DefaultTaxCodeRef SalesTermRef PaymentMethodRef CustomerTypeRef"),
    **dict.fromkeys(("BillAddr", "ShipAddr"), ref("Address")),
    **dict.fromkeys(("AlternatePhone", "Fax"), ref("Phone")),
    "WebAddr": ref("Web"),
}
ITEM: Schema = {
    "Name": {"type": "string", "minLength": 1, "maxLength": 100},
    **_texts("Sku Description PurchaseDesc FullyQualifiedName"),
    **dict.fromkeys(("UnitPrice", "PurchaseCost", "QtyOnHand"), NUMBER),
    **dict.fromkeys(("Active", "Taxable", "SubItem", "TrackQtyOnHand"), FLAG),
    "Type": one_of(*ITEM_TYPES),
    "InvStartDate": DATE,
    "Level": WHOLE,
    **_refs("ParentRef IncomeAccountRef ExpenseAccountRef AssetAccountRef"),
}
INVOICE: Schema = {
    "DocNumber": {"type": "string", "minLength": 1, "maxLength": 21},
    **dict.fromkeys(("TxnDate", "DueDate", "ShipDate"), DATE),
    "PrivateNote": TEXT,
    "CustomerMemo": closed({"value": TEXT}, ("value",)),
    "BillEmail": ref("Email"),
    **dict.fromkeys(("BillAddr", "ShipAddr"), ref("Address")),
    **_refs("CustomerRef SalesTermRef CurrencyRef"),
    "ExchangeRate": NUMBER,
    "LinkedTxn": listed(closed({"TxnId": ID, "TxnType": TEXT}, ("TxnId", "TxnType"))),
    "PrintStatus": one_of("NotSet", "NeedToPrint", "PrintComplete"),
    "EmailStatus": one_of("NotSet", "NeedToSend", "EmailSent"),
    "GlobalTaxCalculation": one_of("TaxInclusive", "TaxExcluded", "NotApplicable"),
    **dict.fromkeys(("AllowOnlineCreditCardPayment", "AllowOnlineACHPayment"), FLAG),
    **dict.fromkeys(("TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "Deposit"), NUMBER),
    "TxnTaxDetail": ref("Tax"),
}
ACCOUNT: Schema = {
    **_texts("Name AccountType AccountSubType Classification FullyQualifiedName"),
    "CurrentBalance": NUMBER,
    "Active": FLAG,
    "CurrencyRef": ref("Reference"),
}
MINOR: Schema = {  # kinds that only share names with customers; read and written, never synced
    "Vendor": {**PERSON, "CompanyName": TEXT, "Balance": NUMBER},
    "Employee": {**PERSON, "HiredDate": DATE},
}

KINDS: dict[str, tuple[Schema, tuple[str, ...]]] = {  # properties, and those that every answer holds
    "Customer": (
        CUSTOMER,
        ("Taxable", "Job", "BillWithParent", "Balance", "BalanceWithJobs", "CurrencyRef", "PreferredDeliveryMethod",
         "FullyQualifiedName", "DisplayName", "PrintOnCheckName", "Active"),
    ),
    "Item": (
        ITEM,
        ("Name", "Description", "Active", "FullyQualifiedName", "Taxable", "UnitPrice", "Type", "IncomeAccountRef",
         "PurchaseCost", "TrackQtyOnHand"),
    ),
    "Invoice": (INVOICE, ("TxnDate", "CustomerRef", "Line", "TotalAmt", "Balance")),
    "Account": (ACCOUNT, ("Name", "AccountType", "Classification", "CurrentBalance", "Active")),
    "Vendor": (MINOR["Vendor"], ("DisplayName", "PrintOnCheckName", "Active")),
    "Employee": (MINOR["Employee"], ("DisplayName", "PrintOnCheckName", "Active")),
}  # fmt: skip


def _lines(*, answered: bool) -> Schema:
    """Lines of an invoice. An answer numbers them and adds the subtotal; a request may hold either."""
    base = {"Id": ID, "LineNum": WHOLE, "Amount": NUMBER, "Description": TEXT}
    details: dict[str, tuple[str, Schema, tuple[str, ...]]] = {
        "SalesItemLineDetail": ("SalesItemLineDetail", ref("SalesItem"), ("Amount", "SalesItemLineDetail")),
        "SubTotalLineDetail": ("SubTotalLineDetail", closed({}), ("Amount", "SubTotalLineDetail")),
        "DescriptionOnly": ("DescriptionLineDetail", closed({"ServiceDate": DATE, "TaxCodeRef": ref("Reference")}), ()),
        "DiscountLineDetail": ("DiscountLineDetail", ref("Discount"), ("Amount", "DiscountLineDetail")),
        "GroupLineDetail": ("GroupLineDetail", ref("Group"), ("GroupLineDetail",)),
    }
    return {
        "oneOf": [
            closed(
                {**base, "DetailType": {"const": kind}, member: shape},
                ("DetailType", *required, *(("Id",) if answered and kind != "SubTotalLineDetail" else ())),
            )
            for kind, (member, shape, required) in details.items()
        ]
    }


def _fault_item(*, required: tuple[str, ...]) -> Schema:
    return closed(
        {"Message": TEXT, "Detail": TEXT, "code": {"type": "string", "pattern": r"^\d+$"}, "element": TEXT}, required
    )


def _definitions() -> Schema:
    time = {"time": INSTANT}
    shapes: Schema = {
        "Reference": closed({"value": ID, "name": TEXT, "type": TEXT}, ("value",)),
        "MetaData": closed(
            {"CreateTime": INSTANT, "LastUpdatedTime": INSTANT, **_refs("CreatedByRef LastModifiedByRef")},
            ("CreateTime", "LastUpdatedTime"),
        ),
        "CustomField": closed(
            {"DefinitionId": ID, "Name": TEXT, "Type": one_of("StringType", "BooleanType", "NumberType", "DateType"),
             "StringValue": TEXT, "BooleanValue": FLAG, "NumberValue": NUMBER, "DateValue": DATE},
            ("DefinitionId", "Type"),
        ),
        "Address": closed(
            {"Id": ID, **_texts("Line1 Line2 Line3 Line4 Line5 City Country CountryCode CountrySubDivisionCode "
                                "PostalCode County Lat Long Note Tag")}
        ),
        "Phone": closed({"FreeFormNumber": TEXT | {"maxLength": 30}}),
        "Email": closed({"Address": TEXT}),
        "Web": closed({"URI": TEXT}),
        "SalesItem": closed(
            {"ItemRef": ref("Reference"), "Qty": NUMBER, "UnitPrice": NUMBER, "TaxCodeRef": ref("Reference"),
             "ServiceDate": DATE},
            ("ItemRef",),
        ),
        "Discount": closed(
            {"PercentBased": FLAG, "DiscountPercent": NUMBER, "DiscountAccountRef": ref("Reference")},
        ),
        "Group": closed(
            {"GroupItemRef": ref("Reference"), "Quantity": NUMBER, "Line": listed(ref("AnsweredLine"))},
            ("GroupItemRef",),
        ),
        "AnsweredLine": _lines(answered=True),
        "SentLine": _lines(answered=False),
        "Tax": closed(
            {"TotalTax": NUMBER, "TxnTaxCodeRef": ref("Reference"), "TaxLine": listed(ref("TaxLine"))},
        ),
        "TaxLine": closed(
            {"Amount": NUMBER, "DetailType": {"const": "TaxLineDetail"},
             "TaxLineDetail": closed({"TaxRateRef": ref("Reference"), "PercentBased": FLAG, "TaxPercent": NUMBER,
                                      "NetAmountTaxable": NUMBER}, ("TaxRateRef",))},
            ("Amount", "DetailType", "TaxLineDetail"),
        ),
        "Fault": closed(
            {"Error": listed(_fault_item(required=("Message", "code")), 1),
             "type": one_of("ValidationFault", "SystemFault", "AuthenticationFault", "AuthorizatonFault")},
            ("Error", "type"),
        ),
        "BusinessFault": closed({"Fault": ref("Fault"), **time}, ("Fault", "time")),
        "GatewayFault": closed(
            {"fault": closed(
                {"error": listed(closed({"message": TEXT, "detail": TEXT, "code": TEXT,
                                         "element": {"type": ["string", "null"]}}, ("message", "detail", "code")), 1),
                 "type": {"type": "string", "pattern": "^[A-Z]+$"}},
                ("error", "type")),
             "warnings": {"type": "null"}, "intuitObject": {"type": "null"}, "queryResponse": {"type": "null"},
             "batchItemResponse": {"type": "array", "maxItems": 0}},
            ("fault",),
        ),
        "Tombstone": closed(
            {"domain": {"const": "QBO"}, "status": {"const": "Deleted"}, "Id": ID,
             "MetaData": closed({"LastUpdatedTime": INSTANT}, ("LastUpdatedTime",))},
            ("domain", "status", "Id", "MetaData"),
        ),
        "Deleted": closed(
            {"domain": {"const": "QBO"}, "status": {"const": "Deleted"}, "Id": ID}, ("domain", "status", "Id")
        ),
        "CompanyInfo": closed(
            {**COMMON, "CompanyName": TEXT, "LegalName": TEXT, "CompanyAddr": ref("Address"), "Country": TEXT,
             "Email": ref("Email"), "FiscalYearStartMonth": TEXT, "DefaultTimeZone": TEXT},
            (*ALWAYS, "CompanyName", "Country"),
        ),
        "Preferences": closed(
            {**COMMON,
             "SalesFormsPrefs": closed({"CustomTxnNumbers": FLAG}, ("CustomTxnNumbers",)),
             "CurrencyPrefs": closed({"MultiCurrencyEnabled": FLAG, "HomeCurrency": ref("Reference")},
                                     ("MultiCurrencyEnabled", "HomeCurrency"))},
            (*ALWAYS, "SalesFormsPrefs", "CurrencyPrefs"),
        ),
    }  # fmt: skip
    for kind, (properties, always) in KINDS.items():
        line: Schema = {"Line": listed(ref("AnsweredLine"))} if kind == "Invoice" else {}
        shapes[kind] = closed({**COMMON, **properties, **line}, (*ALWAYS, *always))
        sent: Schema = {"Line": listed(ref("SentLine"))} if kind == "Invoice" else {}
        shapes[f"{kind}Sent"] = closed({**COMMON, **properties, **sent})
        shapes[f"{kind}Answer"] = closed({kind: ref(kind), **time}, (kind, "time"))
    shapes["InvoiceAnswer"]["properties"]["Invoice"] = {"oneOf": [ref("Invoice"), ref("Deleted")]}
    for kind in ("CompanyInfo", "Preferences"):
        shapes[f"{kind}Answer"] = closed({kind: ref(kind), **time}, (kind, "time"))
    page = {"startPosition": WHOLE, "maxResults": WHOLE, "totalCount": WHOLE}
    entities = {kind: listed(ref(kind), 1) for kind in (*KINDS, "CompanyInfo", "Preferences")}
    shapes["QueryResponse"] = closed({**entities, **page}) | {"maxProperties": 4}
    shapes["QueryAnswer"] = closed({"QueryResponse": ref("QueryResponse"), **time}, ("QueryResponse", "time"))
    changed = {kind: listed({"oneOf": [ref(kind), ref("Tombstone")]}, 1) for kind in KINDS}
    shapes["CDCAnswer"] = closed(
        {"CDCResponse": listed(closed({"QueryResponse": listed(closed({**changed, **page}))}, ("QueryResponse",)), 1),
         **time},
        ("CDCResponse", "time"),
    )  # fmt: skip
    shapes["BatchAnswer"] = closed(
        {"BatchItemResponse": listed(
            closed({"bId": TEXT, "Fault": ref("Fault"), "QueryResponse": ref("QueryResponse"),
                    **{kind: ref(kind) for kind in KINDS if kind != "Invoice"},
                    "Invoice": {"oneOf": [ref("Invoice"), ref("Deleted")]}}, ("bId",))
            | {"minProperties": 2, "maxProperties": 2}),
         **time},
        ("BatchItemResponse", "time"),
    )  # fmt: skip
    shapes["BatchSent"] = closed(
        {"BatchItemRequest": listed(
            closed({"bId": {"type": "string", "minLength": 1, "maxLength": 50},
                    "operation": one_of("create", "update", "delete", "void", "revert", "send", "merge"),
                    "optionsData": TEXT, "Query": TEXT, **{kind: ref(f"{kind}Sent") for kind in KINDS}}, ("bId",))
            | {"minProperties": 2}, 1) | {"maxItems": 30}},
        ("BatchItemRequest",),
    )  # fmt: skip
    shapes["TokenAnswer"] = closed(
        {"access_token": TEXT, "refresh_token": TEXT, "expires_in": WHOLE, "x_refresh_token_expires_in": WHOLE,
         "token_type": {"const": "bearer"}},
        ("access_token", "refresh_token", "expires_in", "x_refresh_token_expires_in", "token_type"),
    )  # fmt: skip
    shapes["TokenRefused"] = closed({"error": one_of("invalid_grant", "invalid_client", "unsupported_grant_type")},
                                    ("error",))  # fmt: skip
    return shapes


DEFINITIONS: Schema = _definitions()


def schema(name: str) -> Schema:
    """The shape of that name, complete with everything it refers to."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ref(name), "$defs": DEFINITIONS}


FAULTS: dict[int, str] = {400: "BusinessFault", 401: "GatewayFault", 403: "GatewayFault", 429: "GatewayFault",
                          500: "BusinessFault", 503: "BusinessFault"}  # fmt: skip
"""The shape of an error by HTTP status."""
