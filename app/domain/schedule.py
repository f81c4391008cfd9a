"""All waiting times of the product: how soon something is looked at again, how long a claim holds, how often one looks.

Seconds of real time. In test mode they are divided by `ONETILL_TIME_SCALE`, but for those that say how long a network may take.
"""

from datetime import datetime, timedelta

# ── Undecided attempts ────────────────────────────────────────────────────────────────────────────────────────────────

ASK_AGAIN = (5, 15, 60, 300, 900, 3600)
"""Seconds between looks at an undecided attempt whose buyer came back; hourly after that, then daily (law 8)."""

HOURS, DAYS = 24, 7
"""After those, an attempt is asked about so many times an hour apart, then so many times a day apart; then a person decides."""

ABANDONED = (60, 300, 900, 3600)
"""Seconds between looks at an attempt whose buyer has not come back yet."""

STRANGER_WAIT_S = 20.0
"""A redirect that comes back in a browser that we do not know brings the next look so near, and no nearer (laws 8 and 15)."""


def next_look(now: datetime, looks: int, *, returned: bool, time_scale: float = 1.0) -> datetime:
    """When an undecided attempt is asked about again, after so many `looks` that decided nothing.

    `returned` says that the buyer came back or that we asked for the money: those are looked at sooner.
    """
    steps = ASK_AGAIN if returned else ABANDONED
    wait_s = steps[looks] if looks < len(steps) else 3600 if looks < len(steps) + HOURS else 86_400
    return now + timedelta(seconds=wait_s / time_scale)


UNOPENED_AGAIN = (0, 2, 5, 15, 30, 60, 120, 300)
"""Seconds until a gateway that did not open the window of one, two, … attempts in a row is asked for a further one."""

UNKNOWN_FOR = timedelta(hours=1)
"""How long an attempt may be unknown before a person is called (law 4)."""

UNDECIDED_FOR = timedelta(days=DAYS + 1)
"""How long an attempt may be unknown before its payment is a person's decision."""

SILENT_FOR = timedelta(hours=1)
"""How long looks at an undecided attempt may stay unanswered, for whatever reason, before a person is called."""

GIVEN_UP = timedelta(days=DAYS)
"""How long captured money whose looks stay unanswered is asked about; then the rest of its own looks follow."""

APPROVING_FOR = timedelta(days=7)
"""How long a gateway may say that an approval is under way before a person is called; it is still asked about after that."""

ASKED_IN_VAIN = len(ASK_AGAIN)
"""Looks at a refund with a lost answer after which a person is called: over an hour (law 4)."""

OVERDUE = ASKED_IN_VAIN + HOURS
"""Looks at an accepted refund after which a person is called: about a day."""

MOST_BLIND_REQUESTS = 3
"""Requests for a refund of all that is left, where no look-up shows whether one was carried out; then a person decides."""

# ── What has ended and may still bring or lose money ──────────────────────────────────────────────────────────────────

CAPTURE_GRACE = timedelta(minutes=5)
"""A buyer who finished just before expiry is still captured so long after it."""

LATE_CAPTURE = timedelta(hours=1)
"""How long after its end an attempt that may still bring money is looked at once more."""

LATE_LOOKS = (timedelta(0), timedelta(hours=1), timedelta(hours=24))
"""How long after its own end, and after the payment's expiry, such an attempt is looked at again."""

KEPT_LOOKS = tuple(timedelta(days=days) for days in (1 / 24, 1, 7, 30, 90, 180))
"""How long after a capture it is looked at again, for external refunds: as long as a bank may take money back from a merchant."""

# ── Deposits ──────────────────────────────────────────────────────────────────────────────────────────────────────────

DEPOSIT_GRACE = timedelta(hours=1)
"""A transfer that was made just before an account's end may show so long after it; then the account is closed."""

DEPOSIT_UNTOLD = timedelta(days=7)
"""How long after the payment's expiry a person is called about an account of which the gateway tells no end."""

# ── Webhooks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

UNKNOWN_AGAIN = (5, 15, 60, 300, 900, 3600, 21_600)
"""Seconds between looks for the payment of a webhook that nobody knows yet; then a signed one is parked."""

UNKNOWN_HINT_AGAIN = (*UNKNOWN_AGAIN, 86_400)
"""The same for an unsigned one, which anybody may have sent: it is kept for more than a day and then deleted."""

HINTS_KEPT_S = 86_400.0
"""How long an unsigned one is kept that names nobody at all."""

UNANSWERED_AGAIN = (*ASK_AGAIN, *(HOURS * (3600,)), *(DAYS * (86_400,)))
"""Seconds between tries while the gateway does not answer the look-up for a signed webhook: as an attempt's; then it is parked.
A person is called after `SILENT_FOR`."""

UNANSWERED_HINT_AGAIN = (5, 15, 60, 300, 900, 3600, 3600, 21_600, 86_400)
"""The same for an unsigned one, for which nobody is called."""

# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────────

RELAYED_AT_ONCE, PUT_AT_ONCE = 500, 2500
"""Events that the relay hands on in one transaction, and notifications of them: who has many endpoints holds nobody up."""

LOOK_BEHIND_S = 60.0
"""How often the relay looks for events from the very beginning, and not only behind what it handed on before that time."""

NOTIFY_AGAIN = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, *(10 * (86_400,)))
"""Seconds between tries of a notification that its endpoint does not take, while it takes others: eleven days; then `failed`."""

DOWN_AFTER = 5
"""Different events in a row that an endpoint refuses before it is only probed: one at a time, at growing intervals."""

PROBE_AGAIN = (5, 15, 60, 300, 900, 1800, 3600)
"""Seconds between probes of such an endpoint; hourly after that."""

FAILING_FOR = timedelta(days=11)
"""How long an endpoint that takes nothing is probed; then it is paused. What waits is kept, and sent when it is resumed."""

ALARM_PERCENTS = (50, 70, 90, 100)
"""Of that time, when operators are alarmed."""

DELIVERY_DEADLINE_S = 10.0
"""How long one try may take from the first byte out to the last byte in."""

DELIVERY_SPELL_S, LONGEST_SPELL_S = 10.0, 600.0
"""How long one worker sends to one endpoint before others may have the place; longer while attempts are always under way."""

SENDER_LEASE_S = 16.0
"""How long an endpoint waits whose sender was killed. Who sends holds his claim anew every few seconds, and begins no attempt
that could end after it."""

MOST_RETRY_AFTER_S = 3600.0
"""An endpoint's `Retry-After` is followed up to so long."""

# ── Alarms by mail ────────────────────────────────────────────────────────────────────────────────────────────────────

ALARMS_EVERY_S = 30.0
"""How often a worker looks what calls a person."""

ALARMS_GATHERED_S = 300.0
"""How long an alarm waits for others, so that what happens together goes in one mail."""

MAIL_DEADLINE_S = 30.0
"""How long a mail server may take for one mail in all."""

MAIL_AGAIN = (60, 300, 900, 1800, 3600)
"""Seconds between tries while the mail server does not take it; hourly after that …"""

MAIL_TRIED_FOR = timedelta(days=3)
"""… for so long."""

# ── Everything that is tried again ────────────────────────────────────────────────────────────────────────────────────

JITTER = 0.2
"""Waits are up to so much longer, so that what failed together is not tried together."""

REPEAT_AFTER_S = 15.0
"""A repeated webhook asks for another look so long after it came: whoever repeats it sets off one look in that time."""

# ── Claims on a gateway call and on a key ─────────────────────────────────────────────────────────────────────────────

LEASE_MARGIN_S = 5.0
"""A lease is so much longer than what it is taken for, so that clocks may differ a little; see `Settings.lease_s`."""

WRITE_S = 20.0
"""How long a write to the database may take at most: half of it until there is a connection, half to run."""

IDEMPOTENCY_LEASE_S = 60.0
"""How long the caller of an idempotency key may work on it before another call with it goes on: at least so long, and longer
than the slowest road to the configured gateways (`Settings.road_s`)."""

KEYS_KEPT = timedelta(days=30)
"""How long an idempotency key is remembered."""

BUSY_POLL_S, BUSY_PAUSE_S = 0.1, 1.0
"""How soon one looks again while another process asks the gateway about the same attempt: twice as long each time, to that."""

# ── Due work ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LOOK_EVERY_S = 5.0
"""How often a worker looks for due rows when nothing woke it."""

PUT_OFF_S = 300.0
"""When a row whose work broke comes back."""

GATEWAY_CALLS = 4
"""Calls to a gateway that one verification may have to wait for in turn, each as long as its deadline."""

LOOK_FIRST_S = 5.0
"""How long a further attempt waits for the looks at the windows before it; then the buyer may pay elsewhere all the same."""

KEYED_CALLS = GATEWAY_CALLS + 1
"""The same of the slowest call with an idempotency key: who takes one over verifies before it opens a further attempt.

A refund waits for three: the look, the refund, and the look why it was refused.
"""

DATABASE_AWAY_S = 1.0
"""Between two tries to go on with a claimed row while the database is away."""

WAKE_EVERY_S = 0.01
"""Between two NOTIFYs of one process: a burst of webhooks costs so many, not one each."""

KEEPALIVE_S = 2.0
"""How often the LISTEN connection is asked whether it still lives, and …"""

KEEPALIVE_TIMEOUT_S = 1.5
"""… how long its answer may take. Together with a new connection this stays below 5 s."""

RECONNECT_S, CONNECT_TIMEOUT_S = 0.5, 5.0
"""Between two tries to listen again, and how long one may take."""

FORGET_EVERY_S = 3600.0
"""How often old keys, webhooks and exchanges are deleted."""

FORGET_AGAIN_S = 60.0
"""When deleting is tried again that failed."""

FORGET_PAUSE_S = 0.1
"""Between two bites of deleting, so that others come in between."""

# ── Connections ───────────────────────────────────────────────────────────────────────────────────────────────────────

KEEP_ALIVE_S = 75
"""How long an idle connection of a client is kept: longer than balancers keep theirs, or a request meets its end."""

HEAD_S, BODY_S, ANSWER_S = 10.0, 20.0, 60.0
"""How long a client may take to send a request's head once it has begun, and then the body, and to take what is written to it."""

SLOT_SHARE = 0.5
"""The share of a gateway call's deadline that may pass in waiting for a connection of our own pool."""

# ── Too much at once ──────────────────────────────────────────────────────────────────────────────────────────────────

POOL_WAIT_S = 10.0
"""How long a statement waits for a connection to the database: as long as one may run there."""

OVERLOADED_S = 1
"""What `Retry-After` says when there is no place for a request."""

PACE_S = 0.5
"""How long, by half more or less, a stranger without budget or place waits for his refusal: he cannot ask again at once."""
