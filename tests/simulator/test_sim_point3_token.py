import base64
from typing import Any
from urllib.parse import quote

import pytest

from .driver import Driver, order


async def test_a_right_order_gets_the_vendors_envelope_with_a_token(sim: Driver) -> None:
    answer = await sim.http.post("/purchase/token", json=order())
    assert answer.status_code == 200
    body = answer.json()
    assert (body["statusCode"], body["message"]) == (200, "success")
    assert list(body["result"]) == ["token"]


async def test_tokens_hold_every_character_that_breaks_a_client_which_does_not_encode(sim: Driver) -> None:
    token = await sim.token()
    assert {"+", "/", "="} <= set(token)
    assert token != await sim.token()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clientGeneratedUserId", ""),
        ("clientGeneratedUserId", 7),
        ("orderIdFromClient", None),
        ("orderIdFromClient", "  "),
        ("clientNickname", ["x"]),
        ("purchasingProductName", {}),
        ("totalCharge", 0),
        ("totalCharge", "12000"),
        ("totalCharge", 12000.0),
        ("vat", 0),
        ("vat", -1),
        ("vat", True),
        ("taxFreeAmount", 0),
        ("taxFreeAmount", 12_000),
        ("cultureExpenseType", "ab"),
        ("cultureExpenseType", "z"),
        ("cultureExpenseType", ["a"]),
        ("cashReceiptType", "A"),
        ("cashReceiptType", ""),
        ("clientBusinessNum", "123-45-6789"),
        ("clientBusinessNum", "123456789"),
        ("clientBusinessNum", "１２３４５６７８９０"),
        ("clientBusinessNum", 1234567890),
    ],
)
async def test_each_wrong_field_is_400_and_named_and_nothing_is_stored(sim: Driver, field: str, value: Any) -> None:
    answer = await sim.http.post("/purchase/token", json=order(**{field: value}))
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert field in answer.json()["message"]
    assert await sim.journal() == []


async def test_true_is_not_one_won(sim: Driver) -> None:
    answer = await sim.http.post("/purchase/token", json=order(total=12_000, vat=True, taxFreeAmount=11_999))
    assert answer.status_code == 400
    assert answer.json()["message"] == "vat must be an integer greater than 0"


@pytest.mark.parametrize("field", list(order()))
async def test_each_missing_field_is_400_and_named(sim: Driver, field: str) -> None:
    fields = order()
    del fields[field]
    answer = await sim.http.post("/purchase/token", json=fields)
    assert answer.status_code == 400
    assert field in answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"a": 1,}'])
async def test_a_body_that_is_no_object_is_400(sim: Driver, body: bytes) -> None:
    answer = await sim.http.post("/purchase/token", content=body)
    assert answer.status_code == 400
    assert "JSON object" in answer.json()["message"]


async def test_json_is_read_under_any_content_type(sim: Driver) -> None:
    answer = await sim.http.post(
        "/purchase/token", content=b'{"clientNickname": 1}', headers={"Content-Type": "text/plain"}
    )
    assert "clientGeneratedUserId" in answer.json()["message"]


async def test_an_order_id_may_be_used_twice_because_point3_does_not_mind(sim: Driver) -> None:
    await sim.token("again")
    await sim.token("again")
    assert len(await sim.by_order("again")) == 2


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic wrong", "Bearer {secret}", "{secret}", "Basic {base64}", "basic {secret}"]
)
async def test_only_basic_and_the_secret_as_issued_is_let_in(sim: Driver, header: str) -> None:
    secret = sim.simulator.gateways["point3"]["secret"]
    encoded = base64.b64encode(f"{secret}:".encode()).decode()
    headers = {"Authorization": header.format(secret=secret, base64=encoded)}
    paths = ["/api/settlement", "/api/payments/x", "/api/payments/orderid/x", "/api/payments/userId/x"]
    answers = [await sim.http.get(path, headers=headers) for path in [*paths, "/api/payments/date"]]
    posts = ["/purchase/token", "/purchase/confirm", "/api/token/refresh", "/api/payments/x/cancel"]
    answers += [await sim.http.post(path, json=order(), headers=headers) for path in posts]
    assert [(answer.status_code, answer.json()["statusCode"]) for answer in answers] == [(401, 401)] * 9
    assert await sim.journal() == []
    assert sim.simulator.gateways["point3"]["secret"] == secret


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/purchase/token", 405),
        ("GET", "/api/payments/orderId/order1", 404),
        ("GET", "/api/payments/userid/user1", 404),
        ("GET", "/api/settlement/", 404),
        ("POST", "/v1/purchase/token", 404),
    ],
)
async def test_paths_are_exactly_those_of_the_contract(sim: Driver, method: str, path: str, status: int) -> None:
    answer = await sim.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status


async def test_the_secret_is_not_in_the_list_of_calls(sim: Driver) -> None:
    token = await sim.token()
    signature = (await sim.pay())["signature"]
    await sim.look(signature)
    seen = (await sim.admin.get("/_sim/calls")).text
    assert "/api/payments/{signature}" in seen
    for secret in (token, signature, quote(signature, safe=""), sim.simulator.gateways["point3"]["secret"]):
        assert secret not in seen
