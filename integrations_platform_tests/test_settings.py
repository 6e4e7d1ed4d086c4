"""Environment files: chosen by name, resolved late, never shown, and wrong ones named by file and line."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations_platform.settings import (
    Retry,
    Settings,
    SettingsError,
    find_environment,
    json_schema,
    known_environments,
    load_settings,
    variable,
)
from integrations_platform.settings_schema import SECTIONS
from integrations_platform.settings_schema import SERVICES as SERVICE_OPTIONS

ROOT = Path(__file__).parent.parent
SAMPLE = """\
systems:
  billing: {kind: postgresql, url: "${BILLING_DATABASE_URL}"}
  shop:    {kind: mysql, url: "${SHOP_DATABASE_URL}"}
  scratch: {kind: sqlite, path: ./scratch.sqlite}
state: {url: "sqlite:///./state.sqlite"}
"""
SECRET = "postgresql://user:hunter2@host/db"


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "env.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(env_file=file, environ=environ or {})


def faults_of(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(folder, text)
    return str(raised.value)


def test_the_sample_loads_without_any_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(tmp_path, SAMPLE)
    assert list(loaded.systems) == ["billing", "shop", "scratch"]
    assert loaded.system("billing").kind == "postgresql"
    assert loaded.system("billing").retry == Retry()
    assert loaded.system("scratch").file() == tmp_path / "scratch.sqlite"
    assert loaded.system("scratch").url() == f"sqlite:///{tmp_path}/scratch.sqlite"
    assert loaded.state.url() == f"sqlite:///{tmp_path}/state.sqlite"


def test_addresses_are_resolved_when_opened(tmp_path: Path) -> None:
    environ: dict[str, str] = {"OTHER": "x"}
    loaded = load(tmp_path, SAMPLE, environ)
    with pytest.raises(SettingsError) as raised:
        loaded.system("billing").url()
    message = str(raised.value)
    assert "env.yaml:2: systems.billing.url: needs the environment variable BILLING_DATABASE_URL" in message
    assert "export BILLING_DATABASE_URL=" in message
    environ["BILLING_DATABASE_URL"] = ""
    with pytest.raises(SettingsError, match="is not set"):
        loaded.system("billing").url()
    environ["BILLING_DATABASE_URL"] = SECRET
    assert loaded.system("billing").url() == SECRET


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        ("${A:-postgresql://h/d}", {}, "postgresql://h/d"),
        ("${A:-postgresql://h/d}", {"A": ""}, "postgresql://h/d"),
        ("${A:-postgresql://h/d}", {"A": "postgresql://x/y"}, "postgresql://x/y"),
        ("${A:-postgresql://h/d}", {"AIRFLOW_VAR_A": "postgresql://v/w"}, "postgresql://v/w"),
        ("${A}", {"AIRFLOW_VAR_A": "postgresql://v/w", "A": "postgresql://x/y"}, "postgresql://x/y"),
        ("postgresql://u:${P}@h/${D:-}", {"P": "a${B}"}, "postgresql://u:a${B}@h/"),
        ("postgresql://u:$${P}$1$@h/d", {"P": "no"}, "postgresql://u:${P}$1$@h/d"),
    ],
)
def test_references(tmp_path: Path, written: str, environ: dict[str, str], expected: str) -> None:
    text = f"systems: {{a: {{kind: postgresql, url: '{written}'}}}}\nstate: {{url: 'sqlite:///s'}}\n"
    assert load(tmp_path, text, environ).system("a").url() == expected


@pytest.mark.parametrize("written", ["${", "${}", "${1A}", "${A", "${A:x}", "${A:-${B}}", "x${A B}"])
def test_malformed_references_are_found_at_load(tmp_path: Path, written: str) -> None:
    text = f"systems:\n  a: {{kind: postgresql, url: '{written}'}}\nstate: {{url: 'sqlite:///s'}}\n"
    assert "env.yaml:2: systems.a.url: holds a malformed" in faults_of(tmp_path, text)


def test_addresses_are_never_shown(tmp_path: Path) -> None:
    text = f"systems: {{a: {{kind: postgresql, url: '{SECRET}'}}}}\nstate: {{url: '{SECRET}'}}\n"
    loaded = load(tmp_path, text)
    assert loaded.system("a").url() == SECRET
    shown = [
        repr(loaded),
        str(loaded),
        f"{loaded.systems}",
        repr(dataclasses.asdict(loaded)),
        repr(copy.deepcopy(loaded)),
    ]
    assert not [text for text in shown if "hunter2" in text]
    with pytest.raises(TypeError):
        pickle.dumps(loaded)


@pytest.mark.parametrize(
    "text",
    [
        f"systems: {{a: {{kind: mysql, url: '{SECRET}'}}}}\nstate: {{url: 'sqlite:///s'}}\n",
        f"systems: {{a: {{kind: postgresql, ulr: '{SECRET}'}}}}\nstate: {{url: 'sqlite:///s'}}\n",
        f"systems: {{a: {{kind: sqlite, url: '{SECRET}'}}}}\nstate: {{url: 'sqlite:///s'}}\n",
        f"systems: {{a: {{kind: postgresql, url: ['{SECRET}']}}}}\nstate: {{url: 'sqlite:///s'}}\n",
        "systems: {}\nstate: {url: 'mysql://user:hunter2@h/d'}\n",
        f"systems: {{a: {{kind: postgresql, url: '{SECRET}${{'}}}}\nstate: {{url: 'sqlite:///s'}}\n",
    ],
)
def test_faults_hold_no_address(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, text)
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_a_variable_of_the_wrong_kind_is_named_but_not_shown(tmp_path: Path) -> None:
    loaded = load(tmp_path, SAMPLE, {"SHOP_DATABASE_URL": SECRET})
    with pytest.raises(SettingsError) as raised:
        loaded.system("shop").url()
    assert "is no mysql URL (from SHOP_DATABASE_URL)" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("- a", "the top of the file is not a mapping"),
        ("systems: {}\n", "env.yaml:1: state: is missing"),
        (
            SAMPLE.replace("mysql", "mysqll"),
            "env.yaml:3: systems.shop.kind: 'mysqll' is not known; did you mean mysql?",
        ),
        (SAMPLE.replace("path:", "paht:"), "env.yaml:4: systems.scratch.paht: unknown key; did you mean path?"),
        (SAMPLE.replace("shop:", "Shop:"), "env.yaml:3: systems.Shop: the name 'Shop' cannot be used"),
        (SAMPLE.replace("shop:", "billing:"), "env.yaml:3: systems.billing: declared twice (first on line 2)"),
        (SAMPLE.replace(", path: ./scratch.sqlite", ""), "env.yaml:4: systems.scratch.path: is missing"),
        (SAMPLE.replace("sqlite:///./state.sqlite", "sqlite://"), "env.yaml:5: state.url: names no SQLite file"),
        (SAMPLE.replace("sqlite:///./state.sqlite", "oracle://x"), "is neither a sqlite nor a postgresql URL"),
        (SAMPLE.replace("./scratch.sqlite", "'a?b'"), "is no usable file name"),
        (SAMPLE.replace("./scratch.sqlite", "~nobody-here/x"), "names an unknown home directory"),
        (
            SAMPLE.replace("kind: mysql", "kind: mysql, limits: {calls_per_second: 0}"),
            "systems.shop.limits.calls_per_second: 0 is out of range",
        ),
        (
            SAMPLE.replace("kind: mysql", "kind: mysql, retry: {attempts: many}"),
            "systems.shop.retry.attempts: must be a whole number, found text ('many')",
        ),
    ],
)
def test_faults_name_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in faults_of(tmp_path, text)


def test_all_faults_come_together(tmp_path: Path) -> None:
    text = SAMPLE.replace("mysql", "oracle").replace("path:", "paht:").replace("state:", "stat:")
    assert len(faults_of(tmp_path, text).splitlines()) >= 4


def test_limits_and_retry(tmp_path: Path) -> None:
    extra = "kind: mysql, limits: {calls_per_second: 2.5}, retry: {attempts: 2, first_wait_seconds: 1}"
    shop = load(tmp_path, SAMPLE.replace("kind: mysql", extra)).system("shop")
    assert shop.limits.calls_per_second == 2.5
    assert shop.retry == Retry(attempts=2, first_wait_seconds=1.0)


def test_an_unknown_system_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean billing\\? use one of billing, scratch, shop"):
        load(tmp_path, SAMPLE).system("biling")


def test_the_environment_is_chosen_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTEGRATIONS_ENV", raising=False)
    assert load_settings().name == "local"
    monkeypatch.setenv("INTEGRATIONS_ENV", "staging")
    assert load_settings().name == "staging"
    assert load_settings("production").name == "production"
    monkeypatch.setenv("INTEGRATIONS_ENV", "stging")
    with pytest.raises(SettingsError, match="did you mean staging\\? use one of local, production, staging"):
        load_settings()
    for hostile in ("../local", "/etc/passwd", "", "a\0b"):
        with pytest.raises(SettingsError):
            find_environment(hostile)


def test_environments_of_the_current_directory_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_environment("local") == ROOT / "environments" / "local.yaml"
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "mine.yaml").write_text(SAMPLE)
    (tmp_path / "environments" / "local.yaml").write_text(SAMPLE)
    assert "mine" in known_environments()
    assert find_environment("local").parent == tmp_path / "environments"
    assert load_settings("mine").file == tmp_path / "environments" / "mine.yaml"


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_shipped_environments_load_with_no_variable(name: str) -> None:
    loaded = load_settings(name, environ={})
    assert {"billing", "shop"} <= set(loaded.systems)
    if name != "local":
        with pytest.raises(SettingsError, match="INTEGRATIONS_STATE_URL"):
            loaded.state.url()


def test_a_missing_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(env_file=tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(env_file=tmp_path)


def test_the_schema_is_a_copy() -> None:
    schema = json_schema()
    schema["properties"].clear()
    assert set(json_schema()["properties"]) == {"systems", "state", *SECTIONS}


def test_variable_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VARIABLE", "")
    assert variable("SOME_VARIABLE") is None
    monkeypatch.setenv("SOME_VARIABLE", "x")
    assert variable("SOME_VARIABLE") == "x"


SERVICES = """
systems:
  hubspot: {kind: hubspot, token: "${HUBSPOT_API_TOKEN}", base_url: "${HUBSPOT_BASE_URL:-}",
            sandbox: "${HUBSPOT_SANDBOX_URL:-http://127.0.0.1:8801}"}
  books: {kind: quickbooks, access_token: "${QB_TOKEN}", realm_id: "${QB_REALM}", sandbox: "http://127.0.0.1:8802"}
state: {url: "sqlite:///state.sqlite"}
"""


def services(tmp_path: Path, text: str = SERVICES, **environ: str) -> Settings:
    file = tmp_path / "env.yaml"
    file.write_text(text)
    return load_settings(env_file=file, environ=environ)


def test_options_of_a_service_are_filled_in_when_it_is_opened_with_the_vendors_usual_values(tmp_path: Path) -> None:
    system = services(tmp_path, HUBSPOT_API_TOKEN="pat-1").system("hubspot")
    assert system.resolved() == {"token": "pat-1", "api_version": "v3", "base_url": "https://api.hubapi.com"}
    assert "pat-1" not in repr(system)


def test_a_service_without_any_credential_is_its_stand_in_but_with_half_of_them_it_is_an_error(tmp_path: Path) -> None:
    bare = services(tmp_path)
    assert bare.system("hubspot").sandbox_url() == "http://127.0.0.1:8801"
    assert bare.system("books").sandbox_url() == "http://127.0.0.1:8802"
    half = services(tmp_path, QB_TOKEN="t", HUBSPOT_API_TOKEN="pat-1")
    assert half.system("hubspot").sandbox_url() is None
    assert half.system("books").sandbox_url() is None
    with pytest.raises(SettingsError, match="needs the environment variable QB_REALM"):
        half.system("books").resolved()


def test_a_service_has_no_url_and_says_so(tmp_path: Path) -> None:
    system = services(tmp_path).system("hubspot")
    for ask in (system.url, system.file):
        with pytest.raises(SettingsError, match="is hubspot, which is no database"):
            ask()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{kind: hubspot}", "systems.x.token: is missing"),
        ("{kind: hubspot, token: t, url: u}", "systems.x.url: has no meaning for kind hubspot"),
        ("{kind: hubspot, token: t, realm_id: r}", "kind hubspot takes token, api_version, base_url, sandbox"),
        ("{kind: sqlite, path: p, token: t}", "systems.x.token: has no meaning for kind sqlite"),
        ("{kind: hubspot, token: '${A'}", "systems.x.token: holds a malformed"),
        ("{kind: hubspot, token: 7}", "systems.x.token"),
    ],
)
def test_options_that_do_not_belong_to_a_kind_are_faults_with_a_remedy(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        services(tmp_path, f"systems: {{x: {entry}}}\nstate: {{url: 'sqlite:///s.sqlite'}}\n")
    assert said in str(caught.value)


def test_an_empty_credential_is_said_to_be_missing(tmp_path: Path) -> None:
    text = "systems: {x: {kind: hubspot, token: ' '}}\nstate: {url: 'sqlite:///s.sqlite'}\n"
    with pytest.raises(SettingsError, match=r"systems\.x\.token: is empty"):
        services(tmp_path, text).system("x").resolved()


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_shipped_environments_name_the_three_services_and_only_local_has_stand_ins(name: str) -> None:
    settings_ = load_settings(env_file=ROOT / "environments" / f"{name}.yaml", environ={})
    kinds = {system.kind for system in settings_.systems.values() if system.is_service}
    assert kinds == set(SERVICE_OPTIONS) - {"rest"}
    for system in settings_.systems.values():
        if system.is_service:
            assert (system.sandbox_url() is not None) == (name == "local")
            with pytest.raises(SettingsError, match=system.credentials[0]):
                system.resolved()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(SAMPLE)), cut=st.integers(0, 12), put=st.binary(max_size=6) | st.just(b"${"))
def test_mutated_files_raise_settings_errors_only(tmp_path: Path, position: int, cut: int, put: bytes) -> None:
    file = tmp_path / "env.yaml"
    data = SAMPLE.encode()
    file.write_bytes(data[:position] + put + data[position + cut :])
    with contextlib.suppress(SettingsError):
        loaded = load_settings(env_file=file, environ={})
        for system in loaded.systems.values():
            system.url()
