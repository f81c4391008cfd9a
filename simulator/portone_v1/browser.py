"""What `IMP.request_pay` sends from the shop's page, and the order in it. Source: portone-v1.md §7, §11; Swagger (lengths).

The script's own request (`/browser/payments`) is this simulator's; shops see the global `IMP` alone, which behaves as
portone-v1.md §11 says. Which error a wrong parameter yields is [I]; so is that each is checked before there is an imp_uid.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.portone import NotOpenedError, Order, custom_data_text, return_address, sdk, web_addresses
from simulator.portone_v1.fields import LONGEST, Fields, Refused, json_fields, to_minor
from simulator.portone_v1.responses import (
    ALREADY_PAID,
    BUYER,
    INVALID,
    OTHER_AMOUNT,
    Failure,
    never_opened,
    redirect,
)
from simulator.portone_v1.store import Store
from simulator.web import ANYBODY, is_web_address, script

SCRIPT_PATH = "/v1/iamport.js"
SCRIPT = sdk(Path(__file__).parent / "iamport.js")
FIRST_LAST = re.compile(r"[^ ]+ [^ ]+")
"""Paymentwall wants a first and a last name with one space between."""
PG = re.compile(r"paymentwall(\.[^.]+)?")
NOT_IMITATED = ("customer_uid", "confirm_url")
"""Parameters that would change what happens. Refused, rather than answered as if they were not there."""


def browser_routes(store: Store) -> list[Route]:
    """The script, and its request that opens a window: `{imp_uid, window}`, or why there is none: `{rsp, redirect}`.

    The script sends its JSON as text/plain, so that browsers ask no permission (CORS preflight) first.
    """

    async def iamport(_: Request) -> Response:
        return script(SCRIPT)

    async def open_window(request: Request) -> Response:
        store.timers.run_due()
        sent = json_fields(await request.body()) or {}
        try:
            order = checked_order(store, sent, request.headers.get("user-agent", ""))
        except NotOpenedError as error:
            return JSONResponse(_without_window(sent, error), headers=ANYBODY)
        imp_uid = store.open(order).id
        return JSONResponse({"imp_uid": imp_uid, "window": f"/window?imp_uid={imp_uid}"}, headers=ANYBODY)

    return [
        Route(SCRIPT_PATH, iamport),
        Route("/iamport.js", iamport),
        Route("/browser/payments", open_window, methods=["POST"]),
    ]


def checked_order(store: Store, sent: Mapping[str, Any], user_agent: str) -> Order:
    """The order in what the script sent: `{user_code, params, is_mobile}`. Raises NotOpenedError."""
    try:
        fields = Fields(sent)
        params = sent.get("params")
        if fields.text("user_code") != store.account.user_code:
            raise _wrong("가맹점 식별코드가 잘못되었습니다: IMP.init(user_code)")
        if not isinstance(params, dict):
            raise _wrong("IMP.request_pay(params, callback)의 params가 없습니다")
        order = _order(store, params, is_mobile=fields.flag("is_mobile") is True, user_agent=user_agent)
        _compare(store, order, Fields(params).amount("amount"))
    except (Refused, ValueError) as refusal:
        raise _wrong(str(refusal)) from refusal
    return order


def _order(store: Store, params: Mapping[str, Any], *, is_mobile: bool, user_agent: str) -> Order:
    fields = Fields(params)
    for name in NOT_IMITATED:
        if params.get(name) is not None:
            raise _wrong(f"this simulator does not imitate {name}")
    _check_channel(store, fields)
    merchant_uid, name = fields.required_text("merchant_uid"), fields.required_text("name")
    if len(merchant_uid) > LONGEST or len(name) > LONGEST:
        raise _wrong(f"merchant_uid and name must have at most {LONGEST} characters")
    buyer = {key: value for key in BUYER if (value := fields.text(key)) is not None}
    if FIRST_LAST.fullmatch(buyer.get("buyer_name", "")) is None:
        raise _wrong("buyer_name must be a first and a last name with one space between")
    if "@" not in buyer.get("buyer_email", ""):
        raise _wrong("buyer_email is required")
    amount, currency, tax_free, vat = _amounts(fields)
    return Order(
        merchant_uid,
        name,
        amount,
        currency,
        tax_free,
        vat,
        custom_data_text(params.get("custom_data")),
        web_addresses("notice_url", params.get("notice_url")),
        return_address("m_redirect_url", params.get("m_redirect_url"), is_needed=is_mobile),
        is_mobile,
        {**buyer, "user_agent": user_agent},
    )


def _check_channel(store: Store, fields: Fields) -> None:
    """By `channelKey`, or by the deprecated `pg`; with neither the merchant's only channel is meant ([I])."""
    channel_key, pg = fields.text("channelKey"), fields.text("pg")
    if channel_key is not None and channel_key != store.account.channel_key:
        raise _wrong("등록된 채널 설정 정보가 없습니다: channelKey")
    if channel_key is None and pg is not None and PG.fullmatch(pg) is None:
        raise _wrong("등록된 PG 설정 정보가 없습니다: pg")


def _amounts(fields: Fields) -> tuple[int, str, int, int | None]:
    """Amount, currency, tax-free part and VAT, in minor units."""
    amount, currency = fields.amount("amount"), fields.required_text("currency")
    tax_free, vat = fields.amount("tax_free") or Decimal(0), fields.amount("vat_amount")
    if amount is None or amount == 0:
        raise _wrong("amount is required and must be greater than 0")
    if tax_free + (vat or 0) > amount:
        raise _wrong("tax_free and vat_amount must fit into amount")
    try:
        minor_vat = None if vat is None else to_minor(vat, currency)
        return to_minor(amount, currency), currency, to_minor(tax_free, currency), minor_vat
    except ValueError:
        raise _wrong("amount and currency do not fit: unknown currency, or too many decimals") from None


def _compare(store: Store, order: Order, amount: Decimal | None) -> None:
    """Refuse what is paid already, and what is not what was pre-registered."""
    payment = store.payment(order.reference)
    if payment is None:
        return
    if payment.success is not None:
        raise NotOpenedError(ALREADY_PAID.code, ALREADY_PAID.message)
    fixed = payment.registration
    if fixed is not None and (fixed.amount != amount or fixed.currency not in (None, order.currency)):
        raise NotOpenedError(OTHER_AMOUNT, "결제 요청 금액이 사전 등록된 금액과 일치하지 않습니다")


def _wrong(message: str) -> NotOpenedError:
    return NotOpenedError(INVALID, message)


def _without_window(sent: dict[str, Any], error: NotOpenedError) -> dict[str, Any]:
    """On mobile the answer goes back by redirect when there is an address for it, else to the callback ([I])."""
    params = sent.get("params")
    params = params if isinstance(params, dict) else {}
    merchant_uid, url = params.get("merchant_uid"), params.get("m_redirect_url")
    result = never_opened(merchant_uid if isinstance(merchant_uid, str) else None, Failure(error.code, error.message))
    is_redirected = sent.get("is_mobile") is True and is_web_address(url)
    return {"rsp": result, "redirect": redirect(str(url), result) if is_redirected else None}
