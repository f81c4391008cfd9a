"""PortOne V1's shapes, as far as we read them.

Amounts are JSON numbers in major units; they are read from their text, so no float is ever near them. Times are UNIX
seconds, and 0 means "never" (docs/gateways/portone-v1.md §1, §12 trap 11).
"""

import re
from decimal import Decimal

import msgspec

from app.domain.money import Money
from app.gateways.facts import NULL, NUMBER, Told

IMP_UID = re.compile(r"imp[0-9A-Za-z_\-]{1,60}")


def imp_uid_of(named: str | None) -> str | None:
    """V1's own name of a payment, whoever names it: only this may become part of a path (docs/gateways/portone-v1.md)."""
    return named if named is not None and IMP_UID.fullmatch(named) else None


LONGEST_NUMBER = 60
LARGEST_POWER = 30
"""Numbers beyond these are no amounts; the bounds keep `1e999999` from being written out."""


class Entry(Told, frozen=True):
    """One entry of a payment's `cancel_history`."""

    amount: NUMBER = NULL
    cancelled_at: int | None = None
    cancellation_id: str | None = None
    pg_tid: str | None = None
    reason: str | None = None


class Payment(Told, frozen=True):
    """What we read of a payment; every field may be missing (`sparse` answers) or null."""

    imp_uid: str | None = None
    merchant_uid: str | None = None
    status: str | None = None
    amount: NUMBER = NULL
    cancel_amount: NUMBER = NULL
    currency: str | None = None
    sandbox: bool | None = None
    """Whether it came through a test channel."""
    paid_at: int | None = None
    failed_at: int | None = None
    cancelled_at: int | None = None
    fail_reason: str | None = None
    vbank_name: str | None = None
    vbank_num: str | None = None
    vbank_holder: str | None = None
    vbank_date: int | None = None
    pay_method: str | None = None
    pg_provider: str | None = None
    pg_tid: str | None = None
    cancel_history: list[Entry] | None = None


class Page(Told, frozen=True):
    """One page of payments."""

    payments: list[Payment] | None = msgspec.field(default=None, name="list")


class Prepared(Told, frozen=True):
    """An amount that was registered before the window opens."""

    merchant_uid: str | None = None
    amount: NUMBER = NULL
    currency: str | None = None

    def allows(self, amount: Money) -> bool:
        """Whether the window takes this amount. A currency that is not told is the one that we registered."""
        return money_of(self.amount, self.currency or amount.currency) == amount


def money_of(number: msgspec.Raw, currency: str | None) -> Money | None:
    """A JSON number of major units, exactly.

    None when it is not told, when its currency is not, or when the currency has no such amount.
    """
    text = bytes(number).decode()
    if currency is None or len(text) > LONGEST_NUMBER:
        return None
    try:
        value = Decimal(text)
        return Money.from_major(f"{value:f}", currency) if abs(value.adjusted()) <= LARGEST_POWER else None
    except (ArithmeticError, ValueError):  # `null`; finer than the minor unit; no currency
        return None


def major(amount: Money) -> Decimal:
    """An amount as PortOne V1 wants it: a JSON number of major units."""
    return Decimal(amount.to_major())


def digits_of(number: msgspec.Raw) -> str | None:
    """An amount as it stood on the wire; None when it is not told."""
    text = bytes(number).decode()
    return None if text == "null" else text[:LONGEST_NUMBER]
