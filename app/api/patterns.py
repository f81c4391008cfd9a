"""Patterns of text fields, and what each says to people.

Pydantic reads them with Rust's `regex`, whose `$` is the end of the text alone: `KRW\\n` does not pass, as it would with
Python's. ECMA's `$`, by which the OpenAPI document is read, means the same.
"""

LINE = r"^[^\u0000-\u001f\u007f-\u009f]+$"
LINE_OR_NOTHING = r"^[^\u0000-\u001f\u007f-\u009f]*$"
WORD = r"^[a-z0-9_]+$"
METHOD = r"^[A-Za-z0-9_]+$"
EMAIL = r"^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$"
PHONE = r"^[0-9+() .\-]+$"
COUNTRY = r"^[A-Z]{2}$"
CURRENCY = r"^[A-Z]{3}$"
CURSOR = r"^A[A-V][A-Za-z0-9_\-]{30}$"
"""24 bytes as `api/pagination.py` writes them. The first letters keep the moment within the years that a clock can show."""
NO_NUL = r"^[^\u0000]*$"
ACCOUNT = r"^[0-9\-]+$"

MEANINGS = {
    LINE: "must be one line of text without control characters",
    LINE_OR_NOTHING: "must be one line of text without control characters",
    WORD: "must be lower-case letters, digits and underscores",
    METHOD: "must be letters, digits and underscores",
    EMAIL: "must be an e-mail address",
    PHONE: "must be a phone number: digits, spaces and + ( ) . -",
    COUNTRY: "must be an ISO 3166-1 code of two capital letters",
    CURRENCY: "must be an ISO 4217 code of three capital letters",
    CURSOR: "is not a `next_cursor` of this list; leave it out to start anew",
    NO_NUL: "must not contain the character NUL",
    ACCOUNT: "must be digits and dashes",
}
