"""Not told is not equal: every fact that an adapter declares, missing, null, in an unknown word, and wrong."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.gateways.values import Fact
from app.services import Services
from app.settings import Settings
from simulator.portone_v1.access import PortOneV1Account
from simulator.portone_v2.access import PortOneV2Account
from simulator.server import Simulator, SimulatorSettings
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop, key
from tests.support.databases import Urls, keys_of
from tests.support.front import Fronts, fronts_of
from tests.support.settings import settings_for


@dataclass(frozen=True, slots=True)
class Told:
    """Where a look-up's answer tells a fact: the path of a member, and values that are unknown, or another's."""

    path: str
    unknown: tuple[Any, ...] = ()
    wrong: tuple[Any, ...] = ()


TOLD: dict[str, dict[Fact, list[Told]]] = {
    "point3": {
        Fact.REFERENCE: [Told("orderIdFromClient", wrong=("another",))],
        Fact.AMOUNT: [Told("totalCharge", unknown=("many", True), wrong=(1, 24001))],
    },
    "portone_v1": {
        Fact.REFERENCE: [Told("merchant_uid", wrong=("another",))],
        Fact.AMOUNT: [Told("amount", wrong=(1, 0)), Told("currency", unknown=("", "DOLLARS"), wrong=("EUR",))],
        Fact.CHANNEL: [Told("sandbox")],
        Fact.STATUS: [Told("status")],
    },
    "portone_v2": {
        Fact.REFERENCE: [Told("id", wrong=("another",))],
        Fact.AMOUNT: [Told("amount"), Told("amount.total"), Told("currency", ("", "WON"), ("USD",))],
        Fact.STORE: [Told("storeId", wrong=("", "store-another"))],
        Fact.CHANNEL: [Told("channel"), Told("channel.type", unknown=("", "SANDBOX", "live"))],
        Fact.STATUS: [Told("status")],
    },
    "unifi_pay": {
        Fact.REFERENCE: [Told("orderId", wrong=("another",))],
        Fact.AMOUNT: [
            Told("orderAmount", wrong=("1", "0")),
            Told("orderCurrencyCode", unknown=("", "DOLLARS"), wrong=("KRW",)),
            Told("payCurrencyCode", unknown=("", "DOLLARS")),
            Told("payAmount"),
        ],
        Fact.STORE: [Told("storeId", wrong=("", "another"))],
        Fact.STATUS: [Told("status")],
    },
}
CHANNELS = {
    ("portone_v1", "test"): Told("sandbox", wrong=(False,)),
    ("portone_v1", "live"): Told("sandbox", wrong=(True,)),
    ("portone_v2", "test"): Told("channel.type", wrong=("LIVE",)),
    ("portone_v2", "live"): Told("channel.type", wrong=("TEST",)),
}
NULL = "null"
MISSING = "missing"


@pytest.fixture(params=["test", "live"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def simulator(mode: str) -> AsyncIterator[Simulator]:
    """Gateways whose channels are of the mode."""
    channel: Literal["TEST", "LIVE"] = "LIVE" if mode == "live" else "TEST"
    accounts = {"portone_v1": PortOneV1Account(channel=channel), "portone_v2": PortOneV2Account(channel=channel)}
    simulator = Simulator(SimulatorSettings(slow_s=0.3, accounts=accounts))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator, mode: str) -> AsyncIterator[Fronts]:
    """Live, at gateways that a real live deployment would refuse: that check is tested elsewhere."""
    settings = settings_for(urls, simulator).model_copy(update={"mode": mode})
    async with fronts_of(settings, *TOLD) as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


@pytest.fixture
async def api_key(database: Database, mode: str) -> str:
    _, text = await keys_of(database, mode).create(mode=mode, scopes=["*"], store="main", name="tests")
    return text


def showing(path: str, value: Any) -> Any:
    """A change of one member of a payment. A member of a member that is not there stays away."""
    *outer, last = path.split(".")

    def change(payment: dict[str, Any]) -> None:
        inner = payment
        for name in outer:
            inner = inner.get(name) or {}
        if value == MISSING:
            inner.pop(last, None)
        elif last in inner:
            inner[last] = None if value == NULL else value

    return change


def cases(name: str, mode: str) -> list[tuple[str, Any, bool]]:
    """Every member that tells a declared fact, with a value that is not told, or (True) is another's."""
    told = [each for every in TOLD[name].values() for each in every]
    told += [channel for (gateway, of), channel in CHANNELS.items() if (gateway, of) == (name, mode)]
    untold = [(each.path, value, False) for each in told for value in (MISSING, NULL, *each.unknown)]
    return untold + [(each.path, value, True) for each in told for value in each.wrong]


TYPES: tuple[Any, ...] = (7, 1.5, "text", True, [], ["x"], {}, {"a": 1})
"""Values of every JSON type but null."""
OWN_TYPES: dict[str, tuple[type, ...]] = {
    "orderIdFromClient": (str, int),  # another shop's order may be a number
    "totalCharge": (int,),
    "amount": (int, float),
    "sandbox": (bool,),
    "orderAmount": (str, int, float),
    "payAmount": (str, int, float),
    "amount.total": (int,),
    "channel": (dict,),
}
"""The types that a fact comes in, where that is not a text; a value of another one was not told."""


def of_other_types(name: str) -> list[tuple[str, Any]]:
    own = OWN_TYPES | ({"amount": (dict,)} if name == "portone_v2" else {})
    return [
        (each.path, value)
        for every in TOLD[name].values()
        for each in every
        for value in TYPES
        if type(value) not in own.get(each.path, (str,)) and not (name == "unifi_pay" and value == {})
    ]


@pytest.mark.parametrize("name", TOLD)
async def test_a_fact_of_another_json_type_was_not_told(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, mode: str, subtests: pytest.Subtests
) -> None:
    """Not an answer that nobody can read: then the buyer could pay again, and nobody would be called for an hour."""
    for path, value in of_other_types(name):
        with subtests.test(path, value=value):
            fronts.change = None
            payment = await shop.create(**BY_NAME[name].order)
            brought = await shop.buyer_pays(payment, "lost_webhook" if name != "point3" else "paid")
            fronts.change = showing(path, value)
            answer = await shop.complete(payment, **brought)
            stored = await shop.get(payment)
            assert stored["captured_amount"] == 0
            assert (answer.status_code, stored["status"]) == (202, "processing")
            assert stored["attention_code"] in {"incomplete_look_up", "contradictory_look_up", "unknown_status"}
            assert (await shop.journal(payment))["cancels"] == 0


async def test_every_fact_that_an_adapter_declares_is_among_these(parts: Services) -> None:
    declared = {gateway.name: gateway.proves for gateway in parts.registry}
    assert declared.keys() == TOLD.keys()
    assert {name: set(proves) for name, proves in declared.items()} == {name: set(told) for name, told in TOLD.items()}


@pytest.mark.parametrize("name", TOLD)
async def test_what_is_not_told_waits_and_what_is_another_is_not_kept(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, mode: str, subtests: pytest.Subtests
) -> None:
    for path, value, is_wrong in cases(name, mode):
        with subtests.test(path, value=value):
            fronts.change = None
            payment = await shop.create(**BY_NAME[name].order)
            brought = await shop.buyer_pays(payment, "lost_webhook" if name != "point3" else "paid")
            fronts.change = showing(path, value)
            answer = await shop.complete(payment, **brought)
            stored = await shop.get(payment)
            assert stored["captured_amount"] == 0
            if is_wrong:
                assert answer.status_code == 409 or stored["attention_code"] == "contradictory_look_up", answer.text
                continue
            assert (answer.status_code, stored["status"]) == (202, "processing")
            assert stored["attention_code"] in {"incomplete_look_up", "contradictory_look_up"}
            assert (await shop.journal(payment))["cancels"] == 0
            again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
            assert (again.status_code, again.json()["code"]) == (409, "payment_processing")
            fronts.change = None
            for _ in range(3):  # a confirm may come first
                answer = await shop.sync(payment)
            assert (answer.json()["status"], answer.json()["attention_code"]) == ("paid", None)


ENDED: dict[str, dict[str, Any]] = {
    "portone_v1": {"status": "failed", "paid_at": 0},
    "portone_v2": {"status": "FAILED", "paidAt": None},
    "unifi_pay": {"status": "FAILED"},
}
"""A paid order's look-up as one that failed."""


@pytest.mark.parametrize("name", ENDED)
async def test_an_end_that_does_not_say_whose_it_is_ends_nothing(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, mode: str, subtests: pytest.Subtests
) -> None:
    """The buyer would pay again, beside money that came."""
    for told in (each for fact in (Fact.REFERENCE, Fact.STORE) for each in TOLD[name].get(fact, [])):
        with subtests.test(told.path):
            fronts.change = None
            payment = await shop.create(**BY_NAME[name].order)
            await shop.buyer_pays(payment, "lost_webhook")

            def change(shown: dict[str, Any], path: str = told.path) -> None:
                if path in shown:
                    shown |= {path: None} | ENDED[name]

            fronts.change = change
            answer = await shop.sync(payment)
            assert (answer.json()["status"], answer.json()["attention_code"]) == ("processing", "incomplete_look_up")
            again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
            assert (again.status_code, again.json()["code"]) == (409, "payment_processing")
            fronts.change = None
            assert (await shop.sync(payment)).json()["status"] == "paid"
