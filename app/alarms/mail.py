"""One mail by SMTP. TLS proves the server's name, the parts of a header are never text from outside, and all of it ends in time.

Sources: RFC 5321; RFC 3834 for `Auto-Submitted`, so that no machine answers.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

import aiosmtplib

from app.domain.schedule import MAIL_DEADLINE_S
from app.settings import ProductSettings, SmtpSettings

PORTS = {"starttls": 587, "tls": 465, "none": 25}


class MailNotTaken(Exception):
    """The mail server did not take a mail. The text says why, without addresses or secrets."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent."""

    subject: str
    text: str


class Mailer:
    """Sends mails to the operators. It keeps no connection."""

    def __init__(self, smtp: SmtpSettings, to: Sequence[str]) -> None:
        self._smtp = smtp
        self._to = to

    @classmethod
    def of(cls, settings: ProductSettings) -> "Mailer | None":
        """As the settings say; None where nobody is told by mail."""
        return cls(settings.smtp, settings.alarms.mail_to) if settings.alarms.mail_to else None

    async def send(self, mail: Mail) -> None:
        """Raises MailNotTaken where the server took it for nobody."""
        smtp = self._smtp
        try:
            async with asyncio.timeout(MAIL_DEADLINE_S):
                await aiosmtplib.send(
                    self._message(mail),
                    sender=smtp.sender,
                    recipients=list(self._to),
                    hostname=smtp.host,
                    port=smtp.port or PORTS[smtp.security],
                    use_tls=smtp.security == "tls",
                    start_tls=smtp.security == "starttls",
                    tls_context=None if smtp.security == "none" else ssl.create_default_context(),
                    username=smtp.user,
                    password=smtp.password.get_secret_value() if smtp.password else None,
                    local_hostname=self._domain,  # else a name server is asked for this machine's name
                    timeout=MAIL_DEADLINE_S,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise MailNotTaken(_why(error)) from error

    @property
    def _domain(self) -> str:
        return (self._smtp.sender or "").rpartition("@")[2]

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._smtp.sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = mail.subject
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, cte="base64")
        return message


def _why(error: Exception) -> str:
    """For the log and the terminal: the kind of failure, and the server's code where it gave one. Its text may hold addresses."""
    causes = [error, error.__cause__ or error]
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "its TLS certificate is not good"
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return f"it refused every recipient ({', '.join(sorted({str(each.code) for each in error.recipients}))})"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{type(error).__name__.removeprefix('SMTP')} ({error.code})"
    if isinstance(error, aiosmtplib.SMTPConnectError | OSError) and not isinstance(error, TimeoutError):
        return "it cannot be reached, see ONETILL_SMTP__HOST, ONETILL_SMTP__PORT and ONETILL_SMTP__SECURITY"
    if isinstance(error, TimeoutError):
        return f"no answer within {MAIL_DEADLINE_S:g} s"
    return type(error).__name__.removeprefix("SMTP")
