"""PortOne V2's closed lists of words, and what its statuses and error types mean in ours.

Sources: official OpenAPI 1.16.0 (currencies, banks, statuses, errors); browser SDK schema 0.1.11 (the rest).
"""

from app.domain.errors import Refusal
from app.gateways.portone_v2.manifest import MANIFEST
from app.gateways.values import GatewayStatus, RefundState

NAME = MANIFEST.name

STATUSES: dict[str, GatewayStatus] = {
    "READY": GatewayStatus.PENDING,  # the window is open, was left, or waits for our confirm
    "PAY_PENDING": GatewayStatus.APPROVING,  # the approval takes time (PayPal), for days with some methods (§8)
    "PENDING": GatewayStatus.APPROVING,  # the same in the list filter's spelling (docs/gateways/portone-v2.md §2)
    "VIRTUAL_ACCOUNT_ISSUED": GatewayStatus.AWAITING_DEPOSIT,
    "PAID": GatewayStatus.CAPTURED,
    "FAILED": GatewayStatus.FAILED,
    "PARTIAL_CANCELLED": GatewayStatus.CAPTURED,
    "CANCELLED": GatewayStatus.CANCELED,
}
"""All that docs/gateways/portone-v2.md §2 lists. Any other word is `UNRECOGNIZED`: values may be added without notice (§1)."""

CANCEL_STATES: dict[str, RefundState] = {
    "SUCCEEDED": RefundState.SUCCEEDED,
    "REQUESTED": RefundState.PENDING,
    "FAILED": RefundState.FAILED,
}
CHARGEBACK = "CHARGEBACK"
"""The `trigger` of a cancellation that a bank forced."""
TRIGGERS = {"API": True, "CONSOLE": False, "PORTONE_ADMIN": False, CHARGEBACK: False}
"""Whether a program asked for a cancellation, by its `trigger`; of any other word it is not known (official file)."""

NOT_FOUND = "PAYMENT_NOT_FOUND"
PG_PROVIDER = "PG_PROVIDER"
"""The payment company behind PortOne said no: a business answer, although its HTTP status is 502."""
ALREADY_PAID = "ALREADY_PAID"
NOT_WAITING = "PAYMENT_NOT_WAITING_FOR_DEPOSIT"

_CONFLICTS: dict[str, Refusal] = {
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": Refusal.BALANCE_CHANGED,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": Refusal.EXCEEDS_BALANCE,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": Refusal.TAX_MISMATCH,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": Refusal.TAX_MISMATCH,
    "PAYMENT_ALREADY_CANCELLED": Refusal.ALREADY_REFUNDED,
    "PAYMENT_NOT_PAID": Refusal.NOT_CAPTURED,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": Refusal.TAX_MISMATCH,
}

REFUSALS: dict[str, Refusal] = _CONFLICTS | {
    "INVALID_REQUEST": Refusal.INVALID,
    "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT": Refusal.INVALID,
    NOT_FOUND: Refusal.UNKNOWN_PAYMENT,
    PG_PROVIDER: Refusal.DECLINED,
    "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED": Refusal.INVALID,
}
"""What a refused cancel means: every error that docs/gateways/portone-v2.md §3 lists for it. Any other no is `DECLINED`."""

DECLINES = _CONFLICTS.keys() | {"INFORMATION_MISMATCH", NOT_WAITING}
"""Conflicts (HTTP 409) that are an explicit no. Any other leaves the outcome open, above all `ALREADY_PAID` to a confirm
(an earlier one went through) and `IDEMPOTENCY_OUTSTANDING_REQUEST` (the same call is still running)."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WAYS_TO_PAY = {
    "CARD": ("Card", "카드"),
    "TRANSFER": ("Bank transfer", "계좌이체"),
    "VIRTUAL_ACCOUNT": ("Virtual account", "가상계좌"),
    "EASY_PAY": ("Easy pay", "간편결제"),
    "MOBILE": ("Mobile phone bill", "휴대폰 소액결제"),
    "GIFT_CERTIFICATE": ("Gift certificate", "상품권"),
    "CONVENIENCE_STORE": ("Convenience store", "편의점"),
    "PAYPAL": ("PayPal", "페이팔"),
    "ALIPAY": ("Alipay", "알리페이"),
    "ALIPAY_PLUS": ("Alipay+", "알리페이플러스"),
}
"""What buyers call each pay method, in English and Korean."""
PAY_METHODS = frozenset(WAYS_TO_PAY)
WALLETS = {
    "APPLEPAY": ("Apple Pay", "애플페이"),
    "KAKAOPAY": ("KakaoPay", "카카오페이"),
    "LINEPAY": ("LINE Pay", "라인페이"),
    "NAVERPAY": ("Naver Pay", "네이버페이"),
    "PAYCO": ("PAYCO", "페이코"),
    "SAMSUNGPAY": ("Samsung Pay", "삼성페이"),
    "TOSSPAY": ("Toss Pay", "토스페이"),
}
"""What buyers call some of `EASY_PAYS`; the others are `EASY_PAY`."""
EASY_PAYS = _words(
    """
    ALIPAY ALIPAY_HK AMAZONPAY APPLEPAY AUPAY BILL_EASE BOOST BPI DANA DBARAI GCASH KAKAOPAY KREDIVO LGPAY LINEPAY LPAY
    MERPAY MPAY NAVERPAY PAYCO PAYPAY PINPAY RABBIT_LINE_PAY RAKUTENPAY SAMSUNGPAY SKPAY SSGPAY TINABA TMONEY TOSSPAY
    TOUCH_N_GO TRUE_MONEY
    """
)
LOCALES = _words(
    """
    BG_BG DE_DE EL_GR EN_US ES_ES FI_FI FR_FR HI_IN HR_HR ID_ID IT_IT JA_JP KO_KR LT_LT NL_NL PL_PL PT_BR PT_PT RU_RU
    SL_SI SR_RS SV_SE TH_TH TL_PH TR_TR UK_UA VI_VN ZH_CN ZH_TW
    """
)
CURRENCIES = _words(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
    LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF XPT XSU
    XTS XUA XXX YER ZAR ZMW ZWL
    """
)
BANKS = _words(
    """
    BANK_OF_AMERICA BANK_OF_CHINA BANK_OF_KOREA BNK_SECURITIES BNP_PARIBAS BOCOM BOOKOOK_SECURITIES BUSAN
    CAPE_SECURITIES CCB CITI DAEGU DAISHIN_SECURITIES DAOL_SECURITIES DB_SECURITIES DEUTSCHE EBEST_SECURITIES
    EUGENE_SECURITIES HANA HANA_SECURITIES HANHWA_SECURITIES HANYANG_SECURITIES HI_SECURITIES HSBC
    HYUNDAI_MOTOR_SECURITIES IBK IBK_SECURITIES ICBC JEJU JEONBUK JPMC KAKAO KAKAO_PAY_SECURITIES KB_SECURITIES KCIS KDB
    KEXIM KFCC KIBO KIWOOM_SECURITIES KODIT KOOKMIN KOREA_FOSS_SECURITIES KOREA_SECURITIES KOREA_SECURITIES_FINANCE
    KWANGJU KYOBO_SECURITIES KYONGNAM K_BANK LEADING_SECURITIES LOCAL_NONGHYUP MERITZ_SECURITIES MIRAE_ASSET_SECURITIES
    MISC_FOREIGN MIZUHO MORGAN_STANLEY MUFG NFCF NH_SECURITIES NONGHYUP POST SAMSUNG_SECURITIES SANGSANGIN_SECURITIES
    SAVINGS_BANK SGI SHINHAN SHINHAN_SECURITIES SHINHYUP SHINYOUNG_SECURITIES SK_SECURITIES STANDARD_CHARTERED SUHYUP
    SUHYUP_FEDERATION TOSS TOSS_SECURITIES UOB WOORI WOORI_INVESTMENT_BANK YUANTA_SECURITIES
    """
)


def refusal_of(reason: str | None) -> Refusal:
    """What an explicit no to a cancel means."""
    return REFUSALS.get(reason or "", Refusal.DECLINED)


def status_of(status: str | None) -> GatewayStatus:
    """What the status word means. A missing one is `STATUS_MISSING`."""
    return GatewayStatus.STATUS_MISSING if status is None else STATUSES.get(status, GatewayStatus.UNRECOGNIZED)
