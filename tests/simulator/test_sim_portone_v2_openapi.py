"""Schemathesis against the twin: no 5xx, and no answer that differs from PortOne's own OpenAPI document.

`openapi/portone_v2.json` holds the imitated operations and what they need of the official file 1.16.0, texts removed.
Source: GitHub portone-io/mcp-server, assets/docs/schema/v2.openapi.json (commit 0af2bad9, 2026-08-19), MIT OR Apache-2.0.
Optional fields and filters that the twin does not imitate are cut out of it; `corrected` below says what else is changed.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .driver import Driver
from .portone_v2_driver import V2Driver

pytestmark = pytest.mark.long

DOCUMENT = Path(__file__).parent / "openapi" / "portone_v2.json"
TIMEOUT_S = 240
OPERATIONS = 9
CONFIG = """
continue-on-failure = true
request-timeout = 5.0

[generation]
deterministic = true
max-examples = 25

[cache]
enabled = false

[output.truncation]
enabled = false

[checks]
enabled = true
max_response_time = 5.0

# The real gateway refuses with 400 what breaks rules that its document does not state: amounts of 0 and below, parts over
# their whole, a token of nobody's (INVALID_PAYMENT_TOKEN), money by virtual account without refundAccount.
[[operations]]
include-operation-id = ["preRegisterPayment", "cancelPayment", "confirmPayment"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409"]

[dictionaries.payments]
values = {payments}

[dictionaries.tokens]
values = ["{token}"]

[parameters]
"path.paymentId" = {{ dictionary = "payments", probability = 0.9 }}
"body.paymentToken" = {{ dictionary = "tokens", probability = 0.5 }}
"""


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what it says wrongly put right, and nothing else."""
    schemas = document["components"]["schemas"]
    for schema in list(schemas.values()):
        # Members of unions say that their tag is any string, so that an object of one matches others too, which `oneOf`
        # forbids. The discriminator's mapping has the one value that is meant.
        for tag, reference in schema.get("discriminator", {}).get("mapping", {}).items():
            member = schemas[reference.rsplit("/", 1)[1]]
            member["properties"][schema["discriminator"]["propertyName"]] = {"type": "string", "enum": [tag]}
    # Pages count from 0 and hold something; the document knows no bounds but those of int32.
    schemas["PageInput"]["properties"]["number"].update(minimum=0)
    schemas["PageInput"]["properties"]["size"].update(minimum=1, maximum=1000)
    # The question is in the query or in the body, never in both, which the document cannot say: here it is in the query.
    del document["paths"]["/payments"]["get"]["requestBody"]
    return document


def of_one_store(document: dict[str, Any], store_id: str) -> dict[str, Any]:
    """The document as this store sees it: every other storeId is 403, and would hide the work behind it."""
    own = {"type": "string", "enum": [store_id]}
    for name, schema in document["components"]["schemas"].items():
        if name.endswith(("Body", "FilterInput")) and "storeId" in schema["properties"]:
            schema["properties"]["storeId"] = own
            schema["properties"].pop("merchantId", None)
    for operation in (each for path in document["paths"].values() for each in path.values()):
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "storeId":
                parameter["schema"] = own
    return document


async def run(tmp_path: Path, v2: V2Driver, payments: list[str], token: str) -> tuple[int, str]:
    official = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    document = tmp_path / "portone_v2.json"
    document.write_text(json.dumps(of_one_store(corrected(official), v2.account["store_id"])), encoding="utf-8")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(payments=payments, token=token), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "--no-color", "--config-file", str(config), "run", str(document),
        "--url", v2.account["base_url"],
        "--header", f"Authorization: PortOne {v2.account['api_secret']}",
        cwd=tmp_path,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, output.decode()


async def test_no_answer_differs_from_the_official_document(v2: V2Driver, tmp_path: Path) -> None:
    scenarios = ["abandoned", "paid", "declined", "virtual_account", "pay_pending", "async_cancel", "manual_approval"]
    for scenario in scenarios:
        done = await v2.paid(scenario, scenario)
    await v2.paid("partial")
    await v2.cancel("partial", amount=1)
    await v2.paid("cancelled")
    await v2.cancel("cancelled")
    code, report = await run(tmp_path, v2, [*scenarios, "partial", "cancelled"], done["paymentToken"])
    assert code == 0, report
    assert f"Tested: {OPERATIONS}" in report, report
    answered = {(row["call"], row["status"]) for row in await v2.calls()}
    wanted = {(call, 200) for call in ("prepare", "lookup", "cancel", "close")}
    assert wanted <= answered, f"too few generated calls were good ones: {sorted(answered)}"
