"""What operators watch, as Prometheus metrics. Counted in the process; nothing here names a payment, a buyer or a secret."""

from prometheus_client import CollectorRegistry, Counter, Histogram

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: a folder where the processes of one `onetill serve` share their counts."""

REGISTRY = CollectorRegistry()

WEBHOOKS_KEPT = Counter(
    "onetill_webhooks_received",
    "Webhooks kept, by gateway and by what proves them.",
    ["gateway", "proof"],
    registry=REGISTRY,
)
WEBHOOKS_REFUSED = Counter(
    "onetill_webhooks_rejected",
    "Webhooks refused, by gateway and problem code.",
    ["gateway", "code"],
    registry=REGISTRY,
)
WEBHOOKS_PARKED = Counter(
    "onetill_webhooks_parked", "Webhooks that nobody could look into, by gateway.", ["gateway"], registry=REGISTRY
)
LOOK_UPS = Counter(
    "onetill_look_ups", "Look-ups asked of gateways, by gateway and cause.", ["gateway", "cause"], registry=REGISTRY
)
DECISIONS = Counter(
    "onetill_attempts_decided", "Attempts that reached a status, by gateway.", ["gateway", "status"], registry=REGISTRY
)
REFUNDS = Counter(
    "onetill_refunds_decided",
    "Refunds that ended, by gateway, by how, and by who wanted them.",
    ["gateway", "status", "cause"],
    registry=REGISTRY,
)
DUE_CLAIMED = Counter("onetill_due_work_claimed", "Due rows that were claimed, by kind.", ["kind"], registry=REGISTRY)
DUE_DONE = Counter("onetill_due_work_done", "Due rows that were carried out, by kind.", ["kind"], registry=REGISTRY)
DUE_BROKE = Counter(
    "onetill_due_work_broke", "Due rows whose work failed and was put off, by kind.", ["kind"], registry=REGISTRY
)
LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
DUE_LAG = Histogram(
    "onetill_due_work_lag_seconds",
    "From the time at which a row was due to its claim, by kind.",
    ["kind"],
    buckets=LAG_BUCKETS,
    registry=REGISTRY,
)
VERIFICATION_LAG = Histogram(
    "onetill_verification_lag_seconds",
    "From a webhook's arrival to the look-up's stored answer.",
    ["gateway"],
    buckets=LAG_BUCKETS,
    registry=REGISTRY,
)
