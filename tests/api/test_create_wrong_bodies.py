"""`POST /payments` with a body that is no good as a whole: 400, 413 or 415, and nothing is stored."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.parsing import MAX_BODY_BYTES
from app.db.database import Database
from tests.api.checks import problem, row_counts, wrong_fields
from tests.support import key, order

JSON = {"Content-Type": "application/json"}
GOOD = order(order_id="body")
TEXT = json.dumps(GOOD)


def _padded(size: int) -> bytes:
    return TEXT.encode() + b" " * (size - len(TEXT))


NO_JSON = [
    b"",
    b" ",
    b"{",
    TEXT.encode()[:-1],
    TEXT.encode() + b"x",
    TEXT.encode() * 2,
    b"\xef\xbb\xbf" + TEXT.encode(),
    TEXT.encode("utf-16"),
    TEXT.replace("24000", "NaN").encode(),
    TEXT.replace("24000", "024000").encode(),
    TEXT.replace("24000", "24_000").encode(),
    TEXT.replace('"KRW"', "'KRW'").encode(),
    TEXT.replace('"body"', r'"\ud800"').encode(),
    TEXT.replace('"body"', r'"\udc00\ud800"').encode(),
    TEXT.replace('"body"', '"\x01"').encode(),
    TEXT.encode().replace(b"body", b"b\xff\xfe"),
    TEXT.encode().replace(b"body", b"b\xed\xa0\x80"),
    b"amount=24000",
]


async def test_what_is_no_json_is_refused(
    client: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    before = await row_counts(database)
    for body in NO_JSON:
        with subtests.test(repr(body)[:100]):
            problem(await client.post("/payments", content=body, headers=key() | JSON), "malformed_body")
    assert await row_counts(database) == before


async def test_a_body_that_is_no_object_is_refused(
    client: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    before = await row_counts(database)
    for body in [b"[]", b"null", b"1", b'"text"', b"true"]:
        with subtests.test(repr(body)[:20]):
            assert wrong_fields(await client.post("/payments", content=body, headers=key() | JSON)) == ["body"]
    assert await row_counts(database) == before


async def test_deep_nesting_is_refused_and_breaks_nothing(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    problem(await client.post("/payments", content=b"[" * 30_000, headers=key() | JSON), "malformed_body")
    for bomb in ('{"a":' * 10_000, '{"point3":{"a":' + "[" * 30_000, '{"point3":{"a":' + '{"a":' * 9_000):
        body = TEXT[:-1] + ', "gateway_options": ' + bomb
        problem(await client.post("/payments", content=body.encode(), headers=key() | JSON), "malformed_body")
    assert await row_counts(database) == before


async def test_a_member_that_comes_twice_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    for body, field in [
        (TEXT.replace('"amount": 24000', '"amount": 1, "amount": 24000'), "amount"),
        (TEXT.replace('"amount": 24000', '"amount": 24000, "amount": 24000'), "amount"),
        (TEXT[:-1] + r', "\u0061mount": 24000}', "amount"),
        (TEXT[:-1] + ', "metadata": {"cart": "a", "cart": "b"}}', "cart"),
        (TEXT[:-1] + ', "items": [{"name": "a", "name": "b", "quantity": 1, "unit_amount": 1}]}', "name"),
        (TEXT[:-1] + r', "metadata": {"a\"\u0001": "a", "a\"\u0001": "b"}}', 'a"\x01'),
        (TEXT[:-1] + r', "metadata": {"\ud800": "a", "\ud800": "b"}}', r"\ud800"),
        (TEXT[:-1] + ', "metadata": {"가": "a", "가": "b"}, "n": ' + "1" * 5000 + "}", "가"),
    ]:
        answer = await client.post("/payments", content=body.encode(), headers=key() | JSON)
        assert wrong_fields(answer) == [field]
        assert answer.json()["errors"][0]["message"] == "was given twice"
    assert await row_counts(database) == before


async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(
    client: httpx.AsyncClient, database: Database
) -> None:
    before = await row_counts(database)
    for size in (MAX_BODY_BYTES + 1, 65 * 1024, 1_000_000):
        answer = await client.post("/payments", content=_padded(size), headers=key() | JSON)
        assert problem(answer, "body_too_large")["limit_bytes"] == MAX_BODY_BYTES
    assert await row_counts(database) == before
    answer = await client.post("/payments", content=_padded(MAX_BODY_BYTES), headers=key() | JSON)
    assert answer.status_code == 201


async def test_a_body_in_chunks_is_read_whole_and_measured(client: httpx.AsyncClient, database: Database) -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        whole = _padded(size)
        for start in range(0, size, 1000):
            yield whole[start : start + 1000]

    before = await row_counts(database)
    problem(await client.post("/payments", content=chunks(70_000), headers=key() | JSON), "body_too_large")
    assert await row_counts(database) == before
    answer = await client.post("/payments", content=chunks(10_000), headers=key() | JSON)
    assert answer.status_code == 201
    assert answer.json()["order_id"] == "body"


async def test_another_content_type_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    forms = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    near = ["", "text/x+json", "application/a/b+json", "application/+json", "application/jsonx", "application/a b+json"]
    for content_type in ["text/plain", "application/xml", "json", "*/*", *forms, *near]:
        answer = await client.post("/payments", content=TEXT, headers=key() | {"Content-Type": content_type})
        problem(answer, "unsupported_media_type")
    assert await row_counts(database) == before


async def test_json_under_any_of_its_names_is_read(client: httpx.AsyncClient) -> None:
    for name in (
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.shop+json",
        "application/json;",
    ):
        answer = await client.post("/payments", json=order(), headers=key() | {"Content-Type": name})
        assert answer.status_code == 201, answer.text


async def test_a_body_of_which_nothing_is_told_is_json(client: httpx.AsyncClient) -> None:
    answer = await client.post("/payments", content=json.dumps(order()).encode(), headers=key())
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 201, answer.text


async def test_the_first_hundred_wrong_fields_are_named_and_the_others_counted(client: httpx.AsyncClient) -> None:
    for wrong, more in ((100, None), (101, 1), (4000, 3900)):
        body = GOOD | {f"x{number}": 1 for number in range(wrong)}
        answer = await client.post("/payments", json=body, headers=key())
        assert wrong_fields(answer) == [f"x{number}" for number in range(100)]
        assert answer.json().get("more_errors") == more
