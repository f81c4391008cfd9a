"""The product with all gateways, allowed to notify this machine, and with a mail server that tells the operators."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.settings import AlarmSettings, NotificationSettings, Settings, SmtpSettings
from simulator.server import Simulator
from tests.support.databases import Urls
from tests.support.mail_server import MailServer, serving_mail
from tests.support.receiver import Receiver, receiving
from tests.support.settings import settings_for

TO = ["oncall@shop.example", "second@shop.example"]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with serving_mail() as server:
        yield server


@pytest.fixture
def settings(urls: Urls, simulator: Simulator, mail_server: MailServer) -> Settings:
    changes = {
        "notifications": NotificationSettings(allow_private=True),
        "alarms": AlarmSettings(mail_to=TO),
        "smtp": SmtpSettings(host="127.0.0.1", port=mail_server.port, security="none", sender="onetill@shop.example"),
    }
    return settings_for(urls, simulator).model_copy(update=changes)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
