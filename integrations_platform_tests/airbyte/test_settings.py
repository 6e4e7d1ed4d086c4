"""The `airbyte:` section: what it says, what it leaves to variables, and what is wrong with it, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.settings import Settings, SettingsError, load_settings

FRAME = """
systems:
  billing: {kind: postgresql, url: "${BILLING}"}
  scratch: {kind: sqlite, path: ./scratch.sqlite}
state: {url: "sqlite:///./state.sqlite"}
"""


def loaded(tmp_path: Path, section: str, **environ: str) -> Settings:
    file = tmp_path / "env.yaml"
    file.write_text(FRAME + section)
    return load_settings(env_file=file, environ=environ)


def connection(tmp_path: Path, text: str) -> str:
    """Faults of the connection `stripe`, which stands on line 8."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, f"airbyte:\n  connections:\n    stripe: {text}\n")
    return str(caught.value)


def test_without_a_section_the_variables_alone_say_where_airbyte_is(tmp_path: Path) -> None:
    airbyte = loaded(
        tmp_path, "", AIRBYTE_API_URL="http://airbyte", AIRBYTE_CLIENT_ID="us", AIRBYTE_API_USERNAME="old"
    ).airbyte
    assert (airbyte.url.resolve(), airbyte.client_id.resolve()) == ("http://airbyte", "us")
    assert (airbyte.username.resolve(), airbyte.auth.resolve(), dict(airbyte.connections)) == ("old", "auto", {})


@pytest.mark.parametrize(
    ("environ", "engine"),
    [
        ({}, "embedded"),
        ({"AIRBYTE_API_URL": "http://airbyte"}, "server"),
        ({"AIRBYTE_MODE": "server"}, "server"),
        ({"AIRBYTE_API_URL": "http://airbyte", "AIRBYTE_MODE": "embedded"}, "embedded"),
    ],
)
def test_a_server_is_used_as_soon_as_its_url_is_set_unless_the_mode_says_otherwise(
    tmp_path: Path, environ: dict[str, str], engine: str
) -> None:
    assert loaded(tmp_path, "", **environ).airbyte.engine() == engine


def test_a_mode_that_is_none_is_said_when_it_is_needed(tmp_path: Path) -> None:
    airbyte = loaded(tmp_path, "", AIRBYTE_MODE="sever").airbyte
    with pytest.raises(SettingsError, match=r"airbyte\.mode: is neither server, embedded nor auto"):
        airbyte.engine()


def test_a_connection_needs_its_streams_only(tmp_path: Path) -> None:
    section = "airbyte: {connections: {stripe: {streams: [charges]}}}\n"
    stripe = loaded(tmp_path, section, AIRBYTE_STRIPE_CONNECTION_ID=" c-1 ").airbyte.connections["stripe"]
    assert (stripe.id(), stripe.mode, stripe.on_conflict, stripe.timeout) == ("c-1", "incremental", "attach", None)
    without = loaded(tmp_path, section).airbyte.connections["stripe"]
    with pytest.raises(SettingsError, match="needs the environment variable AIRBYTE_STRIPE_CONNECTION_ID"):
        without.id()


def test_a_connection_id_left_empty_names_its_variable(tmp_path: Path) -> None:
    section = 'airbyte: {connections: {stripe: {connection_id: "${STRIPE:-}", streams: [charges]}}}\n'
    with pytest.raises(SettingsError, match=r"stripe\.connection_id: is empty; set STRIPE"):
        loaded(tmp_path, section).airbyte.connections["stripe"].id()


def test_all_that_can_be_said_of_a_connection(tmp_path: Path) -> None:
    said = loaded(tmp_path, """
airbyte:
  connections:
    changes:
      connection_id: c-2
      namespace: public
      streams: [customer, {name: customer, namespace: archive, may_be_empty: true}, "line items/2026"]
      mode: cdc
      destination: lake
      schedule: "0 */6 * * *"
      fresh_within_hours: 1.5
      upstream: [customers, lake/events]
      on_conflict: skip
      queue_timeout_minutes: 30
      when_late: cancel
      lag: {source: billing, slot: airbyte_slot, destination: billing}
      embedded: {connector: hubspot, config: {token: "${TOKEN}", page: {size: 2, rate: 0.5, of: ["${TOKEN}"]}}}
""", TOKEN="hunter2").airbyte.connections["changes"]  # fmt: skip
    assert [stream.key for stream in said.streams] == [
        ("customer",), ("archive", "customer"), ("line_items_2026",),
    ]  # fmt: skip
    assert [stream.shown for stream in said.streams] == [
        "public.customer",
        "archive.customer",
        "public.line items/2026",
    ]
    assert [stream.may_be_empty for stream in said.streams] == [False, True, False]
    assert (said.queue_timeout, said.fresh_within_hours, said.upstream) == (1800, 1.5, ("customers", "lake/events"))
    assert said.lag is not None
    assert (said.lag.source, said.lag.slot, said.lag.schema) == ("billing", "airbyte_slot", "public")
    assert said.embedded is not None
    assert said.embedded.resolved() == {"token": "hunter2", "page": {"size": 2, "rate": 0.5, "of": ["hunter2"]}}
    assert "hunter2" not in repr(said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "stripe.streams: is missing"),
        ("{streams: []}", "stripe.streams: the list is empty"),
        ("{streams: [{nam: charges}]}", "streams[0].nam: unknown key; did you mean name?"),
        ("{streams: [charges, 2024]}", "streams[1]: must be text or a mapping, found a whole number (2024); quote it"),
        ("{streams: [x], schedule: '61 * * * *'}", "stripe.schedule: minute '61'"),
        ("{streams: [x], mode: cdc, timeout_hours: 3}", "stripe.timeout_hours: has no meaning for cdc"),
        ("{streams: [x], when_late: cancel}", "stripe.when_late: has no meaning where a sync is never late"),
        ("{streams: [x], on_conflict: atach}", "did you mean attach?"),
        ("{streams: [x], lag: {destination: billing}}", "stripe.lag: has a meaning for mode cdc only"),
        ("{streams: [x], mode: cdc, lag: {source: billing}}", "stripe.lag: says one of source and slot"),
        ("{streams: [x], mode: cdc, lag: {}}", "stripe.lag: says where nothing is"),
        ("{streams: [x], mode: cdc, lag: {destination: scratch}}", "no postgresql system is named 'scratch'"),
        ("{streams: [x], conection_id: 7}", "unknown key; did you mean connection_id?"),
        ("{streams: [x], destination: My-Lake}", "stripe.destination: 'My-Lake' cannot be used here"),
        ("{streams: [x], embedded: {connector: x, config: hunter2}}", "config: must be a mapping, found text"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, text: str, words: str) -> None:
    said = connection(tmp_path, text)
    assert words in said
    assert "env.yaml:8: airbyte.connections.stripe" in said or words.startswith("no postgresql")
    assert "hunter2" not in said


def test_two_streams_that_would_be_one_asset_are_named_with_both_lines(tmp_path: Path) -> None:
    said = connection(tmp_path, "\n      streams:\n      - line items\n      - charges\n      - line-items")
    assert (
        "env.yaml:12: airbyte.connections.stripe.streams[2]: line-items is the same asset as line items of line 10"
        in said
    )


def test_the_name_of_the_job_of_all_connections_is_taken(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"connections\.all: is the name of the job that runs all connections"):
        loaded(tmp_path, "airbyte: {connections: {all: {streams: [x]}}}\n")


def test_an_id_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    said = connection(tmp_path, "{connection_id: 123456789, streams: [x]}")
    assert "connection_id: must be text, found a whole number; quote it" in said
    assert "123456789" not in said
