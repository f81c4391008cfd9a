"""A name that no gateway could have given leads nowhere, whoever brought it: every value that crosses the port drops it."""

import dataclasses
import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.money import Money
from app.gateways import values
from app.gateways.point3.wire import signature_of
from app.gateways.portone_v1.wire import imp_uid_of
from app.gateways.unifi_pay.wire import transaction_of

ODD = ["", ".", "..", "a b", "a\nb", "a\x00b", "a" * 201, "x" * 20_000, "\u202eabc", "e\u0301", "거래", "\ufffd"]
REFS = {"gateway_ref", "ref", "refund_ref"}
SENT = {values.CaptureRequest, values.RefundRequest}
"""What we ask with: by a name that came through one of the others."""
NAMED = [
    (made, each.name)
    for _, made in inspect.getmembers(values, dataclasses.is_dataclass)
    if isinstance(made, type) and made not in SENT
    for each in dataclasses.fields(made)
    if each.name in REFS
]
FIELDS: dict[str, Any] = {
    "next_action": {},
    "amount": Money(1, "KRW"),
    "state": values.RefundState.SUCCEEDED,
    "status": values.GatewayStatus.CAPTURED,
    "reference": "ref",
    "expected": Money(1, "KRW"),
    "is_done": True,
    "failure": None,
    "evidence": {},
    "dedupe_key": "key",
    "is_signed": False,
    "at": datetime(2026, 11, 21, tzinfo=UTC),
}


def test_these_are_all_that_names_come_in() -> None:
    assert {made for made, _ in NAMED} == {
        values.Session, values.GatewayRefund, values.GatewayPayment, values.PaymentQuery, values.LookupHint,
        values.RefundAnswer, values.ParsedWebhook,
    }  # fmt: skip


@pytest.mark.parametrize(("made", "name"), NAMED)
def test_what_could_be_no_name_is_dropped(made: type, name: str) -> None:
    needed = {
        each.name: FIELDS[each.name]
        for each in dataclasses.fields(made)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    }
    assert getattr(made(**needed | {name: "sig/7Q+a=="}), name) == "sig/7Q+a=="
    for odd in ODD:
        assert getattr(made(**needed | {name: odd}), name) is None, ascii(odd[:20])


@pytest.mark.parametrize(
    ("read", "right", "odd"),
    [
        (signature_of, "sig/7Q+a==", ("date", "orderid", "")),
        (imp_uid_of, "imp_448280090638", ("prepare", "findAll", "imp_/../x", "imp_" + "1" * 61, "")),
        (transaction_of, "0c9ad2a8-1a5e-4a0e-9b53-6f1f3d0f7b1e", ("..", "a/b", "a?b", "a" * 101, "")),
    ],
)
def test_what_is_a_path_of_its_own_names_no_payment(read: Any, right: str, odd: tuple[str, ...]) -> None:
    assert (read(right), read(None)) == (right, None)
    assert [read(each) for each in odd] == [None] * len(odd)
