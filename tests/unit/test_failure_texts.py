"""What the buyer's page says of a failure: a sentence for each code that an attempt may end with, and for no other."""

import ast
from collections.abc import Iterator

from app.checkout.texts import TEXTS
from app.checkout.view import _NOT_OPENED
from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.values import CLOSED
from app.paths import ROOT
from tests.support.named import named_in

ATTEMPTS = [
    *ROOT.glob("app/verification/*.py"),
    *ROOT.glob("app/payments/*.py"),
    *ROOT.glob("app/resolution/*.py"),
    *ROOT.glob("app/gateways/*/*.py"),
]
OF_REFUNDS = {"refunds.py", "refund_policy.py"}
OTHERWISE = {
    "error.code": {each.code for each in (GatewayUnavailable, GatewayTimeout, GatewayRefused)},
    "CLOSED": {CLOSED},
}
"""What is no word of the module itself. A gateway's no to a refund ends no attempt."""
TOLD_BY_A_PAGE_OF_ITS_OWN = {CLOSED, "order_mismatch", "order_paid_elsewhere", "already_paid", "payment_closed"}
"""The payment has ended, or waits for a person, or the page says what differed (`mismatch_of`) and what was done about it."""


def _codes() -> Iterator[str]:
    for path in ATTEMPTS:
        if path.name in OF_REFUNDS:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        named = named_in(tree)
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="Failure"), args=[code, *_]) if "efusal" not in ast.unparse(code):
                    found = OTHERWISE.get(ast.unparse(code)) or set(_words(code, named, frozenset()))
                    assert found, f"{path.name}: {ast.unparse(node)}"
                    yield from found


def _words(node: ast.AST, named: dict[str, list[ast.AST]], seen: frozenset[str]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(word)):
            yield word
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
            for value in named.get(name, []) if name not in seen else []:
                yield from _words(value, named, seen | {name})
        case ast.IfExp(body=body, orelse=orelse):
            yield from _words(body, named, seen)
            yield from _words(orelse, named, seen)


def test_each_code_that_an_attempt_ends_with_has_its_sentence_and_no_other_has() -> None:
    said = {name.removeprefix("failure_") for name in TEXTS["en"] if name.startswith("failure_")}
    codes = set(_codes())
    assert {"declined", "canceled", "amount_mismatch", "already_paid", "never_opened", CLOSED} <= codes
    assert said == codes - _NOT_OPENED - TOLD_BY_A_PAGE_OF_ITS_OWN
    assert codes >= _NOT_OPENED | TOLD_BY_A_PAGE_OF_ITS_OWN
