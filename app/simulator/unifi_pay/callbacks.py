"""Callbacks to the shop: what they say, how they are signed, when they are repeated.

Source: contract unifi-pay.md §5. Body and retries are those of the sibling product, the signature is the one of calls
in the other direction ([I], all three); that there is a callback with the transactionId and a status is documented.
"""

from collections.abc import Mapping
from datetime import datetime

from yarl import URL

from app.simulator.opaque import Ids
from app.simulator.unifi_pay.access import Access
from app.simulator.unifi_pay.account import UnifiPayAccount
from app.simulator.unifi_pay.payment import Payment
from app.simulator.unifi_pay.wire import encoded
from app.simulator.webhooks import Webhook, WebhookSender
