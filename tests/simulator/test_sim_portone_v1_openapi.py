"""Schemathesis against the twin: no 5xx, and no answer that differs from PortOne's own Swagger file.

`openapi/portone_v1.json` holds the imitated operations and what they need of the official file; texts are removed, nothing
else is changed. Source: GitHub portone-io/mcp-server, assets/docs/schema/v1.openapi.json (commit 0af2bad9, 2026-08-19), which
is MIT OR Apache-2.0. `corrected` below says where that file is wrong. It knows no security scheme: 401 is tested in
test_sim_portone_v1_token.py.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.server import Simulator

from .portone_v1_driver import V1Driver, a_driver

pytestmark = pytest.mark.long

DOCUMENT = Path(__file__).parent / "openapi" / "portone_v1.json"
TIMEOUT_S = 240
OPERATIONS = 11
ENVELOPES = (
    "AuthResponse",
    "PaymentPrepareResponse",
    "PaymentResponse",
    "MultiplePaymentsResponse",
    "PaymentListResponse",
    "PaymentBalanceResponse",
)
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

[warnings]
fail-on = ["missing_auth", "missing_test_data", "unsupported_regex", "method_not_allowed", "unmatched_filter",
           "unresolvable_reference", "dictionary_mismatch", "missing_deserializer", "rate_limited"]

[checks]
enabled = true
max_response_time = 5.0

# Rules that the document states in words or not at all: an amount of 0 is nothing to prepare, a cancel names a payment, a page
# exists, 90 days at most, at most 15 digits. What breaks them is 400, and the wrong keys of getToken are 401.
[[operations]]
include-operation-id = ["preparePayment", "editPreparePayment", "cancelPayment", "getAllPaymentsByMerchantUid",
                        "getPaymentsByStatus"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "404"]

# Any text may be an id: only `of_this_shop` lists those that there are.
[[operations]]
include-operation-id = "getPaymentListByImpUid"
checks.negative_data_rejection.enabled = false

[dictionaries]
statuses = {{ values = ["ready", "failed", "paid", "cancelled"] }}
pages = {{ values = [1] }}
amounts = {{ values = [500, 12000] }}
currencies = {{ values = ["KRW"] }}
keys = {{ values = ["{imp_key}"] }}
secrets = {{ values = ["{imp_secret}"] }}

[dictionaries.imp_uids]
values = {imp_uids}

[dictionaries.merchant_uids]
values = {merchant_uids}

[dictionaries.prepared]
values = {prepared}

[parameters]
"path.imp_uid" = {{ dictionary = "imp_uids", probability = 0.8 }}
"path.merchant_uid" = {{ dictionary = "merchant_uids", probability = 0.8 }}
"body.imp_uid" = {{ dictionary = "imp_uids", probability = 0.8 }}
"body.merchant_uid" = {{ dictionary = "prepared", probability = 0.6 }}
"path.payment_status" = {{ dictionary = "statuses", probability = 0.8 }}
"query.page" = {{ dictionary = "pages", probability = 0.8 }}
"body.amount" = {{ dictionary = "amounts", probability = 0.7 }}
"body.currency" = {{ dictionary = "currencies", probability = 0.9 }}
"body.imp_key" = {{ dictionary = "keys", probability = 0.8 }}
"body.imp_secret" = {{ dictionary = "secrets", probability = 0.8 }}
"""


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


def official() -> dict[str, Any]:
    return dict(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def corrected(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what it says wrongly put right, and nothing else."""
    definitions, paths = document["definitions"], document["paths"]
    for schema in [*definitions.values(), *(each for name in ENVELOPES for each in definitions[name]["allOf"][1:])]:
        properties: dict[str, Any] = schema.get("properties", {})
        for name, field in properties.items():
            # Lengths are written as texts.
            if "maxLength" in field:
                field["maxLength"] = int(field["maxLength"])
            # What is absent is null: every optional field, the message of a success and the response of a refusal.
            if name not in schema.get("required", ()):
                properties[name] = (
                    {"allOf": [field], "x-nullable": True} if "$ref" in field else {**field, "x-nullable": True}
                )
    # Copied from the page object: a registered amount has neither total nor previous nor next.
    definitions["PaymentPrepareAnnotation"]["required"] = ["merchant_uid", "amount"]
    for path, operations in paths.items():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                _correct_parameter(parameter)
            # 400 stands among the statuses of the API (docs/gateways/portone-v1.md §1) and is left out at almost every operation.
            if path != "/users/getToken":
                operation["responses"].setdefault("400", {"description": ""})
    # Only PUT says what an unknown merchant_uid is answered with.
    paths["/payments/prepare/{merchant_uid}"]["get"]["responses"]["404"] = {"description": ""}
    return document


def _correct_parameter(parameter: dict[str, Any]) -> None:
    """Bounds and defaults are written as texts, an array has no items, and a part of the path is optional."""
    for name in ("minimum", "maximum", "default"):
        if parameter["type"] == "integer" and name in parameter:
            parameter[name] = int(parameter[name])
    if parameter["type"] == "array":
        parameter.setdefault("items", {"type": "string"})
        parameter.pop("default", None)
    if parameter["in"] == "path":
        parameter.pop("default", None)
        parameter["required"] = True


def of_this_shop(document: dict[str, Any], imp_uids: list[str], merchant_uids: list[str]) -> dict[str, Any]:
    """The document with this shop's ids in the lists of ids, which a dictionary cannot fill; one of each is nobody's."""
    for parameter in document["paths"]["/payments"]["get"]["parameters"]:
        known = imp_uids if parameter["name"] == "imp_uid[]" else merchant_uids
        parameter["items"]["enum"] = [*known, "nobodys"]
    return document


async def payments(v1: V1Driver) -> dict[str, list[str]]:
    """What the calls may ask for: sales with a failed, an open and a paid window, other payments, registered amounts."""
    sales, prepared = [f"sale{number}" for number in range(4)], [f"prepared{number}" for number in range(4)]
    imp_uids = []
    for reference in sales:
        await v1.paid(reference, "declined")
        await v1.open(reference)
        imp_uids.append(await v1.paid(reference, amount=12_000_000))
    imp_uids += [await v1.paid("account", "virtual_account"), (await v1.open("open"))["imp_uid"]]
    for reference in prepared:
        await v1.prepare(reference)
    return {"imp_uids": imp_uids, "prepared": prepared, "merchant_uids": [*sales, *prepared]}


async def run(tmp_path: Path, v1: V1Driver, known: dict[str, list[str]]) -> tuple[int, str]:
    document = tmp_path / "portone_v1.json"
    asked = of_this_shop(corrected(official()), known["imp_uids"], known["merchant_uids"])
    document.write_text(json.dumps(asked), encoding="utf-8")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(**known, **v1.keys), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "--no-color", "--config-file", str(config), "run", str(document),
        "--url", v1.account["base_url"],
        "--header", f"Authorization: {v1.http.headers['Authorization']}",
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


async def test_no_answer_differs_from_the_official_document(v1: V1Driver, tmp_path: Path) -> None:
    code, report = await run(tmp_path, v1, await payments(v1))
    assert code == 0, report
    assert f"Tested: {OPERATIONS}" in report, report


async def test_the_payment_object_has_every_field_of_the_document_and_no_other(v1: V1Driver) -> None:
    shown = await v1.shown(await v1.paid())
    definition = official()["definitions"]["PaymentAnnotation"]
    assert set(shown) == set(definition["properties"])
    imp_uid = await v1.paid("order2", "sparse")
    assert set(await v1.shown(imp_uid)) == set(definition["required"])


async def test_a_cancel_has_every_field_of_the_document(v1: V1Driver) -> None:
    (entry,) = (await v1.result(v1.cancel(await v1.paid())))["cancel_history"]
    assert set(entry) == set(official()["definitions"]["PaymentCancelAnnotation"]["properties"])
