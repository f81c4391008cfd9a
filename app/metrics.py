"""What operators watch, as Prometheus metrics. Counted in the process; nothing here names a payment, a buyer or a secret."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: a folder where the processes of one `onetill serve` share their counts."""

REGISTRY = CollectorRegistry()
_counter = partial(Counter, registry=REGISTRY)
_histogram = partial(
    Histogram, registry=REGISTRY, buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
)

WEBHOOKS_KEPT = _counter(
    "onetill_webhooks_received", "Webhooks kept, by gateway and by what proves them.", ["gateway", "proof"]
)
WEBHOOKS_REFUSED = _counter(
    "onetill_webhooks_rejected", "Webhooks refused, by gateway and problem code.", ["gateway", "code"]
)
WEBHOOKS_PARKED = _counter("onetill_webhooks_parked", "Webhooks that nobody could look into, by gateway.", ["gateway"])
LOOK_UPS = _counter("onetill_look_ups", "Look-ups asked of gateways, by gateway and cause.", ["gateway", "cause"])
DECISIONS = _counter("onetill_attempts_decided", "Attempts that reached a status, by gateway.", ["gateway", "status"])
REFUNDS = _counter(
    "onetill_refunds_decided",
    "Refunds that ended, by gateway, by how, and by who wanted them.",
    ["gateway", "status", "cause"],
)
DUE_CLAIMED = _counter("onetill_due_work_claimed", "Due rows that were claimed, by kind.", ["kind"])
DUE_DONE = _counter("onetill_due_work_done", "Due rows that were carried out, by kind.", ["kind"])
DUE_BROKE = _counter("onetill_due_work_broke", "Due rows whose work failed and was put off, by kind.", ["kind"])
DUE_LAG = _histogram(
    "onetill_due_work_lag_seconds", "From the time at which a row was due to its claim, by kind.", ["kind"]
)
FORGOTTEN = _counter("onetill_retention_deleted", "Old rows that were deleted, by kind.", ["kind"])
FORGETTING_BROKE = _counter(
    "onetill_retention_broke", "Bites of old rows that could not be deleted, by kind.", ["kind"]
)
EVENTS_RELAYED = _counter("onetill_events_relayed", "Events that were given their position in the feed.")
DELIVERIES = _counter("onetill_deliveries", "Attempts to deliver events to endpoints, by how they ended.", ["outcome"])
NOTIFICATION_LAG = _histogram(
    "onetill_notification_lag_seconds", "From an event to the first attempt to deliver it to an endpoint."
)
NOTIFICATIONS_FAILED = _counter(
    "onetill_notifications_failed", "Events that an endpoint never took while it took others: nobody tries them again."
)
ENDPOINT_ALARMS = _counter(
    "onetill_endpoint_alarms",
    "Alarms about endpoints that take nothing, by percent of the time until they are paused.",
    ["percent"],
)
ALARM_MAILS = _counter("onetill_alarm_mails", "Mails about alarms, by what became of them.", ["outcome"])
VERIFICATION_LAG = _histogram(
    "onetill_verification_lag_seconds", "From a webhook's arrival to the look-up's stored answer.", ["gateway"]
)
