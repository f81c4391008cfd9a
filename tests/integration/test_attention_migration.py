"""Revision 0007, both ways: the sentences of before become codes, and codes become sentences again."""

import importlib

import asyncpg
from alembic import command

from app.domain.attention import Attention
from tests.support.databases import Urls
from tests.support.migrations import move

CODES: dict[str, str] = importlib.import_module("migrations.versions.0007_attention_codes").CODES


STORED = "SELECT attention FROM payments ORDER BY order_id"

INSERT = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, gateway, details, metadata,
    last_seq, last_hash, created_at, updated_at, expires_at, attention)
VALUES (gen_random_uuid(), 'main', 'test', $1, 'Coffee', 1000, 'KRW', 'review', 'point3', '{}', '{}',
    1, '', now(), now(), now(), $2)
"""


async def test_each_sentence_becomes_a_code_that_the_product_knows(own_urls: Urls) -> None:
    await move(own_urls.owner, command.downgrade, "0006")
    sentences = [*CODES, "the gateway refused to give rejected money back: declined", "what nobody knows", None]
    owner = await asyncpg.connect(own_urls.owner)
    for number, sentence in enumerate(sentences):
        await owner.execute(INSERT, f"order{number:03}", sentence)
    await move(own_urls.owner, command.upgrade, "0007")
    codes = [row["attention"] for row in await owner.fetch(STORED)]
    assert codes == [*CODES.values(), "refund_refused", "other", None]
    assert set(CODES.values()) <= {cause.value for cause in Attention}
    await move(own_urls.owner, command.downgrade, "0006")
    again = [row["attention"] for row in await owner.fetch(STORED)]
    assert {CODES.get(sentence, sentence) for sentence in again if sentence} == {*CODES.values(), "other"}
    await owner.close()
