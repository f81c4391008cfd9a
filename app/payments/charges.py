"""The order as gateways are asked to charge it, made out of what is stored of it."""

from dataclasses import dataclass

import msgspec

from app.domain.tax import Parts
from app.gateways.port import ChargeRequest, Customer, Item, Sale, Tax
from app.payments.records import Attempt, Payment
from app.payments.schemas import CreatePayment

encode_action = msgspec.json.Encoder(decimal_format="number").encode
"""Some gateways take amounts in major units as JSON numbers; they come as Decimals and go out digit by digit."""


@dataclass(frozen=True, slots=True)
class Details:
    """The parts of the order that only gateways need, as stored in `payments.details`."""

    customer: Customer
    tax: Tax
    gateway_options: dict[str, dict[str, object]]
    items: tuple[Item, ...] = ()
    save_billing_key: bool = False


def details_of(request: CreatePayment) -> str:
    """Everything of the request that has no column of its own, as JSON text."""
    kept = {
        "customer": request.customer,
        "tax": request.tax,
        "items": request.items,
        "gateway_options": request.gateway_options,
        "save_billing_key": request.save_billing_key,
    }
    return msgspec.json.encode(kept).decode()


def charge(payment: Payment, attempt_reference: str, gateway: str, public_url: str) -> ChargeRequest:
    """What the gateway needs to know of this attempt."""
    details = msgspec.json.decode(payment.details, type=Details)
    slug = gateway.replace("_", "-")
    return ChargeRequest(
        reference=attempt_reference,
        amount=payment.amount,
        order_name=payment.order_name,
        expires_at=payment.expires_at,
        return_url=f"{public_url}/checkout/return/{slug}",
        webhook_url=f"{public_url}/webhooks/{slug}",
        is_live=payment.mode == "live",
        customer=details.customer,
        tax=details.tax,
        items=details.items,
        method=payment.method,
        options=details.gateway_options.get(gateway, {}),
    )


def tax_of(payment: Payment) -> Tax:
    """The tax parts that the shop named."""
    return msgspec.json.decode(payment.details, type=Details).tax


def parts_of(payment: Payment) -> Parts:
    """What the payment's amount is made of."""
    tax = tax_of(payment)
    return Parts.of(payment.amount.minor, tax_free=tax.tax_free, vat=tax.vat)


def sale_of(payment: Payment, attempt: Attempt) -> Sale:
    """A captured attempt, as far as giving its money back depends on it."""
    details = msgspec.json.decode(payment.details, type=Details)
    return Sale(
        amount=payment.amount,
        captured_at=payment.paid_at or attempt.created_at,
        is_deposit=attempt.is_deposit,
        is_first_of_saved_card=details.save_billing_key,
    )
