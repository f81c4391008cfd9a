"""The webhooks of PortOne V1: unsigned, one delivery, JSON or a form. Source: docs/gateways/portone-v1.md §10."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from simulator.portone_v1.access import PortOneV1Account
from simulator.tokens import Tokens
from simulator.webhooks import Webhook, WebhookSender

if TYPE_CHECKING:
    from simulator.portone_v1.store import Attempt

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Webhooks:
    """Sends them. `send` only queues, so it may be called from the middle of any work."""

    def __init__(self, sender: WebhookSender, account: PortOneV1Account, tokens: Tokens) -> None:
        self._sender = sender
        self._account = account
        self._tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Use the console's address again."""
        self.url = self._account.webhook_url

    def send(self, attempt: "Attempt", status: str, cancellation_id: str | None = None) -> None:
        """Send `status` to the payment's own addresses, else to the console's; to nobody when there is none."""
        fields = {"imp_uid": attempt.id, "merchant_uid": attempt.reference, "status": str(status)}
        if cancellation_id is not None:
            fields["cancellation_id"] = cancellation_id
        is_form = attempt.has_form_webhooks or self._account.webhook_format == "form"
        body = urlencode(fields) if is_form else json.dumps(fields, ensure_ascii=False)
        headers = {"Content-Type": FORM if is_form else JSON}

        def make_headers(_: datetime, __: bytes) -> Mapping[str, str]:
            return headers

        for url in attempt.order.notice_urls or ((self.url,) if self.url else ()):
            webhook = Webhook(self._tokens.uuid(), attempt.reference, url, body.encode(), make_headers)
            self._sender.send(webhook, attempt.webhook_mode)
