"""The parts of the order that have no column of their own: kept as JSON text in `payments.details`, for gateways."""

from dataclasses import dataclass

import msgspec

from app.domain.order import Customer, Item, Tax
from app.domain.tax import TaxBreakdown
from app.ledger.model import Payment


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """Buyer, lines, tax parts and each gateway's own options, as the shop sent them."""

    customer: Customer
    tax: Tax
    gateway_options: dict[str, dict[str, object]]
    items: tuple[Item, ...] = ()
    save_billing_key: bool = False
    buyer_chooses: bool = False
    """Whether the checkout page asks how to pay before the first window opens."""


def details_of(payment: Payment) -> OrderDetails:
    """Read them back."""
    return msgspec.json.decode(payment.details, type=OrderDetails)


def tax_of(payment: Payment) -> Tax:
    """The tax parts that the shop named."""
    return details_of(payment).tax


def parts_of(payment: Payment) -> TaxBreakdown:
    """How the payment's amount is made up for the tax office."""
    tax = tax_of(payment)
    return TaxBreakdown.of(payment.amount.minor, tax_free=tax.tax_free, vat=tax.vat)
