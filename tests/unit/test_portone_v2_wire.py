"""How PortOne V2's payments and answers are read, without a call."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, Refusal
from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.facts import read_told
from app.gateways.http import HttpAnswer
from app.gateways.portone_v2.codes import CANCEL_STATES, DECLINES, REFUSALS, STATUSES, refusal_of, status_of
from app.gateways.portone_v2.lookup import currency_of, gateway_payment_of
from app.gateways.portone_v2.response import ApiResponse, is_ill
from app.gateways.portone_v2.wire import Payment
from app.gateways.values import DepositAccount, Failure, GatewayPayment, GatewayRefund, GatewayStatus, RefundState
from tests.unit.properties import thorough

PAID: dict[str, Any] = {
    "status": "PAID",
    "id": "ref1a1",
    "transactionId": "tx-1",
    "storeId": "store-1",
    "channel": {"type": "LIVE", "pgProvider": "KCP"},
    "method": {"type": "PaymentMethodCard", "card": {"number": "1234-****"}},
    "amount": {"total": 24_000, "paid": 24_000, "discount": 0, "cancelled": 0, "vat": 2182},
    "currency": "KRW",
    "customer": {"name": "Minji Kimmingee", "email": "minji@mail.example"},
    "paidAt": "2026-11-21T08:30:00.123Z",
}


def read(**changes: Any) -> GatewayPayment:
    """PAID with these members changed; None leaves one out, and `amount` changes its parts."""
    told = PAID | changes
    if isinstance(changes.get("amount"), dict):
        told["amount"] = PAID["amount"] | changes["amount"]
    told = {name: value for name, value in told.items() if value is not None}
    return gateway_payment_of(read_told(json.dumps(told).encode(), Payment), "store-1")


def refunds(*rows: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"id": f"c-{n}", "status": status, "totalAmount": total} for n, (status, total) in enumerate(rows)]


class TestStatuses:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("READY", GatewayStatus.PENDING),
            ("PAY_PENDING", GatewayStatus.APPROVING),
            ("PENDING", GatewayStatus.APPROVING),
            ("VIRTUAL_ACCOUNT_ISSUED", GatewayStatus.AWAITING_DEPOSIT),
            ("PAID", GatewayStatus.CAPTURED),
            ("PARTIAL_CANCELLED", GatewayStatus.CAPTURED),
            ("CANCELLED", GatewayStatus.CANCELED),
            ("FAILED", GatewayStatus.FAILED),
            (None, GatewayStatus.STATUS_MISSING),
            ("", GatewayStatus.UNRECOGNIZED),
            ("paid", GatewayStatus.UNRECOGNIZED),
            ("PAID ", GatewayStatus.UNRECOGNIZED),
            ("CANCELED", GatewayStatus.UNRECOGNIZED),
            ("REFUNDED", GatewayStatus.UNRECOGNIZED),
        ],
    )
    def test_a_word_means_what_the_table_says_and_nothing_else_is_success(
        self, word: str | None, status: GatewayStatus
    ) -> None:
        assert status_of(word) is status

    def test_only_these_words_say_that_we_hold_money(self) -> None:
        captured = {word for word, status in STATUSES.items() if status is GatewayStatus.CAPTURED}
        assert captured == {"PAID", "PARTIAL_CANCELLED"}

    @pytest.mark.parametrize("word", ["KRW", "CURRENCY_KRW"])
    def test_a_currency_is_read_in_either_spelling(self, word: str) -> None:
        assert currency_of(word) == "KRW"
        assert read(currency=word).amount == Money(24_000, "KRW")


class TestPayments:
    def test_a_whole_payment_is_read(self) -> None:
        held = read()
        assert (held.status, held.reference, held.gateway_ref) == (GatewayStatus.CAPTURED, "ref1a1", "tx-1")
        assert (held.amount, held.refunded) == (Money(24_000, "KRW"), Money(0, "KRW"))
        assert (held.is_live, held.is_own_store, held.doubt) == (True, True, None)
        assert held.evidence == {
            "status": "PAID",
            "paymentId": "ref1a1",
            "transactionId": "tx-1",
            "storeId": "store-1",
            "total": 24_000,
            "paid": 24_000,
            "discount": 0,
            "cancelled": 0,
            "currency": "KRW",
            "channel": "LIVE",
            "pg_provider": "KCP",
            "method": "PaymentMethodCard",
            "paid_at": "2026-11-21T08:30:00.123Z",
        }

    def test_of_an_empty_object_nothing_is_known_and_nothing_assumed(self) -> None:
        held = gateway_payment_of(Payment(), "store-1")
        assert held == GatewayPayment(GatewayStatus.STATUS_MISSING)

    @pytest.mark.parametrize(("currency", "minor"), [("USD", 1234), ("JPY", 1234), ("KWD", 1234), ("KRW", 10**15)])
    def test_minor_units_are_taken_as_they_are(self, currency: str, minor: int) -> None:
        assert read(currency=currency, amount={"total": minor, "paid": minor}).amount == Money(minor, currency)

    def test_the_deposit_account_is_told_while_it_waits_and_never_as_evidence(self) -> None:
        method = {
            "type": "PaymentMethodVirtualAccount",
            "bank": "SHINHAN",
            "accountNumber": "56211234567890",
            "remitteeName": "온틸 상점",
            "expiredAt": "2026-11-24T00:00:00+09:00",
        }
        waiting = {"status": "VIRTUAL_ACCOUNT_ISSUED", "paidAt": None, "amount": {"paid": 0}}
        held = read(method=method, **waiting)
        until = datetime(2026, 11, 23, 15, tzinfo=UTC)
        assert held.deposit == DepositAccount("SHINHAN", "56211234567890", "온틸 상점", until)
        assert "5621" not in repr(held.evidence)
        assert read(method=method).deposit is None, "it is paid"
        for less in ({}, {"type": "PaymentMethodVirtualAccount"}, {"type": "PaymentMethodCard", "accountNumber": "1"}):
            assert read(method=less, **waiting).deposit is None

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-11-21T08:30:00Z", datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),
            ("2026-11-21T08:30:00.123456789Z", datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)),
            ("2026-11-21T17:30:00+09:00", datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),
            ("2026-11-21T08:30:00", None),
            ("2026-11-21", None),
            ("soon", None),
            ("", None),
        ],
    )
    def test_a_time_without_its_offset_is_no_time(self, text: str, moment: datetime | None) -> None:
        method = {"type": "PaymentMethodVirtualAccount", "accountNumber": "1", "expiredAt": text}
        held = read(status="VIRTUAL_ACCOUNT_ISSUED", paidAt=None, method=method, amount={"paid": 0})
        assert held.deposit is not None
        assert held.deposit.expires_at == moment

    @pytest.mark.parametrize(
        ("failure", "told"),
        [
            ({"reason": "거절", "pgCode": "X1", "pgMessage": "한도"}, Failure("declined", "X1", "거절")),
            ({"pgMessage": "한도"}, Failure("declined", None, "한도")),
            ({"reason": "x" * 500}, Failure("declined", None, "x" * 300)),
            ({"reason": {"ko": "거절"}, "pgCode": 51}, Failure("declined")),
            ({}, Failure("declined")),
            (None, Failure("declined")),
        ],
    )
    def test_a_failure_is_told_in_the_payment_companys_words(self, failure: Any, told: Failure) -> None:
        assert read(status="FAILED", paidAt=None, failure=failure, amount={"paid": 0}).failure == told


class TestCancels:
    @pytest.mark.parametrize(
        ("status", "rows", "expected"),
        [
            ("PAID", [("REQUESTED", 24_000)], GatewayStatus.REFUND_PENDING),
            ("PAID", [("REQUESTED", 6000)], GatewayStatus.CAPTURED),
            ("PAID", [("FAILED", 24_000)], GatewayStatus.CAPTURED),
            ("PAID", [("FAILED", 24_000), ("REQUESTED", 24_000)], GatewayStatus.REFUND_PENDING),
            ("PARTIAL_CANCELLED", [("SUCCEEDED", 6000)], GatewayStatus.CAPTURED),
            ("PARTIAL_CANCELLED", [("SUCCEEDED", 6000), ("REQUESTED", 6000)], GatewayStatus.CAPTURED),
            ("PARTIAL_CANCELLED", [("SUCCEEDED", 6000), ("REQUESTED", 18_000)], GatewayStatus.REFUND_PENDING),
            ("CANCELLED", [("SUCCEEDED", 24_000)], GatewayStatus.CANCELED),
            ("CANCELLED", [("REQUESTED", 24_000)], GatewayStatus.REFUND_PENDING),
            ("PAID", [("NEW_WORD", 24_000)], GatewayStatus.CAPTURED),
        ],
    )
    def test_a_cancel_of_everything_that_is_not_done_is_under_way(
        self, status: str, rows: list[tuple[str, int]], expected: GatewayStatus
    ) -> None:
        done = sum(total for word, total in rows if word == "SUCCEEDED")
        held = read(status=status, cancellations=refunds(*rows), amount={"cancelled": done})
        assert (held.status, held.doubt) == (expected, None)
        assert held.refunded == Money(done, "KRW")

    def test_evidence_lists_the_newest_of_many_cancels(self) -> None:
        rows = refunds(*[("SUCCEEDED", 1)] * 30)
        told = read(status="PARTIAL_CANCELLED", cancellations=rows, amount={"cancelled": 30}).evidence["cancellations"]
        assert isinstance(told, list)
        assert [each["id"] for each in told] == [f"c-{n}" for n in range(10, 30)]
        assert told[0] == {"id": "c-10", "status": "SUCCEEDED", "total": 1}

    def test_a_cancel_without_its_fields_breaks_nothing(self) -> None:
        held = read(cancellations=[{}])
        assert (held.status, held.refunds) == (GatewayStatus.CAPTURED, ())

    def test_a_whole_cancellation_is_told(self) -> None:
        told = {
            "status": "SUCCEEDED",
            "id": "c-1",
            "totalAmount": 6000,
            "taxFreeAmount": 2000,
            "vatAmount": 364,
            "reason": "sold out",
            "requestedAt": "2026-11-21T08:30:00Z",
            "trigger": "CONSOLE",
        }
        held = read(status="PARTIAL_CANCELLED", cancellations=[told], amount={"cancelled": 6000})
        done = GatewayRefund(
            Money(6000, "KRW"), RefundState.SUCCEEDED, ref="c-1", reason="sold out", tax=Tax(364, 2000)
        )
        assert held.refunds == (done,)

    def test_every_status_of_the_contract_has_its_meaning_and_a_new_one_is_under_way(self) -> None:
        words = ["SUCCEEDED", "REQUESTED", "FAILED", "STOPPED"]
        states = [each.state for each in read(cancellations=refunds(*[(word, 100) for word in words])).refunds]
        assert states == [RefundState.SUCCEEDED, RefundState.PENDING, RefundState.FAILED, RefundState.PENDING]
        assert set(CANCEL_STATES) == set(words[:3])

    @pytest.mark.parametrize(
        ("trigger", "is_chargeback"),
        [
            ("CHARGEBACK", True),
            ("CONSOLE", False),
            ("API", False),
            ("PORTONE_ADMIN", False),
            (None, False),
            ([], False),
        ],
    )
    def test_what_a_bank_forced_is_a_chargeback(self, trigger: object, is_chargeback: bool) -> None:
        (cancel,) = read(cancellations=[refunds(("SUCCEEDED", 100))[0] | {"trigger": trigger}]).refunds
        assert cancel.is_chargeback is is_chargeback

    def test_they_are_told_oldest_first_however_they_are_listed(self) -> None:
        times = ["2026-11-21T09:00:00Z", "2026-11-21T17:30:00+09:00", None, "2026-11-21T08:45:00.5Z", "soon", 7]
        rows = [row | {"requestedAt": at} for row, at in zip(refunds(*[("SUCCEEDED", 1)] * 6), times, strict=True)]
        told = [each.ref for each in read(cancellations=rows).refunds]
        assert told == ["c-1", "c-3", "c-0", "c-2", "c-4", "c-5"]

    @pytest.mark.parametrize("total", [None, 0, -1])
    def test_a_list_with_a_cancel_of_no_amount_is_left_out_whole(self, total: int | None) -> None:
        rows = [*refunds(("SUCCEEDED", 100)), {"id": "c-9", "status": "SUCCEEDED", "totalAmount": total}]
        assert read(cancellations=rows).refunds == ()
        assert read(cancellations=rows[:1], currency=None).refunds == ()

    @pytest.mark.parametrize(
        ("vat", "tax_free", "tax"),
        [
            (10, 0, Tax(10, 0)),
            (0, 100, Tax(0, 100)),
            (None, 0, None),
            (10, None, None),
            ("10", 0, None),
            (True, 0, None),
            (9.5, 0, None),
        ],
    )
    def test_taxes_are_told_by_both_numbers_or_not_at_all(self, vat: object, tax_free: object, tax: Tax | None) -> None:
        row = refunds(("SUCCEEDED", 100))[0] | {"vatAmount": vat, "taxFreeAmount": tax_free}
        assert read(cancellations=[row]).refunds[0].tax == tax

    def test_a_reason_is_cut_and_never_evidence(self) -> None:
        for reason, told in (("김민지 " * 500, ("김민지 " * 500)[:300]), (["김민지"], None), (None, None)):
            held = read(cancellations=[refunds(("SUCCEEDED", 100))[0] | {"reason": reason}])
            assert held.refunds[0].reason == told
            assert "김민지" not in repr(held.evidence)

    @pytest.mark.parametrize(
        ("changes", "is_deposit"),
        [
            ({"method": {"type": "PaymentMethodVirtualAccount"}}, True),
            ({"status": "VIRTUAL_ACCOUNT_ISSUED", "paidAt": None, "method": None, "amount": {"paid": 0}}, True),
            ({"method": {"type": "PaymentMethodTransfer"}}, False),
            ({"method": {}}, None),
            ({"method": None}, None),
        ],
    )
    def test_a_deposit_is_known_by_its_account(self, changes: dict[str, Any], is_deposit: bool | None) -> None:
        assert read(**changes).is_deposit is is_deposit


class TestRefusals:
    @pytest.mark.parametrize(
        ("reason", "means"),
        [
            ("INVALID_REQUEST", Refusal.INVALID),
            ("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", Refusal.INVALID),
            ("PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED", Refusal.INVALID),
            ("PAYMENT_NOT_FOUND", Refusal.UNKNOWN_PAYMENT),
            ("PAYMENT_NOT_PAID", Refusal.NOT_CAPTURED),
            ("PAYMENT_ALREADY_CANCELLED", Refusal.ALREADY_REFUNDED),
            ("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", Refusal.BALANCE_CHANGED),
            ("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", Refusal.EXCEEDS_BALANCE),
            ("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", Refusal.TAX_MISMATCH),
            ("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", Refusal.TAX_MISMATCH),
            ("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", Refusal.TAX_MISMATCH),
            ("PG_PROVIDER", Refusal.DECLINED),
        ],
    )
    def test_every_error_of_the_contracts_table_has_its_meaning(self, reason: str, means: Refusal) -> None:
        assert REFUSALS[reason] is means
        assert len(REFUSALS) == 12, "the table above is whole"

    @pytest.mark.parametrize("reason", ["SOMETHING_NEW", "invalid_request", "", None])
    def test_any_other_no_is_a_decline(self, reason: str | None) -> None:
        assert refusal_of(reason) is Refusal.DECLINED


class TestDoubts:
    @pytest.mark.parametrize(
        ("changes", "doubt"),
        [
            ({"amount": {"paid": 23_900, "discount": 100}}, None),
            ({"amount": {"paid": 0, "discount": 24_000}}, None),
            ({"amount": {"paid": None}}, "PAID, and not how much came"),
            ({"status": "PARTIAL_CANCELLED", "amount": {"cancelled": 500, "paid": None}}, "not how much came"),
            ({"status": "PARTIAL_CANCELLED", "amount": {"cancelled": 500, "paid": 1000}}, "that 1000 of 24000"),
            ({"status": "PARTIAL_CANCELLED", "amount": {"cancelled": None}}, "not in a form that says how much"),
            ({"status": "CANCELLED", "amount": {"cancelled": None}}, "not in a form that says how much"),
            ({"status": "CANCELLED"}, "less was given back than came"),
            ({"status": "CANCELLED", "amount": {"paid": None, "cancelled": 400}}, "less was given back than came"),
            ({"status": "CANCELLED", "amount": {"paid": 0, "cancelled": 400}}, "less was given back than came"),
            ({"status": "CANCELLED", "amount": {"paid": 0}, "paidAt": None}, None),
            ({"amount": {"paid": 0}}, "PAID, and that 0 of 24000"),
            ({"amount": {"paid": 24_000, "discount": 100}}, "PAID, and that 24100 of 24000"),
            ({"amount": {"total": -1}}, "below 0"),
            ({"amount": {"cancelled": -1}}, "below 0"),
            ({"status": "CANCELLED", "amount": {"cancelled": 24_001}}, "more was given back"),
            ({"status": "CANCELLED", "amount": {"cancelled": 24_000}}, None),
            ({"status": "CANCELLED", "amount": {"cancelled": 24_000, "paid": 0}}, None),
            ({"status": "CANCELLED", "amount": {"cancelled": 23_900, "paid": 23_900, "discount": 100}}, None),
            ({"status": "CANCELLED", "amount": {"cancelled": 6000}}, "less was given back than came"),
            ({"status": "PARTIAL_CANCELLED", "amount": {"cancelled": 6000, "paid": 18_000}}, None),
            ({"status": "FAILED"}, "FAILED and names a time"),
            ({"status": "READY"}, "READY and names a time"),
            ({"status": "VIRTUAL_ACCOUNT_ISSUED"}, "names a time"),
        ],
    )
    def test_what_cannot_be_true_together_is_told(self, changes: dict[str, Any], doubt: str | None) -> None:
        found = read(**changes).doubt
        assert found is None if doubt is None else doubt in str(found)
        assert read(**changes).sum_doubt is None

    def test_of_a_part_cancel_beside_less_than_was_ordered_nothing_says_how_much_came(self) -> None:
        assert read(status="PARTIAL_CANCELLED", amount={"paid": 500, "cancelled": 23_500}).amount is None

    @pytest.mark.parametrize("amount", [{"paid": 23_900}, {"paid": 23_800, "discount": 100}], ids=str)
    def test_a_deposit_that_is_too_small_is_told_with_what_came(self, amount: dict[str, Any]) -> None:
        found = read(amount=amount)
        assert (found.doubt, found.amount) == (None, Money(23_900, "KRW"))
        assert found.sum_doubt == "the look-up says PAID, and that 23900 of 24000 minor units came"


class TestAnswers:
    @thorough
    @given(
        status=st.sampled_from([200, 400, 404, 409, 500, 502]),
        body=st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "status", "amount"]), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
    def test_no_body_breaks_the_reading(self, status: int, body: bytes) -> None:
        answer = ApiResponse.of(HttpAnswer(status, body))
        try:
            gateway_payment_of(answer.accepted(Payment), "store-1")
        except (GatewayTimeout, GatewayUnavailable, GatewayRefused):
            return
        assert status == 200

    @pytest.mark.parametrize("body", [b'{"type": "X", "message": "\xff"}', b'{"type": 5}', b"[]", b"", b"{}"])
    def test_a_refusal_that_is_not_portones_names_no_reason(self, body: bytes) -> None:
        assert ApiResponse.of(HttpAnswer(400, body)).reason is None

    @pytest.mark.parametrize(
        ("status", "type_", "ill"),
        [
            (502, "PG_PROVIDER", False),
            (502, "UNKNOWN", True),
            (500, "PG_PROVIDER", True),
            (429, "PG_PROVIDER", True),
            (409, "ALREADY_PAID", False),
            (200, "x", False),
        ],
    )
    def test_a_payment_companys_no_is_no_illness(self, status: int, type_: str, ill: bool) -> None:
        assert is_ill(HttpAnswer(status, json.dumps({"type": type_}).encode())) is ill

    @pytest.mark.parametrize("word", ["ALREADY_PAID", "IDEMPOTENCY_OUTSTANDING_REQUEST", "PG_PROVIDER", ""])
    def test_a_conflict_that_may_mean_yes_is_no_decline(self, word: str) -> None:
        assert word not in DECLINES

    def test_a_long_type_is_cut(self) -> None:
        refused = ApiResponse.of(HttpAnswer(400, json.dumps({"type": "X" * 5000}).encode()))
        assert refused.failure() == Failure("declined", "X" * 100)
