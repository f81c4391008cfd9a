"""`docs/mobile/README.md` is true: its calls are made, the buyer pays in between, and the answers are what it shows."""

import re

import pytest

from app.domain.states import PaymentStatus
from app.settings import Settings
from simulator.server import Simulator
from tests.documents.markdown import read
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.guides import agrees, examples_of, run
from tests.support.settings import settings_for

PAGE = read("docs/mobile/README.md")
EXAMPLES = examples_of(PAGE.text)


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    (schemes,) = re.findall(r"`ONETILL_RETURN_URL_SCHEMES=(\w+)`", PAGE.text)
    return settings_for(urls, simulator, return_url_schemes=[schemes])


async def test_the_pages_calls_answer_what_the_page_shows(shop: Shop) -> None:
    values = {"ONETILL": "http://testserver"}
    for example in EXAMPLES:
        answer = await run(shop.client, example.curl, values)
        shown = answer.json()
        assert answer.status_code == example.status, (example.curl, answer.text)
        assert agrees(example.answer, shown), (example.curl, answer.text)
        if "PAYMENT" not in values:  # the first call creates it
            proof = await shop.buyer_pays(shown)
            values |= {"PAYMENT": shown["id"], "TOKEN": shown["client_token"], "SIGNATURE": proof["signature"]}


def test_every_call_of_the_page_is_made() -> None:
    assert len(EXAMPLES) == PAGE.text.count("\ncurl ") == 3


def test_the_page_says_what_an_app_does_in_every_status() -> None:
    (table,) = re.findall(r"\| `status` \|.*\n\|---\|---\|\n((?:\|.*\n)+)", PAGE.text)
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {str(status) for status in PaymentStatus}
