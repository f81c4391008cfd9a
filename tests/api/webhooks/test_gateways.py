"""What each gateway's webhooks must bring to be kept, and what is read of them at the edge."""

import json
from datetime import timedelta

import httpx
import pytest

from app.db.database import Database
from app.domain.clock import utc_now
from app.settings import Settings
from tests.api.checks import problem, wrong_fields
from tests.api.webhooks.post import REFERENCE, SECOND_SECRET, only_row, rows, sent
from tests.flows.webhooks.senders import UNIFI_PATH, Post, unifi, unifi_body, v1, v2, v2_body


class TestPortOneV2:
    async def test_every_live_secret_is_believed(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        for number, secret in enumerate((None, SECOND_SECRET)):
            post = v2(settings, v2_body(REFERENCE), webhook_id=f"wh-{number}", secret=secret)
            assert (await sent(gateways, post)).status_code == 200
        assert [row["proof"] for row in await rows(database)] == ["signature"] * 2

    @pytest.mark.parametrize(("seconds", "status"), [(-290, 200), (290, 200), (-310, 401), (310, 401)])
    async def test_five_minutes_either_way(
        self, gateways: httpx.AsyncClient, settings: Settings, seconds: int, status: int
    ) -> None:
        post = v2(settings, v2_body(REFERENCE), at=utc_now() + timedelta(seconds=seconds))
        assert (await sent(gateways, post)).status_code == status

    async def test_malformed_headers_are_401_and_nothing_is_kept(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings, subtests: pytest.Subtests
    ) -> None:
        cases = [
            {"webhook-signature": ""},
            {"webhook-signature": "v1,"},
            {"webhook-signature": "v1,é"},
            {"webhook-signature": "v1," + "A" * 60_000},
            {"webhook-signature": "v1, " * 5000},
            {"webhook-timestamp": "now"},
            {"webhook-timestamp": "-1"},
            {"webhook-timestamp": "9" * 400},
            {"webhook-timestamp": "1e9"},
            {"webhook-id": ""},
            {"webhook-id": "i" * 300},
            {"webhook-id": "é"},
            {"webhook-id": "a b"},
        ]
        for headers in cases:
            with subtests.test(repr(headers)[:60]):
                answer = await sent(gateways, v2(settings, v2_body(REFERENCE), headers=headers))
                assert "reason" not in problem(answer, "webhook_refused") or answer.json()["reason"]
                assert await rows(database) == []

    async def test_without_headers_or_signed_by_a_stranger_is_401(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        body = v2_body(REFERENCE)
        stranger = v2(settings, body, secret="whsec_" + "c3RyYW5nZXI=")
        other_body = Post(stranger.path, v2(settings, body).headers, body + b" ")
        for post in (Post(stranger.path, {}, body), stranger, other_body):
            problem(await sent(gateways, post), "webhook_refused")
        assert await rows(database) == []

    @pytest.mark.parametrize("kind", ["BillingKey.Issued", "Something.New", "", "Transaction.DisputeCreated"])
    async def test_types_that_we_do_not_know_are_acknowledged(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings, kind: str
    ) -> None:
        body = json.dumps({"type": kind, "data": {"billingKey": "bk", "storeId": "s"}}).encode()
        assert (await sent(gateways, v2(settings, body))).status_code == 200
        row = await only_row(database)
        assert row["applied_at"] is not None, "it speaks of no payment, so there is nothing to wait for"
        assert row["next_try_at"] is None

    async def test_a_signed_body_that_says_nothing_is_422(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings, subtests: pytest.Subtests
    ) -> None:
        cases = [b"[]", b"1", b"not a form", b"\xff\xfe", b"[" * 100_000]
        for body in cases:
            with subtests.test(repr(body)[:60]):
                assert wrong_fields(await sent(gateways, v2(settings, body))) == ["body"]
                assert await rows(database) == []

    async def test_the_older_bodies_are_read_too(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        for number, body in enumerate(
            (
                json.dumps({"payment_id": REFERENCE, "tx_id": "tx-1", "status": "Paid"}).encode(),
                f"payment_id={REFERENCE}&tx_id=tx-1&status=Paid".encode(),
            )
        ):
            assert (await sent(gateways, v2(settings, body, webhook_id=f"wh-{number}"))).status_code == 200
        assert {(row["reference"], row["gateway_ref"], row["kind"]) for row in await rows(database)} == {
            (REFERENCE, "tx-1", "Paid")
        }


class TestPortOneV1:
    @pytest.mark.parametrize("is_form", [False, True])
    async def test_json_and_forms_are_hints(
        self, gateways: httpx.AsyncClient, database: Database, is_form: bool
    ) -> None:
        body = f"imp_uid=imp_1&merchant_uid={REFERENCE}&status=paid".encode()
        post = Post("/webhooks/portone-v1", {}, body) if is_form else v1(REFERENCE, "imp_1")
        assert (await sent(gateways, post)).status_code == 200
        row = await only_row(database)
        assert (row["proof"], row["reference"], row["gateway_ref"]) == ("hint", REFERENCE, "imp_1")

    async def test_a_form_and_the_same_news_as_json_are_one(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        await sent(gateways, v1(REFERENCE, "imp_1"))
        form = f"status=paid&imp_uid=imp_1&merchant_uid={REFERENCE}".encode()
        await sent(gateways, Post("/webhooks/portone-v1", {}, form))
        assert (await only_row(database))["times_received"] == 2

    async def test_garbage_is_422_and_nothing_is_kept(
        self, gateways: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
    ) -> None:
        cases = [
            b"",
            b"{}",
            b"[]",
            b"null",
            b'"imp_uid"',
            b"\xff\xfe\x00",
            b"[" * 10_000,
            b'{"imp_uid":1,"merchant_uid":null}',
            b'{"imp_uid":"","merchant_uid":""}',
            b'{"imp_uid":"a\\u0000b"}',
            b'{"imp_uid":"a\\nb"}',
            b'{"imp_uid":"\\ud800"}',
            b"imp_uid=%00",
            b"imp_uid=%0d%0a",
            b"imp_uid=" + b"x" * 201,
            b"&".join(b"a=1" for _ in range(200)) + b"&imp_uid=imp_1",
        ]
        for body in cases:
            with subtests.test(repr(body)[:60]):
                answer = await sent(gateways, Post("/webhooks/portone-v1", {}, body))
                assert wrong_fields(answer) == ["body"]
                assert await rows(database) == []


class TestUnifiPay:
    async def test_an_unsigned_one_is_a_hint(self, gateways: httpx.AsyncClient, database: Database) -> None:
        answer = await sent(gateways, Post(UNIFI_PATH, {}, unifi_body("t-1", REFERENCE)))
        assert answer.status_code == 200
        assert (await only_row(database))["proof"] == "hint"

    async def test_another_shape_is_a_hint_about_whom_it_names(
        self, gateways: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
    ) -> None:
        """No document describes the body, and a 4xx would only have it sent again (docs/gateways/unifi-pay.md §5)."""
        cases = {
            b"transactionId=t-1": ("t-1", None),
            b'{"data":{"transactionId":"t-1","orderId":"o"}}': ("t-1", "o"),
            b'[{"orderId":"o"}]': (None, "o"),
            unifi_body("t-1", 7): ("t-1", None),
            unifi_body("t-1", "a\0b", "a\0b"): ("t-1", None),
            unifi_body("a/b", "o"): (None, "o"),
            unifi_body(7): (None, None),
            unifi_body("x" * 300): (None, None),
            b"{}": (None, None),
        }
        for body, (transaction, order) in cases.items():
            with subtests.test(repr(body)[:60]):
                await database.row("DELETE FROM webhook_inbox")
                assert (await sent(gateways, Post(UNIFI_PATH, {}, body))).status_code == 200
                row = await only_row(database)
                assert (row["gateway_ref"], row["reference"], row["proof"]) == (transaction, order, "hint")
                assert row["body"] == body

    async def test_what_claims_to_be_signed_and_is_not_is_401(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings, subtests: pytest.Subtests
    ) -> None:
        cases = [
            {"X-Authorization-Hmac": "wrong"},
            {"X-Authorization-Hmac": "é"},
            {"X-AppId": "somebody"},
            {"X-Timestamp": "now"},
            {"X-Timestamp": "9" * 400},
            {"X-Timestamp": ""},
        ]
        for headers in cases:
            with subtests.test(repr(headers)[:60]):
                problem(await sent(gateways, unifi(settings, unifi_body("t-1"), headers=headers)), "webhook_refused")
                assert await rows(database) == []

    async def test_a_signature_of_another_body_or_time_is_401(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        good = unifi(settings, unifi_body("t-1"))
        problem(await sent(gateways, Post(good.path, good.headers, good.content + b" ")), "webhook_refused")
        old = unifi(settings, unifi_body("t-1"), at=utc_now() - timedelta(minutes=6))
        problem(await sent(gateways, old), "webhook_refused")
        assert await rows(database) == []

    async def test_garbage_is_422_and_nothing_is_kept(
        self, gateways: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
    ) -> None:
        cases = [
            b"",
            b"no form",
            b"\x00" * 100,
            b'{"transactionId":"t-1"',
            b"[" * 10_000,
        ]
        for body in cases:
            with subtests.test(repr(body)[:60]):
                assert wrong_fields(await sent(gateways, Post(UNIFI_PATH, {}, body))) == ["body"]
                assert await rows(database) == []
