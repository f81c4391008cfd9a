"""The webhooks of PortOne V2: what they say, where they go, and the log that payment objects show of them.

They are signed as Standard Webhooks has it (spec standard-webhooks.md). Source: portone-v2.md §4. An id for each address is
[I]; repeats of one message to one address keep it.
"""

import base64
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from simulator.clock import SimClock
from simulator.portone_v2.access import PortOneV2Account, signing_key
from simulator.portone_v2.fields import Refused, rfc3339
from simulator.tokens import Tokens
from simulator.webhooks import Webhook, WebhookSender

if TYPE_CHECKING:
    from simulator.portone_v2.store import Cancellation, Transaction

RETRIES_S = (60, 4 * 60, 16 * 60, 64 * 60, 256 * 60)
"""Waits before each repeat."""
MANUAL_RESENDS = 5
"""How often one webhook may be sent again by hand ([I]: the number is not published)."""
FORGER = "whsec_bm90IHRoZSBtZXJjaGFudCdzIHNlY3JldA=="
"""What the forged webhook is signed with."""


def sign(secrets: Iterable[str], webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1,<base64>` for each secret, space separated."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(signing_key(secret), signed, sha256)).decode()}" for secret in secrets
    )


@dataclass(slots=True, eq=False)
class Sent:
    """One webhook of one payment, for the log."""

    webhook: Webhook
    payment_status: str
    trigger: str | None
    at: datetime
    resends: int = 0

    def shown(self) -> dict[str, Any]:
        """As the payment object lists it (`PaymentWebhook`)."""
        row: dict[str, Any] = {
            "paymentStatus": self.payment_status,
            "id": self.webhook.id,
            "url": self.webhook.url,
            "isAsync": self.trigger is not None,
            "currentExecutionCount": len(self.webhook.deliveries),
            "maxExecutionCount": len(RETRIES_S) + 1,
            "request": {"body": self.webhook.body.decode()},
            "triggeredAt": rfc3339(self.at),
        }
        if self.webhook.deliveries:
            row["status"] = _log_status(self.webhook.deliveries[-1]["status"])
        if self.trigger is not None:
            row["trigger"] = self.trigger
        return row


class Webhooks:
    """Sends them. `send` only queues, so it may be called from the middle of any work."""

    def __init__(self, clock: SimClock, sender: WebhookSender, account: PortOneV2Account, tokens: Tokens) -> None:
        self._clock = clock
        self._sender = sender
        self._account = account
        self._tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Forget what was sent, and use the console's address again."""
        self.url = self._account.webhook_url
        self._log: dict[str, list[Sent]] = {}

    def send(
        self,
        transaction: "Transaction",
        event: str,
        cancellation: "Cancellation | None" = None,
        trigger: str | None = None,
        *,
        is_forged: bool = False,
    ) -> None:
        """Send `Transaction.<event>` to every address of this payment."""
        urls = transaction.order.notice_urls or ((self.url,) if self.url else ())
        at = self._clock.now()
        body = self._body(transaction, event, cancellation, at)
        for url in urls:
            webhook = self._webhook(transaction, url, body, is_forged=is_forged)
            if not is_forged:
                log = self._log.setdefault(transaction.reference, [])
                log.append(Sent(webhook, transaction.status.value, trigger, at))
            self._sender.send(webhook, transaction.webhook_mode)

    def log(self, payment_id: str) -> list[dict[str, Any]]:
        """The webhooks of a payment that were tried, oldest first."""
        return [sent.shown() for sent in self._log.get(payment_id, []) if sent.webhook.deliveries]

    def resend(self, payment_id: str, webhook_id: str | None) -> dict[str, Any]:
        """Send one again, by its id or the latest, with the same id and body; return its row of the log."""
        found = [each for each in self._log.get(payment_id, []) if webhook_id in (None, each.webhook.id)]
        if not found:
            raise Refused("WEBHOOK_NOT_FOUND", "the payment has no such webhook")
        first = found[-1]
        if first.resends >= MANUAL_RESENDS:
            raise Refused("MAX_WEBHOOK_RETRY_COUNT_REACHED", f"a webhook can be sent again {MANUAL_RESENDS} times")
        first.resends += 1
        again = Sent(replace(first.webhook, deliveries=[]), first.payment_status, "MANUAL", self._clock.now())
        self._sender.send(again.webhook, "send")
        return again.shown()

    def _webhook(self, transaction: "Transaction", url: str, body: bytes, *, is_forged: bool) -> Webhook:
        webhook_id = self._tokens.uuid()
        secrets = (FORGER,) if is_forged else self._account.webhook_secrets

        def headers(now: datetime, content: bytes) -> Mapping[str, str]:
            timestamp_s = int(now.timestamp() - self._clock.advanced_s)  # receivers live in real time
            return {
                "Content-Type": "application/json",
                "webhook-id": webhook_id,
                "webhook-timestamp": str(timestamp_s),
                "webhook-signature": sign(secrets, webhook_id, timestamp_s, content),
            }

        webhook = Webhook(webhook_id, transaction.reference, url, body, headers)
        if is_forged:
            webhook.is_broken_by = lambda _: False  # whoever forges does not try again
        return webhook

    def _body(self, transaction: "Transaction", event: str, cancellation: "Cancellation | None", at: datetime) -> bytes:
        order = transaction.order
        if transaction.has_old_webhooks:
            content: dict[str, Any] = {"payment_id": order.reference, "tx_id": transaction.id, "status": event}
        else:
            data = {"storeId": self._account.store_id, "paymentId": order.reference, "transactionId": transaction.id}
            if cancellation is not None:
                data["cancellationId"] = cancellation.id
            content = {"type": f"Transaction.{event}", "timestamp": rfc3339(at), "data": data}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _log_status(status: int | None) -> str:
    if status is None:
        return "FAILED_UNEXPECTED_ERROR"
    return "SUCCEEDED" if 200 <= status < 300 else "FAILED_NOT_OK_RESPONSE"
