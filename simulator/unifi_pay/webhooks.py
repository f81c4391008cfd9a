"""Callbacks to the shop: what they say, how they are signed, when they are repeated.

Source: docs/gateways/unifi-pay.md §5. Body and retries are those of the sibling product, the signature is that of calls in
the other direction ([I], all three); that there is a callback with the transactionId and a status is documented.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from yarl import URL

from simulator.tokens import Tokens
from simulator.unifi_pay.access import Access, UnifiPayAccount
from simulator.unifi_pay.responses import encoded
from simulator.webhooks import Webhook, WebhookSender

if TYPE_CHECKING:
    from simulator.unifi_pay.store import Payment

RETRIES_S = (3, 30, 10 * 60, 3600, 3 * 3600)
"""Waits before each repeat, which follows on 5xx or no answer only."""
REFUNDED, REFUND = "REFUNDED", "REFUND"
"""Status and type of a refund callback ([I]: it is promised, its words are not documented)."""


class Callbacks:
    """Sends them. `send` only queues, so it may be called from the middle of any work."""

    def __init__(self, sender: WebhookSender, access: Access, account: UnifiPayAccount, tokens: Tokens) -> None:
        self._sender = sender
        self._access = access
        self._account = account
        self._tokens = tokens

    def send(
        self,
        payment: "Payment",
        status: str,
        *,
        kind: str = "PURCHASE",
        after_s: float = 0.0,
        is_forged: bool = False,
    ) -> None:
        """Send this status of the payment, whatever its own is, `after_s` of the gateway's seconds from now."""
        url = payment.order.callback_url
        body = encoded({"transactionId": payment.id, "orderId": payment.reference, "status": status, "type": kind})
        uri = URL(url).raw_path  # as the client that sends it writes it into the request line, without a query

        def headers(_: datetime, content: bytes) -> Mapping[str, str]:
            plain = {"Content-Type": "application/json"}
            if not self._account.sign_callbacks and not is_forged:
                return plain
            return plain | self._access.headers("POST", uri, content, is_forged=is_forged)

        webhook = Webhook(self._tokens.uuid(), payment.reference, url, body, headers, lambda status: status >= 500)
        self._sender.send(webhook, payment.webhook_mode, after_s=after_s)

    def send_refund(self, payment: "Payment", *, after_s: float = 0.0) -> None:
        """Say that the money was refunded, whether it was or not."""
        self.send(payment, REFUNDED, kind=REFUND, after_s=after_s)
