"""The handlers of `docs/mobile` hear the page: a bridge under the names that they are registered with records what comes."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.paths import ROOT
from tests.browser.driver import Buyer, expect_soon
from tests.documents.handlers import HANDLERS, Handler, android, ios
from tests.documents.markdown import read

INSTALL = """(place) => `if (window === window.top) {
  window.heard = [];
  const [last, ...outer] = ${JSON.stringify(place)}.reverse();
  outer.reverse().reduce((found, name) => (found[name] ??= {}), window)[last] = (message) => heard.push(message);
}`"""
EVERY = pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)


async def record(buyer: Buyer, handler: Handler) -> None:
    """Put a bridge that records into every page that the buyer opens from now on."""
    await buyer.page.add_init_script(await buyer.page.evaluate(f"({INSTALL})({json.dumps(handler.place)})"))


async def heard(buyer: Buyer, handler: Handler, count: int) -> list[dict[str, str]]:
    """The messages, as the handler reads them."""
    await expect_soon(buyer.page, f"window.heard.length >= {count}")
    messages: list[Any] = await buyer.page.evaluate("window.heard")
    assert all(type(message) is handler.takes for message in messages)
    read_so = messages if handler.takes is dict else [json.loads(message) for message in messages]
    assert all(type(value) is str for message in read_so for value in message.values())
    return read_so


async def completes(buyer: Buyer, payment: dict[str, Any], **proof: str) -> dict[str, Any]:
    """What an app asks, with the payment's own token."""
    headers = {"Authorization": f"Bearer {payment['client_token']}"}
    body = {"payment_id": payment["id"], **proof}
    answer = await buyer.world.shop.client.post("/payments/complete", json=body, headers=headers)
    assert answer.is_success, answer.text
    return dict(answer.json())


@EVERY
async def test_the_app_hears_the_checkout_page_from_a_closed_window_to_the_money(
    buyer: Buyer, handler: Handler
) -> None:
    payment = await buyer.world.shop.create()
    await record(buyer, handler)
    await buyer.opens(payment)
    await buyer.leaves()
    (closed,) = await heard(buyer, handler, 1)
    assert (await completes(buyer, payment))["status"] == "open"
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    messages = await heard(buyer, handler, 2)
    assert messages[0] == closed
    assert [message["payment_status"] for message in messages] == ["open", "paid"]
    assert {message["status"] for message in messages} == handler.answers
    assert all(handler.reads <= message.keys() for message in messages)
    assert (await completes(buyer, payment))["status"] == "paid"


@EVERY
async def test_the_app_hears_the_widget_alone_and_completes_with_its_signature(buyer: Buyer, handler: Handler) -> None:
    payment = await buyer.world.shop.create()
    await record(buyer, handler)
    await buyer.page.goto(payment["next_action"]["url"])
    await buyer.page.locator("#pay").click()
    (message,) = await heard(buyer, handler, 1)
    assert message["status"] in handler.answers
    assert handler.reads - message.keys() == {"payment_id"}, "by which a handler knows the widget's own message"
    assert await buyer.world.stored(payment) == "open"
    assert (await completes(buyer, payment, signature=message["msg"]))["status"] == "paid"
    assert (await buyer.world.shop.journal(payment))["captures"] == 1


@pytest.mark.node
async def test_what_the_react_native_page_asks_with_completes_a_payment(buyer: Buyer, tmp_path: Path) -> None:
    payment = await buyer.world.shop.create()
    (module,) = (block for block in read("docs/mobile/react-native.md").blocks("ts") if block.file_name == "onetill.ts")
    text, replaced = re.subn(
        r'^const ONETILL = ".*";$', f'const ONETILL = "{buyer.world.api}";', module.text, flags=re.M
    )
    assert replaced == 1
    (tmp_path / "onetill.ts").write_text(text, "utf-8")
    proof = await buyer.world.shop.buyer_pays(payment)
    run = f"""
        const ts = require({json.dumps(str(ROOT / ".venv/documents/node_modules/typescript"))});
        const text = require("fs").readFileSync("onetill.ts", "utf8");
        const {{ outputText }} = ts.transpileModule(text, {{ compilerOptions: {{ module: "commonjs", target: "es2022" }} }});
        new Function("exports", outputText)(exports);
        exports.complete({json.dumps(payment)}, {json.dumps(proof["signature"])}, new AbortController().signal).then(console.log);
    """
    node = await asyncio.create_subprocess_exec("node", "-e", run, cwd=tmp_path, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(node.communicate(), 60)
    assert said.decode().strip() == "paid"
    assert await buyer.world.stored(payment) == "paid"


def test_a_handler_under_another_name_would_be_seen() -> None:
    kotlin, swift = read("docs/mobile/android.md").text, read("docs/mobile/ios.md").text
    assert android(kotlin.replace('"Point3WidgetBridge"', '"Bridge"')).place == ("Bridge", "postMessage")
    assert android(kotlin.replace("fun postMessage", "fun post")).place == ("Point3WidgetBridge", "post")
    assert ios(swift.replace('"point3WidgetHandler"', '"handler"')).place[2] == "handler"
    assert android(kotlin.replace('"payment_id").is', '"paymentId").is')).reads == {"status", "msg", "paymentId"}
