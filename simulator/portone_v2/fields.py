"""PortOne V2 on the wire: its errors, its times, its closed lists, and how strictly it reads the fields of a body.

Source: official OpenAPI 1.16.0; error types and their HTTP statuses as docs/gateways/portone-v2.md §1 and §3 list them.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from simulator.api import Refusal

STATUS: Mapping[str, int] = {
    "INVALID_REQUEST": 400,
    "INVALID_PAYMENT_TOKEN": 400,
    "MAX_WEBHOOK_RETRY_COUNT_REACHED": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "PAYMENT_NOT_FOUND": 404,
    "WEBHOOK_NOT_FOUND": 404,
    "ALREADY_PAID": 409,
    "INFORMATION_MISMATCH": 409,
    "PAYMENT_NOT_PAID": 409,
    "PAYMENT_ALREADY_CANCELLED": 409,
    "PAYMENT_NOT_WAITING_FOR_DEPOSIT": 409,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": 409,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": 409,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": 409,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": 409,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": 409,
    "IDEMPOTENCY_OUTSTANDING_REQUEST": 409,
    "PG_PROVIDER": 502,
}
_CURRENCIES = """
    KRW USD JPY AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
    BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
    GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD KES KGS KHR KMF KPW KWD KYD KZT LAK
    LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB
    TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD
    XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWL
"""
CURRENCIES = frozenset(_CURRENCIES.split())
"""Schema `Currency`."""
_BANKS = """
    BANK_OF_KOREA KDB IBK KOOKMIN SUHYUP KEXIM NONGHYUP LOCAL_NONGHYUP WOORI STANDARD_CHARTERED CITI
    SUHYUP_FEDERATION DAEGU BUSAN KWANGJU JEJU JEONBUK KYONGNAM KFCC SHINHYUP SAVINGS_BANK MORGAN_STANLEY HSBC
    DEUTSCHE JPMC MIZUHO MUFG BANK_OF_AMERICA BNP_PARIBAS ICBC BANK_OF_CHINA NFCF UOB BOCOM CCB POST KODIT KIBO HANA
    SHINHAN K_BANK KAKAO TOSS MISC_FOREIGN SGI KCIS YUANTA_SECURITIES KB_SECURITIES SANGSANGIN_SECURITIES
    HANYANG_SECURITIES LEADING_SECURITIES BNK_SECURITIES IBK_SECURITIES DAOL_SECURITIES MIRAE_ASSET_SECURITIES
    SAMSUNG_SECURITIES KOREA_SECURITIES NH_SECURITIES KYOBO_SECURITIES HI_SECURITIES HYUNDAI_MOTOR_SECURITIES
    KIWOOM_SECURITIES EBEST_SECURITIES SK_SECURITIES DAISHIN_SECURITIES HANHWA_SECURITIES HANA_SECURITIES
    TOSS_SECURITIES SHINHAN_SECURITIES DB_SECURITIES EUGENE_SECURITIES MERITZ_SECURITIES KAKAO_PAY_SECURITIES
    BOOKOOK_SECURITIES SHINYOUNG_SECURITIES CAPE_SECURITIES KOREA_SECURITIES_FINANCE KOREA_FOSS_SECURITIES
    WOORI_INVESTMENT_BANK
"""
BANKS = frozenset(_BANKS.split())
"""Schema `Bank`."""
_METHODS = """
    CARD TRANSFER VIRTUAL_ACCOUNT GIFT_CERTIFICATE MOBILE EASY_PAY CONVENIENCE_STORE CRYPTO
"""
METHODS = frozenset(_METHODS.split())
"""Schema `PaymentMethodType`, of the list filter."""
_PAY_METHODS = """
    CARD VIRTUAL_ACCOUNT TRANSFER MOBILE GIFT_CERTIFICATE EASY_PAY PAYPAL ALIPAY CONVENIENCE_STORE ALIPAY_PLUS
"""
PAY_METHODS = frozenset(_PAY_METHODS.split())
"""`payMethod` of the browser SDK. Source: browser SDK schema, `PaymentPayMethod`."""
INT64 = 2**63
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Refused(Refusal):
    """The gateway says no: the `type` of its error, which has one HTTP status, and for PG_PROVIDER more fields."""

    def __init__(self, type_: str, message: str, status: int | None = None, **more: str) -> None:
        super().__init__(message)
        self.type = type_
        self.status = status or STATUS[type_]
        self.content = {"type": type_, "message": message, **more}

    def answer(self) -> Response:
        """Its body."""
        return JSONResponse(self.content, self.status)


def refused_by_pg(code: str, message: str) -> Refused:
    """An error of the payment company behind PortOne, passed on."""
    return Refused("PG_PROVIDER", "the payment company answered with an error", pgCode=code, pgMessage=message)


def rfc3339(moment: datetime) -> str:
    """A time as this gateway writes it: UTC, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invalid(problem: str) -> Refused:
    """A field that is missing or wrong."""
    return Refused("INVALID_REQUEST", problem)


class Fields:
    """The fields of a JSON object. A field of a wrong type is refused, `null` too; unknown fields are let through."""

    def __init__(self, values: Mapping[str, Any] | None) -> None:
        if values is None:
            raise invalid("the body must be a JSON object")
        self._values = values

    def text(self, name: str) -> str | None:
        """A string, or None when the field is absent."""
        value: str | None = self._get(name, str, "a string")
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(f"{name} is required")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number that fits into 64 bits, or None. Money is never a float: 12000.0 is refused."""
        value: int | None = self._get(name, int, "a whole number")
        if value is not None and not -INT64 <= value < INT64:
            raise invalid(f"{name} is out of range")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean, or None."""
        value: bool | None = self._get(name, bool, "true or false")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of few strings, or None."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(f"{name} has an unknown value")
        return value

    def choices(self, name: str, allowed: Collection[str]) -> list[str]:
        """A list of such strings; empty when the field is absent."""
        return self._list(name, lambda value: isinstance(value, str) and value in allowed, "known values")

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty when the field is absent."""
        return self._list(name, lambda value: isinstance(value, str), "strings")

    def objects(self, name: str) -> "list[Fields]":
        """A list of objects; empty when the field is absent."""
        return [Fields(value) for value in self._list(name, lambda value: isinstance(value, dict), "objects")]

    def raw(self, name: str) -> Any:
        """The value as it came."""
        return self._values[name]

    def currency(self, name: str = "currency") -> str | None:
        """A currency code that the gateway lists, or None."""
        return self.choice(name, CURRENCIES)

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 time, or None."""
        value = self.text(name)
        if value is None:
            return None
        try:
            if DATE_TIME.fullmatch(value) is None:
                raise ValueError(value)
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid(f"{name} must be an RFC 3339 time") from None

    def within(self, name: str) -> "Fields | None":
        """The fields of an object inside this one, or None."""
        value = self._get(name, dict, "an object")
        return None if value is None else Fields(value)

    def has(self, name: str) -> bool:
        """True when the field is there."""
        return name in self._values

    def _list(self, name: str, is_right: Callable[[Any], bool], words: str) -> list[Any]:
        values: list[Any] = self._get(name, list, "a list") or []
        if not all(map(is_right, values)):
            raise invalid(f"{name} must be a list of {words}")
        return values

    def _get(self, name: str, kind: type, words: str) -> Any:
        if name not in self._values:
            return None
        value = self._values[name]
        if type(value) is not kind:  # JSON's true is an int to Python
            raise invalid(f"{name} must be {words}")
        return value
