"""Every database setting × live mode: another machine is reached with TLS, whatever names it (law 12)."""

import pytest

from app.setting_types import hosts_of
from tests.unit.test_live_mode import DATABASES, no_variables, refusal

__all__ = ["no_variables"]

REMOTE = (
    "postgresql://app:pw@db.shop.example/onetill",
    "postgresql://app:pw@10.0.0.5:5432/onetill",
    "postgresql://app:pw@db.shop.example/onetill?sslmode=prefer",
    "postgresql://app:pw@db.shop.example/onetill?sslmode=allow",
    "postgresql://app:pw@db.shop.example/onetill?sslmode=disable",
    "postgresql://app:pw@db.shop.example/onetill?sslmode=require&sslmode=disable",
    "postgresql://app:pw@localhost:5432,db.shop.example:5432/onetill",
    "postgresql://app:pw@/onetill?host=db.shop.example",
    "postgresql:///onetill?host=/var/run/postgresql,db.shop.example",
    "postgresql:///onetill?service=production",
    "postgresql:///onetill?hostaddr=10.0.0.5",
)
SAFE = (
    "postgresql:///onetill",
    "postgresql://localhost/onetill",
    "postgresql://app:pw@127.0.0.1:6432/onetill",
    "postgresql://app:pw@[::1]:6432/onetill",
    "postgresql://app:pw@/onetill?host=/var/run/postgresql",
    "postgresql://app:pw@%2Fvar%2Frun%2Fpostgresql/onetill",
    *(
        f"postgresql://app:p%40w@db.shop.example/onetill?sslmode={mode}"
        for mode in ("require", "verify-ca", "verify-full")
    ),
)


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("url", REMOTE)
def test_no_remote_database_starts_without_tls(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    said = refusal(monkeypatch, {name: url})
    assert f"{name} leads to another machine without TLS" in said
    assert "pw" not in said
    plain = {"ONETILL_DATABASE_PLAIN_HOSTS": ",".join({*hosts_of(url)} - {"localhost"})}
    assert refusal(monkeypatch, {name: url} | plain) == "", "unless the merchant says so of that host"


@pytest.mark.parametrize("variable", ["PGHOST", "PGSERVICE", "PGSERVICEFILE"])
@pytest.mark.parametrize("name", DATABASES)
def test_what_leads_a_url_without_a_host_elsewhere_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    remote = dict.fromkeys(DATABASES, "postgresql://app:pw@db.shop.example/onetill?sslmode=verify-full")
    monkeypatch.setenv(variable, "db.shop.example")
    assert refusal(monkeypatch, remote) == ""
    assert f"{variable} leads elsewhere" in refusal(monkeypatch, remote | {name: "postgresql:///onetill"})


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("url", SAFE)
def test_a_local_database_and_one_with_tls_start(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    assert refusal(monkeypatch, {name: url}) == ""
