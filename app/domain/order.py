"""The order as a shop describes it, beside its amount: buyer, lines and tax parts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address, as far as it is known."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """The buyer, as far as the shop told us. `country` is ISO 3166-1 alpha-2. Never logged."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    country: str | None = None
    address: Address | str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the order; `unit_amount` in minor units of the charge's currency."""

    name: str
    quantity: int
    unit_amount: int


@dataclass(frozen=True, slots=True)
class Tax:
    """Parts of the amount in minor units. `vat` None: the gateway's default share; `tax_free`: the exempt part."""

    vat: int | None = None
    tax_free: int = 0
