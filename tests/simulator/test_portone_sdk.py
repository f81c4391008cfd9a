"""The unmodified `portone-server-sdk` drives the twin: what a merchant's Python would do at PortOne itself.

It raises ValueError for every required field that a payment object lacks, so each look-up here is a check of its shape.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import portone_server_sdk as portone
import pytest
from portone_server_sdk import common, errors
from portone_server_sdk import payment as sdk
from portone_server_sdk.webhook import WebhookTransactionPaid, WebhookVerificationError, verify

from simulator.server import Simulator

from .driver import Driver
from .portone_v2_driver import Heard, Shop, V2Driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture(scope="module")
async def client(running: Simulator) -> AsyncIterator[portone.PaymentClient]:
    """Made once: it reads the machine's certificates for each of its parts, half a second in all."""
    account = running.gateways["portone_v2"]
    client = portone.PaymentClient(
        secret=account["api_secret"], base_url=account["base_url"], store_id=account["store_id"]
    )
    yield client
    await client._async_client.aclose()  # the SDK has no close of its own


@pytest.fixture
def payments(v2: V2Driver, client: portone.PaymentClient) -> portone.PaymentClient:
    """The shop's client, at a twin that has forgotten everything."""
    return client


Payments = portone.PaymentClient


async def registered(payments: Payments, reference: str = "order1") -> None:
    await payments.pre_register_payment_async(
        payment_id=reference, total_amount=12_000, tax_free_amount=2_000, currency="KRW"
    )


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        ("abandoned", sdk.ReadyPayment),
        ("manual_approval", sdk.ReadyPayment),
        ("pay_pending", sdk.PayPendingPayment),
        ("virtual_account", sdk.VirtualAccountIssuedPayment),
        ("paid", sdk.PaidPayment),
        ("discount", sdk.PaidPayment),
        ("declined", sdk.FailedPayment),
        ("sparse", sdk.PaidPayment),
    ],
)
async def test_it_reads_what_the_buyer_did(v2: V2Driver, payments: Payments, scenario: str, kind: type) -> None:
    await registered(payments)
    done = await v2.pay(scenario=scenario)
    payment = await payments.get_payment_async(payment_id="order1")
    assert type(payment) is kind
    assert not isinstance(payment, dict)
    assert (payment.id, payment.transaction_id) == ("order1", done["txId"])
    assert (payment.amount.total, payment.amount.tax_free, payment.currency) == (12_000, 2_000, "KRW")
    (listed,) = (await payments.get_payments_async()).items
    assert type(listed) is kind


async def test_it_reads_partial_and_whole_cancels(v2: V2Driver, payments: Payments) -> None:
    await registered(payments)
    await v2.pay()
    part = await payments.cancel_payment_async(
        payment_id="order1", reason="test", amount=5_000, current_cancellable_amount=12_000, requester="CUSTOMER"
    )
    assert isinstance(part.cancellation, sdk.SucceededPaymentCancellation)
    shown = await payments.get_payment_async(payment_id="order1")
    assert isinstance(shown, sdk.PartialCancelledPayment)
    assert shown.amount.cancelled == 5_000
    await payments.cancel_payment_async(payment_id="order1", reason="test")
    shown = await payments.get_payment_async(payment_id="order1")
    assert isinstance(shown, sdk.CancelledPayment)
    assert [type(each) for each in shown.cancellations] == [sdk.SucceededPaymentCancellation] * 2


async def test_it_reads_a_cancel_that_is_on_its_way_and_one_that_failed(v2: V2Driver, payments: Payments) -> None:
    await registered(payments)
    await v2.pay(scenario="async_cancel")
    await v2.plan("cancel_failed")
    kinds = []
    for _ in range(2):
        answer = await payments.cancel_payment_async(payment_id="order1", reason="test", amount=1_000)
        kinds.append(type(answer.cancellation))
    assert set(kinds) == {sdk.RequestedPaymentCancellation, sdk.FailedPaymentCancellation}
    shown = await payments.get_payment_async(payment_id="order1")
    assert isinstance(shown, sdk.PaidPayment)


async def test_it_confirms_and_closes_and_resends(v2: V2Driver, payments: Payments) -> None:
    async with Shop() as shop:
        await v2.send_webhooks_to(shop.url)
        await registered(payments)
        token = (await v2.pay(scenario="manual_approval"))["paymentToken"]
        done = await payments.confirm_payment_async(
            payment_id="order1", payment_token=token, currency="KRW", total_amount=12_000, is_test=True
        )
        assert done.pg_tx_id
        await shop.first(2)
        resent = await payments.resend_webhook_async(payment_id="order1")
        assert resent.webhook.id == shop.heard[1].headers["webhook-id"]
        await shop.first(3)
    await registered(payments, "order2")
    await v2.pay("order2", "virtual_account")
    assert (await payments.close_virtual_account_async(payment_id="order2")).closed_at
    assert isinstance(await payments.get_payment_async(payment_id="order2"), sdk.CancelledPayment)


async def test_it_pages_and_filters(v2: V2Driver, payments: Payments) -> None:
    for number in range(3):
        await v2.paid(f"order{number}")
    answer = await payments.get_payments_async(
        page=common.PageInput(number=1, size=2),
        filter=sdk.PaymentFilterInput(status=["PAID"], store_id=v2.account["store_id"]),
    )
    assert [item.id for item in answer.items if not isinstance(item, dict)] == ["order0"]
    assert (answer.page.number, answer.page.size, answer.page.total_count) == (1, 2, 3)


async def test_an_unknown_status_is_what_it_cannot_read(v2: V2Driver, payments: Payments) -> None:
    await registered(payments)
    await v2.pay(scenario="unknown_status")
    with pytest.raises(ValueError, match="is not Payment"):
        await payments.get_payment_async(payment_id="order1")


Refused = Callable[[Payments], Any]
REFUSALS: list[tuple[type[Exception], Refused]] = [
    (errors.PaymentNotFoundError, lambda sdk: sdk.get_payment_async(payment_id="nobody's")),
    (errors.AlreadyPaidError, lambda sdk: sdk.pre_register_payment_async(payment_id="order1", total_amount=1)),
    (
        errors.CancellableAmountConsistencyBrokenError,
        lambda sdk: sdk.cancel_payment_async(payment_id="order1", reason="x", current_cancellable_amount=1),
    ),
    (
        errors.CancelAmountExceedsCancellableAmountError,
        lambda sdk: sdk.cancel_payment_async(payment_id="order1", reason="x", amount=12_001),
    ),
    (errors.InvalidRequestError, lambda sdk: sdk.cancel_payment_async(payment_id="order1", reason="x", amount=0)),
    (errors.AlreadyPaidError, lambda sdk: sdk.confirm_payment_async(payment_id="order1", payment_token="x")),
    (errors.PaymentNotWaitingForDepositError, lambda sdk: sdk.close_virtual_account_async(payment_id="order1")),
    (errors.WebhookNotFoundError, lambda sdk: sdk.resend_webhook_async(payment_id="order1")),
]


@pytest.mark.parametrize(("error", "call"), REFUSALS)
async def test_it_knows_every_refusal(v2: V2Driver, payments: Payments, error: type[Exception], call: Refused) -> None:
    await v2.paid()
    with pytest.raises(error):
        await call(payments)


async def test_it_knows_an_error_of_the_payment_company(v2: V2Driver, payments: Payments) -> None:
    await v2.paid()
    await v2.plan("partial_cancel_refused")
    with pytest.raises(errors.PgProviderError):
        await payments.cancel_payment_async(payment_id="order1", reason="x", amount=1)


async def test_a_wrong_secret_is_unauthorized(v2: V2Driver) -> None:
    client = portone.PaymentClient(secret="wrong", base_url=v2.account["base_url"])
    with pytest.raises(errors.UnauthorizedError):
        await client.get_payment_async(payment_id="order1")
    await client._async_client.aclose()


async def test_it_logs_in_and_refreshes(v2: V2Driver) -> None:
    client = portone.AuthClient(secret="unused", base_url=v2.account["base_url"])
    first = await client.login_via_api_secret_async(api_secret=v2.account["api_secret"])
    second = await client.refresh_token_async(refresh_token=first.refresh_token)
    assert second.access_token != first.access_token
    with pytest.raises(errors.UnauthorizedError):
        await client.refresh_token_async(refresh_token=first.refresh_token)
    await client._async_client.aclose()


def is_verified(secret: str, heard: Heard) -> bool:
    try:
        verify(secret, heard.text, heard.headers)
    except WebhookVerificationError as error:
        return error.reason != "NO_MATCHING_SIGNATURE"
    return True


async def test_it_verifies_our_webhooks_and_refuses_forged_ones(v2: V2Driver) -> None:
    async with Shop() as shop:
        await v2.send_webhooks_to(shop.url)
        paid = await v2.paid(scenario="forged_webhook")
        heard = await shop.first(3)
    secret = v2.account["webhook_secret"]
    forged = [each for each in heard if not is_verified(secret, each)]
    assert [each.type for each in forged] == ["Paid"]
    read = [verify(secret, each.text, each.headers) for each in heard if each not in forged]
    (told,) = [webhook for webhook in read if isinstance(webhook, WebhookTransactionPaid)]
    assert (told.data.payment_id, told.data.transaction_id) == ("order1", paid["txId"])


async def test_it_reads_every_type_of_our_webhooks(v2: V2Driver) -> None:
    async with Shop() as shop:
        await v2.send_webhooks_to(shop.url)
        for scenario in ("declined", "virtual_account", "pay_pending", "async_cancel"):
            await v2.paid(scenario, scenario)
        await v2.paid("partly")
        await v2.cancel("partly", amount=1)
        await v2.cancel("partly")
        await v2.cancel("async_cancel")
        heard = await shop.first(13)
    webhooks = [verify(v2.account["webhook_secret"], each.text, each.headers) for each in heard]
    assert not any(isinstance(webhook, dict) for webhook in webhooks)
    assert {each.type for each in heard} == {
        "Ready",
        "Paid",
        "Failed",
        "VirtualAccountIssued",
        "PayPending",
        "CancelPending",
        "PartialCancelled",
        "Cancelled",
    }
