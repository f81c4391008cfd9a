"""PortOne V1's status words and refusals, in ours."""

from app.domain.errors import Refusal
from app.gateways.portone_v1.manifest import MANIFEST
from app.gateways.values import GatewayStatus

NAME = MANIFEST.name

WAYS_TO_PAY = {
    "card": ("Card", "카드"),
    "trans": ("Bank transfer", "계좌이체"),
    "phone": ("Mobile phone bill", "휴대폰 소액결제"),
    "kakaopay": ("KakaoPay", "카카오페이"),
    "naverpay": ("Naver Pay", "네이버페이"),
    "tosspay": ("Toss Pay", "토스페이"),
    "payco": ("PAYCO", "페이코"),
    "samsung": ("Samsung Pay", "삼성페이"),
}
"""What buyers call some of V1's `pay_method` words, in English and Korean."""
PAYMENTWALL = ("International card (Paymentwall)", "해외 카드 (페이먼트월)")
"""Its window shows what there is in the buyer's country, cards above all, and its name stands on the statement."""

STATUSES: dict[str, GatewayStatus] = {
    "ready": GatewayStatus.PENDING,  # open, or left; with an account number: AWAITING_DEPOSIT (portone-v1.md §12 trap 10)
    "paid": GatewayStatus.CAPTURED,
    "failed": GatewayStatus.FAILED,
    "cancelled": GatewayStatus.CANCELED,
}
"""All that docs/gateways/portone-v1.md §3 lists. Any other word is `UNRECOGNIZED`: values may be added at any time (§1)."""

RANK = (
    GatewayStatus.CAPTURED,
    GatewayStatus.REFUND_PENDING,
    GatewayStatus.CANCELED,
    GatewayStatus.AWAITING_DEPOSIT,
    GatewayStatus.UNRECOGNIZED,
    GatewayStatus.STATUS_MISSING,
    GatewayStatus.PENDING,
)
"""Which of several windows of one order speaks for it: first where money moved or may have, last the explicit no."""

CONCLUSIVE = frozenset({GatewayStatus.CAPTURED, GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED})
"""An order is paid once at most, so where one of its windows took money, the others are not asked about."""

DECLINES = frozenset({400, 402, 404, 405, 410, 422})
"""HTTP statuses of an explicit "no" to a cancel, besides HTTP 200 with a code that is not 0. Everything else is a lost
answer or a refusal of the call itself. 400, 404 and 405 are documented (§1); 402, 410 and 422 are inferred."""

REFUSALS: dict[int, Refusal] = {400: Refusal.INVALID, 404: Refusal.UNKNOWN_PAYMENT, 405: Refusal.INVALID}
"""What a refused cancel means, by its HTTP status. Any other is `DECLINED`, HTTP 200 with a code above all: there is no
table of codes, only the texts tell a wrong checksum from a card company's no, and texts are for people (§1)."""


def refusal_of(status: int) -> Refusal:
    """What an explicit no to a cancel means."""
    return REFUSALS.get(status, Refusal.DECLINED)


def status_of(status: str | None) -> GatewayStatus:
    """What the status word means. A missing one is `STATUS_MISSING`."""
    return GatewayStatus.STATUS_MISSING if status is None else STATUSES.get(status, GatewayStatus.UNRECOGNIZED)
