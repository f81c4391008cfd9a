"""A mail server on a real socket: takes mails, refuses them, hangs, and speaks TLS with a certificate of a made-up authority."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.ports import free_ports

USER, PASSWORD = "onetill@shop.example", "a-password-of-the-tests-1"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a server's certificate, which is its own authority."""

    certificate: Path
    key: Path


@dataclass
class MailServer:
    """Keeps what it took."""

    port: int = 0
    answer: str | None = None
    """What it says to a mail instead of taking it."""
    hangs_s: float = 0.0
    envelopes: list[Envelope] = field(default_factory=list)
    tried: int = 0
    logins: list[tuple[str, str]] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        """What it took, read as a mail program does."""
        read = [message_from_bytes(each.original_content or b"", policy=default) for each in self.envelopes]
        assert all(isinstance(each, EmailMessage) for each in read)
        return read

    @property
    def subjects(self) -> list[str]:
        """Of those."""
        return [str(each["Subject"]).strip() for each in self.mails]

    @property
    def texts(self) -> list[str]:
        """Of those."""
        return [str(each.get_content()).replace("\r\n", "\n") for each in self.mails]

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """One mail."""
        self.tried += 1
        await asyncio.sleep(self.hangs_s)
        if self.answer is not None:
            return self.answer
        self.envelopes.append(envelope)
        return "250 OK"

    def login(self, _: Any, __: Any, ___: Any, ____: Any, given: Any) -> AuthResult:
        """Whether it is the one user."""
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)


@contextmanager
def serving_mail(tls: Certificate | None = None, *, starts_tls: bool = False, port: int = 0) -> Iterator[MailServer]:
    """A mail server in a thread of its own; with `tls` from the first byte, or by STARTTLS and then with a login only."""
    server, context = MailServer(), None
    options: dict[str, Any] = {}
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.key)
    if starts_tls:
        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": server.login,
        }
    elif context is not None:
        options = {"ssl_context": context}
    controller = Controller(server, hostname="127.0.0.1", port=port or free_ports(), **options)
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


def make_certificate(folder: Path, name: str = "localhost") -> Certificate:
    """A certificate for this name."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
