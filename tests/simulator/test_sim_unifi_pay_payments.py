"""Creating and looking up at the imitated Unifi Pay: fields, exact money, and what does not exist."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from .driver import Driver
from .unifi_pay_driver import PATH, UnifiDriver, order

NO_TEXT: list[object] = [None, "", "  ", 1, ["x"]]
NO_ADDRESS: list[object] = [
    None, "", "/return", "javascript:alert(1)", "ftp://a.example", "https://", 1, "http://[x", "https://a.example/\nb",
    "https://a.example:99999/", "http:///nowhere",
]  # fmt: skip
WRONG: dict[str, list[object]] = {
    "orderId": NO_TEXT,
    "storeId": NO_TEXT,
    "requestId": NO_TEXT,
    "returnUrl": NO_ADDRESS,
    "callbackUrl": NO_ADDRESS,
    "countryCode": [None, "KR", "kor", "KORE", "K0R", 410, "ＫＯＲ"],
    "orderCurrencyCode": [None, "KRW", "usd", "", 840],
    "items": [
        None, [], {}, "x", [1], [{}], [{"name": "x"}], [{"price": 1}], [{"name": None, "price": 1}],
        [{"name": " ", "price": 1}], [{"name": 1, "price": 1}],
        [{"name": "good", "price": 1}, {"name": "bad", "price": None}],
    ],
}  # fmt: skip
"""Values that each field must not have; None takes the field away."""


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


def body_with_prices(*prices: str) -> bytes:
    """An order whose prices are written into the JSON text as they are."""
    items = ",".join(f'{{"name":"Jelly","price":{price}}}' for price in prices)
    return json.dumps(order(items=["here"])).replace('["here"]', f"[{items}]").encode()


async def test_create_answers_a_start_page_and_a_uuid_without_envelope(unifi: UnifiDriver) -> None:
    created = await unifi.create()
    assert created.keys() == {"startPageUrl", "transactionId"}
    assert str(UUID(created["transactionId"])) == created["transactionId"]
    url = urlsplit(created["startPageUrl"])
    assert f"{url.scheme}://{url.netloc}" == unifi.account["base_url"]
    assert url.path == "/start"
    query = parse_qs(url.query, strict_parsing=True)
    assert query["transactionId"] == [created["transactionId"]]
    assert len(query["token"][0]) > 20
    assert "+" in query["token"][0]


async def test_a_new_payment_is_in_the_journal_from_the_first_moment(unifi: UnifiDriver) -> None:
    created = await unifi.create("order7")
    assert await unifi.truth("order7") == {
        "gateway": "unifi_pay",
        "reference": "order7",
        "gateway_ref": created["transactionId"],
        "amount": 1234,
        "currency": "USD",
        "status": "CREATED",
        "refunded": 0,
        "captures": 0,
        "cancels": 0,
        "confirms": 0,
    }


async def test_the_look_up_of_a_new_payment(unifi: UnifiDriver) -> None:
    created = await unifi.create(storeId="store_9")
    assert await unifi.shown(created["transactionId"]) == {
        "status": "CREATED",
        "orderId": "order1",
        "storeId": "store_9",
        "transactionId": created["transactionId"],
        "orderAmount": "12.34",
        "payAmount": 0,
        "discountAmount": 0,
        "payCurrencyCode": "USD",
        "orderCurrencyCode": "USD",
        "items": [{"name": "Violet Jelly", "price": 12.34}],
    }


async def test_the_look_up_of_a_paid_payment(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid()
    shown = await unifi.shown(transaction_id)
    assert (shown["status"], shown["orderAmount"]) == ("CONFIRMED", "12.34")
    assert (shown["payAmount"], shown["discountAmount"]) == (12.34, 0)
    truth = await unifi.truth()
    assert (truth["status"], truth["captures"], truth["amount"]) == ("CONFIRMED", 1, 1234)


@pytest.mark.parametrize(
    ("prices", "total"),
    [
        (("12.34",), "12.34"),
        (("0.1", "0.2"), "0.30"),
        (("0.01",), "0.01"),
        (("999999",), "999999.00"),
        (("999998.99", "1.01"), "1000000.00"),
        (("4.35", "0", "1.10"), "5.45"),
        (("1e2",), "100.00"),
        (("12.340000",), "12.34"),
        (("1.005e1",), "10.05"),
    ],
)
async def test_amounts_are_exact(unifi: UnifiDriver, prices: tuple[str, ...], total: str) -> None:
    answer = await unifi.post(body_with_prices(*prices))
    if Decimal(total) > 999_999:
        assert answer.status_code == 400
        return
    await unifi.pay()
    text = (await unifi.look(answer.json()["transactionId"])).text
    shown: dict[str, Any] = json.loads(text, parse_float=Decimal)
    assert shown["orderAmount"] == total
    assert str(shown["payAmount"]) == total
    assert [str(item["price"]) for item in shown["items"]] == [str(Decimal(price)) for price in prices]
    assert (await unifi.truth())["amount"] == int(Decimal(total) * 100)


@pytest.mark.parametrize(
    "price",
    [
        "12.345", "0.001", "-1", "-0.01", "true", "null", '"12.34"', "[1]", "1000000", "1e400", "1e99999999999999999999",
        "1e-7", "99999999999999999999999999999", "0.0100000000000000000000000000000000000000000001", "NaN", "0", "0.00",
    ],
)  # fmt: skip
async def test_a_price_that_is_no_money_is_refused(unifi: UnifiDriver, price: str) -> None:
    answer = await unifi.post(body_with_prices(price))
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "BAD_REQUEST"
    assert await unifi.rows("journal") == []


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
async def test_a_wrong_field_is_400_and_named(unifi: UnifiDriver, field: str, value: Any) -> None:
    answer = await unifi.post(order(**{field: value}))
    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message"}
    assert answer.json()["message"].startswith(field)
    assert await unifi.rows("journal") == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"orderId": "\\ud800"}', b"[" * 100_000])
async def test_a_body_that_is_no_object_is_400(unifi: UnifiDriver, body: bytes) -> None:
    assert (await unifi.post(body)).status_code == 400


async def test_any_content_type_will_do(unifi: UnifiDriver) -> None:
    body = json.dumps(order()).encode()
    headers = unifi.signed("POST", PATH, body) | {"Content-Type": "text/plain"}
    assert (await unifi.http.post(PATH, content=body, headers=headers)).status_code == 200


async def test_a_request_id_serves_once_and_is_not_replayed(unifi: UnifiDriver) -> None:
    first = order()
    assert (await unifi.post(first)).status_code == 200
    for again in (first, order(requestId=first["requestId"])):
        answer = await unifi.post(again)
        assert (answer.status_code, answer.json()["code"]) == (409, "DUPLICATE_REQUEST")
        assert "transactionId" not in answer.text
    assert len(await unifi.rows("journal")) == 1


async def test_a_refused_request_does_not_use_up_its_id(unifi: UnifiDriver) -> None:
    assert (await unifi.post(order(requestId="r", items=[]))).status_code == 400
    assert (await unifi.post(order(requestId="r"))).status_code == 200


async def test_an_order_may_have_several_payments_and_the_buyer_pays_the_newest(unifi: UnifiDriver) -> None:
    first, second = await unifi.create(), await unifi.create()
    assert await unifi.pay() == second["transactionId"]
    states = {row["gateway_ref"]: row["status"] for row in await unifi.rows("journal")}
    assert states == {first["transactionId"]: "CREATED", second["transactionId"]: "CONFIRMED"}
    assert await unifi.pay() == first["transactionId"]  # it is still open: nothing here stops a second payment


@pytest.mark.parametrize("transaction_id", ["6f1c1d1e-0000-4000-8000-000000000001", "x", "order1", "never%2Fheard"])
async def test_an_unknown_transaction_is_404(unifi: UnifiDriver, transaction_id: str) -> None:
    await unifi.create()
    answer = await unifi.look(transaction_id)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{PATH}/x/cancel", 404),
        ("POST", f"{PATH}/x/refund", 404),
        ("POST", "/api/v1/refund", 404),
        ("POST", "/api/seller/v1/payment/link", 404),
        ("GET", "/api/v1/payments", 404),
        ("GET", f"{PATH}/", 404),
        ("GET", "/", 404),
        ("GET", PATH, 405),
        ("POST", f"{PATH}/x", 405),
        ("DELETE", f"{PATH}/x", 405),
    ],
)
async def test_there_is_no_other_endpoint(unifi: UnifiDriver, method: str, path: str, status: int) -> None:
    answer = await unifi.http.request(method, path, headers=unifi.signed(method, path))
    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message"}


async def test_paying_again_takes_nothing_again(unifi: UnifiDriver) -> None:
    first = await unifi.paid()
    assert await unifi.pay() == first
    assert (await unifi.truth())["captures"] == 1


async def test_the_buyer_of_an_unknown_order_is_404(unifi: UnifiDriver) -> None:
    answer = await unifi.try_to_pay("nobody's")
    assert answer.status_code == 404
    assert "nobody's" in answer.json()["error"]


async def test_reset_forgets_payments_and_request_ids(unifi: UnifiDriver) -> None:
    created = await unifi.create(requestId="r")
    await unifi.admin.post("/_sim/reset")
    assert await unifi.rows("journal") == []
    assert (await unifi.look(created["transactionId"])).status_code == 404
    assert (await unifi.post(order(requestId="r"))).status_code == 200


async def test_calls_are_listed_by_pattern_without_ids_or_tokens(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid()
    await unifi.shown(transaction_id)
    rows = await unifi.rows("calls")
    assert [(row["method"], row["path"], row["call"], row["reference"], row["status"]) for row in rows] == [
        ("POST", PATH, "create", "order1", 200),
        ("GET", f"{PATH}/{{transactionId}}", "lookup", "order1", 200),
    ]
    assert transaction_id not in str(rows)


async def test_the_connection_is_what_a_merchant_needs(unifi: UnifiDriver) -> None:
    assert unifi.account.keys() == {"base_url", "app_id", "api_key", "app_secret", "store_id"}
