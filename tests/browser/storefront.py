"""A shop's page at an origin of its own, as strict as a policy allows: scripts and frames of Onetill; and who buys there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import BrowserContext, Frame, FrameLocator, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from app.demo.processes import serving
from tests.browser.driver import PATIENCE_MS, Witness, World, expect_soon, origin_of

PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{script}</head>
<body><main><h1>Shop</h1><button id="buy">Buy</button><a href="#more">More</a><div id="here"></div></main></body></html>"""

WAYS_IN = {
    "classic": '<script src="{api}/static/onetill.js"></script>',
    "module": '<script type="module" src="{api}/static/onetill.js"></script>',
    "none": "",
}


@asynccontextmanager
async def storefront(port: int, api: str) -> AsyncIterator[None]:
    """Serves the page at `/`; `?script=` names one of `WAYS_IN`, `?policy=none` leaves the policy out."""
    policy = f"default-src 'none'; script-src {api}; frame-src {api}; base-uri 'none'; form-action 'none'"

    async def page(request: Request) -> Response:
        query = request.query_params
        script = WAYS_IN[query.get("script", "classic")].format(api=api)
        headers = {} if query.get("policy") == "none" else {"Content-Security-Policy": policy}
        return HTMLResponse(PAGE.format(lang=query.get("lang", "en"), script=script), headers=headers)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    app = Starlette(routes=[Route("/", page), Route("/paid", page), Route("/healthz", healthz)])
    async with serving(app, port):
        yield


OPEN = """([clientToken, mode]) => document.getElementById("buy").addEventListener("click", () => {
  window.results = [];
  window.ended = null;
  Onetill.open({ clientToken, mode, container: "#here", onResult: (result) => results.push(result) })
    .then((result) => { window.ended = result; }, (error) => { window.ended = String(error); });
})"""
LISTEN = """if (window === window.top) {
  window.posted = [];
  window.addEventListener("message", ({ origin, data }) => posted.push([origin, JSON.stringify(data)]));
}"""


@dataclass(frozen=True, slots=True)
class Embedding:
    """Onetill with every gateway, and the shop whose page it may be framed by: one server, at two names of this machine."""

    world: World
    shop: str
    far_shop: str
    """The same at another site, where the browser keeps the frame's cookies and storage apart."""
    stranger: str
    """The same at an origin that the settings do not name."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody at the shop's page, with a payment to make."""

    page: Page
    context: BrowserContext
    witness: Witness
    embedding: Embedding
    payment: dict[str, Any]

    @property
    def checkout(self) -> FrameLocator:
        """Inside the checkout, where it is in a frame."""
        return self.page.frame_locator("iframe")

    async def presses_buy(self, mode: str) -> None:
        await self.page.evaluate(OPEN, [self.payment["client_token"], mode])
        await self.page.locator("#buy").click()

    async def sees(self, state: str) -> None:
        await expect(self.checkout.locator("#checkout")).to_have_attribute("data-state", state)

    async def window(self, gateway: str) -> Frame:
        """The gateway's window, in whichever tab or frame it is."""
        origin = origin_of(self.embedding.world.shop.simulator.gateways[gateway]["base_url"])
        for _ in range(PATIENCE_MS // 50):
            for frame in [frame for page in self.context.pages for frame in page.frames]:
                if origin_of(frame.url) == origin and await frame.locator("#pay").count():
                    return frame
            await asyncio.sleep(0.05)
        raise AssertionError(f"no window of {gateway}: {[p.url for p in self.context.pages]}")

    async def presses(self, gateway: str, button: str) -> None:
        await (await self.window(gateway)).locator(button).click()

    async def ended(self) -> dict[str, Any]:
        """What the promise ended with."""
        await expect_soon(self.page, "window.ended !== null")
        return dict(await self.page.evaluate("window.ended"))

    async def results(self) -> list[tuple[str, str, str]]:
        """What `onResult` heard: status, msg and payment_status of each."""
        heard = await self.page.evaluate("window.results")
        assert all(each["version"] == "1" and each["payment_id"] in {self.payment["id"], ""} for each in heard)
        return [(each["status"], each["msg"], each["payment_status"]) for each in heard]

    async def status(self) -> str:
        return str((await self.embedding.world.shop.get(self.payment))["status"])
