"""The tax parts of a payment's refunds are together exactly those of the payment, here and at the gateway."""

from typing import Any

import httpx
import pytest

from app.gateways.portone_v2.manifest import PortOneV2Settings
from tests.api.checks import problem, wrong_fields
from tests.flows.refunds.till import V1, V2, Json, Till

ODD: dict[str, Any] = {"amount": 10_007, "tax": {"vat": 607, "tax_free": 3331}}


async def shown(till: Till, payment: Json) -> Json:
    """The payment as PortOne V2 shows it."""
    account = till.shop.settings.account(PortOneV2Settings)
    assert account is not None
    headers = {"Authorization": f"PortOne {account.api_secret.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=account.base_url, headers=headers) as portone:
        return dict((await portone.get(f"/payments/{payment['attempts'][-1]['reference']}")).json())


async def test_many_parts_add_up_to_the_payments_own(till: Till) -> None:
    payment = await till.sold(V2, **ODD)
    for amount in (1, 3333, 7, 5000, 999, 1, None):
        await till.gave(payment, amount)
    refunds, there = await till.refunds(payment), await shown(till, payment)
    assert sum(each["amount"] for each in refunds) == 10_007
    assert sum(each["tax"]["vat"] for each in refunds) == 607
    assert sum(each["tax"]["tax_free"] for each in refunds) == 3331
    for refund, cancellation in zip(refunds, there["cancellations"], strict=True):
        told = (cancellation["totalAmount"], cancellation["vatAmount"], cancellation["taxFreeAmount"])
        assert told == (refund["amount"], refund["tax"]["vat"], refund["tax"]["tax_free"])
    await till.has_given(payment, 10_007, cancels=7)


async def test_a_refund_that_failed_takes_no_parts(till: Till) -> None:
    payment = await till.sold(V2, **ODD)
    await till.shop.scenario("cancel_failed", "portone_v2")
    problem(await till.refund(payment, 5000), "refund_declined")
    whole = await till.gave(payment)
    assert (whole["amount"], whole["tax"]) == (10_007, {"vat": 607, "tax_free": 3331})


async def test_the_gateways_usual_share_is_left_to_the_gateway(till: Till) -> None:
    for kind in (V1, V2):
        payment = await till.sold(kind, tax={"tax_free": 400})
        first, rest = await till.gave(payment, 501), await till.gave(payment)
        assert (first["tax"]["vat"], rest["tax"]["vat"]) == (None, None)
        assert first["tax"]["tax_free"] + rest["tax"]["tax_free"] == 400
        await till.has_given(payment, payment["amount"], cancels=2)


async def test_the_shop_may_name_the_parts(till: Till) -> None:
    payment = await till.sold(V2, **ODD)
    free = await till.gave(payment, 3331, tax={"vat": 0, "tax_free": 3331})
    assert free["tax"] == {"vat": 0, "tax_free": 3331}
    taxed = await till.gave(payment, 667, tax={"vat": 607, "tax_free": 0})
    assert taxed["tax"] == {"vat": 607, "tax_free": 0}
    rest = await till.gave(payment)
    assert rest["tax"] == {"vat": 0, "tax_free": 0}
    await till.has_given(payment, 10_007, cancels=3)


@pytest.mark.parametrize(
    ("amount", "tax", "field"),
    [
        (5000, {"vat": 608, "tax_free": 0}, "tax"),
        (5000, {"vat": 0, "tax_free": 3332}, "tax"),
        (6070, {"vat": 0, "tax_free": 0}, "tax"),
        (100, {"vat": 50, "tax_free": 51}, "tax"),
        (100, {"tax_free": 50}, "tax.vat"),
        (None, {"vat": 606, "tax_free": 3331}, "tax"),
    ],
)
async def test_parts_that_do_not_fit_are_refused_by_name(
    till: Till, amount: int | None, tax: dict[str, Any], field: str
) -> None:
    payment = await till.sold(V2, **ODD)
    assert wrong_fields(await till.refund(payment, amount, tax=tax)) == [field]
    assert (await till.refunds(payment), await till.asked(payment)) == ([], 0)


async def test_where_the_payment_named_no_vat_the_refund_names_none(till: Till) -> None:
    payment = await till.sold(V2)
    assert wrong_fields(await till.refund(payment, 1000, tax={"vat": 90, "tax_free": 0})) == ["tax.vat"]
    await till.gave(payment, 1000, tax={"tax_free": 0})


async def test_what_the_console_gave_back_has_the_parts_that_the_gateway_tells(till: Till) -> None:
    payment = await till.sold(V2, **ODD)
    await till.past_us(payment, 7000)
    await till.shop.sync(payment)
    rest = await till.gave(payment)
    (console, _), there = await till.refunds(payment), await shown(till, payment)
    cancellation = there["cancellations"][0]
    assert console["tax"] == {"vat": cancellation["vatAmount"], "tax_free": cancellation["taxFreeAmount"]}
    assert console["tax"]["vat"] + rest["tax"]["vat"] == 607
    assert console["tax"]["tax_free"] + rest["tax"]["tax_free"] == 3331
    await till.has_given(payment, 10_007, cancels=2)
