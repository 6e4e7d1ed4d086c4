"""Real SMTP servers on loopback: plain, STARTTLS and TLS with a certificate of their own, log-ins and refusals."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "alerts@example.com", "hunter2SmtpPassword"


@dataclass
class PostOffice:
    """What arrived: (recipients, message). ``refuse``: the answer to a recipient; ``refuse_data``: to all messages."""

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    refuse_data: str = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if (answer := self.refuse.get(address)) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuse_data:
            return self.refuse_data
        message = cast(EmailMessage, message_from_bytes(envelope.content, policy=default))
        self.mails.append((list(envelope.rcpt_tos), message))
        return "250 accepted"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@contextmanager
def post_office(
    security: str = "none", certificate: Path | None = None, *, login: bool = False
) -> Iterator[PostOffice]:
    """A running server on a free port. ``certificate``: PEM of certificate and key."""
    office, options = PostOffice(), {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        options = {"starttls": {"tls_context": context, "require_starttls": True}, "ssl": {"ssl_context": context}}[
            security
        ]
    if login:
        options |= {"authenticator": _authenticate, "auth_required": True}
        if security == "none":
            options["auth_require_tls"] = False
        if security == "ssl":
            options["auth_require_tls"] = False  # it does not see that the whole connection is encrypted
    controller = _Controller(office, hostname="127.0.0.1", port=0, **options)
    controller.start()
    office.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        controller.stop()


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """The port is the system's choice: there is none to try before the server runs."""
        self.port = self.server.sockets[0].getsockname()[1] if self.server else self.port
        super()._trigger_server()


def make_certificate(folder: Path) -> Path:
    """A self-made certificate for localhost, good as its own authority; PEM with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
