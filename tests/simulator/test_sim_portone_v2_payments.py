"""Pre-registration, the attempts under one paymentId, the look-up, and the list."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from .driver import Driver
from .portone_v2_driver import V2Driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def test_a_payment_that_is_only_registered_is_not_found(v2: V2Driver) -> None:
    answer = await v2.register()
    assert (answer.status_code, answer.json()) == (200, {})
    answer = await v2.look()
    assert (answer.status_code, answer.json()["type"]) == (404, "PAYMENT_NOT_FOUND")


@pytest.mark.parametrize(
    "changes",
    [
        {"totalAmount": 0},
        {"totalAmount": -1},
        {"totalAmount": "12000"},
        {"totalAmount": 12000.0},
        {"totalAmount": True},
        {"totalAmount": 2**63},
        {"totalAmount": None},
        {"taxFreeAmount": -1},
        {"taxFreeAmount": 12_001},
        {"currency": "krw"},
        {"currency": "CURRENCY_KRW"},
        {"storeId": 1},
    ],
)
async def test_a_wrong_registration_is_refused(v2: V2Driver, changes: dict[str, Any]) -> None:
    answer = await v2.register(**changes)
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_REQUEST")


async def test_another_store_is_forbidden(v2: V2Driver) -> None:
    assert (await v2.register(storeId="store-other")).json()["type"] == "FORBIDDEN"
    await v2.paid()
    assert (await v2.look(storeId="store-other")).status_code == 403
    assert (await v2.look(storeId=v2.account["store_id"])).status_code == 200
    assert (await v2.cancel(storeId="store-other")).status_code == 403


async def test_a_registration_can_be_replaced_until_it_is_paid(v2: V2Driver) -> None:
    await v2.register(total=1_000)
    await v2.paid(total=2_000)
    assert (await v2.shown())["amount"]["total"] == 2_000
    answer = await v2.register(total=3_000)
    assert (answer.status_code, answer.json()["type"]) == (409, "ALREADY_PAID")


async def test_a_paid_payment_is_whole(v2: V2Driver) -> None:
    paid = await v2.paid(taxFreeAmount=1_000)
    shown = await v2.shown()
    assert (shown["status"], shown["id"], shown["transactionId"]) == ("PAID", "order1", paid["txId"])
    assert shown["amount"] == {
        "total": 12_000,
        "taxFree": 1_000,
        "vat": 1_000,
        "supply": 10_000,
        "discount": 0,
        "paid": 12_000,
        "cancelled": 0,
        "cancelledTaxFree": 0,
    }
    assert (shown["currency"], shown["storeId"], shown["version"]) == ("KRW", v2.account["store_id"], "V2")
    assert shown["channel"]["type"] == "TEST"
    assert shown["disputes"] == []
    assert shown["method"]["type"] == "PaymentMethodCard"
    assert datetime.fromisoformat(shown["paidAt"]).utcoffset() == timedelta(0)
    assert await v2.truth() == {
        "gateway": "portone_v2",
        "reference": "order1",
        "gateway_ref": paid["txId"],
        "amount": 12_000,
        "currency": "KRW",
        "status": "PAID",
        "refunded": 0,
        "captures": 1,
        "cancels": 0,
        "confirms": 0,
    }


async def test_a_payment_id_of_any_characters_is_found_when_it_is_encoded(v2: V2Driver) -> None:
    await v2.paid("a/b 주문?#%2F")
    assert (await v2.shown("a/b 주문?#%2F"))["status"] == "PAID"


async def test_what_was_never_seen_cannot_be_paid(v2: V2Driver) -> None:
    answer = await v2.try_to_pay("nobody's")
    assert answer.status_code == 404
    assert "nobody's" in answer.json()["error"]


async def test_a_registration_without_an_amount_cannot_be_paid_without_the_sdk(v2: V2Driver) -> None:
    assert (await v2.http.post(v2.path("order1", "pre-register"), json={})).status_code == 200
    assert (await v2.try_to_pay()).status_code == 409


async def test_a_payment_is_paid_once(v2: V2Driver) -> None:
    await v2.paid()
    answer = await v2.try_to_pay()
    assert answer.status_code == 409
    assert "PAID" in answer.json()["error"]
    await v2.cancel()
    assert (await v2.try_to_pay()).status_code == 409
    assert (await v2.truth())["captures"] == 1


async def test_a_refused_buyer_tries_again_with_another_transaction(v2: V2Driver) -> None:
    refused = await v2.paid(scenario="declined")
    assert refused["code"] == "FAILURE_TYPE_PG"
    assert refused["message"] == refused["pgMessage"]
    shown = await v2.shown()
    assert (shown["status"], shown["transactionId"]) == ("FAILED", refused["txId"])
    assert shown["failure"]["pgCode"] == refused["pgCode"]
    paid = await v2.pay()
    assert paid["txId"] != refused["txId"]
    shown = await v2.shown()
    assert (shown["status"], shown["transactionId"]) == ("PAID", paid["txId"])
    assert [row["status"] for row in await v2.journal()] == ["FAILED", "PAID"]


async def test_the_newest_attempt_is_shown_while_none_is_paid(v2: V2Driver) -> None:
    first, second = [(await v2.open()).json()["txId"] for _ in range(2)]
    assert (await v2.shown())["transactionId"] == second
    answer = await v2.http.post("/v2/window/pay", json={"txId": first})
    assert answer.json()["result"]["txId"] == first
    assert (await v2.shown())["transactionId"] == first
    late = await v2.http.post("/v2/window/pay", json={"txId": second})
    assert late.status_code == 409


async def test_a_window_that_is_open_is_ready_and_carries_the_order(v2: V2Driver) -> None:
    customer = {"customerId": "c1", "fullName": "김철수", "email": "a@b.example"}
    product = {"id": "p1", "name": "원두", "amount": 6_000, "quantity": 2}
    await v2.open(customer=customer, products=[product], customData={"a": 1}, currency="CURRENCY_KRW")
    shown = await v2.shown()
    assert shown["status"] == "READY"
    assert shown["orderName"] == "커피 원두"
    assert shown["customer"] == {"id": "c1", "name": "김철수", "email": "a@b.example"}
    assert shown["products"] == [product]
    assert (shown["customData"], shown["currency"]) == ('{"a":1}', "KRW")
    assert shown["amount"]["paid"] == 0
    assert shown["origin"]["url"] == "https://shop.example/cart"


async def test_the_list_pages_from_zero_newest_first(v2: V2Driver) -> None:
    for number in range(12):
        await v2.paid(f"order{number}")
    answer = await v2.http.get("/payments")
    assert [item["id"] for item in answer.json()["items"]] == [f"order{number}" for number in range(11, 1, -1)]
    assert answer.json()["page"] == {"number": 0, "size": 10, "totalCount": 12}
    second = (await v2.listed({"number": 1, "size": 5})).json()
    assert [item["id"] for item in second["items"]] == ["order6", "order5", "order4", "order3", "order2"]
    assert (await v2.listed({"number": 3, "size": 5})).json()["items"] == []


async def test_the_list_takes_its_question_from_the_query_or_the_body(v2: V2Driver) -> None:
    await v2.paid()
    answer = await v2.http.request("GET", "/payments", json={"filter": {"status": ["FAILED"]}})
    assert answer.json()["items"] == []
    assert len((await v2.listed(status=["PAID"])).json()["items"]) == 1


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["won", "dollar", "waiting", "refused"]),
        ({"status": ["PAID", "FAILED"]}, ["won", "dollar", "refused"]),
        ({"status": ["PENDING"]}, ["waiting"]),
        ({"currency": "USD"}, ["dollar"]),
        ({"isTest": False}, ["won"]),
        ({"isTest": True}, ["dollar", "waiting", "refused"]),
        ({"methods": ["CARD"], "status": ["PAID"]}, ["won", "dollar"]),
        ({"methods": ["EASY_PAY"]}, []),
        ({"version": "V1"}, []),
        ({"isScheduled": True}, []),
        ({"sortOrder": "ASC", "sortBy": "STATUS_CHANGED_AT"}, ["refused", "waiting", "dollar", "won"]),
    ],
)
async def test_the_list_filters(v2: V2Driver, filters: dict[str, Any], found: list[str]) -> None:
    await v2.paid("refused", "declined")
    await v2.paid("waiting", "pay_pending")
    await v2.paid("dollar", currency="USD")
    await v2.paid("won", "live_channel")
    assert [item["id"] for item in (await v2.listed(**filters)).json()["items"]] == found


async def test_the_list_goes_back_ninety_days_unless_it_is_asked_for_more(v2: V2Driver) -> None:
    await v2.paid()
    began = datetime.fromisoformat((await v2.shown())["requestedAt"])
    await v2.advance(91 * 24 * 3600)
    assert (await v2.listed()).json()["items"] == []
    assert len((await v2.listed(**{"from": (began - timedelta(1)).isoformat()})).json()["items"]) == 1
    assert len((await v2.listed(until=(began + timedelta(1)).isoformat())).json()["items"]) == 1
    assert (await v2.listed(until=(began - timedelta(1)).isoformat())).json()["items"] == []


async def test_the_list_can_go_by_the_time_of_the_last_change(v2: V2Driver) -> None:
    await v2.paid()
    began = (await v2.shown())["requestedAt"]
    await v2.advance(3600)
    await v2.cancel()
    later = (datetime.fromisoformat(began) + timedelta(minutes=30)).isoformat()
    assert (await v2.listed(**{"from": later})).json()["items"] == []
    assert len((await v2.listed(**{"from": later, "timestampType": "STATUS_CHANGED_AT"})).json()["items"]) == 1


@pytest.mark.parametrize(
    ("page", "filters", "status"),
    [
        ({"number": -1}, {}, 400),
        ({"size": 0}, {}, 400),
        ({"size": "10"}, {}, 400),
        ({}, {"status": ["PAY_PENDING"]}, 400),
        ({}, {"status": "PAID"}, 400),
        ({}, {"from": "2026-11-21"}, 400),
        ({}, {"from": "2026-13-21T00:00:00Z"}, 400),
        ({}, {"currency": "WON"}, 400),
        ({}, {"textSearch": []}, 400),
        ({}, {"storeId": "store-other"}, 403),
        ({}, {"merchantId": "merchant-other"}, 403),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(
    v2: V2Driver, page: dict[str, Any], filters: dict[str, Any], status: int
) -> None:
    assert (await v2.listed(page, **filters)).status_code == status


async def test_a_question_that_is_no_json_is_refused(v2: V2Driver) -> None:
    assert (await v2.http.get("/payments", params={"requestBody": "{"})).status_code == 400
