"""`POST /payments` with each field wrong in each way: the problem names the field, and nothing is stored."""

from typing import Any

import httpx
import pytest

from app.db.database import Database
from tests.api.checks import row_counts, wrong_fields
from tests.support import key, order

NOT_TEXT: list[Any] = [1, 1.5, True, [], {}]
CONTROLS = ["a\x00b", "a\x1fb", "a\x7fb", "a\x85b", "line\n", "\n", "a\tb"]
NOT_OBJECT: list[Any] = [1, "x", True, []]
NOT_STRING: list[Any] = [1, 1.5, True, None, [], {}]
NOT_INT: list[Any] = ["1", 1.0, 24000.5, True, [], {}, "", "24,000"]

ITEM = {"name": "Mug", "quantity": 1, "unit_amount": 1}
CASES: dict[str, list[dict[str, Any]]] = {
    "order_id": [{"order_id": bad} for bad in [*NOT_TEXT, *CONTROLS, "", "x" * 129]],
    "order_name": [{"order_name": bad} for bad in [*NOT_TEXT, *CONTROLS, "", "가" * 101]],
    "amount": [{"amount": bad} for bad in [*NOT_INT, 0, -1, -24000, 10**15 + 1, 2**63, 2**64, 10**30, 10**400]],
    "currency": [{"currency": bad} for bad in [*NOT_TEXT, "", "krw", "KR", "KRWX", "KRW\n", "K W", "₩₩₩"]],
    "gateway": [{"gateway": bad} for bad in [*NOT_TEXT, "", "nobody", "POINT3", "point3\n", "x" * 41, "point3\x00"]],
    "method": [{"method": bad} for bad in [*NOT_TEXT, "", "card!", "card\n", "c" * 41]],
    "customer": [{"customer": bad} for bad in NOT_OBJECT],
    "customer.id": [{"customer": {"id": bad}} for bad in [*NOT_TEXT, *CONTROLS, "", "x" * 101]],
    "customer.name": [{"customer": {"name": bad}} for bad in [*NOT_TEXT, *CONTROLS, "", "x" * 201]],
    "customer.email": [
        {"customer": {"email": bad}}
        for bad in [*NOT_TEXT, "", "a", "@b", "a@", "a b@c", "a@b\n", "a\x00@b", "a@b@c", "a" * 250 + "@b.kr"]
    ],
    "customer.phone": [
        {"customer": {"phone": bad}} for bad in [*NOT_TEXT, "", "01", "010-abc", "010-1234\n", "1" * 41]
    ],
    "customer.country": [{"customer": {"country": bad}} for bad in [*NOT_TEXT, "", "kr", "KOR", "KR\n"]],
    "customer.address": [{"customer": {"address": bad}} for bad in [1, True, [], "", "a\x00", "x" * 201]],
    "customer.address.street": [{"customer": {"address": {"street": bad}}} for bad in [*NOT_TEXT, *CONTROLS, ""]],
    "customer.address.city": [{"customer": {"address": {"city": bad}}} for bad in [*NOT_TEXT, "", "x" * 201]],
    "customer.address.state": [{"customer": {"address": {"state": bad}}} for bad in [*NOT_TEXT, "", "x" * 201]],
    "customer.address.postal_code": [{"customer": {"address": {"postal_code": bad}}} for bad in [1, "", "x" * 21]],
    "tax": [
        *({"tax": bad} for bad in NOT_OBJECT),
        {"tax": {"vat": 24001}},
        {"tax": {"vat": 1, "tax_free": 24000}},
        {"tax": {"tax_free": 24001}},
        {"tax": {"tax_free": 24000}},  # wholly exempt: Point3 cannot take it
        {"tax": {"vat": 0}},
    ],
    "tax.vat": [*({"tax": {"vat": bad}} for bad in [*NOT_INT, -1, 10**15 + 1]), {"tax": {"vat": 24000}}],
    "tax.tax_free": [{"tax": {"tax_free": bad}} for bad in [*NOT_INT, -1, 10**15 + 1]],
    "items": [*({"items": bad} for bad in [1, "x", True, {}]), {"items": [ITEM] * 201}],
    "items[0]": [{"items": [bad]} for bad in [1, "x", None, []]],
    "items[1].name": [{"items": [ITEM, ITEM | {"name": bad}]} for bad in [*NOT_TEXT, *CONTROLS, "", None]],
    "items[0].quantity": [{"items": [ITEM | {"quantity": bad}]} for bad in [*NOT_INT, 0, -1, 1_000_001, None]],
    "items[0].unit_amount": [{"items": [ITEM | {"unit_amount": bad}]} for bad in [*NOT_INT, -1, 10**15 + 1, None]],
    "return_url": [
        {"return_url": bad}
        for bad in [
            *NOT_TEXT,
            "",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "myshop://paid",
            "ftp://shop.example/",
            "//shop.example/",
            "/orders/1",
            "shop.example",
            "https:",
            "https://",
            "https:///orders",
            "https://:443/",
            "https://[::1",
            "https://shop.example/a b",
            "https://shop.example/\n",
            "https://shop.example/\x00",
            " https://shop.example/",
            "https://shop.example/" + "x" * 2000,
        ]
    ],
    "expires_in_s": [{"expires_in_s": bad} for bad in [*NOT_INT, 0, 59, -1, 2_592_001, 10**30]],
    "save_billing_key": [{"save_billing_key": bad} for bad in [1, 0, "true", [], {}, True]],  # true: Point3 saves none
    "metadata": [
        *({"metadata": bad} for bad in NOT_OBJECT),
        *({"metadata": {"name": bad}} for bad in [*NOT_STRING, "a\x00", "x" * 501]),
        *({"metadata": {bad: "value"}} for bad in ["", "a\x00", "a\n", "x" * 41]),
        {"metadata": {str(number): "value" for number in range(51)}},
    ],
    "gateway_options": [
        *({"gateway_options": bad} for bad in NOT_OBJECT),
        *({"gateway_options": {"point3": bad}} for bad in [1, "x", True, [], None]),
        {"gateway_options": {f"gateway{number}": {} for number in range(11)}},
    ],
    "gateway_options.nobody": [{"gateway_options": {"nobody": {}}}],
    "gateway_options.point3.colour": [{"gateway_options": {"point3": {"colour": "red"}}}],
    "gateway_options.point3.culture_expense_type": [
        {"gateway_options": {"point3": {"culture_expense_type": bad}}} for bad in [1, "", "z", "aa", None, {}, 1e300]
    ],
    "gateway_options.point3.cash_receipt_type": [
        {"gateway_options": {"point3": {"cash_receipt_type": bad}}} for bad in [1, "", "A", "aa", [], None]
    ],
    "gateway_options.point3.client_business_num": [
        {"gateway_options": {"point3": {"client_business_num": bad}}}
        for bad in [1234567890, "", "123-45-67890", "123456789", "12345678901", "１２３４５６７８９０"]
    ],
    "gateway_options.point3.client_nickname": [
        {"gateway_options": {"point3": {"client_nickname": bad}}} for bad in [1, "", "  ", None]
    ],
    "colour": [{"colour": "red"}],
    "customer.colour": [{"customer": {"colour": "red"}}],
    "customer.address.colour": [{"customer": {"address": {"colour": "red"}}}],
    "tax.colour": [{"tax": {"colour": "red"}}],
    "items[0].colour": [{"items": [ITEM | {"colour": "red"}]}],
}
NULL_IS_WRONG = (
    "order_id",
    "order_name",
    "amount",
    "currency",
    "customer",
    "tax",
    "tax.tax_free",
    "items",
    "expires_in_s",
    "save_billing_key",
    "metadata",
    "gateway_options",
)


async def _refused(client: httpx.AsyncClient, body: dict[str, Any]) -> list[str]:
    return wrong_fields(await client.post("/payments", json=body, headers=key()))


@pytest.mark.parametrize("bad", [None, 1, [], "x"])
@pytest.mark.parametrize("field", ["customer", "tax"])
async def test_an_object_is_asked_for_in_words_of_json(client: httpx.AsyncClient, field: str, bad: object) -> None:
    answer = await client.post("/payments", json=order() | {field: bad}, headers=key())
    assert answer.json()["errors"] == [{"field": field, "message": "should be an object"}]


async def test_each_wrong_field_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    before = await row_counts(database)
    for field, cases in CASES.items():
        for changes in cases:
            with subtests.test(field, body=repr(changes)[:100]):
                assert (await _refused(client, order() | changes))[0] == field
    assert await row_counts(database) == before


async def test_a_missing_field_is_named(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    for field in ("order_id", "order_name", "amount", "currency"):
        assert await _refused(client, order(**{field: None})) == [field]
    assert await row_counts(database) == before


async def test_null_is_refused_where_no_value_is_not_a_value(
    client: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    before = await row_counts(database)
    for field in NULL_IS_WRONG:
        parent, _, inner = field.partition(".")
        with subtests.test(field):
            assert await _refused(client, order() | {parent: {inner: None} if inner else None}) == [field]
    assert await row_counts(database) == before


async def test_a_currency_that_nobody_here_takes_is_refused_by_name(
    client: httpx.AsyncClient, database: Database
) -> None:
    before = await row_counts(database)
    for currency, says in [("XXQ", "ISO 4217"), ("ZZZ", "ISO 4217"), ("XAU", "ISO 4217"), ("USD", "KRW only")]:
        answer = await client.post("/payments", json=order(currency=currency), headers=key())
        assert wrong_fields(answer) == ["currency"]
        assert says in answer.json()["errors"][0]["message"]
    assert await row_counts(database) == before


async def test_several_wrong_fields_are_named_at_once(client: httpx.AsyncClient) -> None:
    body = order(
        currency="XXQ", return_url="javascript:alert(1)", tax={"tax_free": 24001}, gateway_options={"nobody": {}}
    )
    assert await _refused(client, body) == ["currency", "tax", "return_url", "gateway_options.nobody"]


async def test_an_amount_too_small_for_its_tax_is_refused(client: httpx.AsyncClient) -> None:
    assert await _refused(client, order(amount=1)) == ["amount"]


async def test_a_nickname_that_no_widget_can_show_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    for nickname in ("x" * 101, "two\nlines", "nul\x00", "\x1b[31m"):
        body = order(gateway_options={"point3": {"client_nickname": nickname}})
        assert await _refused(client, body) == ["gateway_options.point3.client_nickname"]
    assert await row_counts(database) == before
