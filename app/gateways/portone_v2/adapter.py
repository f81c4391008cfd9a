"""The PortOne V2 adapter: registers the amount, has the window opened, fetches payments, captures, refunds and voids."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.gateways.adapter import Adapter
from app.gateways.facts import Told
from app.gateways.http import noted
from app.gateways.manifest import AdapterContext
from app.gateways.port import Capturing, Refunding, SendsWebhooks, Voiding
from app.gateways.portone_v2 import capture, refunds
from app.gateways.portone_v2.client import ApiClient
from app.gateways.portone_v2.codes import ALREADY_PAID, NOT_WAITING, PAY_METHODS, WALLETS, WAYS_TO_PAY
from app.gateways.portone_v2.lookup import deciding_texts, gateway_payment_of
from app.gateways.portone_v2.manifest import MANIFEST, PortOneV2Settings
from app.gateways.portone_v2.refund_policy import check_refund, refund_policy
from app.gateways.portone_v2.response import is_ill
from app.gateways.portone_v2.session import pay_method, request_payment
from app.gateways.portone_v2.webhook_parser import parse_webhook
from app.gateways.portone_v2.webhook_signature import HEADERS, key_of
from app.gateways.portone_v2.wire import Payment
from app.gateways.values import (
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Fact,
    Failure,
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

_CLOSED = frozenset({GatewayStatus.CANCELED, GatewayStatus.FAILED})
"""What a closed account leaves behind (inferred: `CANCELLED`), and one that has ended by itself."""

_REFERENCE = re.compile(r"[0-9A-Za-z]{1,40}")
_TX_ID = re.compile(r"[!-~]{1,100}")
_TOKEN = re.compile(r"[!-~]{1,4000}")


class Registered(Told, frozen=True):
    """The answer to a pre-registration: an object without a documented field."""


class Closed(Told, rename="camel", frozen=True):
    """The answer to the closing of a virtual account."""

    closed_at: str | None = None


class PortOneV2(Adapter, Refunding, Voiding, SendsWebhooks):
    """One PortOne V2 store with one channel that takes the money by itself. Amounts on the wire are whole minor units.

    A payment that has a transaction always names its store and its channel's type (docs/gateways/portone-v2.md §8).
    """

    proves = Fact.REFERENCE | Fact.AMOUNT | Fact.STATUS | Fact.STORE | Fact.CHANNEL

    webhook_headers = signature_headers = HEADERS

    def __init__(self, settings: PortOneV2Settings, context: AdapterContext) -> None:
        _refuse_wrong(settings)
        super().__init__(MANIFEST, settings, context, settings.base_url, is_ill)
        self._settings = settings
        self._look_up_s = min(context.deadline_s, settings.look_up_timeout_s)
        self.page = PageSources(scripts=(origin_of(settings.script_url),), opens_any_page=True)
        self._api = ApiClient(settings, self.http)

    def way_to_pay(self, request: ChargeRequest, /) -> tuple[str, str]:
        """The order's method or the setting's, and the wallet where the order names one."""
        method = WAYS_TO_PAY[pay_method(request, self._settings)]
        return WALLETS.get(str(request.options.get("easy_pay_provider")), method)

    def check(self, request: ChargeRequest) -> None:
        """Refuse locally what docs/gateways/portone-v2.md §5 rules out; the message names the field of our API."""
        request_payment(request, self._settings)

    async def create_session(self, request: ChargeRequest) -> Session:
        """Register amount and currency, so that the window refuses any other, and tell the browser how to open it.

        May be repeated. Of what is paid already nothing is registered, and nothing can be paid twice: the window says so
        to the buyer, and the next look-up to us.
        """
        params = request_payment(request, self._settings)
        amount: Json = {
            "storeId": self._settings.store_id,
            "totalAmount": request.amount.minor,
            "taxFreeAmount": request.tax.tax_free,
            "currency": request.amount.currency,
        }
        answer = await self._api.post("pre_register", request.reference, "pre-register", amount)
        if answer.reason != ALREADY_PAID:
            answer.accepted(Registered)
        return Session({"type": MANIFEST.next_action, "script": self._settings.script_url, "params": params})

    async def fetch_payment(self, query: PaymentQuery) -> GatewayPayment:
        """What PortOne holds, always by our reference: the browser's transaction id cannot lead to another order.

        One reference may have several transactions, of which one at most is paid; PortOne shows that one, or the newest
        (inferred). So another transaction than the asked one is no contradiction, and is noted for who reads it later.
        Before the window opens there is nothing to see, although the amount is registered (inferred).
        """
        answer = await self._api.ask("fetch_payment", query.reference, deadline_s=self._look_up_s)
        if answer.is_unknown:
            return GatewayPayment(GatewayStatus.ABSENT)
        payment = answer.accepted(Payment)
        found = gateway_payment_of(payment, self._settings.store_id)
        found = noted(found, payment, answer.damage, *deciding_texts(payment))
        if query.gateway_ref in {None, found.gateway_ref}:
            return found
        return replace(found, evidence=found.evidence | {"asked_for_another_transaction": True})

    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:  # noqa: ARG002  every gateway's signature
        """A part or all, at once, and again without harm: see `refund_policy`."""
        return refund_policy(captured, self._settings.settlement_currency)

    def check_refund(self, request: RefundRequest) -> None:
        """Refuse an amount that is none, and a bank that PortOne does not list: see `refund_policy.check_refund`."""
        check_refund(request)

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Cancel a part or all. The same `key` and balance again are the same cancel for 3 hours; then the balance protects.

        With them everything else must be the same, too, or PortOne refuses the call. A payment by deposit goes back only
        with the `account` to send it to: without one PortOne refuses.
        """
        check_refund(request)
        body = refunds.cancel_of(request, self._settings.store_id)
        answer = await self._api.post("cancel", request.reference, "cancel", body, key=refunds.cancel_key(request))
        return refunds.answer_of(answer, request)

    async def void(self, query: PaymentQuery) -> Failure | None:
        """Close the account that waits for a deposit. None as well when it is closed already.

        A window that is open cannot be closed: there is no call for it.
        """
        answer = await self._api.post("void", query.reference, "virtual-account/close")
        if not answer.is_explicit_no:
            answer.accepted(Closed)
            return None
        if answer.reason == NOT_WAITING and (await self.fetch_payment(query)).status in _CLOSED:
            return None
        return answer.failure()

    def parse_webhook(self, request: WebhookRequest) -> ParsedWebhook:
        """Its signed webhook: see `webhook_parser`."""
        return parse_webhook(self._settings.webhook_secrets, request)

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The transaction, our reference, and the token of manual approval. `code` and `message` decide nothing (§5).

        Older pages spell the reference `payment_id`, as our own API spells an id of its own, which is never a reference.
        """
        named = fields.get("paymentId") or fields.get("payment_id") or ""
        tx_id, token = fields.get("txId", ""), fields.get("paymentToken", "")
        return LookupHint(
            gateway_ref=tx_id if _TX_ID.fullmatch(tx_id) else None,
            reference=named if _REFERENCE.fullmatch(named) else None,
            token=token if _TOKEN.fullmatch(token) else None,
        )


class PortOneV2Manual(PortOneV2, Capturing):
    """PortOne V2 with a channel of manual approval. The browser brings a one-time token, and confirm spends it."""

    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        """Take the money. PortOne compares transaction, amount, currency and channel type, and refuses when one differs.

        The same confirm again is the same one for 3 hours, and a token works once. `ALREADY_PAID` says that money moved,
        which is for the look-up to prove. Raises InvalidRequest without a token.
        """
        body = capture.confirm_of(request, self._settings.store_id)
        key = capture.confirm_key(request.reference, body)
        return capture.answer_of(await self._api.post("confirm", request.reference, "confirm", body, key=key))


def create(account: PortOneV2Settings, context: AdapterContext) -> PortOneV2:
    """The adapter for the channel's way of approval: only the one of manual approval can capture."""
    kind = PortOneV2Manual if account.approval == "manual" else PortOneV2
    return kind(account, context)


def _refuse_wrong(settings: PortOneV2Settings) -> None:
    """Stop the start for settings that would fail with the first order, or with the first webhook."""
    if settings.pay_method not in PAY_METHODS:
        known = ", ".join(sorted(PAY_METHODS))
        raise ValueError(f"ONETILL_PORTONE_V2__PAY_METHOD: {settings.pay_method!r} is not known; there are {known}")
    try:
        for secret in settings.webhook_secrets:
            key_of(secret)
    except ValueError as error:
        raise ValueError(f"ONETILL_PORTONE_V2__WEBHOOK_SECRETS: {error}") from None
