"""The order as gateways are asked to charge it, made out of what is stored of it."""

import msgspec

from app.domain import ids
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest
from app.ledger.model import Payment
from app.ledger.order_details import details_of
from app.payments.schemas import CreatePayment

encode_action = msgspec.json.Encoder(decimal_format="number").encode
"""Some gateways take amounts in major units as JSON numbers; they come as Decimals and go out digit by digit."""


def details_text(request: CreatePayment, *, buyer_chooses: bool = False) -> str:
    """Everything of the request that has no column of its own, as the JSON text of `OrderDetails`."""
    told = request.model_dump()
    kept = {name: told[name] for name in ("customer", "tax", "items", "gateway_options", "save_billing_key")}
    kept |= {"buyer_chooses": True} if buyer_chooses else {}
    return msgspec.json.encode(kept).decode()


def charge(payment: Payment, attempt_reference: str, gateway: str, public_url: str) -> ChargeRequest:
    """One attempt of this payment, as its gateway needs to know it."""
    details = details_of(payment)
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


def next_charge(payment: Payment, public_url: str, gateway: Gateway) -> ChargeRequest:
    """The payment's next attempt, as this gateway would be asked for it."""
    return charge(payment, ids.reference(payment.id, payment.next_number), gateway.name, public_url)
