"""Mail through real SMTP servers: plain, STARTTLS, TLS, log-ins, refusals of all sorts."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from integrations_platform.alerts.delivery import Answer, Fate
from integrations_platform.alerts.mailing import MailSender, MailServer
from integrations_platform.pages import Pages
from integrations_platform.settings_alerts import Security
from integrations_platform_tests.alerts.conftest import Time, alert
from integrations_platform_tests.alerts.post_office import PASSWORD, USER, PostOffice, post_office
from integrations_platform_tests.servers import free_port

ANA, BO, CY = "ana@example.com", "bo@example.com", "cy@example.com"
PAGES = Pages("https://dagster.example.test")


def sender(
    port: int, *recipients: str, security: Security = "none", certificate: Path | None = None, user: str = "",
    password: str = PASSWORD, host: str = "localhost", origin: str = "Integrations <alerts@example.com>",
) -> MailSender:  # fmt: skip
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    server = MailServer(host, port, security, origin, user, password, context, answer_seconds=2)
    return MailSender(server, recipients or (ANA, BO), PAGES, Time())


def test_a_mail_has_text_html_links_and_its_own_id(office: PostOffice) -> None:
    told = alert(subject="peoplé <x>", facts=(("reason", "a & b"), ("much", "é" * 300)))
    answer = sender(office.port).send([told], "bundle1")
    assert (answer.fate, answer.note) == (Fate.ARRIVED, "accepted for 2")
    ((recipients, mail),) = office.mails
    assert recipients == [ANA, BO]
    assert mail["Subject"] == "[critical] peoplé <x> failed"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<bundle1@example.com>", "auto-generated")
    assert (mail["From"], mail["To"]) == ("Integrations <alerts@example.com>", f"{ANA}, {BO}")
    assert mail["Date"].datetime == Time().now
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "reason: a & b" in text.get_content()
    assert "https://dagster.example.test/runs/4f3c1c4e" in text.get_content()
    assert "peoplé &lt;x&gt; failed" in page.get_content()
    assert "<x>" not in page.get_content()


def test_a_repeated_try_is_the_same_mail(office: PostOffice) -> None:
    for _ in range(2):
        sender(office.port).send([alert(1), alert(2)], "bundle1")
    assert {mail["Message-ID"] for _, mail in office.mails} == {"<bundle1@example.com>"}
    assert office.mails[0][1]["Subject"] == "[critical] 2 alerts: people"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it is all inside TLS
@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_encrypted_and_logged_in(security: Security, certificate: Path) -> None:
    with post_office(security, certificate, login=True) as office:
        trusted = sender(office.port, security=security, certificate=certificate, user=USER)
        assert trusted.send([alert()], "b").fate is Fate.ARRIVED
        wrong = sender(office.port, security=security, certificate=certificate, user=USER, password="hunter2wrong")
        answer = wrong.send([alert()], "b")
        assert answer.fate is Fate.LATER
        assert "refused the log-in (535): check SMTP_USER" in answer.note
        assert "hunter2" not in f"{answer}{wrong}"
        nobody = sender(office.port, security=security, certificate=certificate)
        assert nobody.send([alert()], "b") == Answer(
            Fate.LATER, "the mail server wants encryption or a log-in (530): set SMTP_SECURITY, SMTP_USER"
        )
        assert len(office.mails) == 1


def test_a_private_authority_is_trusted_by_its_file(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with post_office("starttls", certificate) as office:
        assert sender(office.port, security="starttls").send([alert()], "b").fate is Fate.ARRIVED


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_certificate_that_is_not_trusted_gets_nothing(security: Security, certificate: Path) -> None:
    with post_office(security, certificate) as office:
        answer = sender(office.port, security=security).send([alert()], "b")
        assert answer == Answer(
            Fate.LATER, "the mail server's certificate is not trusted: set SSL_CERT_FILE to its authority"
        )
        assert office.mails == []


def test_a_server_that_wants_encryption_says_so(certificate: Path) -> None:
    with post_office("starttls", certificate) as office:
        answer = sender(office.port).send([alert()], "b")
    assert answer.fate is Fate.LATER
    assert "530" in answer.note


def test_a_server_without_encryption_never_sees_a_password(office: PostOffice) -> None:
    answer = sender(office.port, security="starttls", user=USER).send([alert()], "b")
    assert answer == Answer(Fate.LATER, "the mail server offers no such thing: check SMTP_SECURITY and SMTP_USER")
    answer = sender(office.port, user=USER).send([alert()], "b")
    assert answer.note.startswith("a password is not sent unencrypted")
    assert office.mails == []


def test_the_wrong_kind_of_encryption_is_told(office: PostOffice) -> None:
    answer = sender(office.port, security="ssl").send([alert()], "b")
    assert answer == Answer(Fate.LATER, "no encryption with the mail server: check SMTP_SECURITY and SMTP_PORT")


@pytest.mark.parametrize(
    ("refuse", "arrived", "answer"),
    [
        ({BO: "550 no such user"}, [ANA, CY], Answer(Fate.ARRIVED, f"accepted for 2; refused for good: {BO}")),
        (
            {BO: "451 greylisted", CY: "550 no"},
            [ANA],
            Answer(Fate.SOON, f"accepted for 1; refused for good: {CY}; refused for now: {BO}", remaining=(BO,)),
        ),
        (dict.fromkeys((ANA, BO, CY), "550 no"), None, Answer(Fate.LATER, f"refused for good: {ANA}, {BO}, {CY}")),
        (
            dict.fromkeys((ANA, BO, CY), "451 later"),
            None,
            Answer(Fate.SOON, f"refused for now: {ANA}, {BO}, {CY}", remaining=(ANA, BO, CY)),
        ),
    ],
)
def test_refused_recipients_are_named_and_only_those_for_now_are_tried_again(
    office: PostOffice, refuse: dict[str, str], arrived: list[str] | None, answer: Answer
) -> None:
    office.refuse = refuse
    sending = sender(office.port, ANA, BO, CY)
    assert sending.send([alert()], "b") == answer
    assert [recipients for recipients, _ in office.mails] == ([] if arrived is None else [arrived])
    if answer.remaining:
        office.refuse = {}
        office.mails.clear()
        assert sending.send([alert()], "b", recipients=answer.remaining).fate is Fate.ARRIVED
        assert [recipients for recipients, _ in office.mails] == [list(answer.remaining)]


@pytest.mark.parametrize(
    ("said", "fate"), [("452 full", Fate.SOON), ("554 spam: hunter2", Fate.LATER)]
)  # fmt: skip
def test_a_refused_message_waits_as_its_code_says(office: PostOffice, said: str, fate: Fate) -> None:
    office.refuse_data = said
    answer = sender(office.port).send([alert()], "b")
    assert (answer.fate, "hunter2" in answer.note) == (fate, False)


def test_nobody_there_may_pass() -> None:
    answer = sender(free_port()).send([alert()], "b")
    assert (answer.fate, "refused the connection" in answer.note) == (Fate.SOON, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": ""}, "SMTP_HOST"),
        ({"origin": ""}, "SMTP_FROM"),
        ({"origin": "nobody"}, "SMTP_FROM"),
        ({"origin": "a@example.com\r\nBcc: all@example.com"}, "SMTP_FROM"),
    ],
)
def test_settings_that_do_not_do_are_named(options: dict[str, str], words: str) -> None:
    answer = sender(25, **options).send([alert()], "b")  # type: ignore[arg-type]
    assert answer.fate is Fate.LATER
    assert words in answer.note


def test_no_header_can_be_smuggled_in(office: PostOffice) -> None:
    told = alert(subject="people\r\nBcc: all@example.com\r\n\r\nhello")
    assert sender(office.port).send([told], "b").fate is Fate.ARRIVED
    ((recipients, mail),) = office.mails
    assert recipients == [ANA, BO]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[critical] people Bcc: all@example.com hello failed"
