"""What the Python client refuses before it sends anything."""

from collections.abc import Callable

import httpx2
import pytest
from onetill_client import Onetill, OnetillError, OnetillProblem, OnetillUnreachable

ORDER = {"order_id": "1", "order_name": "Mug", "amount": 24000, "currency": "KRW"}


def shop(url: str = "https://pay.shop.example", *, allow_http: bool = False) -> tuple[Onetill, list[httpx2.Request]]:
    """A client, and what it has sent."""
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"id": "pay_1"})

    return Onetill(url, "sk_test_1", transport=httpx2.MockTransport(answer), allow_http=allow_http), sent


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(OnetillError) as error:
        call()
    assert not isinstance(error.value, OnetillProblem | OnetillUnreachable), "nobody was asked"
    return str(error.value)


@pytest.mark.parametrize(
    "url",
    ["http://pay.shop.example", "http://10.0.0.1:8000", "http://onetill:8000", "http://localhost.shop.example",
     "http://127.0.0.1.shop.example", "http://shop.example@pay.shop.example", "ftp://pay.shop.example", "pay.shop.example", "",
     "https://", "https://pay.shop.example:port"],
)  # fmt: skip
def test_the_secret_key_does_not_travel_in_plain_text(url: str) -> None:
    refused(lambda: shop(url))


@pytest.mark.parametrize(
    ("url", "allow_http"),
    [
        ("https://pay.shop.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("http://onetill.localhost", False),
        ("http://[::1]:8000", False),
        ("http://onetill:8000", True),
    ],
)
def test_this_machine_and_a_network_that_was_named_so_may_have_it(url: str, allow_http: bool) -> None:
    client, sent = shop(url, allow_http=allow_http)
    client.get_payment("pay_1")
    assert [str(request.url) for request in sent] == [f"{url}/payments/pay_1"]


@pytest.mark.parametrize(
    "id_", ["", ".", "..", "../refunds", "pay_1/events", "pay_1?x=1", "pay_1#", "%2e%2e", "pay_1\n", "결제"]
)
def test_no_id_makes_another_call_of_it(id_: str) -> None:
    client, sent = shop()
    calls: list[Callable[[], object]] = [
        lambda: client.get_payment(id_),
        lambda: client.cancel_payment(id_),
        lambda: client.create_refund(id_, idempotency_key="k1", reason="Broken"),
        lambda: client.get_refund(id_),
        lambda: client.delete_notification_endpoint(id_),
    ]
    for call in calls:
        assert repr(id_) in refused(call)
    assert sent == []


@pytest.mark.parametrize("key", ["", "주문-1", "café", "order 1", "order-1\n", "order\r\nX-Other: 1", "order-1\x7f"])
def test_a_key_that_no_header_carries_is_called_so(key: str) -> None:
    client, sent = shop()
    for call in (
        lambda: client.create_payment(idempotency_key=key, **ORDER),  # type: ignore[arg-type]  # one order's members
        lambda: client.create_refund("pay_1", idempotency_key=key, reason="Broken"),
    ):
        assert "idempotency_key" in refused(call)
    assert sent == []
