"""A person's word is as wide as what the look-up shows: whose money, how much, at which store and in which mode."""

from typing import Any

import pytest

from app.domain.attention import Attention
from app.domain.errors import ResolutionRefused
from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import GatewayStatus
from app.ledger.model import BY_MISMATCH
from app.resolution.decisions import Action, Shown, Word, accepted, check_can_close, is_money_to_give_back
from tests.unit.factories import AMOUNT, NOW, attempt, held, payment, refund

WORD = Word(Action.ACCEPT, "seen in the console", NOW, 1.0)
IN_DOUBT = attempt(AttemptStatus.UNKNOWN, gateway_ref="tx-1", unknown_since=NOW)
WHOLE: dict[str, Any] = {"is_own_store": True, "is_live": False, "gateway_ref": "tx-1"}


def shown(**changes: Any) -> Shown:
    return Shown(IN_DOUBT, None, held(GatewayStatus.CAPTURED, **WHOLE | changes))


@pytest.mark.parametrize("untold", [{}, {"is_own_store": None}, {"is_live": None}], ids=str)
def test_the_whole_amount_is_accepted_and_what_is_not_told_the_person_vouches_for(untold: dict[str, Any]) -> None:
    made, _ = accepted(payment(IN_DOUBT, status=PaymentStatus.REVIEW), [shown(**untold)], WORD)
    assert made.after.status is PaymentStatus.PAID


@pytest.mark.parametrize(
    "wrong",
    [
        {"is_own_store": False},
        {"is_live": True},
        {"reference": "another"},
        {"reference": None},
        {"amount": Money(AMOUNT.minor - 1, "KRW")},
        {"amount": Money(AMOUNT.minor, "USD")},
        {"amount": None},
        {"refunded": Money(1, "KRW")},
        {"doubt": "contradicts itself"},
        {"sum_doubt": "more was ordered"},
    ],
    ids=str,
)
def test_what_is_told_to_be_another_is_not(wrong: dict[str, Any]) -> None:
    with pytest.raises(ResolutionRefused):
        accepted(payment(IN_DOUBT, status=PaymentStatus.REVIEW), [shown(**wrong)], WORD)


@pytest.mark.parametrize("status", [AttemptStatus.CAPTURED, AttemptStatus.REJECTED, AttemptStatus.CANCELED])
def test_what_is_kept_sent_back_or_closed_is_not_accepted(status: AttemptStatus) -> None:
    each = attempt(status, gateway_ref="tx-1")
    stored = payment(each, status=PaymentStatus.REVIEW)
    with pytest.raises(ResolutionRefused):
        accepted(stored, [Shown(each, None, held(GatewayStatus.CAPTURED, **WHOLE))], WORD)


@pytest.mark.parametrize("status", AttemptStatus)
def test_only_money_that_nobody_keeps_or_sends_back_goes_back(status: AttemptStatus) -> None:
    each = Shown(attempt(status, gateway_ref="tx-1"), None, held(GatewayStatus.CAPTURED, **WHOLE))
    assert is_money_to_give_back(each) is (status not in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED})


@pytest.mark.parametrize("attention", Attention)
def test_nobody_closes_a_payment_while_its_own_money_is_shown(attention: Attention) -> None:
    stored = payment(IN_DOUBT, status=PaymentStatus.REVIEW, attention=attention)
    with pytest.raises(ResolutionRefused, match="money"):
        check_can_close(stored, [shown()])
    check_can_close(stored, [shown(reference="another")])


@pytest.mark.parametrize(
    "unclear",
    [
        {"doubt": "contradicts itself"},
        {"sum_doubt": "more was ordered"},
        {"amount": None},
        {"reference": None},
        {"doubt": "contradicts itself", "refunded": AMOUNT},
        {"reference": None, "amount": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [AttemptStatus.UNKNOWN, AttemptStatus.EXPIRED, AttemptStatus.REJECTED])
def test_nor_while_money_is_said_to_be_taken_however_unclearly(unclear: dict[str, Any], status: AttemptStatus) -> None:
    one = attempt(status, gateway_ref="tx-1")
    back = refund(RefundStatus.UNKNOWN, initiator=BY_MISMATCH)
    stored = payment(one, status=PaymentStatus.REVIEW, refunds=(back,) if status is AttemptStatus.REJECTED else ())
    gateway = PortOneV2.__new__(PortOneV2)  # one that gives back; nothing of it is called
    with pytest.raises(ResolutionRefused, match="money"):
        check_can_close(stored, [Shown(one, gateway, held(GatewayStatus.CAPTURED, **WHOLE | unclear))])
    for said in set(GatewayStatus) - {GatewayStatus.CAPTURED}:
        check_can_close(stored, [Shown(one, gateway, held(said, **WHOLE | unclear))])


def test_what_went_back_whole_is_closed() -> None:
    check_can_close(payment(IN_DOUBT, status=PaymentStatus.REVIEW), [shown(refunded=AMOUNT)])
