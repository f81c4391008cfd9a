"""The parts of an amount: a refund takes its share of each, and together the shares are the whole, to the unit."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.tax import TaxBreakdown
from tests.unit.properties import thorough

amounts = st.integers(0, 10**9)
some_parts = st.builds(TaxBreakdown, amounts, amounts, st.none() | amounts)


def each(parts: TaxBreakdown) -> tuple[int, int, int]:
    return parts.taxed, parts.tax_free, parts.vat or 0


class TestOf:
    def test_what_the_shop_does_not_name_is_taxed(self) -> None:
        assert TaxBreakdown.of(1000, tax_free=300, vat=70) == TaxBreakdown(630, 300, 70)
        assert TaxBreakdown.of(1000) == TaxBreakdown(1000, 0, None)
        assert TaxBreakdown.of(1000, vat=0) == TaxBreakdown(1000, 0, 0)

    @pytest.mark.parametrize("named", [{"tax_free": 1001}, {"vat": 1001}, {"tax_free": 501, "vat": 500}, {"vat": -1}])
    def test_parts_that_exceed_the_amount_or_are_below_0_are_none(self, named: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="below 0"):
            TaxBreakdown.of(1000, **named)

    @thorough
    @given(amounts, amounts, st.none() | amounts)
    def test_together_they_are_the_amount(self, amount: int, tax_free: int, vat: int | None) -> None:
        assume(tax_free + (vat or 0) <= amount)
        assert TaxBreakdown.of(amount, tax_free=tax_free, vat=vat).amount == amount


class TestMinus:
    def test_each_part_is_taken_from_its_own(self) -> None:
        assert TaxBreakdown(600, 300, 100) - TaxBreakdown(200, 300, 1) == TaxBreakdown(400, 0, 99)

    @pytest.mark.parametrize("taken", [TaxBreakdown(601, 0, 0), TaxBreakdown(0, 301, 0), TaxBreakdown(0, 0, 101)])
    def test_no_part_gives_more_than_it_has(self, taken: TaxBreakdown) -> None:
        with pytest.raises(ValueError, match="below 0"):
            TaxBreakdown(600, 300, 100) - taken

    def test_where_nobody_splits_the_vat_off_it_is_taken_from_what_is_taxed(self) -> None:
        assert TaxBreakdown(600, 300) - TaxBreakdown(100, 0, 10) == TaxBreakdown(490, 300)
        assert TaxBreakdown(600, 300, 100) - TaxBreakdown(100, 0) == TaxBreakdown(500, 300, 100)

    @thorough
    @given(some_parts, st.data())
    def test_what_was_taken_and_what_is_left_are_the_whole(self, whole: TaxBreakdown, data: st.DataObject) -> None:
        taken = whole.share(data.draw(st.integers(0, whole.amount)))
        left = whole - taken
        assert left.amount + taken.amount == whole.amount
        assert tuple(map(sum, zip(each(left), each(taken), strict=True))) == each(whole)


class TestShare:
    @pytest.mark.parametrize(
        ("whole", "amount", "share"),
        [
            (TaxBreakdown(600, 300, 100), 10, TaxBreakdown(6, 3, 1)),
            (TaxBreakdown(600, 300, 100), 1, TaxBreakdown(1, 0, 0)),
            (TaxBreakdown(1, 1, 1), 2, TaxBreakdown(1, 1, 0)),
            (TaxBreakdown(909, 0, 91), 500, TaxBreakdown(455, 0, 45)),
            (TaxBreakdown(0, 1000, 0), 333, TaxBreakdown(0, 333, 0)),
            (TaxBreakdown(1000), 333, TaxBreakdown(333)),
            (TaxBreakdown(600, 300), 3, TaxBreakdown(2, 1)),
            (TaxBreakdown(0, 0, 0), 0, TaxBreakdown(0, 0, 0)),
        ],
    )
    def test_by_proportion_and_the_odd_units_to_the_largest_remainders(
        self, whole: TaxBreakdown, amount: int, share: TaxBreakdown
    ) -> None:
        assert whole.share(amount) == share

    @pytest.mark.parametrize("amount", [-1, 1001])
    def test_of_more_than_there_is_there_is_none(self, amount: int) -> None:
        with pytest.raises(ValueError, match="not between 0 and the 1000"):
            TaxBreakdown(600, 300, 100).share(amount)

    @thorough
    @given(some_parts, st.data())
    def test_it_is_the_amount_and_no_part_of_it_exceeds_what_there_is(
        self, whole: TaxBreakdown, data: st.DataObject
    ) -> None:
        amount = data.draw(st.integers(0, whole.amount))
        share = whole.share(amount)
        assert share.amount == amount
        assert (share.vat is None) == (whole.vat is None)
        for part, there in zip(each(share), each(whole), strict=True):
            assert 0 <= part <= there
            assert abs(part * whole.amount - there * amount) < whole.amount or not amount, "less than a unit off"

    @thorough
    @given(some_parts, st.data())
    def test_the_shares_of_all_refunds_are_the_parts_of_the_payment(
        self, whole: TaxBreakdown, data: st.DataObject
    ) -> None:
        left, given_back = whole, [0, 0, 0]
        for _ in range(data.draw(st.integers(0, 8))):
            share = left.share(data.draw(st.integers(0, left.amount)))
            left = left - share
            given_back = [total + part for total, part in zip(given_back, each(share), strict=True)]
        rest = left.share(left.amount)
        assert rest == left
        assert tuple(total + part for total, part in zip(given_back, each(rest), strict=True)) == each(whole)
        assert each(left - rest) == (0, 0, 0)

    @thorough
    @given(some_parts, st.data())
    def test_a_refund_that_names_its_parts_leaves_the_others_exact(
        self, whole: TaxBreakdown, data: st.DataObject
    ) -> None:
        tax_free = data.draw(st.integers(0, whole.tax_free))
        vat = None if whole.vat is None else data.draw(st.integers(0, whole.vat))
        amount = tax_free + (vat or 0) + data.draw(st.integers(0, whole.taxed))
        named = TaxBreakdown.of(amount, tax_free=tax_free, vat=vat)
        left = whole - named
        assert left.share(left.amount) == left
        assert left.amount == whole.amount - amount


class TestScaled:
    @pytest.mark.parametrize(
        ("parts", "amount", "scaled"),
        [
            (TaxBreakdown(600, 300, 100), 1100, TaxBreakdown(660, 330, 110)),
            (TaxBreakdown(600, 300, 100), 1001, TaxBreakdown(601, 300, 100)),
            (TaxBreakdown(0, 300), 5000, TaxBreakdown(0, 5000)),
            (TaxBreakdown(600, 300, 100), 920, TaxBreakdown(552, 276, 92)),
        ],
    )
    def test_more_is_made_up_as_less_is(self, parts: TaxBreakdown, amount: int, scaled: TaxBreakdown) -> None:
        assert parts.scaled(amount) == scaled

    @thorough
    @given(some_parts, st.integers(0, 10**10))
    def test_it_is_the_amount_in_the_same_proportions(self, parts: TaxBreakdown, amount: int) -> None:
        assume(parts.amount)
        scaled = parts.scaled(amount)
        assert scaled.amount == amount
        for part, there in zip(each(scaled), each(parts), strict=True):
            assert abs(part * parts.amount - there * amount) < parts.amount, "less than a unit off"


class TestLess:
    """What is left, also where refunds have taken more of one part than there was."""

    @given(some_parts, st.data())
    def test_where_there_is_enough_it_is_the_difference(self, whole: TaxBreakdown, data: st.DataObject) -> None:
        taken = whole.share(data.draw(st.integers(0, whole.amount)))
        assert whole.less(taken) == whole - taken

    @given(some_parts, some_parts)
    def test_the_other_parts_make_up_for_one_that_is_short(self, whole: TaxBreakdown, taken: TaxBreakdown) -> None:
        assert whole.less(taken).amount == max(0, whole.amount - taken.amount)
