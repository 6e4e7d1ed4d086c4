"""The `warehouse:` section: read with its lines, secrets late; how Snowflake is reached, also by Airflow's variable."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.warehouse.airflow_connection import read_airflow_connection
from integrations_platform.warehouse.authentication import AwsKeys, Integration, SasToken, Stage
from integrations_platform.warehouse.connection import connection_settings, connector_arguments, private_key
from integrations_platform.warehouse.errors import WarehouseError
from integrations_platform.warehouse.tables import declared_tables

BASE = """\
systems: {}
state: {url: 'sqlite:///./state.sqlite'}
lake:
  url: s3://lake/x
  datasets:
    events: {format: ndjson, source: files, starts: 2025-10-01}
    orders: {format: csv, source: files, starts: 2025-10-01}
"""
SECTION = """\
warehouse:
  kind: auto
  account: "${SNOWFLAKE_ACCOUNT:-}"
  user: "${SNOWFLAKE_USER:-}"
  private_key: "${SNOWFLAKE_PRIVATE_KEY:-}"
  airflow_connection: "${AIRFLOW_CONN_SNOWFLAKE:-}"
  authentication: {storage_integration: lake_int}
  tables:
    events: {dataset: events, table: mydb.public.events}
"""


def load(folder: Path, text: str = SECTION, **environ: str) -> Settings:
    file = folder / "env.yaml"
    file.write_text(BASE + text, encoding="utf-8")
    return load_settings(env_file=file, environ=environ)


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    ).decode()


def test_without_a_section_or_an_account_the_warehouse_is_a_folder_here(tmp_path: Path) -> None:
    nothing = load(tmp_path, "").warehouse
    assert (nothing.engine(), nothing.place(), dict(nothing.tables)) == (
        "embedded", Path.cwd() / ".integrations/warehouse", {}
    )  # fmt: skip
    assert load(tmp_path).warehouse.engine() == "embedded"


@pytest.mark.parametrize("variable", ["SNOWFLAKE_ACCOUNT", "AIRFLOW_CONN_SNOWFLAKE"])
def test_an_account_in_a_variable_means_snowflake(tmp_path: Path, variable: str) -> None:
    assert load(tmp_path, **{variable: "snowflake://x"}).warehouse.engine() == "snowflake"


def test_the_shipped_environments_have_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    for name in ("local", "staging", "production"):
        settings = load_settings(name, environ={})
        assert set(declared_tables(settings)) == {"flights", "raw_events"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("dataset: events=dataset: evnets", "no dataset is named 'evnets'"),
        ("mydb.public.events=public.events", "database.schema.table"),
        ("mydb.public.events=mydb.public.\"e;vents\"", "cannot be used here|must be"),
        ("mydb.public.events=mydb.public.select", "reserved word SELECT"),
        ("{storage_integration: lake_int}={storage_integration: a, stage: b.c.d}", "does not say one way"),
        ("{storage_integration: lake_int}={aws_key_id: a}", "does not say one way"),
        ("public.events}=public.events, columns: {id: NUMBRE}}", "'NUMBRE' cannot be used here"),
        ("public.events}=public.events, columns: {\"a b\": DATE}}", "the name 'a b' cannot be used"),
        ("public.events}=public.events, columns: {ds: DATE}}", "column ds is added by itself"),
        ("public.events}=public.events, columns: {a: DATE, A: DATE}}", "same name but for its case"),
        ("public.events}=public.events, file_format: {type: CSV}}", "TYPE of the format is that of the dataset"),
        ("public.events}=public.events, file_format: {strip: true}}", "JSON has no option STRIP"),
        ("dataset: events=dataset: orders", "CSV needs `columns`"),
        ("kind: auto=kind: duckdb", "'duckdb' is not known"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_named_with_its_line(tmp_path: Path, change: str, said: str) -> None:
    before, _, after = change.partition("=")
    with pytest.raises(SettingsError, match=said) as refused:
        declared_tables(load(tmp_path, SECTION.replace(before, after)))
    assert "env.yaml:" in str(refused.value)


def test_one_table_cannot_be_loaded_from_two_datasets(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is the table of events too"):
        load(tmp_path, SECTION + "    again: {dataset: orders, table: MyDB.public.EVENTS, columns: {a: DATE}}\n")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("{storage_integration: lake_int}", Integration),
        ("{stage: db.s.lake}", Stage),
        ('{aws_key_id: "${AWS_KEY}", aws_secret_key: "${AWS_SECRET}"}', AwsKeys),
        ('{azure_sas_token: "${SAS}"}', SasToken),
    ],
)
def test_the_way_into_the_lake_is_declared_and_its_secrets_stay_in_variables(
    tmp_path: Path, said: str, kind: type
) -> None:
    table = declared_tables(load(tmp_path, SECTION.replace("{storage_integration: lake_int}", said)))["events"]
    location = "azure://acct.blob.core.windows.net/cc/x/" if kind is SasToken else "s3://lake/x/events/date=2025-10-30/"
    statement = table.copy(location, ("a.json",), "s3://lake/x/")
    assert isinstance(statement.authentication, kind)
    assert "COPY INTO mydb.public.events__load" in statement.redacted()
    if kind in (AwsKeys, SasToken):
        with pytest.raises(SettingsError, match=r"needs the environment variable (AWS_KEY|SAS)"):
            statement.sql()


def airflow(**extra: str) -> dict[str, str]:
    return {"account": "acme-eu", "warehouse": "LOAD", "role": "LOADER", **extra}


JSON_FORM = json.dumps({"conn_type": "snowflake", "login": "svc", "password": "p@ss/w", "extra": airflow()})
FORMS = (
    JSON_FORM,
    json.dumps({"conn_type": "snowflake", "login": "svc", "password": "p@ss/w", "extra": json.dumps(airflow())}),
    f"snowflake://svc:{quote('p@ss/w', safe='')}@/public?account=acme-eu&warehouse=LOAD&role=LOADER",
    f"snowflake://svc:{quote('p@ss/w', safe='')}@?__extra__={quote(json.dumps(airflow()))}",
    (
        "snowflake://svc:p%40ss%2Fw@/?extra__snowflake__account=acme-eu&extra__snowflake__warehouse=LOAD"
        "&extra__snowflake__role=LOADER"
    ),
)


@pytest.mark.parametrize("text", FORMS)
def test_airflows_connection_is_read_in_every_form(text: str) -> None:
    assert read_airflow_connection(text) == {
        "account": "acme-eu", "warehouse": "LOAD", "role": "LOADER", "user": "svc", "password": "p@ss/w"
    }  # fmt: skip


def test_airflows_password_is_the_passphrase_of_its_key(pem: str) -> None:
    content = base64.b64encode(pem.encode()).decode()
    extra = airflow(private_key_content=content, region="eu-west-1", account="ab12345")
    found = read_airflow_connection(
        json.dumps({"conn_type": "snowflake", "login": "svc", "password": "pass", "extra": extra})
    )
    assert (found["account"], found["private_key"]) == ("ab12345.eu-west-1", pem)
    assert "password" not in found
    arguments = connector_arguments(found)
    assert arguments["authenticator"] == "SNOWFLAKE_JWT"
    assert serialization.load_der_private_key(arguments["private_key"], None)


@pytest.mark.parametrize(
    "text", ["{", "postgres://u:hush@h/db", '{"conn_type": "aws"}', "snowflake://svc:hush@/", "[1]"]
)
def test_a_connection_that_is_none_is_told_without_its_text(text: str) -> None:
    with pytest.raises(WarehouseError, match="AIRFLOW_CONN_SNOWFLAKE") as refused:
        read_airflow_connection(text)
    assert "hush" not in str(refused.value)


def test_the_sections_own_values_win_over_airflows(tmp_path: Path) -> None:
    settings = load(tmp_path, AIRFLOW_CONN_SNOWFLAKE=JSON_FORM, SNOWFLAKE_USER="mine").warehouse
    found = connection_settings(settings)
    assert (found["user"], found["account"], found["password"]) == ("mine", "acme-eu", "p@ss/w")


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"SNOWFLAKE_ACCOUNT": "a"}, "SNOWFLAKE_USER.*SNOWFLAKE_PRIVATE_KEY"),
        ({"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USER": "u"}, "SNOWFLAKE_PRIVATE_KEY"),
    ],
)
def test_what_is_missing_is_named_with_its_variable(tmp_path: Path, environ: Mapping[str, str], missing: str) -> None:
    with pytest.raises(WarehouseError, match=missing):
        connection_settings(load(tmp_path, **environ).warehouse)


def test_a_private_key_is_pem_a_path_or_base64(tmp_path: Path, pem: str) -> None:
    der = private_key(pem, "pass")
    file = tmp_path / "key.p8"
    file.write_text(pem)
    assert private_key(pem.replace("\n", "\\n"), "pass") == der
    assert private_key(str(file), "pass") == der
    assert private_key(base64.b64encode(der).decode(), None) == der
    for text, passphrase in ((pem, "wrong"), (pem, None), ("nonsense", None), ("/no/such/file", None)):
        with pytest.raises(WarehouseError, match="private_key cannot be read") as refused:
            private_key(text, passphrase)
        assert "wrong" not in str(refused.value)
