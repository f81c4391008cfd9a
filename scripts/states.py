"""Writes `docs/states.md`: the diagrams and tables of the states, made from the transition tables themselves.

`make docs` renews it; `tests/unit/test_states.py` fails when the file has drifted.
"""

from collections.abc import Collection, Iterator, Mapping

from app.domain.attention import Attention
from app.domain.states import (
    ATTEMPT_MOVES,
    ATTEMPT_UNDECIDED,
    PAYMENT_COLLECTED,
    PAYMENT_MOVES,
    PAYMENT_UNPAID,
    REFUND_MOVES,
    REFUND_UNDECIDED,
    AttemptStatus,
    PaymentStatus,
    RefundStatus,
    S,
    payment_after,
)
from app.paths import ROOT

PAGE = ROOT / "docs" / "states.md"

P, A, R = PaymentStatus, AttemptStatus, RefundStatus

PAYMENT_WORDS: Mapping[PaymentStatus, str] = {
    P.OPEN: "The buyer may pay, or try again.",
    P.PROCESSING: "The gateway was asked for the money; its answer is not known yet.",
    P.AWAITING_DEPOSIT: "The buyer holds the number of a virtual account and has not paid into it yet.",
    P.PAID: "The money is captured, and we keep it.",
    P.PARTIALLY_REFUNDED: "A part of the captured money went back.",
    P.REFUNDED: "All of the captured money went back.",
    P.CANCELED: "Closed without money. Money that turns up afterwards goes back.",
    P.EXPIRED: "Nobody paid in time. A late approval still counts, unless another payment has taken the order.",
    P.REVIEW: "Money moved and a person must decide.",
}

ATTEMPT_WORDS: Mapping[AttemptStatus, str] = {
    A.CREATED: "Stored; the gateway is about to be asked to open it.",
    A.PENDING: "Open at the gateway; the buyer has not finished.",
    A.AWAITING_DEPOSIT: "The gateway waits for the buyer's deposit.",
    A.CAPTURED: "A look-up, or an explicit yes to confirm, proved that the money was taken.",
    A.FAILED: "Explicitly declined, or never opened, and then it may be opened after all. A look-up may find a late approval.",
    A.CANCELED: "Ended at the gateway or with its payment. Money that turns up afterwards goes back.",
    A.EXPIRED: "We stopped waiting. A look-up may still find a late approval.",
    A.UNKNOWN: "Asked, and no answer was kept: only a look-up ends it.",
    A.REJECTED: "The money did not match, or could not be kept. What was taken goes back.",
}

REFUND_WORDS: Mapping[RefundStatus, str] = {
    R.CREATED: "Reserved. The gateway is asked when the refund before it is decided, or as soon as it can be reached.",
    R.UNKNOWN: "The gateway was asked, and no answer was kept: a look-up finds out, or it is asked again.",
    R.PENDING: "The gateway has accepted it and not done it yet. It is never asked again.",
    R.SUCCEEDED: "The money is back, proven by the gateway's explicit answer, by a look-up, or told by a person.",
    R.FAILED: "An explicit no, or overtaken by somebody else's refund. A look-up may still find that it was done.",
}


def document() -> str:
    """The whole of `docs/states.md`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# States"
    yield ""
    yield "Generated from `app/domain/states.py` by `make docs`; a test fails when it drifts. Any move"
    yield "that is not listed is refused with `illegal_transition`; a move to the same state is a repeat and changes nothing."
    yield ""
    yield "## Payment"
    yield ""
    yield from _machine(PAYMENT_MOVES, PAYMENT_WORDS)
    yield ""
    yield f"Money may still be collected: {_names(PAYMENT_UNPAID)}. A capture that we kept: {_names(PAYMENT_COLLECTED)}."
    yield ""
    yield "## Attempt"
    yield ""
    yield from _machine(ATTEMPT_MOVES, ATTEMPT_WORDS)
    yield ""
    yield f"Must have a next time to look: {_names(ATTEMPT_UNDECIDED)}."
    yield ""
    yield "## Refund"
    yield ""
    yield from _machine(REFUND_MOVES, REFUND_WORDS)
    yield ""
    yield f"Reserves its amount, and must have a next time to look: {_names(REFUND_UNDECIDED)}. Refunds of the captured"
    yield "attempt make the payment `partially_refunded`, and `refunded` when all of it is back."
    yield ""
    yield "## What an attempt makes of its payment"
    yield ""
    yield "Rows: the payment's status. Columns: what its attempt has become. Expiry, cancellation and review of the payment"
    yield "itself are decided by the caller and are not in this table."
    yield ""
    yield f"| payment | {' | '.join(A)} |"
    yield "|---" * (len(A) + 1) + "|"
    for payment in P:
        yield f"| **{payment}** | {' | '.join(payment_after(payment, attempt) for attempt in A)} |"
    yield ""
    yield "## Why a person is called"
    yield ""
    yield "A payment's `attention_code`, from `app/domain/attention.py`. More may come."
    yield ""
    yield "| code | says |"
    yield "|---|---|"
    yield from (f"| `{cause}` | {cause.sentence} |" for cause in Attention)


def _machine(moves: Mapping[S, frozenset[S]], words: Mapping[S, str]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {next(iter(moves))}"
    for source, targets in moves.items():
        yield from (f"    {source} --> {target}" for target in moves if target in targets)
        if not targets:
            yield f"    {source} --> [*]"
    yield "```"
    yield ""
    yield "| state | means | may become |"
    yield "|---|---|---|"
    for source, targets in moves.items():
        becomes = ", ".join(f"`{target}`" for target in moves if target in targets)
        yield f"| `{source}` | {words[source]} | {becomes or 'nothing else'} |"


def _names(states: Collection[str]) -> str:
    return ", ".join(f"`{state}`" for state in sorted(states))


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
