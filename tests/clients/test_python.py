"""The Python client against the running product: it pays and refunds, and a lost answer costs nobody anything."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from onetill_client import Onetill, OnetillProblem, OnetillUnreachable

from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME, FOUR

GATEWAYS = [kind.name for kind in FOUR]
REFUNDING = [kind.name for kind in FOUR if kind.can_refund and not kind.refund_s]


class Losing(httpx2.BaseTransport):
    """A network on which `lost` answers are lost, the first ones `after` so many, once the server has done its work."""

    def __init__(self, lost: int = 0, after: int = 0) -> None:
        self._inner = httpx2.HTTPTransport()
        self._lost = range(after + 1, after + lost + 1)
        self.keys: list[str | None] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._inner.handle_request(request)
        self.keys.append(request.headers.get("Idempotency-Key"))
        if len(self.keys) in self._lost:
            answer.read()
            raise httpx2.ReadError("the line is cut", request=request)
        return answer

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def shop(url: str, key: str) -> Iterator[Onetill]:
    with Onetill(url, key) as client:
        yield client


def create(client: Onetill, gateway: str = "portone_v2", number: str = "1") -> str:
    order: Any = {"order_name": "Mug", "amount": 24000, "currency": "KRW"} | BY_NAME[gateway].order
    return client.create_payment(idempotency_key=f"order-{number}", order_id=number, **order)["id"]


def buyer_pays(client: Onetill, simulator: Simulator, payment_id: str) -> dict[str, str]:
    attempt = client.get_payment(payment_id)["attempts"][-1]
    buyer = {"gateway": attempt["gateway"], "reference": attempt["reference"]}
    brought: dict[str, str] = httpx.post(f"{simulator.url}/_sim/pay", json=buyer).raise_for_status().json()
    return brought


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_it_pays_at_every_gateway(shop: Onetill, simulator: Simulator, gateway: str) -> None:
    def pays() -> str:
        payment_id = create(shop, gateway)
        brought = buyer_pays(shop, simulator, payment_id)
        return shop.complete_payment(payment_id=payment_id, **brought)["status"]

    assert await asyncio.to_thread(pays) == "paid"


@pytest.mark.parametrize("gateway", REFUNDING)
async def test_what_was_paid_is_refunded_and_read_back(shop: Onetill, simulator: Simulator, gateway: str) -> None:
    def refunds() -> list[object]:
        payment_id = create(shop, gateway)
        buyer_pays(shop, simulator, payment_id)
        paid = shop.sync_payment(payment_id)
        left = shop.get_refund_options(payment_id)["refundable_amount"]
        refund = shop.create_refund(payment_id, idempotency_key="back", reason="Broken", expected_refundable=left)
        (listed,) = shop.list_refunds(payment_id, limit=5)["data"]
        events = shop.list_payment_events(payment_id)["data"]
        (found,) = shop.list_payments(order_id="1")["data"]
        assert shop.get_refund(refund["id"]) == listed
        return [paid["status"], found["status"], listed["amount"] == paid["amount"], events[0]["reason"]]

    assert await asyncio.to_thread(refunds) == ["paid", "refunded", True, "created"]


async def test_a_buyer_tries_again_and_an_order_is_closed(shop: Onetill) -> None:
    def closes() -> list[str]:
        payment_id = create(shop)
        again = shop.create_attempt(payment_id, idempotency_key="second", gateway="point3")
        return [again["gateway"], shop.cancel_payment(payment_id)["status"], shop.cancel_payment(payment_id)["status"]]

    assert await asyncio.to_thread(closes) == ["point3", "canceled", "canceled"]


async def test_lost_answers_open_one_payment_and_give_back_once(url: str, key: str, simulator: Simulator) -> None:
    def run() -> list[dict[str, Any]]:
        opening, refunding = Losing(2), Losing(2)
        with Onetill(url, key, transport=opening) as shop:
            payment_id = create(shop)
            assert opening.keys == ["order-1"] * 3
            assert [each["id"] for each in shop.list_payments()["data"]] == [payment_id]
            buyer_pays(shop, simulator, payment_id)
            shop.sync_payment(payment_id)
        with Onetill(url, key, transport=refunding) as shop:
            half = shop.create_refund(payment_id, idempotency_key="half", reason="Chipped", amount=12000)
            assert refunding.keys == ["half"] * 3
            assert [each["id"] for each in shop.list_refunds(payment_id)["data"]] == [half["id"]]
        return list(httpx.get(f"{simulator.url}/_sim/journal?gateway=portone_v2").json())

    (row,) = await asyncio.to_thread(run)
    assert row["refunded"] == 12000


@pytest.mark.parametrize(
    "call",
    [
        lambda shop, payment_id: shop.create_attempt(payment_id),
        lambda shop, payment_id: shop.resolve_payment(payment_id, action="close", note="tried"),
    ],
    ids=["attempt", "resolve"],
)
async def test_what_may_not_happen_twice_is_sent_once(url: str, key: str, call: Callable[[Onetill, str], Any]) -> None:
    def run() -> None:
        network = Losing(1)
        with Onetill(url, key) as shop, Onetill(url, key, transport=network) as unlucky:
            payment_id = create(shop)
            with pytest.raises(OnetillUnreachable):
                call(unlucky, payment_id)
        assert network.keys == [None]

    await asyncio.to_thread(run)


async def test_a_refusal_has_a_code_and_is_final(url: str, key: str) -> None:
    def run() -> OnetillProblem:
        network = Losing()
        with Onetill(url, key, transport=network, language="ko") as shop:
            with pytest.raises(OnetillProblem) as refused:
                shop.get_payment(f"pay_{0:032x}")
            assert len(network.keys) == 1
        return refused.value

    problem = await asyncio.to_thread(run)
    assert (problem.code, problem.status, problem.retryable) == ("not_found", 404, False)
    assert problem.request_id
    assert not problem.detail.isascii()


async def test_it_receives_what_happened_by_the_feed_and_by_an_endpoint(shop: Onetill, simulator: Simulator) -> None:
    def receives() -> None:
        endpoint = shop.create_notification_endpoint(url="http://127.0.0.1:9/nobody-listens", events=["payment.paid"])
        payment_id = create(shop)
        shop.complete_payment(**{"payment_id": payment_id, **buyer_pays(shop, simulator, payment_id)})
        page = shop.list_events(payment_id=payment_id)
        while not page["data"]:
            page = shop.list_events(after=page["next_cursor"], payment_id=payment_id)
        assert [each["type"] for each in page["data"]] == ["payment.paid"]
        since = page["data"][0]["created_at"]
        assert shop.replay_notifications(endpoint_id=endpoint["id"], since=since, preview=True)["count"] == 1
        assert shop.rotate_notification_secret(endpoint["id"], overlap_days=0)["secret"] != endpoint["secret"]
        assert shop.test_notification_endpoint(endpoint["id"])["status"] is None
        assert shop.change_notification_endpoint(endpoint["id"], paused=True)["status"] == "paused"
        assert shop.get_notification_endpoint(endpoint["id"])["pause_reason"] == "asked"
        assert shop.list_notifications(endpoint=endpoint["id"])["data"][0]["payment_id"] == payment_id
        assert len(shop.list_notification_endpoints(limit=5)["data"]) == 1
        shop.delete_notification_endpoint(endpoint["id"])
        assert shop.list_notification_endpoints()["data"] == []

    await asyncio.to_thread(receives)
