"""The calls of a shop's server, one method for each, named and typed after `docs/openapi.json`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, Unpack, cast

import httpx2

from onetill_client.checks import base_url, key_header, path_part
from onetill_client.models import (
    ChangeEndpoint,
    CompletePayment,
    CreateAttempt,
    CreateEndpoint,
    CreatePayment,
    CreateRefund,
    EndpointPage,
    EndpointView,
    EventPage,
    NewEndpointView,
    NotificationPage,
    OptionsView,
    PaymentPage,
    PaymentView,
    RefundPage,
    RefundView,
    Replay,
    ReplayView,
    ResolvePayment,
    RotateSecret,
    ShopEventPage,
    TestView,
)
from onetill_client.sending import send

TIMEOUT_S = 100.0
"""Longer than the slowest refund, in which Onetill asks a gateway several times."""
PATIENCE_S = 60.0


class Onetill:
    """One store's calls, with its secret key or a payment's client token. Safe to share between threads.

    A call whose answer is lost, or whose problem is `retryable`, is sent again with the same Idempotency-Key, after pauses of
    `patience_s` in all. What has no key and may not happen twice, as `resolve_payment`, is sent once. Every method raises
    OnetillProblem or OnetillUnreachable; OnetillError itself where the address, an id or a key cannot be right: nothing was sent.
    The address is https, but on this machine, or with `allow_http` in a network that is yours alone.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = TIMEOUT_S,
        language: str = "en",
        allow_http: bool = False,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._patience_s = patience_s
        self._client = httpx2.Client(
            base_url=base_url(url, allow_http=allow_http),
            headers={"Authorization": f"Bearer {key}", "Accept-Language": language},
            timeout=timeout_s,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create_payment(self, *, idempotency_key: str, **body: Unpack[CreatePayment]) -> PaymentView:
        """Ask for money. Choose the key from your order, before the first try."""
        return cast(PaymentView, self.call("POST", "/payments", body, idempotency_key=idempotency_key))

    def get_payment(self, payment_id: str) -> PaymentView:
        """Read a payment. Deliver when its `status` is `paid`, and only then."""
        return cast(PaymentView, self.call("GET", f"/payments/{path_part(payment_id)}"))

    def list_payments(self, **filters: Any) -> PaymentPage:
        """Search, newest first: `order_id`, `status`, `gateway`, `customer`, `created_from`, `cursor`, `limit` …"""
        return cast(PaymentPage, self.call("GET", "/payments", query=filters))

    def list_payment_events(self, payment_id: str, **page: int) -> EventPage:
        """A payment's audit trail, in order: `cursor`, `limit`."""
        return cast(EventPage, self.call("GET", f"/payments/{path_part(payment_id)}/events", query=page))

    def complete_payment(self, **brought: Unpack[CompletePayment]) -> PaymentView:
        """Say that the buyer is done, with what the browser brought. Still undecided where `status` is `processing`."""
        return cast(PaymentView, self.call("POST", "/payments/complete", brought, may_repeat=True))

    def sync_payment(self, payment_id: str) -> PaymentView:
        """Ask the gateway now, about every attempt that may hold money."""
        return cast(PaymentView, self.call("POST", f"/payments/{path_part(payment_id)}/sync", may_repeat=True))

    def create_attempt(
        self, payment_id: str, *, idempotency_key: str | None = None, **body: Unpack[CreateAttempt]
    ) -> PaymentView:
        """Let the buyer try again, at the same or another gateway."""
        path = f"/payments/{path_part(payment_id)}/attempts"
        return cast(PaymentView, self.call("POST", path, body, idempotency_key=idempotency_key))

    def cancel_payment(self, payment_id: str) -> PaymentView:
        """Close a payment without money."""
        return cast(PaymentView, self.call("POST", f"/payments/{path_part(payment_id)}/cancel", may_repeat=True))

    def close_link(self, payment_id: str) -> PaymentView:
        """End a payment's link for browsers that have not opened it yet."""
        return cast(PaymentView, self.call("POST", f"/payments/{path_part(payment_id)}/close-link", may_repeat=True))

    def get_link_qr(self, payment_id: str) -> str:
        """A payment's link as a QR code, an SVG image."""
        return cast(str, self.call("GET", f"/payments/{path_part(payment_id)}/qr.svg"))

    def resolve_payment(self, payment_id: str, **body: Unpack[ResolvePayment]) -> PaymentView:
        """Say what becomes of a payment that needs a person."""
        return cast(PaymentView, self.call("POST", f"/payments/{path_part(payment_id)}/resolve", body))

    def create_refund(self, payment_id: str, *, idempotency_key: str, **body: Unpack[CreateRefund]) -> RefundView:
        """Give money back, all that is left or `amount`. One key is one refund, however often it is sent."""
        path = f"/payments/{path_part(payment_id)}/refunds"
        return cast(RefundView, self.call("POST", path, body, idempotency_key=idempotency_key))

    def get_refund(self, refund_id: str) -> RefundView:
        """Read a refund."""
        return cast(RefundView, self.call("GET", f"/refunds/{path_part(refund_id)}"))

    def list_refunds(self, payment_id: str, **page: int) -> RefundPage:
        """The refunds of a payment, oldest first: `cursor`, `limit`."""
        return cast(RefundPage, self.call("GET", f"/payments/{path_part(payment_id)}/refunds", query=page))

    def get_refund_options(self, payment_id: str) -> OptionsView:
        """What can be refunded now, and if not, why."""
        return cast(OptionsView, self.call("GET", f"/payments/{path_part(payment_id)}/refund-options"))

    def list_events(self, **query: Any) -> ShopEventPage:
        """What happened, in one order: keep `next_cursor`, go on with it as `after`. Also `payment_id`, `type`, `limit`."""
        return cast(ShopEventPage, self.call("GET", "/events", query=query))

    def create_notification_endpoint(
        self, *, idempotency_key: str | None = None, **body: Unpack[CreateEndpoint]
    ) -> NewEndpointView:
        """Have events sent to an address. The answer has the signing `secret`; with a key, a lost answer is had again."""
        path = "/notification-endpoints"
        return cast(NewEndpointView, self.call("POST", path, body, idempotency_key=idempotency_key))

    def list_notification_endpoints(self, **page: Any) -> EndpointPage:
        """The store's endpoints, oldest first: `cursor`, `limit`."""
        return cast(EndpointPage, self.call("GET", "/notification-endpoints", query=page))

    def get_notification_endpoint(self, endpoint_id: str) -> EndpointView:
        """Read an endpoint, and how it fares."""
        return cast(EndpointView, self.call("GET", f"/notification-endpoints/{path_part(endpoint_id)}"))

    def change_notification_endpoint(self, endpoint_id: str, **body: Unpack[ChangeEndpoint]) -> EndpointView:
        """Set what is named; `paused` stops it and goes on."""
        path = f"/notification-endpoints/{path_part(endpoint_id)}"
        return cast(EndpointView, self.call("PATCH", path, body, may_repeat=True))

    def delete_notification_endpoint(self, endpoint_id: str) -> None:
        """End it, and drop what waits for it."""
        self.call("DELETE", f"/notification-endpoints/{path_part(endpoint_id)}")

    def rotate_notification_secret(
        self, endpoint_id: str, *, idempotency_key: str | None = None, **body: Unpack[RotateSecret]
    ) -> NewEndpointView:
        """A new signing secret; the old one signs beside it for `overlap_days`."""
        path = f"/notification-endpoints/{path_part(endpoint_id)}/rotate-secret"
        return cast(NewEndpointView, self.call("POST", path, body, idempotency_key=idempotency_key))

    def test_notification_endpoint(self, endpoint_id: str) -> TestView:
        """Send a signed `endpoint.test` now; what came of it."""
        return cast(TestView, self.call("POST", f"/notification-endpoints/{path_part(endpoint_id)}/test"))

    def list_notifications(self, **filters: Any) -> NotificationPage:
        """What was sent to whom, newest first: `status`, `endpoint`, `event`, `since`, `cursor`, `limit`."""
        return cast(NotificationPage, self.call("GET", "/notifications", query=filters))

    def replay_notifications(self, **body: Unpack[Replay]) -> ReplayView:
        """Send events again, with the ids and bodies of then; with `preview` only count them."""
        return cast(ReplayView, self.call("POST", "/notifications/replay", body))

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        may_repeat: bool = False,
    ) -> Any:
        """The JSON or text of any call, for one that has no method here. A GET, and a call with a key, may always be repeated."""
        headers = key_header(idempotency_key)
        request = self._client.build_request(method, path, json=body, params=query, headers=headers)
        may_repeat = may_repeat or method == "GET" or idempotency_key is not None
        return send(self._client, request, may_repeat=may_repeat, patience_s=self._patience_s)
