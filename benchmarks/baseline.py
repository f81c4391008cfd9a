"""What the same Postgres does with our own statements, sent by pgbench from prepared clients: the yardstick."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from app.db.embedded import EmbeddedPostgres
from app.ledger.sql import CREATE, LOAD

_TPS = re.compile(r"tps = ([0-9.]+)")

_ID = "(SELECT id FROM seed)"
_ORDER = "(SELECT id::text FROM seed)"
_HASH = "sha256('x')"
_CREATE_VALUES = {
    "key": {"scope": "'bench'", "key": _ORDER, "fingerprint": _HASH, "status": "201", "answer": "'x'"},
    "payment": {
        "id": _ID,
        "store": "'bench'",
        "mode": "'test'",
        "order_id": _ORDER,
        "order_name": "'Mug'",
        "amount.minor": "24000",
        "amount.currency": "'KRW'",
        "status": "'open'",
        "gateway": "'point3'",
        "details": "'{}'",
        "metadata": "'{}'",
        "last_seq": "1",
        "last_hash": _HASH,
        "created_at": "now()",
        "expires_at": "(now() + interval '30 min')",
        **dict.fromkeys(("captured_minor", "refunded_minor", "refunding_minor", "refund_count"), "0"),
    },
    "attempt": {
        "id": _ID,
        "number": "1",
        "gateway": "'point3'",
        "reference": "(SELECT replace(id::text, '-', '') || 'a1' FROM seed)",
        "status": "'pending'",
        "next_action": "'{}'",
        "is_deposit": "false",
        "lookup_attempts": "0",
        **dict.fromkeys(("created_at", "next_check_at"), "now()"),
    },
    "event": {
        "payment_id": _ID,
        "seq": "1",
        "at": "now()",
        "trigger": "'api'",
        "reason": "'created'",
        "payment_to": "'open'",
        "attempt_id": _ID,
        "attempt_to": "'pending'",
        "evidence": "'{}'",
        "prev_hash": _HASH,
    },
}
"""What is not named is NULL."""


def per_second(postgres: EmbeddedPostgres, database: str, script: str, *, clients: int, seconds: int) -> float:
    """Transactions a second of one pgbench script."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "script.sql"
        path.write_text(script)
        command = postgres.command(
            "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(path)
        )
        done = subprocess.run(
            [*command, postgres.owner_url(database)], check=True, capture_output=True, text=True, timeout=seconds + 60
        )
    found = _TPS.search(done.stdout)
    assert found is not None, done.stdout
    return float(found.group(1))


def create_script() -> str:
    """Our create statement, every value made by Postgres; ids are random because pgbench has no others."""
    statement = CREATE.sql.replace(
        "WITH key AS", "WITH seed AS MATERIALIZED (SELECT gen_random_uuid() AS id), key AS", 1
    )
    for number, (part, path) in reversed(list(enumerate(CREATE.names, start=1))):
        statement = statement.replace(f"${number}", _CREATE_VALUES[part].get(path, "NULL"))
    return statement.strip() + ";\n"


def read_script(payment_id: str) -> str:
    """Our read statement for one payment."""
    return LOAD.replace("$1", f"'{payment_id}'::uuid").strip() + ";\n"
