"""The house of the state machine: the product with all four gateways in one event loop. What must hold in it: `books`.

The gateways' webhooks end in a letter box of ours; the machine decides which of them reach the product, when and how often.
A process of the product is a set of tasks that can be made to end at any of their waits, as a killed one would.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.db.database import Database
from app.demo.processes import serving
from app.domain import ids
from app.domain.errors import IllegalTransition
from app.gateways.manifest import GatewaySettings
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.registry import MANIFESTS
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.values import Capability
from app.jobs.worker import Worker
from app.ports import free_ports
from app.services import build_services
from simulator.portone_v2.webhooks import sign as sign_v2
from simulator.server import Simulator, SimulatorSettings
from simulator.unifi_pay.access import SIGNATURE, TIMESTAMP
from simulator.unifi_pay.access import sign as sign_unifi
from tests.flows.webhooks.books import Books, Row
from tests.flows.webhooks.letters import Letter, Life, Order, T, _make_task
from tests.support import TLS, MovableClock, app_of, lifespan
from tests.support.databases import Urls, keys_of
from tests.support.settings import every_account, settings_for

DEADLINE_S = 0.4
"""Of one gateway call, in real time: a hanging call costs so much."""

PATIENCE_S = 120
"""What the product does in one step takes less."""

DAY_S = 86_400
QUIET_S = (10, 60, 600, 3600, 3600, DAY_S, DAY_S, 8 * DAY_S, 22 * DAY_S, 60 * DAY_S, 95 * DAY_S)
"""Waits between the last sweeps: past every schedule's end but that of what a person must decide."""

OTHER_ACCOUNT = {
    "client_business_num": "9876543210",
    "user_code": "imp99999999",
    "store_id": "another-store",
    "app_id": "another-app",
}
"""What another account of each gateway has in the setting that tells them apart."""

FULL_BOX = 12
"""Webhooks kept undelivered; older ones are lost."""


class House:
    """Everything that lasts for a run; `begin` and `end` stand around each example."""

    def __init__(self, urls: Urls) -> None:
        self._runner = asyncio.Runner()
        self._urls = urls
        self._lasting = AsyncExitStack()
        self._process = AsyncExitStack()
        self.simulator = Simulator(SimulatorSettings(slow_s=DEADLINE_S * 2, hang_s=DEADLINE_S * 3))
        self.box: list[Letter] = []
        self.lost: dict[str, GatewaySettings | None] = {}
        """The gateways that have left the settings (None), or are another account in them by now."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop, and nothing else meanwhile but what it needs."""
        return self._runner.run(work)

    def __enter__(self) -> "House":
        self.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._lasting.aclose())
        self._runner.close()

    async def _open(self) -> None:
        asyncio.get_running_loop().set_task_factory(_make_task)
        await self.simulator.start()
        self._lasting.push_async_callback(self.simulator.stop)
        self._port = free_ports()
        box = Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST"])])
        await self._lasting.enter_async_context(serving(box, self._port))
        self._hands = httpx.AsyncClient(base_url=self.simulator.url, verify=TLS)
        await self._lasting.enter_async_context(self._hands)
        self._books = await asyncpg.connect(self._urls.owner)
        self._lasting.push_async_callback(self._books.close)
        found = await self._books.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        kept = {"alembic_version", "api_keys"}
        self._tables = ", ".join(row["tablename"] for row in found if row["tablename"] not in kept)
        self.settings = settings_for(
            self._urls,
            self.simulator,
            public_url=f"http://127.0.0.1:{self._port}",
            confirm_wait_s=0.1,
            database_connections=8,
            **every_account(self.simulator, DEADLINE_S),
        )
        database = Database(self.settings.database_url, connections=2)
        await database.open()
        keys = keys_of(database)
        _, self._api_key = await keys.create(mode="test", scopes=["*"], store="main", name="machine")
        await database.close()

    async def _take(self, request: Request) -> Response:
        """The letter box: every webhook is answered 200 and kept."""
        if request.method == "POST":
            self.box.append(Letter(request.url.path, dict(request.headers), await request.body()))
        return Response(b"{}")

    async def begin(self, pg: str) -> None:
        """An example: nothing stored, nothing paid, real time. `pg` is the payment company behind PortOne V1."""
        v1 = self.settings.account(PortOneV1Settings)
        assert v1 is not None
        self.settings = self.settings.model_copy(update={"portone_v1": v1.model_copy(update={"pg": pg})})
        await self._books.execute(f"TRUNCATE {self._tables} CASCADE")
        await self.sim("POST", "/_sim/reset")
        for gateway in ("portone_v1", "portone_v2"):
            url = f"{self.settings.public_url}/webhooks/{gateway.replace('_', '-')}"
            await self.sim("POST", "/_sim/webhooks", {"gateway": gateway, "mode": "send", "url": url})
        self.box.clear()
        self.clock = MovableClock()
        self.in_console: Counter[tuple[str, str]] = Counter()
        self.lost.clear()
        await self._start()
        self._can_refund = {each.name for each in self.parts.registry if Capability.REFUND in each.capabilities}

    async def end(self) -> None:
        """The example is over."""
        self.life.end()
        async with asyncio.timeout(PATIENCE_S):
            await self.life.gone()
            await self._process.aclose()

    async def restart(self) -> None:
        """All processes of the product end where they are, and new ones start."""
        await self.end()
        await self._start()

    async def _start(self) -> None:
        self.life = Life()
        settings = self.settings.model_copy(update=self.lost)
        app = app_of(settings, self.clock)
        await self._process.enter_async_context(lifespan(app))
        headers = {"Authorization": f"Bearer {self._api_key}"}
        transport = httpx.ASGITransport(app=app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)
        await self._process.enter_async_context(self._client)
        self.parts = build_services(settings, self.clock)
        await self.parts.database.open()
        self._process.push_async_callback(self.parts.close)
        self.worker = Worker(self.parts)

    async def lose(self, gateway: str, *, is_removed: bool) -> None:
        """The product starts without a gateway, or with another account of it."""
        account: GatewaySettings = getattr(self.settings, gateway)
        setting = next(each.identity[0] for each in MANIFESTS if each.name == gateway)
        self.lost[gateway] = None if is_removed else account.model_copy(update={setting: OTHER_ACCOUNT[setting]})
        await self.restart()

    async def find_again(self) -> None:
        """The product starts with every account that it had."""
        self.lost.clear()
        await self.restart()

    async def do(self, work: Coroutine[Any, Any, T], *, dies_after: int | None = None) -> T | None:
        """Have the product do something. With `dies_after` it is killed at that wait, if it comes so far; then None."""
        self.life.waits_left = dies_after
        task = asyncio.get_running_loop().create_task(work, context=self.life.context)
        try:
            done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
            assert done or self.life.is_dead, "the product hangs"
            if self.life.is_dead and (not done or task.cancelled() or task.exception()):
                return None
            return task.result()
        finally:
            self.life.waits_left = None
            if dies_after is not None:
                await self.restart()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """The shop's server calls the API: no answer is ever a mistake of ours."""
        answer = await self._client.request(method, path, json=body, headers=headers)
        code = answer.json().get("code") if answer.status_code >= 400 else None
        assert answer.status_code < 500 or str(code).startswith("gateway_"), answer.text
        return answer

    async def deliver(self, letter: Letter) -> httpx.Response:
        """A webhook arrives."""
        answer = await self._client.post(letter.path, content=letter.body, headers=dict(letter.headers))
        assert answer.status_code < 500, answer.text
        return answer

    def signed_now(self, letter: Letter) -> Letter:
        """The webhook as its gateway would send it at this moment: each try is signed with its own time."""
        now = self.clock()
        v2, unifi = self.settings.account(PortOneV2Settings), self.settings.account(UnifiPaySettings)
        assert v2 is not None
        assert unifi is not None
        assert unifi.api_key is not None
        headers = dict(letter.headers)
        if "webhook-id" in headers:
            secrets = [secret.get_secret_value() for secret in v2.webhook_secrets]
            headers["webhook-timestamp"] = str(int(now.timestamp()))
            headers["webhook-signature"] = sign_v2(secrets, headers["webhook-id"], int(now.timestamp()), letter.body)
        if SIGNATURE.lower() in headers:
            at = str(int(now.timestamp() * 1000))
            secret, signing_id = unifi.app_secret.get_secret_value(), unifi.api_key.get_secret_value()
            headers[TIMESTAMP.lower()] = at
            headers[SIGNATURE.lower()] = sign_unifi(secret, "POST", letter.path, signing_id, at, letter.body)
        return replace(letter, headers=headers)

    async def apply_waiting(self) -> None:
        """What the jobs of the kept webhooks do, all at once."""
        rows = await self._books.fetch("SELECT id FROM webhook_inbox WHERE next_try_at IS NOT NULL")
        await asyncio.gather(*(self.parts.webhooks.apply(row["id"]) for row in rows))

    async def inbox_size(self) -> int:
        """How many webhooks are kept."""
        return int(await self._books.fetchval("SELECT coalesce(sum(times_received), 0) FROM webhook_inbox"))

    async def advance(self, seconds: float) -> None:
        """Time goes on everywhere."""
        self.clock.advance(seconds)
        await self.sim("POST", "/_sim/advance", {"seconds": seconds})
        await self.letters()

    async def letters(self) -> None:
        """Wait for the webhooks that are under way; of too many the oldest are lost."""
        for _ in range(6):
            rows = await self.sim("GET", "/_sim/webhooks")
            if all(row["tries"] for row in rows):
                break
            await asyncio.sleep(0.02)
        del self.box[:-FULL_BOX]

    async def sim(self, method: str, path: str, body: Any = None, *, may_refuse: bool = False) -> Any:
        """One of the simulator's own hands. None: what was asked for cannot happen now."""
        answer = await self._hands.request(method, path, json=body)
        if may_refuse and answer.status_code in {404, 409}:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def find(self, order: Order) -> None:
        """Learn what became of a create whose process died."""
        if order.id is None:
            name = order.key["Idempotency-Key"]
            found = await self._books.fetchval("SELECT payment_id FROM idempotency_keys WHERE key = $1", name)
            order.id = ids.show(ids.Prefix.PAYMENT, found) if found else None

    async def attempts(self, order: Order) -> list[Row]:
        """The attempts of an order as stored, oldest first."""
        return await self._of(order, "SELECT * FROM attempts WHERE payment_id = $1 ORDER BY number")

    async def payment(self, order: Order) -> Row | None:
        """The payment of an order as stored."""
        return next(iter(await self._of(order, "SELECT * FROM payments WHERE id = $1")), None)

    async def _of(self, order: Order, sql: str) -> list[Row]:
        await self.find(order)
        return await self._rows(sql, ids.read(ids.Prefix.PAYMENT, order.id)) if order.id else []

    async def refund_in_console(self, body: Mapping[str, Any]) -> bool:
        """Somebody at the shop, or the buyer's bank, gives money back past us. False: there is nothing to give back."""
        given = await self.sim("POST", "/_sim/refund", body, may_refuse=True)
        if given is not None:
            self.in_console[given["gateway"], given["gateway_ref"]] += given["amount"]
        return given is not None

    async def read(self) -> Books:
        """Everything that is stored, and everything that is true."""
        journal = await self.sim("GET", "/_sim/journal")
        return Books(
            payments=await self._rows("SELECT * FROM payments ORDER BY created_at"),
            attempts=await self._rows("SELECT * FROM attempts ORDER BY number"),
            refunds=await self._rows("SELECT * FROM refunds ORDER BY number"),
            events=await self._rows("SELECT * FROM payment_events ORDER BY seq"),
            journal=journal,
            in_console=self.in_console,
            can_refund=self._can_refund,
        )

    async def _rows(self, sql: str, *values: Any) -> list[Row]:
        return [dict(row) for row in await self._books.fetch(sql, *values)]

    async def fall_quiet(self) -> None:
        """The gateways are well again, what is in the letter box arrives, and the worker works until nothing is due."""
        for twin in self.simulator.twins.values():
            twin.plan.reset()
        self.lost.clear()
        await self.restart()  # with its own picture of the gateways' health
        await self.letters()
        for letter in self.box:
            await self.do(self.deliver(self.signed_now(letter)))
        for seconds in QUIET_S:
            await self.advance(seconds)
            await self.explain()
            for _ in range(4):
                if not await self.do(self.worker.sweep()):
                    break

    async def explain(self) -> None:
        """A person looks at the gateway's list, and says of each refund that may be one of its cancels which one it is."""
        for refund, own in (await self.read()).unexplained():
            if own < 0:
                continue  # what the console asked for is under way, so nobody can say yet
            mark = self.parts.refunds.mark(refund["id"], is_done=own > 0, note="by its list", amount_minor=own or None)
            with suppress(IllegalTransition):  # somebody is asking the gateway at this moment
                await self.do(mark)


def changed(letter: Letter, reference: str) -> Letter:
    """The webhook with another payment's reference in its place, its signature left as it was."""
    body = letter.body
    with suppress(ValueError):
        fields = json.loads(body)
        data = fields.get("data", fields)
        for name in ("merchant_uid", "paymentId", "payment_id", "orderId"):
            if name in data:
                data[name] = reference
        body = json.dumps(fields).encode()
    return replace(letter, body=body + b" ")
