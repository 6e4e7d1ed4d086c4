"""Who Airbyte is asked as, at which address, and what a refusal tells."""

from __future__ import annotations

import threading

import pytest

from integrations_platform.airbyte.authentication import (
    APPLICATION_REFUSED,
    BASIC_REFUSED,
    NOBODY_REFUSED,
    Application,
    Authentication,
    Basic,
    Nobody,
    authentication,
)
from integrations_platform.airbyte.faults import AirbyteFault
from integrations_platform.airbyte.server import Airbyte
from integrations_platform.airbyte.transport import Addresses
from integrations_platform.sandbox.airbyte.account import WORKSPACE
from integrations_platform.sandbox.airbyte.app import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME
from integrations_platform.sandbox.faults import Fault
from integrations_platform.sandbox.faults import FaultKind as Kind
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.airbyte.conftest import STRIPE, Site

HERE = "http://airbyte-server.integration.svc.cluster.local:8000"


def test_a_sync_may_last_for_many_lives_of_a_token_and_meets_the_end_of_none(site: Site) -> None:
    site.script(seconds=4 * 900)
    assert site.run().report().succeeded
    assert site.calls("token") == 6, "each is used for four fifths of its 900 seconds"
    assert not [call for call in site.vendor.calls if call.status == 401]


def test_a_token_of_seconds_is_used_for_half_a_minute_and_renewed_when_it_is_refused(site: Site) -> None:
    site.vendor.person({"do": "server", "token_seconds": 10})
    site.script(seconds=100)
    assert site.run().report().succeeded
    assert site.posts_and_deletes == (1, 0)
    assert [call for call in site.vendor.calls if call.status == 401], "not fetched anew for each look"


def test_a_token_that_is_ended_early_is_renewed_once(site: Site) -> None:
    airbyte = site.airbyte()
    airbyte.connection(STRIPE)
    site.vendor.faults.add(Fault(Kind.EXPIRE_TOKEN))
    assert airbyte.connection(STRIPE).name == "stripe_to_postgres"
    assert site.calls("token") == 2


def test_a_start_whose_token_had_ended_is_sent_again_with_a_new_one(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.EXPIRE_TOKEN, "jobs.create"))
    assert site.run().report().how == "started"
    assert [call.status for call in site.vendor.calls if call.operation == "jobs.create"] == [401, 200]
    assert len(site.vendor.account.jobs) == 1


def test_an_airbyte_without_the_public_token_path_is_asked_at_the_other(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "token", status=404, times=None))
    assert site.run().report().succeeded
    assert site.calls("token.other") == 1


@pytest.mark.parametrize("fault", [Fault(Kind.STATUS, "token", status=503), Fault(Kind.DROP_AFTER, "token")])
def test_a_token_that_cannot_be_had_now_is_asked_for_again(site: Site, fault: Fault) -> None:
    site.vendor.faults.add(fault)
    assert site.run().report().succeeded
    assert site.posts_and_deletes == (1, 0)


def test_threads_that_share_a_client_share_its_token(site: Site) -> None:
    airbyte = site.airbyte()
    threads = [threading.Thread(target=airbyte.connection, args=(STRIPE,)) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (site.calls("token"), site.calls("connections.get")) == (1, 12)


def test_user_name_and_password_serve_an_airbyte_up_to_2_1(site: Site) -> None:
    site.vendor.person({"do": "server", "version": "2.1.0"})
    report = site.run(airbyte=site.airbyte(Basic(USERNAME, PASSWORD))).report()
    assert report.succeeded
    assert site.calls("token") == 0


def test_user_name_and_password_refused_by_a_newer_airbyte_say_what_changed_and_what_to_set(site: Site) -> None:
    with pytest.raises(AirbyteFault) as caught:
        site.airbyte(Basic(USERNAME, PASSWORD)).connection(STRIPE)
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert BASIC_REFUSED in caught.value.message
    assert "Airbyte 2.2 and later take no user name and password" in BASIC_REFUSED
    for name in ("AIRBYTE_API_USERNAME", "AIRBYTE_API_PASSWORD", "AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET"):
        assert name in caught.value.message
    assert len(site.vendor.calls) == 1


@pytest.mark.parametrize(
    ("who", "remedy"),
    [(Application(CLIENT_ID, "not-the-secret"), APPLICATION_REFUSED), (Nobody(), NOBODY_REFUSED)],
    ids=["application", "nobody"],
)
def test_a_refusal_names_the_variables_and_no_secret(site: Site, who: Authentication, remedy: str) -> None:
    with pytest.raises(AirbyteFault) as caught:
        site.airbyte(who).connection(STRIPE)
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert remedy in caught.value.message
    assert "not-the-secret" not in repr(caught.value) + repr(who)


def test_an_airbyte_with_authentication_switched_off_is_asked_as_nobody(site: Site) -> None:
    site.vendor.person({"do": "server", "auth": "none"})
    assert site.run(airbyte=site.airbyte(Nobody())).report().succeeded


def test_health_and_version_need_no_credentials(site: Site) -> None:
    airbyte = site.airbyte(Basic("nobody", "wrong"))
    assert airbyte.health()
    instance = airbyte.instance()
    assert (instance.version, instance.auth, airbyte.workspace_id) == ("2.3.0", "simple", WORKSPACE)


def test_no_secret_is_in_the_log_of_calls_in_notes_or_warnings(site: Site) -> None:
    site.vendor.faults.add(Fault(Kind.STATUS, "jobs.get", status=503, times=6))
    site.run().report()
    said = "\n".join([*site.notes, *site.warnings, *(repr(call) for call in site.vendor.calls)])
    assert CLIENT_SECRET not in said
    assert "application-1" not in said


@pytest.mark.parametrize(
    ("mode", "given", "kind"),
    [
        ("auto", {"client_id": "a", "client_secret": "b", "username": "c", "password": "d"}, Application),
        ("auto", {"username": "c", "password": "d"}, Basic),
        ("auto", {}, Nobody),
        ("basic", {"client_id": "a", "client_secret": "b", "username": "c", "password": "d"}, Basic),
        ("none", {"client_id": "a", "client_secret": "b"}, Nobody),
    ],
)
def test_the_credentials_that_are_given_decide_unless_a_mode_does(mode: str, given: dict[str, str], kind: type) -> None:
    assert isinstance(authentication(mode, **given), kind)


@pytest.mark.parametrize(
    ("mode", "given", "words"),
    [
        ("auto", {"client_id": "a"}, "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are both needed"),
        ("application", {}, "AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are both needed"),
        ("basic", {"username": "a"}, "AIRBYTE_API_USERNAME and AIRBYTE_API_PASSWORD are both needed"),
        ("oauth", {}, "AIRBYTE_AUTH_MODE is one of auto, application, basic, none"),
    ],
)
def test_half_of_a_pair_or_an_unknown_mode_is_told_before_any_call(
    mode: str, given: dict[str, str], words: str
) -> None:
    with pytest.raises(AirbyteFault, match=words) as caught:
        authentication(mode, **given)
    assert caught.value.kind is FaultKind.CONFIGURATION


@pytest.mark.parametrize("behind", ["", "/", "/api", "/api/", "/api/v1", "/api/public/v1", "/api/public/v1/"])
def test_an_address_is_understood_however_much_of_the_api_stands_behind_it(behind: str) -> None:
    assert Addresses.of(HERE + behind) == Addresses(f"{HERE}/api", f"{HERE}/api", HERE)


@pytest.mark.parametrize(
    ("url", "server"),
    [("https://api.example.com", "https://api.example.com"), ("http://api:8000/api", "http://api:8000"),
     ("https://example.com/airbyte/api/v1", "https://example.com/airbyte")],
)  # fmt: skip
def test_a_host_or_path_that_looks_like_the_api_is_kept(url: str, server: str) -> None:
    assert Addresses.of(url).pages == server


@pytest.mark.parametrize("url", ["https://api.airbyte.com/v1", "https://cloud.airbyte.com"])
def test_airbyte_cloud_has_its_two_apis_on_two_hosts(url: str) -> None:
    cloud = Addresses.of(url)
    assert (cloud.public + cloud.path("/public/v1/jobs")) == "https://api.airbyte.com/v1/jobs"
    assert f"{cloud.configuration}/v1/state/get" == "https://cloud.airbyte.com/api/v1/state/get"


@pytest.mark.parametrize("host", [HERE, "http://airbyte:8000", "http://10.0.0.7:8000", "http://airbyte.internal"])
def test_inside_a_network_airbyte_is_reached_without_encryption(host: str) -> None:
    Airbyte(host).close()


@pytest.mark.parametrize("host", ["http://airbyte.example.com", "http://8.8.8.8:8000", "airbyte", "", "ftp://airbyte"])
def test_an_address_that_is_none_or_carries_the_secret_out_in_the_clear_is_refused_at_once(host: str) -> None:
    with pytest.raises(AirbyteFault, match="AIRBYTE_API_URL") as caught:
        Airbyte(host, Application("id", "secret-text"))
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert "secret-text" not in str(caught.value)
