"""The Point3 adapter: opens a widget session, fetches payments, captures, refunds and voids."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

import msgspec

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.adapter import Adapter
from app.gateways.http import noted
from app.gateways.manifest import AdapterContext
from app.gateways.point3.codes import DECLINES, aliases, refusal_of, status_of
from app.gateways.point3.lookup import deciding_texts, gateway_payment_of, rank, rows_of
from app.gateways.point3.manifest import MANIFEST, Point3Settings
from app.gateways.point3.refund_policy import REFUND_POLICY, check_refund
from app.gateways.point3.session import token_request
from app.gateways.point3.wire import Answer, Row, code_of, decode, message_of, row_of, signature_of
from app.gateways.port import Capturing, Refunding, Voiding
from app.gateways.text import is_unreadable
from app.gateways.values import (
    LONGEST_TOKEN,
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Failure,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    PageSources,
    PaymentQuery,
    RefundAnswer,
    RefundPolicy,
    RefundRequest,
    Session,
)

_CLOSED = frozenset({GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED, GatewayStatus.FAILED})
"""Where a refused cancel finds it closed all the same: by an earlier cancel, or by itself."""


class Point3(Adapter, Capturing, Refunding, Voiding):
    """One Point3 merchant account. Amounts on the wire are whole won."""

    def __init__(self, settings: Point3Settings, context: AdapterContext) -> None:
        super().__init__(MANIFEST, settings, context, settings.base_url)
        self._settings = settings
        self.page = PageSources(frames=(settings.widget_origin,))
        self._aliases = aliases(settings.status_aliases)

    def check(self, request: ChargeRequest) -> None:
        """Refuse locally what docs/gateways/point3.md §4 rules out; the message names the field of our API."""
        token_request(request, self._settings)

    async def create_session(self, request: ChargeRequest) -> Session:
        """Get a widget token for this attempt. Repeating it is harmless: a token alone charges nobody."""
        body = msgspec.json.encode(token_request(request, self._settings))
        result = self._accepted(await self._request("token", "POST", "/purchase/token", body))
        token = result.get("token") if isinstance(result, Mapping) else None
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN or not token.isprintable():
            raise GatewayTimeout(gateway=self.name)
        origin = self._settings.widget_origin
        url = f"{origin}/?d={quote(token, safe='')}"
        return Session({"type": MANIFEST.next_action, "url": url, "origin": origin, "token": token})

    async def fetch_payment(self, query: PaymentQuery) -> GatewayPayment:
        """What Point3 holds, by signature, or by our reference when no signature is known yet.

        Order ids are not unique at Point3: of several rows the one where money moved comes first, then the one with our
        total. A row of another order id is never ours; one that does not show its order id is reported as it is.
        """
        if (asked := signature_of(query.gateway_ref)) is not None:
            rows = await self._rows(f"/api/payments/{quote(asked, safe='')}")
            # Asked by the signature, a row that does not show one is that signature's.
            rows = [replace(row, gateway_ref=row.gateway_ref or asked) for row in rows]
            ours = [row for row in rows if row.gateway_ref == asked] or rows
        else:
            rows = await self._rows(f"/api/payments/orderid/{quote(query.reference, safe='')}")
            ours = [row for row in rows if row.reference in {None, query.reference} or is_unreadable(row.reference)]
        return min(ours, key=lambda row: rank(row, query.expected), default=GatewayPayment(GatewayStatus.ABSENT))

    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        """Take the money for this signature. Never blindly repeated: a lost answer is for the next look-up to settle."""
        body = msgspec.json.encode({"signature": request.gateway_ref})
        failure = self._explicit(await self._request("confirm", "POST", "/purchase/confirm", body))
        return CaptureAnswer(failure, {"confirm": "declined" if failure else "accepted"})

    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:  # noqa: ARG002  every gateway's signature
        """Whole only, and done with a batch: see `refund_policy`."""
        return REFUND_POLICY

    def check_refund(self, request: RefundRequest) -> None:
        """Refuse a part, and an account: see `refund_policy.check_refund`."""
        check_refund(request)

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Ask for a cancel of the whole charge. Accepted is not done: Point3 works through cancels every 5 minutes."""
        check_refund(request)
        failure = await self._cancel(request.gateway_ref)
        if failure is not None:
            failure = replace(failure, code=refusal_of(failure.raw_code))
        answer = "refused" if failure else "accepted"
        evidence = {"cancel": answer, "amount": request.amount.minor, "reason": request.reason}
        return RefundAnswer(is_done=False, failure=failure, evidence=evidence)

    async def void(self, query: PaymentQuery) -> Failure | None:
        """Cancel a payment that the buyer finished and we did not capture. None as well when it is canceled already.

        Of one that we captured, the same call is a refund: fetch it first. Without a signature nothing is called:
        only our capture would move money, and there is none to send.
        """
        if query.gateway_ref is None:
            return None
        failure = await self._cancel(query.gateway_ref)
        if failure is not None and (await self.fetch_payment(query)).status in _CLOSED:
            return None
        return failure

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The widget's signature: see `signature_of`."""
        return LookupHint(gateway_ref=signature_of(fields.get("signature")))

    async def _cancel(self, signature: str) -> Failure | None:
        """The one cancel that there is. Its body is not documented, so none is sent."""
        path = f"/api/payments/{quote(signature, safe='')}/cancel"
        return self._explicit(await self._request("cancel", "POST", path))

    async def _rows(self, path: str) -> list[GatewayPayment]:
        answer = await self._request("fetch_payment", "GET", path)
        if answer.status == 404 or code_of(answer.status, answer.body) == 404:
            return []
        try:
            rows = rows_of(self._accepted(answer))
        except ValueError as error:
            raise GatewayTimeout(gateway=self.name) from error
        return [self._payment_of(row_of(row), answer.damage) for row in rows]

    def _payment_of(self, row: Row, damage: str | None) -> GatewayPayment:
        status = GatewayStatus.UNRECOGNIZED if "status" in row.untold else status_of(row.status, self._aliases)
        return noted(gateway_payment_of(row, status), row, damage, *deciding_texts(row))

    async def _request(self, operation: str, method: str, path: str, body: bytes | None = None) -> Answer:
        """One call. The answer's body is decoded; None for one that is not JSON.

        Source: docs/gateways/point3.md §2, the secret goes out verbatim after `Basic `, as issued.
        """
        headers = {"Authorization": f"Basic {self._settings.secret.get_secret_value()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self.http.request(operation, method, path, headers=headers, body=body)
        try:
            return Answer(answer.status, decode(answer.body), answer.damage)
        except (ValueError, RecursionError):  # not JSON, or nested without end
            return Answer(answer.status, None, answer.damage)

    def _accepted(self, answer: Answer) -> object:
        """The `result` of a success; the errors of the port for everything else.

        For calls that move no money only: a 5xx counts as unavailable, since repeating them is harmless.
        """
        status, body = answer.status, answer.body
        code = code_of(status, body)
        if code == 200:
            return body.get("result")
        if status >= 500 or status == 429 or code >= 500:
            raise GatewayUnavailable(gateway=self.name)
        if status == 200 and code == 0:
            raise GatewayTimeout(gateway=self.name)
        raise GatewayRefused(gateway=self.name, raw_code=str(code or status))

    def _explicit(self, answer: Answer) -> Failure | None:
        """None: an explicit yes. A Failure: an explicit no. Anything else leaves the outcome open and raises so."""
        status, body = answer.status, answer.body
        code = code_of(status, body)
        if code == 200:
            return None
        if status in DECLINES or (status == 200 and code in DECLINES):
            return Failure("declined", raw_code=str(code or status), message=message_of(body))
        if status == 429:
            raise GatewayUnavailable(gateway=self.name)
        if status in {401, 403}:
            raise GatewayRefused(gateway=self.name, raw_code=str(status))
        raise GatewayTimeout(gateway=self.name)


create = Point3
