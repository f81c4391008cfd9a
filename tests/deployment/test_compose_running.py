"""What docker-compose.yml describes, running without containers: its roles, its commands, its health checks, a payment."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.embedded import EmbeddedPostgres
from app.paths import ROOT
from app.ports import free_ports
from tests.deployment.files import compose
from tests.deployment.image import Image, at
from tests.deployment.test_compose import SECRETS
from tests.support import key, order

pytestmark = pytest.mark.long

SIMULATED = {
    "ONETILL_POINT3__BASE_URL": "http://simulator:8003",
    "ONETILL_POINT3__WIDGET_ORIGIN": "http://127.0.0.1:8003",
    "ONETILL_POINT3__SECRET": "a secret that both are told",
    "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
    "ONETILL_POINT3__CLIENT_NICKNAME": "Compose",
    "ONETILL_TIME_SCALE": "20",
}


@dataclass(frozen=True)
class Project:
    """The services, with every address of Compose's network replaced by one of this machine."""

    images: dict[str, Image]
    """By the name that the services give them."""
    services: dict[str, Any]
    ports: dict[str, int]
    """By the port inside the container."""

    def image(self, name: str) -> Image:
        return self.images[self.services[name]["image"]]

    def here(self, text: str) -> str:
        for inside, port in self.ports.items():
            text = re.sub(rf"[\w.]+:{inside}\b", f"127.0.0.1:{port}", text)
        return text

    def command(self, name: str) -> list[str]:
        command = list(self.services[name]["command"])
        return at(command, port=self.ports[command[command.index("--port") + 1]]) if "--port" in command else command

    def variables(self, name: str) -> dict[str, str]:
        return {variable: self.here(text) for variable, text in self.services[name]["environment"].items()}

    def run(self, name: str, *command: str) -> str:
        """As `docker compose exec` would, with another command."""
        done = self.image(name).run(*command, **self.variables(name))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check(self, name: str) -> list[str]:
        return [self.here(word) for word in self.services[name]["healthcheck"]["test"][1:]]

    def database(self, name: str, variable: str) -> str:
        return self.variables(name)[variable]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose(SECRETS | SIMULATED)["services"])


@pytest.fixture(scope="module")
def cluster(services: dict[str, Any]) -> Iterator[EmbeddedPostgres]:
    """A Postgres of its own, since roles are a cluster's: set up by the mounted script, logins by password only."""
    (script,) = [
        mount.split(":")[0] for mount in services["postgres"]["volumes"] if ":/docker-entrypoint-initdb.d/" in mount
    ]
    with EmbeddedPostgres(durable=False) as server:
        server.execute("postgres", "DROP ROLE onetill_app")
        done = subprocess.run(
            server.command("psql", "-qX", "-v", "ON_ERROR_STOP=1", server.owner_url("postgres")),
            input=(ROOT / script).read_bytes(),
            env=services["postgres"]["environment"],
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        Path(server.execute("postgres", "SHOW hba_file")).write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        server.execute("postgres", "SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="module")
def project(
    image: Image, simulator_image: Image, services: dict[str, Any], cluster: EmbeddedPostgres
) -> Iterator[Project]:
    """All of it, in the order of its conditions."""
    api, simulator = free_ports(1), free_ports(5)
    ports = {"5432": cluster.port, "8000": api} | {str(8002 + place): simulator + place for place in range(5)}
    project = Project({"onetill": image, "onetill-simulator": simulator_image}, services, ports)
    said = project.run("migrate", "onetill", *project.command("migrate"))
    assert "The schema is at revision" in said
    with ExitStack() as stack:
        for name, url in (("simulator", f"http://127.0.0.1:{simulator}/healthz"), ("api", None), ("worker", None)):
            url = url or (f"http://127.0.0.1:{api}/readyz" if name == "api" else None)
            command, variables = project.command(name), project.variables(name)
            stack.enter_context(project.image(name).started(*command, variables=variables, url=url))
        yield project


def test_every_health_check_is_green(project: Project, cluster: EmbeddedPostgres) -> None:
    for name in ("api", "simulator"):
        done = project.image(name).run(*project.check(name))
        assert done.returncode == 0, (name, done.stderr)
    program, *options = project.check("postgres")
    assert subprocess.run([*cluster.command(program, *options), f"--port={cluster.port}"]).returncode == 0


def test_every_published_port_is_one_that_the_service_listens_on(project: Project) -> None:
    for name, service in project.services.items():
        for published in service.get("ports", []):
            inside = published.split(":")[-1]
            assert httpx.get(f"http://127.0.0.1:{project.ports[inside]}/").status_code < 500, (name, inside)


def test_a_payment_is_taken(project: Project) -> None:
    create = ("onetill", "keys", "create", "--mode", "test", "--json")
    refused = project.image("api").run(*create, **project.variables("api"))
    assert (refused.returncode, "ONETILL_DATABASE_OWNER_URL" in refused.stderr) == (2, True), refused.stderr
    made = json.loads(project.run("migrate", *create))
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{project.ports['8000']}", headers=headers) as shop:
        answer = shop.post("/payments", json=order(), headers=key())
        assert answer.status_code == 201, answer.text
        payment = answer.json()
        page = shop.get(httpx.URL(payment["checkout_url"]).path)
        assert page.status_code == 200
        assert shop.get("/static/checkout/checkout.js").status_code == 200
        buyer = {"gateway": "point3", "reference": payment["attempts"][-1]["reference"]}
        proof = httpx.post(f"http://127.0.0.1:{project.ports['8002']}/_sim/pay", json=buyer).json()
        paid = shop.post("/payments/complete", json={"payment_id": payment["id"], **proof})
        assert paid.json()["status"] == "paid", paid.text


async def test_the_app_may_use_the_schema_and_not_change_it(project: Project) -> None:
    app = await asyncpg.connect(project.database("api", "ONETILL_DATABASE_URL"))
    try:
        assert await app.fetchval("SELECT count(*) FROM payments") >= 0
        for forbidden in ("CREATE TABLE mine ()", "DELETE FROM payment_events", "DROP TABLE payments"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(forbidden)
    finally:
        await app.close()


async def test_the_owner_is_no_superuser(project: Project) -> None:
    owner = await asyncpg.connect(project.database("migrate", "ONETILL_DATABASE_OWNER_URL"))
    try:
        assert (
            await owner.fetchval("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user") is False
        )
    finally:
        await owner.close()


async def test_nobody_logs_in_without_the_password(project: Project) -> None:
    url = project.database("api", "ONETILL_DATABASE_URL").replace(SECRETS["POSTGRES_APP_PASSWORD"], "guessed")
    async with asyncio.timeout(120):
        while True:  # the server reads its new rules a moment after it was told
            try:
                connection = await asyncpg.connect(url)
            except asyncpg.InvalidPasswordError:
                break
            await connection.close()
            await asyncio.sleep(0.05)
