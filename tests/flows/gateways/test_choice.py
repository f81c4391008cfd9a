"""Who takes a payment that names no gateway: the rules, what a gateway takes, and whether it answers."""

from typing import Any

import pytest

from app.settings import Settings
from tests.flows.gateways.orders import BUYER
from tests.support import Shop, key, order


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With the routing rules that the test is given, and little patience."""
    rules = getattr(request, "param", "")
    return Settings.model_validate({**settings.model_dump(exclude={"routing"}), "routing": rules})


RULES = "unifi_pay:currency=USD;country=TH|VN,portone_v1:currency=USD,point3:currency=KRW;amount<=50000,portone_v2"


@pytest.mark.parametrize("settings", [RULES], indirect=True)
@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({}, "point3"),
        ({"amount": 50_001}, "portone_v2"),
        ({"currency": "USD", "amount": 1750}, "portone_v1"),
        ({"currency": "USD", "amount": 1750, "customer": BUYER | {"country": "TH"}}, "unifi_pay"),
        ({"currency": "USD", "amount": 1750, "customer": {}}, "portone_v2"),
        ({"currency": "EUR", "amount": 1750}, "portone_v2"),
    ],
)
async def test_the_first_rule_that_matches_and_can_take_it_wins(
    shop: Shop, changes: dict[str, Any], chosen: str
) -> None:
    payment = await shop.create(**{"customer": BUYER} | changes)
    assert payment["gateway"] == chosen


async def test_without_rules_the_first_that_can_take_it(shop: Shop) -> None:
    assert (await shop.create())["gateway"] == "point3"
    assert (await shop.create(currency="USD", amount=1750))["gateway"] == "portone_v2"
    assert (await shop.create(currency="USD", amount=1750, customer=BUYER))["gateway"] == "portone_v1"


@pytest.mark.parametrize("settings", ["point3:currency=KRW,unifi_pay:currency=USD;amount<=100"], indirect=True)
async def test_when_nobody_takes_it_the_problem_says_why(shop: Shop) -> None:
    for changes, field in (
        ({"currency": "EUR"}, "gateway"),
        ({"currency": "USD", "amount": 50, "items": [{"name": "Mug", "quantity": 1, "unit_amount": 40}]}, "items"),
    ):
        answer = await shop.client.post("/payments", json=order(**changes), headers=key())
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_gateway_that_does_not_answer_is_passed_over(shop: Shop) -> None:
    await shop.scenario("error_500", call="token", times=-1)
    gateways = []
    for _ in range(12):
        answer = await shop.client.post("/payments", json=order(), headers=key())
        gateways.append(answer.json()["gateway"] if answer.status_code == 201 else answer.json()["code"])
    assert gateways[0] == "gateway_unavailable"
    assert gateways[-1] == "portone_v2"
    assert (await shop.client.post("/payments", json=order(gateway="point3"), headers=key())).status_code == 503


@pytest.mark.parametrize("settings", ["point3,portone_v2"], indirect=True)
async def test_a_browser_may_change_to_gateways_that_the_rules_allow_and_to_no_other(shop: Shop) -> None:
    payment = await shop.create(customer=BUYER)
    token = {"Authorization": f"Bearer {payment['client_token']}"}
    path = f"/payments/{payment['id']}/attempts"
    refused = await shop.client.post(path, json={"gateway": "portone_v1"}, headers=token)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "gateway"
    opened = await shop.client.post(path, json={"gateway": "portone_v2"}, headers=token)
    assert opened.status_code == 201
    assert opened.json()["gateway"] == "portone_v2"
