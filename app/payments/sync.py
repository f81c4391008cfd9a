"""Asking about every attempt of a payment that may hold money, one after the other: each may move the payment."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.domain.errors import GatewayUnavailable
from app.domain.states import AttemptStatus
from app.ledger.model import Attempt, Payment
from app.verification.context import VerificationResult


async def ask_about_all(
    payment: Payment, verify: Callable[[Attempt], Awaitable[VerificationResult]]
) -> VerificationResult:
    """Verify each attempt that may hold money, and return what they say together. A silent gateway account is asked once.

    Raises GatewayUnavailable where the kept attempt, or none, could be asked; the others' answers are stored all the same.
    """
    asked = [attempt for attempt in payment.attempts if attempt.may_hold_money] or [payment.last_attempt]
    results: dict[Attempt, VerificationResult] = {}
    silent: set[tuple[str, str | None]] = set()
    refused: dict[Attempt, GatewayUnavailable] = {}
    for attempt in asked:
        if (attempt.gateway, attempt.account) in silent:
            continue
        try:
            results[attempt] = await verify(attempt)
        except GatewayUnavailable as error:
            refused[attempt] = error
        if attempt in refused or not results[attempt].is_answered:
            silent.add((attempt.gateway, attempt.account))
    for attempt, refusal in refused.items():
        if not results or attempt == payment.captured_attempt:
            raise refusal
    return _together(payment, results, is_answered=not silent)


def _together(payment: Payment, results: dict[Attempt, VerificationResult], *, is_answered: bool) -> VerificationResult:
    """The newest reading: decided when it is paid, or when each attempt is. Money that was rejected before is no news."""
    newest = list(results.values())[-1]
    is_paid = newest.payment.captured_attempt is not None
    news = [
        result.mismatch
        for attempt, result in results.items()
        if result.mismatch and (attempt.status is not AttemptStatus.REJECTED or attempt == payment.last_attempt)
    ]
    return replace(
        newest,
        is_decided=is_paid or all(each.is_decided for each in results.values()),
        mismatch=None if is_paid or not news else news[-1],
        is_answered=is_answered,
    )
