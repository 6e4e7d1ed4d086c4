"""One message by e-mail through an SMTP server, and what each of its refusals means.

Standard library only: Dagster's own e-mail sensor insists on encryption and a log-in, so a plain relay or a private
authority cannot be used with it. A password is never sent over an unencrypted connection.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP
from email.utils import parseaddr

from integrations_platform.alerts.alert import Alert
from integrations_platform.alerts.delivery import Answer, Fate
from integrations_platform.alerts.wording import mail
from integrations_platform.pages import Pages
from integrations_platform.settings_alerts import Security, is_address

ANSWER_SECONDS = 10.0
Refused = Mapping[str, tuple[int, bytes]]


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in. ``context``: for a private authority; default: the system's, or SSL_CERT_FILE."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""
    context: ssl.SSLContext | None = None
    answer_seconds: float = ANSWER_SECONDS

    def __repr__(self) -> str:
        return f"<mail server {self.host}:{self.port}>"

    def fault(self) -> str | None:
        """What is wrong with these settings, and which to change; None: nothing."""
        if not self.host:
            return "there is no mail server: set SMTP_HOST"
        if not self.sender.isprintable() or not is_address(parseaddr(self.sender)[1]):
            return "there is no sender: set SMTP_FROM to a mail address"
        if self.user and self.security == "none":
            return "a password is not sent unencrypted: set SMTP_SECURITY to starttls or ssl, or remove SMTP_USER"
        return None

    def open(self) -> smtplib.SMTP:
        """A connection, encrypted and logged in as the settings say. Raises OSError, smtplib.SMTPException."""
        context = self.context or ssl.create_default_context()
        if self.security == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.answer_seconds, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.answer_seconds)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


@dataclass(frozen=True)
class MailSender:
    """A list of recipients. ``clock`` dates the mails."""

    server: MailServer
    recipients: tuple[str, ...]
    pages: Pages
    clock: Callable[[], datetime]

    def fault(self) -> str | None:
        """What is wrong with the settings; None: nothing."""
        return self.server.fault() or (None if self.recipients else "there are no recipients: set ALERT_EMAILS")

    def send(self, alerts: Sequence[Alert], bundle_id: str, *, recipients: Sequence[str] | None = None) -> Answer:
        """As :class:`~.delivery.Sender` says. Recipients that were refused for now are left to be tried again."""
        wanted = list(self.recipients if recipients is None else recipients)
        if (wrong := self.fault()) is not None:
            return Answer(Fate.LATER, wrong)
        message = mail(
            alerts, self.pages, sender=self.server.sender, recipients=wanted, message_id=bundle_id, at=self.clock()
        )
        try:
            server = self.server.open()
            try:
                refused: Refused = server.sendmail(self.server.sender, wanted, message.as_bytes(policy=SMTP))
            finally:
                with suppress(OSError, smtplib.SMTPException):  # the mail is handed in, or its fault is on its way up
                    server.quit()
        except smtplib.SMTPRecipientsRefused as fault:
            return _refusal(fault.recipients, wanted)
        except (OSError, smtplib.SMTPException) as fault:
            return _answer(fault)
        return _refusal(refused, wanted) if refused else Answer(Fate.ARRIVED, f"accepted for {len(wanted)}")


def _refusal(refused: Refused, wanted: Sequence[str]) -> Answer:
    """Some or all recipients were refused: those for now are tried again, those for good are named."""
    for_now = tuple(who for who, (code, _) in refused.items() if code < 500)
    for_good = tuple(who for who in refused if who not in for_now)
    accepted = len(wanted) - len(refused)
    said = [f"accepted for {accepted}"] if accepted else []
    said += [f"refused for good: {', '.join(for_good)}"] if for_good else []
    said += [f"refused for now: {', '.join(for_now)}"] if for_now else []
    note = "; ".join(said)
    if for_now:
        return Answer(Fate.SOON, note, remaining=for_now)
    # Nobody got it, and nobody will until the list is mended.
    return Answer(Fate.ARRIVED if accepted else Fate.LATER, note)


def _answer(fault: OSError | smtplib.SMTPException) -> Answer:
    """What a fault of the conversation means. Its words are the server's, and not repeated."""
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        if fault.smtp_code < 500:
            return Answer(Fate.SOON, f"the mail server let nobody in for now ({fault.smtp_code})")
        return Answer(
            Fate.LATER, f"the mail server refused the log-in ({fault.smtp_code}): check SMTP_USER, SMTP_PASSWORD"
        )
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return Answer(Fate.LATER, "the mail server offers no such thing: check SMTP_SECURITY and SMTP_USER")
    if isinstance(fault, smtplib.SMTPResponseException):  # SMTPSenderRefused, SMTPDataError, SMTPHeloError, …
        code = fault.smtp_code
        if code == 530:
            return Answer(
                Fate.LATER, "the mail server wants encryption or a log-in (530): set SMTP_SECURITY, SMTP_USER"
            )
        fate = Fate.LATER if code >= 500 else Fate.SOON
        return Answer(fate, f"the mail server refused it ({code}, {type(fault).__name__})")
    if isinstance(fault, ssl.SSLCertVerificationError):
        return Answer(Fate.LATER, "the mail server's certificate is not trusted: set SSL_CERT_FILE to its authority")
    if isinstance(fault, ssl.SSLError):
        return Answer(Fate.LATER, "no encryption with the mail server: check SMTP_SECURITY and SMTP_PORT")
    if isinstance(fault, TimeoutError):
        return Answer(Fate.SOON, "the mail server did not answer in time")
    if isinstance(fault, ConnectionRefusedError):
        return Answer(Fate.SOON, "the mail server refused the connection: check SMTP_HOST and SMTP_PORT if it stays so")
    if isinstance(fault, smtplib.SMTPServerDisconnected | ConnectionError):
        return Answer(Fate.SOON, "the mail server dropped the connection; it may have arrived")
    return Answer(Fate.SOON, f"the mail server could not be reached ({type(fault).__name__})")
