"""The parts of an amount for the tax office, and how a refund takes its share of each: exactly, and never below nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaxBreakdown:
    """What an amount is made of, in minor units; together they are the amount.

    `vat` None: the shop left it to the gateway's usual share, so the VAT is within `taxed` and nobody splits it off.
    """

    taxed: int
    tax_free: int = 0
    vat: int | None = None

    def __post_init__(self) -> None:
        if min(self.taxed, self.tax_free, self.vat or 0) < 0:
            raise ValueError(f"a part of an amount is below 0: {self}")

    @classmethod
    def of(cls, amount: int, *, tax_free: int = 0, vat: int | None = None) -> "TaxBreakdown":
        """The parts of an amount, of which the shop named some. Raises ValueError when they exceed it."""
        return cls(amount - tax_free - (vat or 0), tax_free, vat)

    @property
    def amount(self) -> int:
        """All parts together."""
        return self.taxed + self.tax_free + (self.vat or 0)

    def __sub__(self, other: "TaxBreakdown") -> "TaxBreakdown":
        """What is left of these parts without those. Raises ValueError when a part has not so much."""
        vat = None if self.vat is None else self.vat - (other.vat or 0)
        taxed = self.taxed - other.taxed - ((other.vat or 0) if self.vat is None else 0)
        return TaxBreakdown(taxed, self.tax_free - other.tax_free, vat)

    def covers(self, other: "TaxBreakdown") -> bool:
        """Whether there is enough of each part for those."""
        try:
            self - other
        except ValueError:
            return False
        return True

    def less(self, other: "TaxBreakdown") -> "TaxBreakdown":
        """What is left without those, also where a part has not so much: the others make up for it.

        Needed where a refund that had failed turns out to be done, and its parts went to another one meanwhile.
        """
        taxed, vat = (other.taxed, other.vat or 0) if self.vat is not None else (other.taxed + (other.vat or 0), 0)
        left = [self.taxed - taxed, self.tax_free - other.tax_free, (self.vat or 0) - vat]
        short = -sum(min(0, part) for part in left)
        left = [max(0, part) for part in left]
        for at in sorted(range(len(left)), key=lambda at: -left[at]):
            taken = min(short, left[at])
            left[at] -= taken
            short -= taken
        return TaxBreakdown(left[0], left[1], None if self.vat is None else left[2])

    def share(self, amount: int) -> "TaxBreakdown":
        """`amount` of it, each part in proportion, so that no part gets more than there is.

        The parts of all refunds together are the parts of the whole, to the unit. Raises ValueError for more than there is.
        """
        if not 0 <= amount <= self.amount:
            raise ValueError(f"{amount} is not between 0 and the {self.amount} that there are")
        return self.scaled(amount)

    def scaled(self, amount: int) -> "TaxBreakdown":
        """`amount`, less or more than this one, made up in the same proportions; the odd units go to the largest remainders."""
        whole = self.amount
        parts = [self.taxed, self.tax_free, self.vat or 0]
        shares = [divmod(part * amount, whole) if whole else (0, 0) for part in parts]
        given = [floor for floor, _ in shares]
        by_remainder = sorted(range(len(parts)), key=lambda at: -shares[at][1])
        for at in by_remainder[: amount - sum(given)]:
            given[at] += 1
        taxed, tax_free, vat = given
        return TaxBreakdown(taxed, tax_free, None if self.vat is None else vat)
