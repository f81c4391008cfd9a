"""One mail by SMTP: TLS that proves the server's name or nothing, no header from outside, and an end in time."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app.alarms import mail
from app.alarms.mail import Mail, Mailer, MailNotTaken
from app.alarms.message import LISTED, mail_of
from app.alarms.model import CallingPayment, FailingEndpoint, Told
from app.cli import app
from app.domain.attention import Attention
from app.domain.money import Money
from app.settings import SmtpSettings
from tests.support.mail_server import PASSWORD, USER, Certificate, MailServer, make_certificate, serving_mail

TO = ["oncall@shop.example"]
HELLO = Mail("안녕, hello", "한 줄\n.\n. a dot\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def known(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one of the machine's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))


def mailer(server: MailServer, **changes: Any) -> Mailer:
    fields = {"host": "localhost", "port": server.port, "sender": "onetill@shop.example", "security": "none"}
    return Mailer(SmtpSettings.model_validate(fields | changes), TO)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_tls_and_a_login(certificate: Certificate, security: str) -> None:
    with serving_mail(certificate, starts_tls=security == "starttls") as server:
        login = {"user": USER, "password": SecretStr(PASSWORD)} if security == "starttls" else {}
        await mailer(server, security=security, **login).send(HELLO)
    assert (server.subjects, server.texts) == ([HELLO.subject], [HELLO.text])
    assert server.logins == ([(USER, PASSWORD)] if login else [])
    assert server.mails[0]["Message-ID"].endswith("@shop.example>"), "nothing of this machine's name"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(certificate: Certificate, security: str) -> None:
    starts_tls, refusal = security == "starttls", "its TLS certificate is not good"
    with serving_mail(certificate, starts_tls=starts_tls) as server, pytest.raises(MailNotTaken, match=refusal):
        await mailer(server, security=security, user=USER, password=SecretStr(PASSWORD)).send(HELLO)
    assert (server.tried, server.logins) == (0, [])


async def test_a_certificate_for_another_name_gets_no_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another = make_certificate(tmp_path, "mail.elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(another.certificate))
    with serving_mail(another) as server, pytest.raises(MailNotTaken, match="its TLS certificate is not good"):
        await mailer(server, security="tls").send(HELLO)
    assert server.tried == 0


async def test_a_server_from_which_somebody_took_starttls_gets_no_mail() -> None:
    with serving_mail() as server, pytest.raises(MailNotTaken):
        await mailer(server, security="starttls").send(HELLO)
    assert server.tried == 0


@pytest.mark.usefixtures("known")
async def test_a_wrong_password_is_said_by_its_code_alone(certificate: Certificate) -> None:
    with serving_mail(certificate, starts_tls=True) as server, pytest.raises(MailNotTaken) as caught:
        await mailer(server, security="starttls", user=USER, password=SecretStr("another-password-1")).send(HELLO)
    assert str(caught.value) == "AuthenticationError (535)"
    assert server.tried == 0


@pytest.fixture
def silent() -> Iterator[MailServer]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield MailServer(port=listening.getsockname()[1])


async def test_a_server_that_says_nothing_is_left_in_time(silent: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAIL_DEADLINE_S", 0.3)
    began = time.monotonic()
    with pytest.raises(MailNotTaken):
        await mailer(silent).send(HELLO)
    assert time.monotonic() - began < 3


async def test_one_that_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAIL_DEADLINE_S", 0.5)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each answer in time, and all of them too late."""
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            await asyncio.sleep(0.3)
            writer.write(b"354 go on\r\n" if line == b"DATA\r\n" else b"250 well\r\n")
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        began = time.monotonic()
        with pytest.raises(MailNotTaken):
            await mailer(MailServer(port=server.sockets[0].getsockname()[1])).send(HELLO)
        assert time.monotonic() - began < 3


async def test_nobody_listens() -> None:
    with serving_mail() as server:
        pass
    with pytest.raises(MailNotTaken, match="cannot be reached"):
        await mailer(server).send(HELLO)


NOW = datetime(2026, 11, 28, tzinfo=UTC)
NASTY = "x\r\nBcc: thief@evil.example\r\n\r\n<b>\x1b[31m\u202e; rm -rf ~"


def failing(text: str, number: int = 1) -> FailingEndpoint:
    return FailingEndpoint(
        id=UUID(int=number), store=text, host=text, description=text, step="70", since=NOW - timedelta(days=8),
        answered=text * 100, waiting=20_000, oldest=NOW, is_paused=False,
    )  # fmt: skip


def calling(text: str, number: int = 1) -> CallingPayment:
    return CallingPayment(
        id=UUID(int=number), store=text, order_id=text, amount=Money(1234, "USD"), gateway="point3", status="review",
        attention=Attention.UNDECIDED,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_what_somebody_else_wrote_stays_one_line_and_sets_no_header(language: Any) -> None:
    with serving_mail() as server:
        await mailer(server).send(mail_of([failing(NASTY)], language))
        await mailer(server).send(mail_of([calling(NASTY)], language))
    for received, text in zip(server.mails, server.texts, strict=True):
        assert received["Bcc"] is None
        assert "\x1b" not in text
        assert "\u202e" not in text
        lines = text.splitlines()
        assert not [each for each in lines if each.startswith("Bcc")]
        for line in lines:
            assert len(line) < 600
            assert "rm -rf" not in line or "onetill" not in line or "'x  Bcc" in line, "quoted in commands"
    assert [each.rcpt_tos for each in server.envelopes] == [TO, TO]


def test_a_subject_that_would_be_two_headers_is_no_mail() -> None:
    made = Mailer(SmtpSettings(host="localhost", sender="onetill@shop.example"), TO)
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        made._message(Mail("x\r\nBcc: thief@evil.example", "text"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_very_many_are_one_mail_that_can_be_read(language: Any) -> None:
    told: list[Told] = [
        *(failing("shop.example", each) for each in range(300)),
        *(calling("main", each) for each in range(9_000)),
    ]
    made = mail_of(told, language)
    assert "9300" in made.subject
    assert made.text.count("onetill payments resolve") == LISTED
    assert str(9_300 - 2 * LISTED) in made.text
    assert len(made.text) < 60_000


class TestByTheTerminal:
    @pytest.fixture(autouse=True)
    def variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONETILL_SMTP__HOST", "127.0.0.1")
        monkeypatch.setenv("ONETILL_SMTP__SECURITY", "none")
        monkeypatch.setenv("ONETILL_SMTP__SENDER", "onetill@shop.example")
        monkeypatch.setenv("ONETILL_ALARMS__MAIL_TO", "oncall@shop.example, second@shop.example")

    def test_a_mail_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving_mail() as server:
            monkeypatch.setenv("ONETILL_SMTP__PORT", str(server.port))
            monkeypatch.setenv("ONETILL_ALARMS__LANGUAGE", "ko")
            ended = CliRunner().invoke(app, ["alarms", "test"])
        assert (ended.exit_code, server.subjects) == (0, ["Onetill: 알람 메일 시험"])
        assert "oncall@shop.example, second@shop.example" in ended.output
        assert server.envelopes[0].rcpt_tos == ["oncall@shop.example", "second@shop.example"]

    def test_why_none_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving_mail() as server:
            server.answer = "554 no"
            monkeypatch.setenv("ONETILL_SMTP__PORT", str(server.port))
            ended = CliRunner().invoke(app, ["alarms", "test"])
        assert ended.exit_code == 1
        assert "The mail server did not take it: DataError (554)." in ended.output
        ended = CliRunner().invoke(app, ["alarms", "test"])  # nobody listens there any more
        assert (ended.exit_code, "cannot be reached" in ended.output, "ONETILL_SMTP__PORT" in ended.output) == (
            1,
            True,
            True,
        )
        monkeypatch.delenv("ONETILL_ALARMS__MAIL_TO")
        ended = CliRunner().invoke(app, ["alarms", "test"])
        assert (ended.exit_code, "ONETILL_ALARMS__MAIL_TO" in ended.output) == (2, True)
