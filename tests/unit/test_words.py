"""One word for one thing, and the trade's: those that it replaced stay out of the code. docs/architecture.md says which rooms."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for room in ("app", "simulator")
    for path in sorted((ROOT / room).rglob("*.py"))
}

NAMES = {
    "look_up": "fetch_payment",
    "Question": "PaymentQuery",
    "Held": "GatewayPayment",
    "Holding": "GatewayStatus",
    "UNSTATED": "STATUS_MISSING",
    "CANCELING": "REFUND_PENDING",
    "Brought": "LookupHint",
    "Announced": "LookupHint",
    "Opened": "Session",
    "Confirming": "Capturing",
    "ConfirmRequest": "CaptureRequest",
    "Inquiry": "VerificationContext",
    "Reading": "Snapshot",
    "Outcome": "VerificationResult",
    "Sale": "CapturedPayment",
    "RefundTerms": "RefundPolicy",
    "Parts": "Services, or TaxBreakdown",
    "Owed": "Mismatch",
    "judge": "match_payment",
    "recorder": "verify",
    "pursuit": "processor",
    "overheard": "record_calls",
    "late_money": "late_capture",
    "LATE_MONEY": "LATE_CAPTURE",
    "STORY_PAGE": "EVENTS_PAGE",
    "no": "number",
    "asks": "refund_attempts",
    "checks": "lookup_attempts",
    "tries": "attempts, with their noun",
}
"""What an identifier was called, and is called now."""

FILES = (
    "judge recorder steps records opening charges pursuit asking compare exchanges held callback notice edge documented "
    "reading fence terms book notices holds opaque"
)

PHRASES = re.compile(
    r"late money|past us|g[ia]v(?:e|es|en|ing) (?:it |the money |money )?back|\bowed\b|\bstor(?:y|ies)\b|\bthe judge\b",
    re.IGNORECASE,
)
"""In docstrings and comments: late capture, external refund, refund, mismatch refund, audit trail, matching."""

SETTINGS = {("app/gateways/point3/manifest.py", "look_up")}
"""Fields that are settings keep the names of their variables."""

THEIRS = {"payments give-back": "the command keeps its name"}
"""Public words stay: JSON members, commands, settings, stored reasons and evidence, texts of problems. Those are ordinary
strings, which nothing here reads; what a docstring must quote of them is listed."""


def _names(source: str) -> Iterator[str]:
    """Every identifier of a file, without the underscores in front."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.string.lstrip("_")


def _prose(source: str) -> Iterator[str]:
    """Every docstring, also those below a field, and every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield " ".join(node.value.value.split())


def test_no_identifier_has_an_old_name() -> None:
    found = {
        (name, old): NAMES[old]
        for name, source in SOURCES.items()
        for old in set(_names(source)) & NAMES.keys()
        if (name, old) not in SETTINGS
    }
    assert not found


def test_no_file_has_an_old_name() -> None:
    assert not [name for name in SOURCES if Path(name).stem in FILES.split()]


def test_docstrings_and_comments_use_the_trades_words() -> None:
    found = []
    for name, source in SOURCES.items():
        for text in _prose(source):
            for kept in THEIRS:
                text = text.replace(kept, "")
            found += [f"{name}: {word[0]!r} in {text[:100]!r}" for word in PHRASES.finditer(text)]
    assert not found, "\n".join(found)
