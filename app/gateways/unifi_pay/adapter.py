"""The Unifi Pay adapter: opens a start page, fetches payments, and reads callbacks. There is no refund API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from app.domain.clock import Now, utc_now
from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest
from app.gateways.adapter import Adapter
from app.gateways.http import HttpAnswer, noted
from app.gateways.manifest import AdapterContext
from app.gateways.port import SendsWebhooks
from app.gateways.unifi_pay.codes import ALPHA_3, aliases, status_of
from app.gateways.unifi_pay.lookup import deciding_texts, gateway_payment_of
from app.gateways.unifi_pay.manifest import MANIFEST, UnifiPaySettings
from app.gateways.unifi_pay.request_signature import APP_ID, SIGNATURE, TIMESTAMP, headers
from app.gateways.unifi_pay.session import creation_of
from app.gateways.unifi_pay.webhook_parser import parse_webhook
from app.gateways.unifi_pay.wire import (
    Creation,
    Unreadable,
    encode,
    is_object,
    is_page,
    problem_code,
    read_created,
    read_shown,
    transaction_of,
)
from app.gateways.values import (
    ChargeRequest,
    Fact,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    ParsedWebhook,
    PaymentQuery,
    Session,
    WebhookRequest,
)

PAYMENT = "/api/v1/payment"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnifiPay(Adapter, SendsWebhooks):
    """One Unifi Pay account ("PG" in the vendor's words). Amounts on the wire are dollars.

    Every answer names the store (docs/gateways/unifi-pay.md §4). None tells live from test money: those are two hosts.
    """

    proves = Fact.REFERENCE | Fact.AMOUNT | Fact.STATUS | Fact.STORE

    signature_headers = frozenset(name.lower() for name in (TIMESTAMP, SIGNATURE))
    webhook_headers = signature_headers | {APP_ID.lower()}

    def __init__(self, settings: UnifiPaySettings, context: AdapterContext, now: Now = utc_now) -> None:
        super().__init__(MANIFEST, settings, context, settings.base_url)
        if settings.country not in ALPHA_3:
            raise ValueError(f"ONETILL_UNIFI_PAY__COUNTRY: {settings.country!r} is no ISO 3166-1 country")
        self._settings = settings
        self._aliases = aliases(settings.status_aliases)
        self._now = now
        base = urlsplit(settings.base_url)
        self._base_path = base.path
        self._must_encrypt = base.scheme == "https"  # the simulator speaks plain HTTP, its pages too

    def check(self, request: ChargeRequest) -> None:
        """Refuse locally what docs/gateways/unifi-pay.md §3 and §6 rule out; the message names the field of our API."""
        self._creation(request)

    async def create_session(self, request: ChargeRequest) -> Session:
        """Open a payment and get the page to send the buyer to. Not to be repeated with the same reference.

        After a lost answer a payment may exist there, but nobody was ever given its page, so nobody can pay it.
        """
        answer = await self._request("start", "POST", PAYMENT, encode(self._creation(request)))
        try:
            created = read_created(self._accepted(answer))
        except Unreadable as error:
            raise GatewayTimeout(gateway=self.name) from error
        if not is_page(created.start_page_url, must_encrypt=self._must_encrypt):
            raise GatewayTimeout(gateway=self.name)
        return Session({"type": MANIFEST.next_action, "url": created.start_page_url}, created.transaction_id)

    async def fetch_payment(self, query: PaymentQuery) -> GatewayPayment:
        """What Unifi Pay holds, by its own transaction id: it cannot be asked by our reference.

        Without that id the answer is `ABSENT`, and no call is made: the id comes together with the start page, so whoever
        lacks the one never got the other, and nothing can be paid there.
        """
        ref = query.gateway_ref
        if ref is None:
            return GatewayPayment(GatewayStatus.ABSENT)
        answer = await self._request("fetch_payment", "GET", f"{PAYMENT}/{quote(ref, safe='')}")
        if answer.status == 404 and is_object(answer.body):
            return GatewayPayment(GatewayStatus.ABSENT)
        try:
            shown = read_shown(self._accepted(answer))
        except Unreadable as error:
            raise GatewayTimeout(gateway=self.name) from error
        status = GatewayStatus.UNRECOGNIZED if "status" in shown.untold else status_of(shown.status, self._aliases)
        found = gateway_payment_of(shown, ref, self._settings.store_id, status)
        return noted(found, shown, answer.damage, *deciding_texts(shown))

    def parse_webhook(self, request: WebhookRequest) -> ParsedWebhook:
        """Its callback: see `webhook_parser`."""
        return parse_webhook(self._settings, request)

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The transaction id. Its companion `status` is anybody's to write, and decides nothing (unifi-pay.md §7 trap 11)."""
        return LookupHint(gateway_ref=transaction_of(fields.get("transactionId")))

    async def _request(self, operation: str, method: str, path: str, body: bytes = b"") -> HttpAnswer:
        """One call: these bytes are signed, and these bytes are sent (docs/gateways/unifi-pay.md §7 trap 5)."""
        timestamp_ms = (self._now() - EPOCH) // timedelta(milliseconds=1)
        signed = headers(self._settings, method, self._base_path + path, timestamp_ms, body)
        kind = {"Content-Type": "application/json"} if body else {}
        return await self.http.request(
            operation, method, path, headers={"Accept": "application/json", **kind, **signed}, body=body or None
        )

    def _accepted(self, answer: HttpAnswer) -> bytes:
        """The body of a success; the errors of the port for everything else. No call here moves money.

        Only 200 is documented, so the body of any 2xx decides whether it is one.
        """
        status = answer.status
        if 200 <= status < 300:
            return answer.body
        if status >= 500 or status == 429:
            raise GatewayUnavailable(gateway=self.name)
        said = None if status in {401, 403} else problem_code(answer.body)
        raise GatewayRefused(gateway=self.name, raw_code=said or str(status))

    def _creation(self, request: ChargeRequest) -> Creation:
        if request.options:
            option = min(request.options)
            raise InvalidRequest((f"gateway_options.{self.name}.{option}", "is not known; Unifi Pay has no options"))
        return creation_of(request, self._settings.store_id, self._settings.country)


create = UnifiPay
