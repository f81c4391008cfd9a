"""The PortOne V1 adapter: registers the amount, has the window opened, fetches payments, and refunds."""

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import msgspec

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.gateways.adapter import Adapter
from app.gateways.facts import Told, read_told
from app.gateways.http import noted
from app.gateways.manifest import AdapterContext
from app.gateways.port import Refunding, SendsWebhooks
from app.gateways.portone_v1.client import ApiClient, Operation
from app.gateways.portone_v1.codes import CONCLUSIVE, NAME, PAYMENTWALL, WAYS_TO_PAY
from app.gateways.portone_v1.lookup import deciding_texts, gateway_payment_of, payment_before_window, rank
from app.gateways.portone_v1.manifest import MANIFEST, PGS, PortOneV1Settings
from app.gateways.portone_v1.refund_policy import check_refund, refund_policy
from app.gateways.portone_v1.refunds import answer_of, cancel_of
from app.gateways.portone_v1.response import ApiResponse
from app.gateways.portone_v1.session import pay_method, request_pay
from app.gateways.portone_v1.webhook_parser import parse_webhook
from app.gateways.portone_v1.wire import Page, Payment, Prepared, imp_uid_of
from app.gateways.text import is_unreadable
from app.gateways.values import (
    CapturedPayment,
    ChargeRequest,
    Fact,
    GatewayPayment,
    GatewayStatus,
    Json,
    LookupHint,
    PageSources,
    ParsedWebhook,
    PaymentQuery,
    RefundAnswer,
    RefundPolicy,
    RefundRequest,
    Session,
    WebhookRequest,
)
from app.setting_types import origin_of

T = TypeVar("T", bound=Told)

_encode = msgspec.json.Encoder(decimal_format="number").encode
_MOST_WINDOWS = 100
"""Payments of one order that a look-up reads: those that changed last. The answer must stay below the body cap."""


class PortOneV1(Adapter, Refunding, SendsWebhooks):
    """One PortOne V1 account with one channel. Amounts on the wire are JSON numbers of major units.

    Paymentwall's test payments may come through a live channel (docs/gateways/portone-v1.md §7, `use_test_method`). Only
    where the setting `test_on_live_project` says so, and in test mode, a channel proves nothing.

    `account` names the PG as well: which rules a payment follows was decided when it was opened, not by today's setting.
    """

    published_sources = frozenset({"52.78.100.19", "52.78.48.223", "52.78.5.241"})  # docs/gateways/portone-v1.md §10

    def __init__(self, settings: PortOneV1Settings, context: AdapterContext) -> None:
        super().__init__(MANIFEST, settings, context, settings.base_url)
        self.allowed_sources = frozenset(settings.webhook_sources)
        self._api = ApiClient(settings, self.http)
        self._is_live = context.is_live
        self.page = PageSources(scripts=(origin_of(settings.script_url),), opens_any_page=True)
        self._follow(settings)

    def way_to_pay(self, request: ChargeRequest, /) -> tuple[str, str]:
        """Paymentwall by its name; at another PG, what the order is paid by."""
        if self._settings.pg == "paymentwall":
            return PAYMENTWALL
        return WAYS_TO_PAY.get(str(pay_method(request)), super().way_to_pay(request))

    def _follow(self, settings: PortOneV1Settings) -> None:
        """Take the rules of the PG that these settings name."""
        self._settings = settings
        self.account = f"{MANIFEST.account_of(settings)}.{settings.pg}"
        self.capabilities = MANIFEST.capabilities(settings)
        self._tells_channel = self._is_live or settings.pg != "paymentwall" or not settings.test_on_live_project
        self.proves = Fact.REFERENCE | Fact.AMOUNT | Fact.STATUS | (Fact.CHANNEL if self._tells_channel else Fact(0))

    def as_opened(self, account: str | None) -> "PortOneV1 | None":
        """This account with the rules of the PG behind which an attempt was opened; today's where its `account` names none."""
        opened_by, _, pg = (account or self.account or "").partition(".")
        if opened_by != MANIFEST.account_of(self._settings) or pg not in {"", *PGS}:
            return None
        if pg in {"", self._settings.pg}:
            return self
        before = copy(self)
        before._follow(self._settings.model_copy(update={"pg": pg}))
        return before

    def check(self, request: ChargeRequest) -> None:
        """Refuse locally what PortOne V1 rules out; the message names the field of our API."""
        request_pay(request, self._settings)

    async def create_session(self, request: ChargeRequest) -> Session:
        """Register amount and currency, so that the window refuses any other, and tell the browser how to open it.

        Registering an order again is refused with code 1 (seen in public integrations, not documented). That is as good as
        a yes when the registered amount is ours; it is never changed, because somebody may be paying it.
        """
        params = request_pay(request, self._settings)
        body = _encode({name: params[name] for name in ("merchant_uid", "amount", "currency")})
        operation = self._api.begin()
        answer = await operation.call("prepare", "POST", "/payments/prepare", body)
        if answer.is_explicit_no:
            registered = await self._prepared(operation, request.reference)
            is_ours = registered is not None and registered.allows(request.amount)
        else:
            registered = _registered(answer)
            is_ours = registered is None or registered.allows(request.amount)
        if not is_ours:
            raise GatewayRefused(gateway=self.name, raw_code=str(answer.code))
        action: Json = {
            "type": MANIFEST.next_action,
            "script": self._settings.script_url,
            "user_code": self._settings.user_code,
            "params": params,
        }
        return Session(action | ({"tier": self._settings.tier} if self._settings.tier else {}))

    async def fetch_payment(self, query: PaymentQuery) -> GatewayPayment:
        """What PortOne holds, by imp_uid, or by our reference when none is known yet.

        Every opening of the window is a payment of its own with the same merchant_uid. So one that did not take money does
        not speak for the order: of all of them the one where money moved does. An imp_uid of another order is reported as
        it is. Without any, the amount that `create_session` registered shows that the order is known.
        """
        operation = self._api.begin()
        hinted = await self._payment(operation, query.gateway_ref) if query.gateway_ref else None
        if hinted and (hinted.reference != query.reference or hinted.status in CONCLUSIVE):
            return hinted
        found = await self._payments_of(operation, query.reference)
        if hinted and all(each.gateway_ref != hinted.gateway_ref for each in found):
            found.append(hinted)
        if found:
            return min(found, key=lambda each: rank(each, query.expected))
        prepared = await self._prepared(operation, query.reference)
        return payment_before_window(prepared) if prepared else GatewayPayment(GatewayStatus.ABSENT)

    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:
        """The rules of the PG behind the channel: see `refund_policy`."""
        return refund_policy(captured, now, self._settings)

    def check_refund(self, request: RefundRequest) -> None:
        """Refuse an amount that would mean everything, and an account that nobody reads: see `refund_policy.check_refund`."""
        check_refund(request, pg=self._settings.pg)

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Cancel a part or all. `checksum` has PortOne refuse when the balance is not what we expect (portone-v1.md §6).

        Done only when the answer shows it: Paymentwall's cancels are accepted first, and PortOne's object changes when
        Paymentwall's word comes.
        """
        self.check_refund(request)
        body = _encode(cancel_of(request, pg=self._settings.pg))
        return answer_of(await self._api.begin().call("cancel", "POST", "/payments/cancel", body), request)

    def parse_webhook(self, request: WebhookRequest) -> ParsedWebhook:
        """Its unsigned webhook: see `webhook_parser`."""
        return parse_webhook(request)

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The imp_uid, and our reference. `imp_success`, `success` and `error_code` do not say whether money moved (§11)."""
        return LookupHint(gateway_ref=imp_uid_of(fields.get("imp_uid")), reference=fields.get("merchant_uid") or None)

    async def close(self) -> None:
        """Close the connections. Calls under way end as lost."""
        self._api.login.close()
        await super().close()

    async def _payment(self, operation: Operation, imp_uid: str) -> GatewayPayment | None:
        """One payment. Test channels are asked for as well: what they took must be seen in order to be refused (trap 9)."""
        path = f"/payments/{quote(imp_uid, safe='')}?include_sandbox=true"
        answer = await operation.call("fetch_payment", "GET", path)
        return None if answer.is_unknown else self._payment_of(_read(answer.accepted(), Payment), answer.damage)

    async def _payments_of(self, operation: Operation, reference: str) -> list[GatewayPayment]:
        """The payments of one merchant_uid.

        Whether test channels show here is not documented; the parameter is the one of the single look-up (inferred).
        """
        query = f"limit={_MOST_WINDOWS}&sorting=-updated&include_sandbox=true"
        answer = await operation.call("fetch_payment", "GET", f"/payments/findAll/{quote(reference, safe='')}?{query}")
        if answer.is_unknown:
            return []
        page = _read(answer.accepted(), Page)
        if page.untold:  # there may be payments, and money in them
            return [noted(GatewayPayment(GatewayStatus.UNRECOGNIZED), page, answer.damage)]
        found = [self._payment_of(each, answer.damage) for each in page.payments or []]
        return [each for each in found if each.reference in {None, reference} or is_unreadable(each.reference)]

    async def _prepared(self, operation: Operation, reference: str) -> Prepared | None:
        """What was registered. The "none" of this call is not documented: HTTP 404, or 200 with a code, or null (inferred)."""
        answer = await operation.call("prepared", "GET", f"/payments/prepare/{quote(reference, safe='')}")
        if answer.is_unknown or (answer.status == 200 and answer.is_explicit_no):
            return None
        return _registered(answer)

    def _payment_of(self, payment: Payment, damage: str | None) -> GatewayPayment:
        channels = {True: False, False: True if self._tells_channel else None, None: None}
        found = gateway_payment_of(payment, is_live=channels[payment.sandbox])
        return noted(found, payment, damage, *deciding_texts(payment))


create = PortOneV1


def _read(response: msgspec.Raw, shape: type[T]) -> T:
    """An answer's `response` in its shape. Raises GatewayTimeout where it is no object: it is no answer."""
    try:
        return read_told(response, shape)
    except ValueError:
        raise GatewayTimeout(gateway=NAME) from None


def _registered(answer: ApiResponse) -> Prepared | None:
    response = answer.accepted()
    return None if bytes(response) == b"null" else _read(response, Prepared)
