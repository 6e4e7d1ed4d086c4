"""The section `webhooks` of an environment: read, judged with file and line, and turned into whom events wake."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.jobs import load_catalogue
from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.webhooks.opening import doors
from integrations_platform.webhooks.targets import targets

SYSTEMS = """\
systems:
  crm: {kind: hubspot, token: x}
  books: {kind: quickbooks, access_token: x, realm_id: x}
  shop: {kind: sqlite, path: ./shop.sqlite}
state: {url: "sqlite:///./state.sqlite"}
airbyte:
  connections:
    charges: {connection_id: "${CHARGES_ID:-}", streams: [charges]}
    other: {connection_id: "Other-1", streams: [charges]}
"""
SYNC = """\
name: {name}
source: {{system: {source}, object: contacts}}
target: {{system: {target}, object: people}}
match: [email]
fields: {{email: {{source: email, target: email, type: email}}}}
"""


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "env.yaml"
    file.write_text(SYSTEMS + text, encoding="utf-8")
    return load_settings(env_file=file, environ={} if environ is None else environ)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{scheme: hubspot}", "webhooks.sources.it.secret: is missing"),
        ("{scheme: hupspot, secret: x}", "did you mean hubspot"),
        ("{scheme: hmac, secret: x}", "webhooks.sources.it: wakes nobody; say whom"),
        ("{scheme: hmac, secret: x, system: sohp}", "no system is named 'sohp'; did you mean shop"),
        ("{scheme: stripe, secret: x, wakes: {airbyte: [charge]}}", "no connection is named 'charge'; did you mean"),
        ("{scheme: stripe, secret: x, wakes: {}}", "wakes"),
        ("{scheme: hubspot, secret: x, system: crm, wakes: {syncs: [a]}}", "has no meaning beside wakes"),
        ("{scheme: hubspot, secret: x, event_id: 'body:id'}", "has no meaning for scheme hubspot"),
        ("{scheme: airbyte, secret: x, tolerance_seconds: 5}", "has no meaning for scheme airbyte"),
        ("{scheme: hmac, secret: x, system: shop, event_id: id}", "event_id"),
        ("{scheme: hmac, secret: x, system: shop, signature_header: 'A b'}", "signature_header"),
        ("{scheme: hubspot, secret: x, max_bytes: 1}", "max_bytes"),
        ("{scheme: hubspot, secret: '${'}", "malformed"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, f"webhooks:\n  sources:\n    it: {source}\n")
    assert said in str(refused.value)
    assert "env.yaml:12" in str(refused.value)


def test_a_secret_is_shown_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, "webhooks: {sources: {it: {scheme: hmac, secret: [hush-hush]}}}\n")
    assert "hush" not in str(refused.value)
    loaded = load(tmp_path, "webhooks: {sources: {it: {scheme: hubspot, secret: hush-hush}}}\n")
    assert "hush" not in repr(loaded)


def test_a_source_is_shut_until_its_secret_is_set(tmp_path: Path) -> None:
    environ: dict[str, str] = {"OLD": "before"}
    text = "{scheme: hubspot, secret: '${NEW:-}', former_secret: '${OLD:-}'}"
    settings = load(tmp_path, f"webhooks: {{sources: {{it: {text}}}}}\n", environ).webhooks
    assert doors(settings).shut == {"it": ("NEW",)}
    environ["NEW"] = " fresh\n"
    assert doors(settings).opened["it"][1] == ("fresh", "before")


def test_whom_events_wake(tmp_path: Path) -> None:
    folder = tmp_path / "syncs"
    folder.mkdir()
    for name, source, target in (("a", "crm", "shop"), ("b", "shop", "crm"), ("c", "books", "shop")):
        (folder / f"{name}.yaml").write_text(SYNC.format(name=name, source=source, target=target), encoding="utf-8")
    environ: dict[str, str] = {}
    settings = load(
        tmp_path,
        "webhooks:\n  sources:\n"
        "    hubspot: {scheme: hubspot, secret: x}\n"
        "    intuit: {scheme: quickbooks, secret: x}\n"
        "    shop: {scheme: hmac, secret: x, system: shop}\n"
        "    push: {scheme: stripe, secret: x, wakes: {syncs: [b, gone], airbyte: [charges]}}\n"
        "    airbyte: {scheme: airbyte, secret: x}\n",
        environ,
    )
    specs = load_catalogue(env_file=tmp_path / "env.yaml", folders=[folder]).specs

    def woken(source: str, subject: str = "") -> list[str]:
        return [str(each) for each in targets(settings, specs, source, subject)]

    assert woken("hubspot") == ["sync:a", "sync:b"]
    assert woken("intuit") == ["sync:c"]
    assert woken("shop") == ["sync:a", "sync:b", "sync:c"]
    assert woken("push") == ["sync:b", "sync:gone", "airbyte:charges"]
    assert woken("airbyte", "OTHER-1") == ["airbyte_look:other"]
    assert woken("airbyte", "id-7") == []
    environ["CHARGES_ID"] = "id-7"
    assert woken("airbyte", "id-7") == ["airbyte_look:charges"]
    assert woken("airbyte", "-") == woken("nobody") == []
