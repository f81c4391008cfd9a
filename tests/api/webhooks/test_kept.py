"""`POST /webhooks/{gateway}` at the edge: what is kept, byte by byte, and what is refused, without ever a 500."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from app.db.database import Database
from app.domain import ids
from app.domain.clock import utc_now
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.settings import Settings
from app.webhooks.service import KEPT_HINT_BYTES, LONGEST_HEADER, MAX_BODY_BYTES, MAX_HINT_BYTES
from tests.api.checks import problem
from tests.api.running import running
from tests.api.webhooks.post import REFERENCE, only_row, rows, sent
from tests.flows.webhooks.senders import Post, unifi, unifi_body, v1, v2, v2_body
from tests.support import MovableClock
from tests.unit.captured_logs import capture_logs


class TestKept:
    RAW = (
        b'{"imp_uid":"imp_1",  "merchant_uid":"\\u00e9",\r\n"status":"paid"}\n',
        b' {"imp_uid":"imp_1","imp_uid":"imp_2"}',
        '{"imp_uid":"imp_1","이름":"도자기"}'.encode(),
        b"imp_uid=imp_1&merchant_uid=%ff%00&status=sent",
    )

    async def test_the_raw_bytes_and_the_headers_stay_as_they_came(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        for body in self.RAW:
            answer = await sent(gateways, Post("/webhooks/portone-v1", {"User-Agent": "é\t1", "Cookie": "a=b"}, body))
            assert answer.status_code == 200, answer.text
        kept = await rows(database)
        assert [row["body"] for row in kept] == list(self.RAW)
        for row in kept:
            headers = json.loads(row["headers"])
            assert headers["user-agent"].encode("latin-1").decode() == "é\t1"
            assert "cookie" not in headers

    async def test_headers_are_kept_by_name_and_no_longer_than_they_need_to_be(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        """A stranger's header may hold a secret, or fill a disk."""
        stray = {"Authorization": "Bearer sk_live_stray", "Cookie": "a=b", "X-Api-Key": "k", "X-Big": "x" * 60_000}
        signed = {
            "portone_v1": set(),
            "portone_v2": {"webhook-id", "webhook-timestamp", "webhook-signature"},
            "unifi_pay": {"x-appid", "x-timestamp", "x-authorization-hmac"},
        }
        for post in (v1(REFERENCE), v2(settings, v2_body(REFERENCE)), unifi(settings, unifi_body("t-1"))):
            given = {"User-Agent": "u" * 60_000, "Content-Type": "application/json"} | stray
            assert (await sent(gateways, post, **given)).status_code == 200
        for row in await rows(database):
            headers = json.loads(row["headers"])
            assert headers.keys() == {"content-type", "user-agent"} | signed[row["gateway"]]
            assert max(map(len, headers.values())) <= LONGEST_HEADER

    async def test_what_each_gateway_sends_is_kept_with_whom_it_is_about(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        for post in (
            v1(REFERENCE, "imp_1"),
            v2(settings, v2_body(REFERENCE, "tx-1")),
            unifi(settings, unifi_body("t-1", REFERENCE)),
        ):
            assert (await sent(gateways, post)).status_code == 200
        found = [
            (row["gateway"], row["proof"], row["kind"], row["reference"], row["gateway_ref"])
            for row in await rows(database)
        ]
        assert found == [
            ("portone_v1", "hint", "paid", REFERENCE, "imp_1"),
            ("portone_v2", "signature", "Transaction.Paid", REFERENCE, "tx-1"),
            ("unifi_pay", "signature", "CONFIRMED", REFERENCE, "t-1"),
        ]
        named = ids.payment_of_reference(REFERENCE)
        assert [row["payment_id"] for row in await rows(database)] == [None, named, named], (
            "it is nobody's, says who looks"
        )

    async def test_the_name_may_be_written_either_way(
        self, gateways: httpx.AsyncClient, database: Database, settings: Settings
    ) -> None:
        post = v1(None, "imp_1")
        assert (await gateways.post("/webhooks/portone_v1", content=post.content)).status_code == 200

    async def test_the_row_is_due_at_once_and_a_repeat_changes_nothing_of_that(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        for _ in range(3):
            assert (await sent(gateways, v1(REFERENCE, "imp_1"))).status_code == 200
        row = await only_row(database)
        assert (row["times_received"], row["apply_attempts"]) == (3, 0)
        assert row["next_try_at"] == row["received_at"]

    async def test_a_repeat_while_somebody_looks_into_it_asks_for_another_look(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        """One look in so long a time, however often it is repeated."""
        await sent(gateways, v1(REFERENCE, "imp_1"))
        await database.row("UPDATE webhook_inbox SET claimed_until = now() + interval '1 hour'")
        for _ in range(3):
            await sent(gateways, v1(REFERENCE, "imp_1"))
        row = await only_row(database)
        assert row["claimed_until"] is None
        assert 15 <= (row["next_try_at"] - row["received_at"]).total_seconds() <= 20, (
            "docs/threat-model.md §3 says when"
        )

    async def test_a_true_notice_does_not_wait_as_long_as_a_strangers_of_the_same_text(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        """That one was tried in vain, again and again, before there was news."""
        await sent(gateways, v1(REFERENCE, "imp_1"))
        await database.row("UPDATE webhook_inbox SET apply_attempts = 7, next_try_at = now() + interval '7 hours'")
        await sent(gateways, v1(REFERENCE, "imp_1"))
        row = await only_row(database)
        assert 15 <= (row["next_try_at"] - row["received_at"]).total_seconds() <= 20
        assert row["apply_attempts"] == 7, "a repeat is no way to be tried without end"

    async def test_a_repeat_of_a_hint_that_names_nobody_shortens_its_day_by_nothing(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        for _ in range(2):
            await sent(gateways, Post("/webhooks/unifi-pay", {}, b'{"status": "CONFIRMED"}'))
        row = await only_row(database)
        assert row["next_try_at"] - row["received_at"] == timedelta(days=1)

    @pytest.mark.parametrize(
        ("gateway", "is_signed", "limit"),
        [
            ("portone_v1", False, MAX_HINT_BYTES),
            ("unifi_pay", False, MAX_HINT_BYTES),
            ("unifi_pay", True, MAX_BODY_BYTES),
            ("portone_v2", True, MAX_BODY_BYTES),
        ],
    )
    async def test_a_body_up_to_the_cap_is_kept_and_one_byte_more_is_not(
        self,
        gateways: httpx.AsyncClient,
        database: Database,
        settings: Settings,
        gateway: str,
        is_signed: bool,
        limit: int,
    ) -> None:
        start, end = b'{"imp_uid":"imp_1","transactionId":"t-1","x":"', b'"}'
        for more, status in ((0, 200), (1, 413)):
            body = start + b"x" * (limit - len(start) - len(end) + more) + end
            signed = v2(settings, body) if gateway == "portone_v2" else unifi(settings, body)
            post = signed if is_signed else Post(f"/webhooks/{gateway}", {}, body)
            answer = await sent(gateways, post)
            assert answer.status_code == status, answer.text
        assert problem(answer, "body_too_large")["limit_bytes"] == limit
        assert len((await only_row(database))["body"]) == (limit if is_signed else KEPT_HINT_BYTES)

    async def test_a_body_without_end_is_not_read_to_its_end(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        given = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal given
            for _ in range(1000):
                given += 1
                yield b"x" * 16_384

        answer = await gateways.post("/webhooks/portone-v1", content=endless())
        assert answer.status_code == 413
        assert await rows(database) == []

    async def test_a_gateway_that_sends_none_is_not_found(
        self, gateways: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
    ) -> None:
        cases = ["nobody", "point3", "portone-v3", "portone-v1/", "%00", "x" * 500]
        for name in cases:
            with subtests.test(repr(name)[:60]):
                answer = await gateways.post(f"/webhooks/{name}", content=v1(REFERENCE, "imp_1").content)
                assert answer.status_code == 404
                assert await rows(database) == []

    async def test_only_post_is_taken(self, gateways: httpx.AsyncClient) -> None:
        assert (await gateways.get("/webhooks/portone-v1")).status_code == 405


class TestRefused:
    @pytest.mark.parametrize("gateway", ["portone_v2", "unifi_pay"])
    @pytest.mark.parametrize(
        ("minutes", "is_ours", "word"),
        [(0, False, "secret"), (-6, True, "clock"), (6, True, "clock"), (-6, False, "secret")],
    )
    async def test_the_log_says_whether_clock_or_secret_is_wrong(
        self, gateways: httpx.AsyncClient, settings: Settings, gateway: str, minutes: int, is_ours: bool, word: str
    ) -> None:
        """Of a clock only where the signature is right: with a wrong secret nobody knows whose clock it is."""
        at = utc_now() + timedelta(minutes=minutes)
        theirs = settings.model_copy()
        if not is_ours:
            account = settings.account(UnifiPaySettings)
            assert account is not None
            theirs = settings.model_copy(
                update={"unifi_pay": account.model_copy(update={"app_secret": SecretStr("another")})}
            )
        secret = None if is_ours else "whsec_" + "c3RyYW5nZXI="
        post = {
            "portone_v2": v2(settings, v2_body(REFERENCE), at=at, secret=secret),
            "unifi_pay": unifi(theirs, unifi_body("t-1"), at=at),
        }[gateway]
        with capture_logs("info") as logs:
            refused = problem(await sent(gateways, post), "webhook_refused")
        (line,) = [line for line in logs.lines() if line["event"] == "webhook_refused"]
        assert line["reason"] == refused["reason"]
        assert {name for name in ("clock", "secret") if f"wrong {name}" in line["reason"]} == {word}


class TestSource:
    async def test_the_connections_own_address_is_kept_and_a_claimed_one_is_not(
        self, gateways: httpx.AsyncClient, database: Database
    ) -> None:
        await sent(gateways, v1(REFERENCE, "imp_1"), **{"X-Forwarded-For": "52.78.100.19"})
        assert (await only_row(database))["source"] == "127.0.0.1"

    @pytest.mark.parametrize(
        ("proxies", "claimed", "source"),
        [
            (1, "6.6.6.6, 52.78.100.19", "52.78.100.19"),
            (2, "6.6.6.6, 52.78.100.19, 10.0.0.7", "52.78.100.19"),
            (2, "6.6.6.6", None),
            (1, None, None),
            (1, "6.6.6.6,", None),
            (1, "::ffff:52.78.100.19", "52.78.100.19"),
            (1, "[2001:db8::1]:5000", "2001:db8::1"),
        ],
    )
    async def test_behind_our_proxies_the_entry_of_the_outermost_one_counts(
        self,
        settings: Settings,
        clock: MovableClock,
        api_key: str,
        database: Database,
        proxies: int,
        claimed: str | None,
        source: str | None,
    ) -> None:
        behind = settings.model_copy(update={"trusted_proxies": proxies})
        async with running(behind, clock, api_key) as client:
            headers = {} if claimed is None else {"X-Forwarded-For": claimed}
            assert (await sent(client, v1(REFERENCE, "imp_1"), **headers)).status_code == 200
        assert (await only_row(database))["source"] == source
