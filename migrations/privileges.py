"""What the role of the processes may do with each column. `onetill migrate` grants exactly this after the last revision.

The database has the last word (law 9): what may never change is no column that the role may update. A distributed Postgres
refuses triggers and takes these grants to its shards. A column that is named nowhere here may be updated, and
`tests/integration/test_privileges.py` fails until somebody has decided.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.db.schema import APP_ROLE
from migrations.tables import metadata


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights on a table, and for its columns why each is fixed or moves. Columns are separated by spaces."""

    may: str
    """Without UPDATE, which `moves` gives."""
    fixed: dict[str, str]
    moves: dict[str, str]

    @property
    def fixed_columns(self) -> set[str]:
        """Those that stay as they were inserted."""
        return set(" ".join(self.fixed).split())

    @property
    def moving_columns(self) -> set[str]:
        """Those that were decided to move."""
        return set(" ".join(self.moves).split())


RIGHTS: dict[str, Rights] = {
    "payments": Rights(
        "SELECT, INSERT",
        fixed={
            "id store mode created_at": "which payment it is, and whose",
            "order_id order_name amount_minor currency": "what the shop named; no browser, gateway or process changes it",
            "method customer_id details return_url metadata expires_at": "what the shop asked for with it",
        },
        moves={
            "status captured_minor refunded_minor refunding_minor refund_count paid_at": "a step's, with its event",
            "gateway": "the one of the newest attempt, or of the captured one",
            "attention": "whether a person is called",
            "last_seq last_hash updated_at": "the version, and where the audit trail ends",
            "link_expires_at": "the shop may end the link sooner",
        },
    ),
    "attempts": Rights(
        "SELECT, INSERT",
        fixed={
            "payment_id id number created_at": "which attempt it is",
            "gateway reference": "the name under which the gateway holds our money",
            "account": "which of the gateway's accounts holds it",
        },
        moves={
            "gateway_ref": "told by the gateway after the attempt was opened; the audit trail holds it",
            "status failure is_deposit capture_accepted_at": "a step's, with its event",
            "next_action deposit": "what the buyer's page opens, and where a deposit is waited for",
            "lookup_attempts next_check_at busy_until claimed_until updated_at": "when to look, and who does",
            "returned_at unanswered_since unknown_since ended_at": "since when, which the schedule counts from",
        },
    ),
    "refunds": Rights(
        "SELECT, INSERT",
        fixed={
            "payment_id id number attempt_id created_at": "which refund it is",
            "amount_minor currency taxed_minor tax_free_minor vat_minor": "the money that goes back",
            "initiator reason expected_minor request_key request_print": "who asked for it, and how",
        },
        moves={
            "status failure is_held is_lost accepted_at returned_minor": "a step's, with its event",
            "gateway_ref": "told by the gateway after it was asked; the audit trail holds it",
            "account": "forgotten once the refund is decided",
            "returned_minor": "what the gateway's yes names, where that is another amount",
            "refund_attempts asked_at lookup_attempts next_check_at claimed_until updated_at": "when to look or ask",
        },
    ),
    "payment_events": Rights(
        "SELECT, INSERT",
        fixed={
            "payment_id seq prev_seq at trigger reason payment_from payment_to": "the audit trail grows and never changes",
            "attempt_id attempt_from attempt_to evidence": "the audit trail grows and never changes",
            "facts key_id prev_hash hash": "what seals it",
        },
        moves={},
    ),
    "history_anchors": Rights(
        "SELECT, INSERT",
        fixed={"number since until trails ends key_id prev_mac mac": "what was there stays said"},
        moves={},
    ),
    "gateway_refs": Rights(
        "SELECT, INSERT",
        fixed={"gateway ref payment_id attempt_id": "a gateway's reference is one payment's for ever"},
        moves={},
    ),
    "order_claims": Rights(
        "SELECT, INSERT, DELETE",
        fixed={"store order_id payment_id": "taken and left, never handed over"},
        moves={},
    ),
    "idempotency_keys": Rights(
        "SELECT, INSERT, DELETE",
        fixed={"scope key fingerprint payment_id created_at": "what the key was first used for"},
        moves={"status answer lease_until": "the answer, and who works on it"},
    ),
    "gateway_exchanges": Rights(
        "SELECT, INSERT, DELETE",
        fixed={
            "payment_id id at gateway operation outcome took_ms sent received": "what was said; old ones are deleted",
        },
        moves={},
    ),
    "webhook_inbox": Rights(
        "SELECT, INSERT, DELETE",
        fixed={
            "id gateway dedupe_key proof kind headers body source received_at": "as it came",
            "reference gateway_ref": "what it points at",
        },
        moves={
            "payment_id": "found later, where the payment was not known yet",
            "last_received_at times_received": "counts repeats",
            "apply_attempts next_try_at claimed_until applied_at parked_at note": "what became of it",
        },
    ),
    "outbox": Rights(
        "SELECT, INSERT, DELETE",
        fixed={
            "payment_id id store type sequence created_at body": "what happened; old ones are deleted",
            "number": "in which order it was written",
        },
        moves={"position": "where it stands in the feed, given once"},
    ),
    "outbox_head": Rights(
        "SELECT, INSERT",
        fixed={"id": "there is one row"},
        moves={"position": "the last one that was given"},
    ),
    "notification_endpoints": Rights(
        "SELECT, INSERT, DELETE",
        fixed={"id store created_at": "which endpoint it is, and whose"},
        moves={
            "url description events secrets rate_per_s updated_at": "what the shop sets",
            "paused_at pause_reason deleted_at": "whether anything is sent there",
            "failures failing_since alarmed_percent delivered_at key_missing_since": "how it fares",
            "due_at claimed_until": "when something is to be sent, and who sends",
        },
    ),
    "notifications": Rights(
        "SELECT, INSERT, DELETE",
        fixed={"payment_id event_id endpoint_id id store type sequence created_at": "which event, for which endpoint"},
        moves={
            "status delivery_attempts next_try_at tried_at is_again is_alone delivered_at": "what became of it",
        },
    ),
    "deliveries": Rights(
        "SELECT, INSERT, DELETE",
        fixed={
            "payment_id id event_id endpoint_id at status took_ms error excerpt": "what happened; old ones are deleted"
        },
        moves={},
    ),
    "alarms": Rights(
        "SELECT, INSERT, DELETE",
        fixed={"id kind subject_id step raised_at": "what calls a person; it goes when it does not any more"},
        moves={"mail_attempts mailed_at due_at claimed_until": "whether it was told, when it is to be, and who does"},
    ),
    "api_keys": Rights(
        "SELECT",
        fixed={
            "id store mode name hash hint scopes created_at": "who may call, and for what: the owner alone makes a key",
            "expires_at replaces": "how long a key lives, and in whose place: as the owner made it",
        },
        moves={
            "revoked_at": "a key is ended at once, by any process",
            "last_used_at": "noted by the process that a key was used at",
        },
    ),
}


def grants(table: str) -> list[str]:
    """The statements that leave the role with exactly these rights, whatever it had. May be repeated."""
    rights = RIGHTS[table]
    changing = [name for name in metadata.tables[table].columns.keys() if name not in rights.fixed_columns]  # noqa: SIM118  no dict
    update = [f"UPDATE ({', '.join(changing)})"] if changing else []
    return [
        f"REVOKE ALL ON {table} FROM {APP_ROLE}",
        f"GRANT {', '.join([rights.may, *update])} ON {table} TO {APP_ROLE}",
    ]


def grant_all(connection: Connection) -> None:
    """Grant the role what it needs, and take from it what it does not. Run as the tables' owner, at the newest revision."""
    if not connection.scalar(text("SELECT has_schema_privilege(:role, 'public', 'USAGE')"), {"role": APP_ROLE}):
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}"))
    for statement in (
        f"GRANT SELECT ON alembic_version TO {APP_ROLE}",
        *(s for table in RIGHTS for s in grants(table)),
    ):
        connection.execute(text(statement))
