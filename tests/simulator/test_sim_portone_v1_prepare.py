"""Pre-registered amounts, and what a window makes of them."""

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def registered(v1: V1Driver, reference: str = "order1") -> object:
    return await v1.result(v1.http.get(f"/payments/prepare/{reference}"))


async def test_an_amount_is_registered_and_read_back(v1: V1Driver) -> None:
    expected = {"merchant_uid": "order1", "amount": 12_000, "currency": "KRW"}
    assert await v1.result(v1.prepare()) == expected
    assert await registered(v1) == expected


async def test_a_form_does_it_too(v1: V1Driver) -> None:
    form = {"merchant_uid": "order1", "amount": "12.30", "currency": "USD"}
    assert await v1.result(v1.http.post("/payments/prepare", data=form)) == {**form, "amount": 12.3}


async def test_without_a_currency_none_is_checked(v1: V1Driver) -> None:
    body = {"merchant_uid": "order1", "amount": 12.5}
    assert await v1.result(v1.http.post("/payments/prepare", json=body)) == {**body, "currency": None}
    assert "imp_uid" in await v1.open(amount=12.5, currency="EUR")


@pytest.mark.parametrize(("amount", "currency"), [(12_000, "KRW"), (12.34, "USD"), (0.1, "USD"), (1.234, "KWD")])
async def test_amounts_keep_their_digits(v1: V1Driver, amount: float, currency: str) -> None:
    answer = await v1.prepare(amount=amount, currency=currency)
    assert f'"amount":{amount},' in answer.text


async def test_a_second_registration_is_refused_with_code_1(v1: V1Driver) -> None:
    await v1.prepare()
    assert await v1.refusal(v1.prepare(amount=5)) == (200, 1)
    assert await registered(v1) == {"merchant_uid": "order1", "amount": 12_000, "currency": "KRW"}


async def test_put_changes_it_and_is_404_where_there_is_none(v1: V1Driver) -> None:
    body = {"merchant_uid": "order1", "amount": 9_000, "currency": "KRW"}
    assert await v1.refusal(v1.http.put("/payments/prepare", json=body)) == (404, -1)
    await v1.prepare()
    assert await v1.result(v1.http.put("/payments/prepare", json=body)) == body
    assert await v1.result(v1.http.put("/payments/prepare", data={**body, "amount": "9500"})) == {
        **body,
        "amount": 9_500,
    }
    assert await registered(v1) == {**body, "amount": 9_500}


async def test_what_nobody_registered_is_404(v1: V1Driver) -> None:
    assert await v1.refusal(v1.http.get("/payments/prepare/order1")) == (404, -1)


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_uid": None},
        {"merchant_uid": ""},
        {"merchant_uid": 1},
        {"merchant_uid": "x" * 41},
        {"amount": None},
        {"amount": 0},
        {"amount": -1},
        {"amount": "12000"},
        {"amount": True},
        {"amount": 0.5},
        {"amount": 1e400},
        {"amount": {"total": 12_000}},
        {"currency": "ABC"},
        {"currency": 410},
    ],
)
async def test_wrong_fields_are_400(v1: V1Driver, changes: dict[str, object]) -> None:
    body = {"merchant_uid": "order1", "amount": 12_000, "currency": "KRW", **changes}
    content = str(body).replace("'", '"').replace("None", "null").replace("True", "true").replace("inf", "1e400")
    headers = {"Content-Type": "application/json"}
    assert await v1.refusal(v1.http.post("/payments/prepare", content=content, headers=headers)) == (400, -1)
    assert await v1.journal() == []


@pytest.mark.parametrize("amount", ["", "12,000", "abc", "1e3", "+5", "-5", "１２"])
async def test_wrong_numbers_of_a_form_are_400(v1: V1Driver, amount: str) -> None:
    form = {"merchant_uid": "order1", "amount": amount}
    assert await v1.refusal(v1.http.post("/payments/prepare", data=form)) == (400, -1)


@pytest.mark.parametrize("body", ["", "[]", "12", "not json", '{"merchant_uid":'])
async def test_a_body_that_is_no_object_is_400(v1: V1Driver, body: str) -> None:
    assert await v1.refusal(v1.http.post("/payments/prepare", content=body)) == (400, -1)


async def test_the_longest_merchant_uid_is_taken(v1: V1Driver) -> None:
    assert (await v1.prepare("x" * 40)).status_code == 200


async def test_the_journal_shows_an_amount_that_waits_for_its_window(v1: V1Driver) -> None:
    await v1.prepare("won")
    await v1.prepare("dollar", 12.34, currency="USD")
    await v1.prepare("unknown", 12.5, currency=None)
    nothing = {"gateway_ref": None, "status": "prepared", "refunded": 0, "captures": 0, "cancels": 0, "confirms": 0}
    assert await v1.journal() == [
        {"gateway": "portone_v1", "reference": "won", "amount": 12_000, "currency": "KRW", **nothing},
        {"gateway": "portone_v1", "reference": "dollar", "amount": 1_234, "currency": "USD", **nothing},
        {"gateway": "portone_v1", "reference": "unknown", "amount": 1_250, "currency": "USD", **nothing},
    ]


async def test_a_prepared_payment_can_be_paid_without_a_browser(v1: V1Driver) -> None:
    await v1.prepare(amount=12.34, currency="USD")
    paid = await v1.pay()
    assert set(paid) == {"imp_uid", "merchant_uid"}
    truth = await v1.truth()
    assert (truth["gateway_ref"], truth["amount"], truth["currency"]) == (paid["imp_uid"], 1_234, "USD")
    shown = await v1.shown(paid["imp_uid"])
    assert (shown["amount"], shown["currency"], shown["status"]) == (12.34, "USD", "paid")


async def test_a_paid_merchant_uid_takes_no_registration_any_more(v1: V1Driver) -> None:
    await v1.prepare()
    await v1.pay()
    body = {"merchant_uid": "order1", "amount": 1, "currency": "KRW"}
    assert await v1.refusal(v1.http.put("/payments/prepare", json=body)) == (200, 1)
    await v1.paid("order2")
    assert await v1.refusal(v1.prepare("order2")) == (200, 1)


async def test_an_encoded_slash_stays_inside_the_merchant_uid(v1: V1Driver) -> None:
    await v1.prepare("a/b")
    assert await registered(v1, "a%2Fb") == {"merchant_uid": "a/b", "amount": 12_000, "currency": "KRW"}
