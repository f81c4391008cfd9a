"""Markup that runs no script, in a shop's page, tells the drop-in nothing about where Onetill runs."""

import re
from pathlib import Path

import pytest

from app.paths import STATIC
from tests.browser.conftest import NewCustomer
from tests.browser.storefront import Customer, Embedding

MARKUP = {
    "an image by the name of currentScript": '<img name="currentScript" src="{stranger}/static/onetill.js">',
    "something embedded by it": '<embed name="currentScript" src="{stranger}/static/onetill.js">',
    "a form by it, and an image": '<form name="currentScript"></form><img src="{stranger}/static/onetill.js">',
    "an image with our path in its query": '<img src="{stranger}/?q=/static/onetill.js">',
    "a script that does not run": '<script type="text/plain" src="{stranger}/static/onetill.js"></script>',
    "a script that is preloaded": '<link rel="preload" as="script" href="{stranger}/static/onetill.js">',
    "a link by our name": '<a id="Onetill" href="{stranger}/static/onetill.js">Onetill</a>',
    "a form by our name with an open": '<form id="Onetill"><input name="open"><input name="origin"></form>',
    "a frame by our name": '<iframe name="Onetill"></iframe>',
}
CLASSIC = """(src) => new Promise((onload, onerror) => {
  document.body.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
})"""
MODULE = CLASSIC.replace("{ src,", '{ src, type: "module",')
WAYS_IN = {
    "classic": (CLASSIC, "onetill.js"),
    "module": (MODULE, "onetill.js"),
    "import": ("(src) => import(src).then(() => {})", "onetill.js"),
    "named": ("(src) => import(src).then(() => {})", "onetill.mjs"),
}
NO_STACK = "Error.stackTraceLimit = 0"


async def comes(buyer: Customer, markup: str, *, policy: str = "") -> None:
    """To the shop's page, in which somebody has written before our script."""
    stranger = buyer.embedding.stranger
    await buyer.page.goto(f"{buyer.embedding.shop}/?script=none&policy={policy}")
    await buyer.page.evaluate(
        "(html) => { document.getElementById('here').innerHTML = html; }", markup.format(stranger=stranger)
    )
    if policy == "none" and 'src="' in markup and "text/plain" not in markup:
        fetched = "(stranger) => performance.getEntriesByType('resource').some(({ name }) => name.startsWith(stranger))"
        await buyer.page.wait_for_function(fetched, arg=stranger)


async def loads(buyer: Customer, way_in: str) -> None:
    load, file = WAYS_IN[way_in]
    await buyer.page.evaluate(load, f"{buyer.embedding.world.api}/static/{file}")


async def writer(customer: NewCustomer) -> Customer:
    buyer = await customer(query="script=none")
    for blocked in ("Content Security Policy", "404 (Not Found)", "was preloaded using link preload"):
        buyer.witness.expect(blocked)
    return buyer


@pytest.mark.parametrize("policy", ["strict", "none"])
async def test_no_markup_names_another_origin(customer: NewCustomer, embedding: Embedding, policy: str) -> None:
    buyer = await writer(customer)
    believed = {}
    for name, markup in MARKUP.items():
        for way_in in WAYS_IN:
            await comes(buyer, markup, policy=policy)
            await loads(buyer, way_in)
            believed[name, way_in] = await buyer.page.evaluate("[Onetill.origin, Onetill.open.length, Onetill.version]")
    assert {key: value for key, value in believed.items() if value != [embedding.world.api, 0, "1"]} == {}


@pytest.mark.parametrize("way_in", WAYS_IN)
async def test_the_token_goes_to_us_alone(customer: NewCustomer, embedding: Embedding, way_in: str) -> None:
    buyer = await writer(customer)
    await comes(buyer, "".join(MARKUP.values()))
    await loads(buyer, way_in)
    await buyer.presses_buy("overlay")
    await buyer.page.frame_locator("dialog iframe").frame_locator("#point3-widget-iframe").locator("#pay").click()
    assert (await buyer.ended())["payment_status"] == "paid"
    assert [each.url for each in buyer.witness.requests if each.url.startswith(f"{embedding.stranger}/checkout")] == []


@pytest.mark.parametrize(
    ("way_in", "is_known"), [("classic", True), ("module", False), ("import", False), ("named", True)]
)
async def test_where_the_engine_does_not_say_it_nobody_else_is_asked(
    customer: NewCustomer, embedding: Embedding, way_in: str, is_known: bool
) -> None:
    """A page may turn stacks off: then its element tells, or onetill.mjs, or the shop."""
    buyer = await writer(customer)
    await comes(buyer, "".join(MARKUP.values()), policy="none")
    await buyer.page.evaluate(NO_STACK)
    await loads(buyer, way_in)
    assert await buyer.page.evaluate("Onetill.origin") == (embedding.world.api if is_known else None)


async def test_a_bundle_has_to_be_told(customer: NewCustomer, embedding: Embedding) -> None:
    buyer = await writer(customer)
    bundle = re.compile(r"/bundle\.js")
    await buyer.context.route(bundle, lambda route: route.fulfill(path=Path(STATIC, "onetill.js")))
    await comes(buyer, "".join(MARKUP.values()), policy="none")
    await buyer.page.evaluate(CLASSIC, f"{embedding.shop}/bundle.js?{embedding.stranger}/static/onetill.js")
    assert await buyer.page.evaluate("Onetill.origin") is None
    await buyer.presses_buy("redirect")
    assert "set Onetill.origin" in await buyer.page.evaluate("window.ended")
    assert [each.url for each in buyer.witness.requests if "/checkout/" in each.url] == []


async def test_a_second_copy_keeps_the_first(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.page.evaluate("window.first = Onetill")
    for way_in in WAYS_IN:
        await loads(buyer, way_in)
    assert await buyer.page.evaluate("first === Onetill")
