"""Why a person is called: one code for each cause, and the sentence that says what happened.

The code is what is stored and what programs read (`attention_code`); sentences may be improved at any time. What a person can do
about a cause is in `app/resolution`; what the look-up showed in detail stands in the event that called him.
"""

from enum import StrEnum


class Attention(StrEnum):
    """A cause."""

    # A look-up that cannot be believed
    UNKNOWN_STATUS = "unknown_status"
    CONTRADICTORY_LOOK_UP = "contradictory_look_up"
    INCOMPLETE_LOOK_UP = "incomplete_look_up"
    FOREIGN_ORDER = "foreign_order"
    # Money that may have moved
    CAPTURED_UNDER_REVIEW = "captured_under_review"
    CAPTURE_NOT_SHOWN = "capture_not_shown"
    CAPTURE_UNSTATED = "capture_unstated"
    CANNOT_CAPTURE = "cannot_capture"
    MISMATCH_AFTER_CAPTURE = "mismatch_after_capture"
    ABSENT_AT_GATEWAY = "absent_at_gateway"
    UNDECIDED = "undecided"
    STILL_APPROVING = "still_approving"
    # A gateway that cannot be asked
    GATEWAY_SILENT = "gateway_silent"
    GATEWAY_MISSING = "gateway_missing"
    ACCOUNT_CHANGED = "account_changed"
    LOOK_BROKE = "look_broke"
    # Deposits
    DEPOSIT_MISMATCH = "deposit_mismatch"
    DEPOSIT_OVERDUE = "deposit_overdue"
    DEPOSIT_NOT_CLOSED = "deposit_not_closed"
    # Money that must go back, or went
    REFUND_BY_HAND = "refund_by_hand"
    REFUND_NEEDS_ACCOUNT = "refund_needs_account"
    REFUND_HELD = "refund_held"
    REFUND_REFUSED = "refund_refused"
    REFUND_UNANSWERED = "refund_unanswered"
    REFUND_UNDECIDED = "refund_undecided"
    REFUND_NOT_SHOWN = "refund_not_shown"
    REFUND_OVERDUE = "refund_overdue"
    REFUND_BLOCKED = "refund_blocked"
    ADJUSTED_REFUND = "adjusted_refund"
    UNEXPLAINED_REFUND = "unexplained_refund"
    REFUND_CONTRADICTED = "refund_contradicted"
    REFUNDS_TOO_HIGH = "refunds_too_high"
    REFUNDS_TOO_LOW = "refunds_too_low"
    MONEY_NOT_SHOWN = "money_not_shown"
    AMOUNT_CHANGED = "amount_changed"
    # Anything else
    OTHER = "other"

    @property
    def is_silence(self) -> bool:
        """Whether it says that the gateway could not be asked, so that its next answer ends it."""
        return self in {
            Attention.GATEWAY_SILENT,
            Attention.GATEWAY_MISSING,
            Attention.ACCOUNT_CHANGED,
            Attention.LOOK_BROKE,
        }

    @property
    def is_said_once(self) -> bool:
        """Whether nothing says it again: only a person ends the call. Other causes are found again as long as they hold."""
        return self in {Attention.ADJUSTED_REFUND, Attention.REFUND_CONTRADICTED, Attention.DEPOSIT_NOT_CLOSED}

    @property
    def sentence(self) -> str:
        """The cause as people read it, in English."""
        return _SENTENCES[self]

    @classmethod
    def _missing_(cls, _: object) -> "Attention":
        """What an older or a newer release stored."""
        return cls.OTHER


_SENTENCES = {
    Attention.UNKNOWN_STATUS: "the gateway states a status that we do not know",
    Attention.CONTRADICTORY_LOOK_UP: "the gateway's answer contradicts itself",
    Attention.INCOMPLETE_LOOK_UP: "the look-up does not tell all that it should: our order, the amount, the store or the channel",
    Attention.FOREIGN_ORDER: "the gateway holds another order under our reference",
    Attention.CAPTURED_UNDER_REVIEW: "the gateway shows the money by now: keep it or give it back",
    Attention.CAPTURE_NOT_SHOWN: "confirm was accepted, the look-up does not show the money",
    Attention.CAPTURE_UNSTATED: "the look-up does not say whether the money was taken",
    Attention.CANNOT_CAPTURE: "the gateway shows money that we can neither see taken nor take",
    Attention.MISMATCH_AFTER_CAPTURE: "money that does not match may have been taken",
    Attention.ABSENT_AT_GATEWAY: "the gateway no longer knows this payment",
    Attention.UNDECIDED: "the gateway has not said for over an hour how it ended",
    Attention.STILL_APPROVING: "for a week the gateway has said that the approval is under way",
    Attention.GATEWAY_SILENT: "for over an hour the gateway has not answered about this payment",
    Attention.GATEWAY_MISSING: "this payment's gateway is not configured here any more, so nobody asks it",
    Attention.ACCOUNT_CHANGED: "another account of the gateway is configured than the one that opened this payment",
    Attention.LOOK_BROKE: "for over an hour what the gateway answers about this payment breaks our look; the log says how",
    Attention.DEPOSIT_MISMATCH: "an account waits for a deposit that does not match",
    Attention.DEPOSIT_OVERDUE: "an account still waits for a deposit, and the gateway does not tell until when",
    Attention.DEPOSIT_NOT_CLOSED: "an account is past its end, and the gateway refused to close it",
    Attention.REFUND_BY_HAND: "the gateway gives nothing back by itself: it must be done by hand",
    Attention.REFUND_NEEDS_ACCOUNT: "money must go back by hand: it came by transfer, and nobody named the buyer's account",
    Attention.REFUND_HELD: "rejected money is held: release it with `onetill payments give-back`",
    Attention.REFUND_REFUSED: "the gateway refused to give rejected money back",
    Attention.REFUND_UNANSWERED: "for over an hour the gateway has not answered about a refund",
    Attention.REFUND_UNDECIDED: "for over an hour the gateway has not said whether it gives money back",
    Attention.REFUND_NOT_SHOWN: "for over an hour the gateway has not shown whether it gave money back",
    Attention.REFUND_OVERDUE: "a refund was accepted a day ago and is not done",
    Attention.REFUND_BLOCKED: "money must go back, and the look-up does not show it",
    Attention.ADJUSTED_REFUND: "the gateway gave back another amount than was asked for",
    Attention.UNEXPLAINED_REFUND: "the gateway shows a refund that may be the one whose answer was lost, of another amount",
    Attention.REFUND_CONTRADICTED: "the gateway's answer to a refund came late, and says otherwise than was decided meanwhile",
    Attention.REFUNDS_TOO_HIGH: "the gateway shows more money given back than was captured",
    Attention.REFUNDS_TOO_LOW: "the gateway shows less money given back than it said before; "
    "give the rest back by hand or see that it went, then close",
    Attention.MONEY_NOT_SHOWN: "the gateway no longer shows money that it took",
    Attention.AMOUNT_CHANGED: "the gateway shows another amount than it took",
    Attention.OTHER: "something that an older or newer release noted; the audit trail says what",
}
