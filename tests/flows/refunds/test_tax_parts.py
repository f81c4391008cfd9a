"""The tax parts of a payment's refunds are together exactly those of the payment, here and at the gateway."""

from typing import Any

import httpx
import pytest

from app.domain.money import Money
from app.domain.order import Tax
from app.domain.tax import TaxBreakdown
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.values import GatewayPayment, GatewayRefund, GatewayStatus, RefundState
from app.refunds.requests import parts_to_ask
from simulator.portone_v2 import cancels
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


def parts_of(refunds: list[Json]) -> tuple[int, int, int]:
    """What refunds, as the API shows them, come to: together, their VAT, and what is exempt."""
    taxes = [each["tax"] for each in refunds]
    return (
        sum(each["amount"] for each in refunds),
        sum(each["vat"] for each in taxes),
        sum(each["tax_free"] for each in taxes),
    )


async def adjusted(till: Till, monkeypatch: pytest.MonkeyPatch, payment: Json, percent: int, **wanted: Any) -> Json:
    """A part of which the gateway keeps so many percent, or gives more where they are below 0."""
    with monkeypatch.context() as patched:
        patched.setattr(cancels, "ADJUSTED_PERCENT", percent)
        await till.shop.scenario("adjusted_cancel", "portone_v2", call="cancel")
        return await till.gave(payment, **wanted)


@pytest.mark.parametrize("percent", [8, -10])
@pytest.mark.parametrize("amount", [777, 3333, 5000])
async def test_the_rest_goes_back_after_the_gateway_adjusted_a_part(
    till: Till, monkeypatch: pytest.MonkeyPatch, amount: int, percent: int
) -> None:
    """The parts of the adjusted one are the gateway's to say, and by a unit others than ours."""
    payment = await till.sold(V2, **ODD)
    first = await adjusted(till, monkeypatch, payment, percent, amount=amount)
    await till.gave(payment)
    there = (await shown(till, payment))["cancellations"]
    assert sum(each["vatAmount"] for each in there) == 607
    assert sum(each["taxFreeAmount"] for each in there) == 3331
    assert abs(first["tax"]["vat"] - there[0]["vatAmount"]) <= 1
    assert abs(first["tax"]["tax_free"] - there[0]["taxFreeAmount"]) <= 1
    assert parts_of(await till.refunds(payment)) == (10_007, 607, 3331)
    await till.has_given(payment, 10_007, cancels=2)


@pytest.mark.parametrize("tax", [{"vat": 0, "tax_free": 3331}, {"vat": 607, "tax_free": 0}])
async def test_what_is_more_than_was_asked_takes_no_part_that_is_not_there(
    till: Till, monkeypatch: pytest.MonkeyPatch, tax: dict[str, int]
) -> None:
    payment = await till.sold(V2, **ODD)
    before = await till.gave(payment, 100, tax={"vat": 0, "tax_free": 0})
    more = await adjusted(till, monkeypatch, payment, -50, amount=sum(tax.values()), tax=tax)
    assert more["amount"] > more["requested_amount"]
    assert parts_of([before, more])[1:] == (tax["vat"], tax["tax_free"])
    assert before["tax"] == {"vat": 0, "tax_free": 0}


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ([Tax(61, 1)], TaxBreakdown(5669, 3330, 546)),
        ([Tax(61, 1), Tax(0, 0)], None),
        ([None], None),
        ([Tax(400, 63)], None),
        ([Tax(-1, 0)], None),
        ([Tax(0, -1)], None),
        ([], None),
    ],
)
async def test_all_that_is_left_is_asked_with_what_the_gateway_says_is_left(
    till: Till, told: list[Tax | None], asked: TaxBreakdown | None
) -> None:
    """As long as it says so for all that is back; else with our own."""
    payment = await till.sold(V2, **ODD)
    await till.gave(payment, 462)
    rest = await till.gave(payment)
    stored = await till.load(payment)
    listed = tuple(GatewayRefund(Money(462, "KRW"), RefundState.SUCCEEDED, tax=each) for each in told)
    fetched = GatewayPayment(GatewayStatus.CAPTURED, refunds=listed)
    ours = stored.refunds[1]
    assert (ours.parts.vat, ours.parts.tax_free) == (rest["tax"]["vat"], rest["tax"]["tax_free"])
    assert parts_to_ask(stored, ours, fetched, 9545) == (asked or ours.parts)
    assert parts_to_ask(stored, ours, fetched, 10_007) == ours.parts, "a part is asked for as it was reserved"
