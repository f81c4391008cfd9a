"""Sequences in which money would be kept, taken twice or forgotten, against Postgres and a gateway in memory.

The gateway shows what the simulated one never does: look-ups without a status or a signature, cancels that show late,
confirms that land late.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.db.database import Database
from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.gateways.values import (
    CaptureAnswer,
    Failure,
    GatewayPayment,
    GatewayStatus,
    RefundAnswer,
)
from app.ledger.repository import KeyState
from app.ledger.transitions import refund_step, step
from tests.flows.memory_gateway import DAY_S, WRONG, House, MemoryGateway, money_back
from tests.support import MovableClock

A, P, H, R = AttemptStatus, PaymentStatus, GatewayStatus, RefundStatus


@pytest.fixture
def before(database: Database, clock: MovableClock) -> House:
    """Look-ups answer before confirm."""
    return House(database, MemoryGateway(shows_unconfirmed=True), clock)


@pytest.fixture
def after(database: Database, clock: MovableClock) -> House:
    """Look-ups answer only after confirm."""
    return House(database, MemoryGateway(shows_unconfirmed=False), clock)


async def says_yes() -> CaptureAnswer:
    return CaptureAnswer(None, {})


async def is_lost() -> CaptureAnswer:
    raise GatewayTimeout(gateway="memory")


async def test_money_taken_by_an_explicit_yes_goes_back_though_no_look_up_states_it(after: House) -> None:
    await after.create(H.STATUS_MISSING, amount=WRONG)
    after.gateway.on_confirm = says_yes
    await after.complete()
    payment, attempt = await after.now()
    assert (attempt.status, money_back(payment)) == (A.REJECTED, R.PENDING)
    assert after.gateway.refunds == 1


async def test_a_lost_confirm_of_a_wrong_amount_is_not_forgotten_before_it_lands(after: House) -> None:
    await after.create(H.AUTHORIZED, amount=WRONG)
    after.gateway.on_confirm = is_lost
    await after.complete()
    await after.sweep(seconds=6)
    payment, attempt = await after.now()
    assert attempt.status is A.UNKNOWN
    assert payment.attention
    after.gateway.held = replace(after.gateway.held, status=H.CAPTURED)
    await after.sweep(days=1)
    assert money_back((await after.now())[0]) is R.PENDING


async def test_wrong_money_goes_back_by_the_signature_that_we_know(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG, gateway_ref=None)
    after.gateway.on_confirm = says_yes
    await after.complete()
    assert after.gateway.refunds == 1


async def test_money_that_must_go_back_and_is_not_shown_calls_a_person(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG)

    async def is_away() -> RefundAnswer:
        raise GatewayUnavailable(gateway="memory")

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, is_away
    await after.complete()
    after.gateway.on_refund = None
    after.gateway.held = replace(after.gateway.held, status=H.UNRECOGNIZED)
    await after.sweep(days=1)
    payment, _ = await after.now()
    assert (money_back(payment), after.gateway.refunds) == (R.CREATED, 1), "what does not show is not asked for"
    assert payment.attention


async def test_a_person_who_was_called_stays_called_until_the_money_is_back(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG)

    async def refuses() -> RefundAnswer:
        return RefundAnswer(is_done=False, failure=Failure("declined"), evidence={})

    async def is_away() -> GatewayPayment:
        raise GatewayUnavailable(gateway="memory")

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, refuses
    await after.complete()
    after.gateway.on_look = is_away
    await after.sweep(days=1)
    assert (await after.now())[0].attention
    after.gateway.on_look = None
    after.gateway.held = replace(after.gateway.held, status=H.CANCELED)
    await after.sweep(days=1)
    payment, _ = await after.now()
    assert (money_back(payment), payment.attention) == (R.SUCCEEDED, None)


async def test_asking_often_does_not_ask_for_the_refund_often(after: House) -> None:
    """Cancels run in batches: until then the look-up may still show the money as captured."""
    await after.create(H.CAPTURED, amount=WRONG)

    async def accepts() -> RefundAnswer:
        return RefundAnswer(is_done=False, failure=None, evidence={})

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, accepts
    for _ in range(5):
        await after.complete()
    assert after.gateway.refunds == 1


async def test_a_no_to_an_earlier_asking_decides_nothing_about_a_later_one(after: House) -> None:
    """The lease of a slow process has run out, and another one has asked again, when the no to the first asking comes."""
    await after.create(H.CAPTURED, amount=WRONG)

    async def asked_again_meanwhile() -> RefundAnswer:
        payment, _ = await after.now()
        (refund,) = payment.refunds
        again = refund_step(
            payment,
            refund,
            R.UNKNOWN,
            at=after.clock(),
            trigger="sweep",
            reason="refund_asked_again",
            evidence={},
            refund_attempts=refund.refund_attempts + 1,
        )
        assert await after.repository.apply(again)
        return RefundAnswer(is_done=False, failure=Failure("refund_declined"), evidence={})

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, asked_again_meanwhile
    await after.complete()
    payment, _ = await after.now()
    assert (money_back(payment), payment.refunds[0].refund_attempts) == (R.UNKNOWN, 2)


async def test_a_confirm_that_lands_after_expiry_is_found(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.gateway.on_confirm = is_lost
    before.clock.advance(1800 + 299)
    await before.complete()
    await before.sweep(seconds=6)
    assert (await before.now())[0].status is P.EXPIRED
    before.gateway.held = replace(before.gateway.held, status=H.CAPTURED)
    await before.sweep(days=1)
    assert (await before.now())[0].status is P.PAID


async def test_a_decline_that_was_an_approval_is_found_within_hours_and_not_at_expiry(before: House) -> None:
    await before.create(H.AUTHORIZED, expires_in_s=30 * DAY_S)

    async def declines() -> CaptureAnswer:
        return CaptureAnswer(Failure("declined"), {})

    before.gateway.on_confirm = declines
    await before.complete()
    assert (await before.now())[1].status is A.FAILED
    before.gateway.held = replace(before.gateway.held, status=H.CAPTURED)
    await before.sweep(seconds=3601)
    assert (await before.now())[0].status is P.PAID


async def test_a_silence_of_hours_calls_a_person(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.gateway.on_confirm = is_lost
    await before.complete()

    async def refuses() -> GatewayPayment:
        raise GatewayRefused(gateway="memory", raw_code="401")

    before.gateway.on_look = refuses
    for seconds in (6, 16, 61, 301, 901):
        await before.sweep(seconds=seconds)
    assert (await before.now())[0].attention is None
    await before.sweep(seconds=3601)
    assert (await before.now())[0].attention


async def test_a_hint_that_nobody_knows_neither_ends_nor_marks_an_attempt(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.clock.advance(1801)
    await before.complete("never-heard-of")
    payment, attempt = await before.now()
    assert payment.status is P.PAID, "the buyer had finished, whatever this browser brought"
    assert attempt.gateway_ref == "sig"


async def test_an_ended_attempt_that_cannot_be_read_does_not_keep_its_payment_open(before: House) -> None:
    await before.create(H.AUTHORIZED, amount=WRONG)
    await before.complete()
    assert (await before.now())[1].status is A.REJECTED
    before.gateway.held = replace(before.gateway.held, status=H.UNRECOGNIZED)
    await before.sweep(days=1)
    payment, _ = await before.now()
    assert payment.status is P.EXPIRED
    assert payment.attention


async def test_the_lease_of_another_process_is_not_given_back_for_it(before: House) -> None:
    """An older tab brings a second signature of an attempt that another process is confirming at this moment."""
    payment = await before.create(H.PENDING)
    await before.service.attempt(payment.id, "main", None, None, lambda _: b"{}")
    before.gateway.held = replace(before.gateway.held, status=H.AUTHORIZED)
    payment, attempt = await before.now()
    lease = before.clock() + timedelta(seconds=60)
    taken = step(
        payment,
        attempt,
        A.UNKNOWN,
        at=before.clock(),
        trigger="api",
        reason="confirm_requested",
        evidence={},
        gateway_ref="the-other-signature",
        busy_until=lease,
        next_check_at=lease,
    )
    assert await before.repository.apply(taken)
    await before.complete()
    _, attempt = await before.now()
    assert attempt.busy_until == lease
    assert before.gateway.confirms == 0


async def test_the_first_stored_answer_of_a_key_stays(before: House, database: Database) -> None:
    """A caller whose lease ran out comes late, with an answer of its own for the same key."""
    await before.create(H.PENDING)
    payment, attempt = await before.now()
    first = await database.row("SELECT answer FROM idempotency_keys WHERE scope = 'tests'")
    late = KeyState(scope="tests", key="key", fingerprint=bytes(32), status=201, answer=b'{"late": true}')
    moved = step(payment, attempt, attempt.status, at=before.clock(), trigger="api", reason="opened", evidence={})
    assert await before.repository.apply(moved, late)
    assert await database.row("SELECT answer FROM idempotency_keys WHERE scope = 'tests'") == first


async def test_real_money_never_pays_a_test_payment(before: House) -> None:
    await before.create(H.AUTHORIZED, is_live=True)
    await before.complete()
    assert (await before.now())[1].status is A.REJECTED
    assert before.gateway.confirms == 0
