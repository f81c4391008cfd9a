"""Why a person is called becomes a code: what `payments.attention` holds from now on. The sentences of before get theirs.

Revision ID: 0007
Revises: 0006
"""

from alembic import op
from sqlalchemy import Text, case, column, table, update

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CODES = {
    "the gateway states a status that we do not know": "unknown_status",
    "the gateway's answer contradicts itself": "contradictory_look_up",
    "the look-up does not show our order id and amount": "incomplete_look_up",
    "the gateway holds another order under our reference": "foreign_order",
    "the gateway shows the money by now: keep it or give it back": "captured_under_review",
    "confirm was accepted, the look-up does not show the money": "capture_not_shown",
    "the look-up does not say whether the money was taken": "capture_unstated",
    "the gateway shows money that we can neither see taken nor take": "cannot_capture",
    "money that does not match may have been taken": "mismatch_after_capture",
    "the gateway no longer knows this payment": "absent_at_gateway",
    "the gateway has not said for over an hour how it ended": "undecided",
    "an account waits for a deposit that does not match": "deposit_mismatch",
    "money must go back by hand": "refund_by_hand",
    "the gateway gives nothing back by itself: it must be done by hand": "refund_by_hand",
    "money must go back by hand: it came by transfer, and nobody named the buyer's account": "refund_needs_account",
    "rejected money is held: release it with `onetill payments give-back`": "refund_held",
    "the gateway refused to give rejected money back": "refund_refused",
    "for over an hour the gateway has not answered about a refund": "refund_unanswered",
    "for over an hour the gateway has not said whether it gives money back": "refund_undecided",
    "for over an hour the gateway has not shown whether it gave money back": "refund_not_shown",
    "a refund was accepted a day ago and is not done": "refund_overdue",
    "money must go back, and the look-up does not show it": "refund_blocked",
    "the gateway shows more money given back than was captured": "refunds_too_high",
    "the gateway shows less money given back than it said before": "refunds_too_low",
    "the gateway no longer shows money that it took": "money_not_shown",
    "the gateway shows another amount than it took": "amount_changed",
}

REFUSAL = "the gateway refused to give rejected money back"

payments = table("payments", column("attention", Text))
NEEDS_A_PERSON = payments.c.attention.is_not(None)


def upgrade() -> None:
    is_refusal = (payments.c.attention.startswith(REFUSAL), "refund_refused")  # a gateway's code followed
    codes = [(payments.c.attention == sentence, code) for sentence, code in CODES.items()]
    op.execute(update(payments).where(NEEDS_A_PERSON).values(attention=case(*codes, is_refusal, else_="other")))


def downgrade() -> None:
    sentences = [(payments.c.attention == code, sentence) for sentence, code in CODES.items()]
    op.execute(update(payments).where(NEEDS_A_PERSON).values(attention=case(*sentences, else_=payments.c.attention)))
