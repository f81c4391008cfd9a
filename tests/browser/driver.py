"""What the tests of this folder drive with: a buyer in a real browser, and the world around the page."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Frame, FrameLocator, Page, Request, expect

from app.db.database import Database
from app.domain import ids
from tests.support import Shop

PATIENCE_MS = 30_000
"""How long a buyer here waits for one thing. Generous: the machine may be busy with other suites."""

expect.set_options(timeout=PATIENCE_MS)

COUNT_SENTINELS = """if (window === window.top) {
  window.sentinels = 0;
  window.addEventListener("message", ({ data }) => { if (data === "sentinel") window.sentinels += 1; });
}"""


PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
}
DESK: dict[str, Any] = {}
FOUR = ("point3", "portone_v1", "portone_v2", "unifi_pay")
DEVICES = {"desk": DESK, "phone": PHONE}


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class World:
    """The product, the simulated Point3 and the demo shop, each at an origin of its own, and what they know."""

    api: str
    widget: str
    storefront: str
    shop: Shop
    """The merchant's server."""
    database: Database
    begins_at: int = 0
    """How many payments the gateway held before: a test reads its own part of the journal only."""

    async def newest(self) -> dict[str, Any]:
        """The newest payment, as the shop's server sees it."""
        answer = await self.shop.client.get("/payments", params={"limit": 1})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"][0])

    async def stored(self, payment: dict[str, Any]) -> str:
        """The payment's status in Postgres."""
        row = await self.database.row(
            "SELECT status FROM payments WHERE id = $1", ids.read(ids.Prefix.PAYMENT, payment["id"])
        )
        assert row is not None
        return str(row["status"])

    async def comes_to(self, payment: dict[str, Any], status: str) -> None:
        """Wait until Postgres has the payment in this status: what a page says first, the server may write a moment later."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while await self.stored(payment) != status:  # noqa: ASYNC110  another process writes it
                await asyncio.sleep(0.02)

    async def attempts(self, payment: dict[str, Any]) -> list[str]:
        """The statuses of its attempts in Postgres, oldest first."""
        sql = "SELECT status FROM attempts WHERE payment_id = $1 ORDER BY number"
        rows = await self.database.rows(sql, ids.read(ids.Prefix.PAYMENT, payment["id"]))
        return [str(row["status"]) for row in rows]

    async def journal(self) -> list[dict[str, Any]]:
        """What really happened at the gateway, whatever its API has told anybody."""
        return list(await self.shop.sim("GET", "/_sim/journal?gateway=point3"))[self.begins_at :]

    async def captures(self) -> list[int]:
        """How often money really moved, for every payment that the gateway holds."""
        return [row["captures"] for row in await self.journal()]

    async def confirms(self) -> int:
        """How many confirms reached the gateway."""
        return sum(row["confirms"] for row in await self.journal())


class Witness:
    """Hears and sees all that a browser context does: its requests, and what its console complains about."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[Request] = []
        self._complaints: list[str] = []
        self._expected: list[str] = []
        context.on("request", lambda request: self.requests.append(request))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._complaints.append(f"uncaught: {error.error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"{message.text} ({message.location['url']})")

    def expect(self, words: str) -> None:
        """Complaints with these words belong to this test."""
        self._expected.append(words)

    @property
    def surprises(self) -> list[str]:
        """Console errors, uncaught errors and refusals by a content security policy that nobody expected."""
        return [text for text in self._complaints if not any(words in text for words in self._expected)]

    def posts(self, path_end: str) -> list[Request]:
        """The POST requests whose path ends so, in order."""
        return [r for r in self.requests if r.method == "POST" and urlsplit(r.url).path.endswith(path_end)]

    @property
    def completes(self) -> list[Any]:
        """The bodies of `POST /payments/complete`, in order."""
        return [request.post_data_json for request in self.posts("/payments/complete")]


class Buyer:
    """Somebody in front of a browser. Every method waits until what it says is true."""

    def __init__(self, page: Page, witness: Witness, world: World) -> None:
        self.page = page
        self.witness = witness
        self.world = world
        self.main = page.locator("#checkout")
        self.retry = page.locator("#retry")
        self.detail = page.locator("#state-detail")
        self._sentinels = 0

    async def buys(self, product: int = 0) -> dict[str, Any]:
        """Choose something in the shop and come to the payment window; returns the payment."""
        await self.page.goto(self.world.storefront)
        await self.page.locator(".product button").nth(product).click()
        await self.widget_is_open()
        return await self.world.newest()

    async def opens(self, payment: dict[str, Any]) -> None:
        """Follow the payment's link and see the payment window."""
        await self.page.goto(payment["checkout_url"])
        await self.widget_is_open()

    async def widget_is_open(self, *, by_script: bool = True) -> None:
        """The gateway's window is loaded and can be used; `by_script`: and the page's script drives it."""
        await self.sees("paying")
        await expect(self.widget.locator("#pay")).to_be_enabled()
        if by_script:
            await expect(self.page.locator("#page")).to_have_attribute("inert", "")

    async def sees(self, state: str, timeout_s: float = PATIENCE_MS / 1000) -> None:
        """The page is in this state."""
        await expect(self.main).to_have_attribute("data-state", state, timeout=timeout_s * 1000)

    @property
    def widget(self) -> FrameLocator:
        """Inside the gateway's window."""
        return self.page.frame_locator("#point3-widget-iframe")

    async def frame(self, selector: str = "#point3-widget-iframe") -> Frame:
        """A frame as a place to run a script in; the gateway's window unless another is named."""
        handle = await self.page.locator(selector).element_handle()
        frame = await handle.content_frame()
        assert frame is not None
        return frame

    async def pays(self, scenario: str | None = None) -> None:
        """Pay in the gateway's window; a scenario is chosen as a tester would, in its list."""
        if scenario is not None:
            await self.widget.locator("summary").click()
            await self.widget.locator("#scenario").select_option(scenario)
        await self.widget.locator("#pay").click()

    async def leaves(self) -> None:
        """Press the gateway's own button to leave."""
        await self.widget.locator("#leave").click()

    async def is_declined(self) -> None:
        """Have the payment refused inside the gateway's window."""
        await self.widget.locator("#decline").click()

    async def tries_again(self) -> None:
        """Press "Try again" and come to the payment window."""
        await self.retry.click()
        await self.widget_is_open()

    async def posts(self, source: Page | Frame, target: str, *messages: object) -> None:
        """Send window messages from `source` to `target`, an expression there, and wait until all have been heard."""
        send = f"(messages) => {{ for (const message of messages) ({target}).postMessage(message, '*'); }}"
        await source.evaluate(send, [*messages, "sentinel"])
        self._sentinels += 1
        await expect_soon(self.page, f"window.sentinels >= {self._sentinels}")

    async def text(self) -> str:
        """All that can be read on the page."""
        return await self.page.locator("body").inner_text()


@dataclass(frozen=True, slots=True)
class Visit:
    """One buyer, one payment."""

    page: Page
    world: World
    witness: Witness
    payment: dict[str, Any]

    async def window(self, gateway: str) -> Frame:
        """The gateway's window: a frame of our page, or the page itself after a redirect."""
        origin = origin_of(self.world.shop.simulator.gateways[gateway]["base_url"])
        for _ in range(PATIENCE_MS // 50):
            for frame in self.page.frames:
                if origin_of(frame.url) == origin and await frame.locator("#pay").count():
                    return frame
            await asyncio.sleep(0.05)
        raise AssertionError(f"no window of {gateway}: {[frame.url for frame in self.page.frames]}")

    async def chooses(self, gateway: str, button: str, scenario: str = "") -> None:
        """Use the gateway's window as the scenario says."""
        window = await self.window(gateway)
        if scenario:
            await window.locator("#scenario").select_option(scenario)
        await window.locator(button).click()

    async def sees(self, state: str) -> None:
        await expect(self.page.locator("#checkout")).to_have_attribute("data-state", state)

    async def stored(self) -> dict[str, Any]:
        return await self.world.shop.get(self.payment)


async def expect_soon(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page: asked from outside, so a strict policy of the page does not matter."""
    waiting = f"""() => new Promise((resolve, reject) => {{
      const until = Date.now() + {PATIENCE_MS};
      const look = () => {{
        if ({expression}) resolve();
        else if (Date.now() > until) reject(new Error("never true: " + {expression!r}));
        else setTimeout(look, 20);
      }};
      look();
    }})"""
    await page.evaluate(waiting)


async def box(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element, in CSS pixels."""
    found = await page.locator(selector).bounding_box()
    assert found is not None, f"{selector} is not laid out"
    return found["x"], found["y"], found["width"], found["height"]
