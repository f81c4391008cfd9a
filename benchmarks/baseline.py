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
_REFERENCE = "(SELECT replace(id::text, '-', '') || 'a1' FROM seed)"
_CREATE_VALUES = [
    *(
        _ID,
        "'bench'",
        "'test'",
        _ORDER,
        "'Mug'",
        "24000",
        "'KRW'",
        "'open'",
        "'point3'",
        "NULL",
        "NULL",
        "'{}'",
        "NULL",
    ),
    *("'{}'", "sha256('x')", "now()", "now() + interval '30 min'", "gen_random_uuid()", _REFERENCE, "NULL"),
    *("'pending'", "'{}'", "now()", "NULL", "'api'", "'created'", "'{}'", "sha256('')"),
    *("'bench'", _ORDER, "sha256('y')", "201", "'x'", "NULL"),
]


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
    statement = CREATE.replace("WITH key AS", "WITH seed AS MATERIALIZED (SELECT gen_random_uuid() AS id), key AS", 1)
    for number in range(len(_CREATE_VALUES), 0, -1):
        statement = statement.replace(f"${number}", _CREATE_VALUES[number - 1])
    return statement.strip() + ";\n"


def read_script(payment_id: str) -> str:
    """Our read statement for one payment."""
    return LOAD.replace("$1", f"'{payment_id}'::uuid").strip() + ";\n"
