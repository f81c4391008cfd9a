"""What earlier releases have stored of requests is what this one makes of the same requests: keys live 30 days."""

import json
from typing import Any

import msgspec
import pytest
from jiter import from_json

from app.idempotency.service import fingerprint
from app.ledger.order_details import OrderDetails
from app.paths import ROOT
from app.payments.charge_request import details_text
from app.payments.schemas import CreateAttempt, CreatePayment
from app.refunds.schemas import CreateRefund

STORED: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests/fixtures/stored_requests.json").read_text("utf-8"))
"""Written by release 0.1.0, whose bodies were msgspec structs. Frozen: a difference turns a retry into a 422."""
NOBODY = "0" * 32


@pytest.mark.parametrize("stored", STORED["create_payment"], ids=lambda stored: stored["name"])
def test_a_payment_is_stored_as_it_always_was(stored: dict[str, Any]) -> None:
    request = CreatePayment.model_validate(from_json(json.dumps(stored["body"]).encode()))
    assert fingerprint("create_payment", request).hex() == stored["fingerprint"]
    assert details_text(request) == stored["details"]
    assert msgspec.json.encode(request.metadata).decode() == stored["metadata"]


@pytest.mark.parametrize("stored", STORED["create_payment"], ids=lambda stored: stored["name"])
def test_stored_details_are_read(stored: dict[str, Any]) -> None:
    details = msgspec.json.decode(stored["details"], type=OrderDetails)
    assert details.customer.name == stored["body"].get("customer", {}).get("name")
    assert len(details.items) == len(stored["body"].get("items", []))


@pytest.mark.parametrize("stored", STORED["create_attempt"])
def test_an_attempt_has_its_fingerprint(stored: dict[str, Any]) -> None:
    request = CreateAttempt.model_validate(stored["body"])
    assert fingerprint(f"create_attempt:{NOBODY}", request).hex() == stored["fingerprint"]


@pytest.mark.parametrize("stored", STORED["create_refund"])
def test_a_refund_has_its_fingerprint_and_its_account(stored: dict[str, Any]) -> None:
    request = CreateRefund.model_validate(stored["body"])
    assert fingerprint(f"create_refund:{NOBODY}", request).hex() == stored["fingerprint"]
    account = request.refund_account.model_dump() if request.refund_account else None
    assert msgspec.json.encode(account).decode() == stored["account"]


def test_other_meanings_have_other_fingerprints_and_other_spellings_the_same() -> None:
    body = STORED["create_payment"][1]["body"]
    turned = dict(reversed(body.items())) | {"metadata": dict(reversed(body["metadata"].items()))}
    one, other = (fingerprint("create_payment", CreatePayment.model_validate(each)) for each in (body, turned))
    assert one == other
    assert fingerprint("create_payment", CreatePayment.model_validate(body | {"amount": 1})) != one
    assert fingerprint("another_call", CreatePayment.model_validate(body)) != one
