"""PortOne V1's login: one token for all calls, kept until shortly before its end, and renewed once after a 401."""

import asyncio
import time
from asyncio import StreamWriter
from types import SimpleNamespace

import pytest

from app.domain.errors import GatewayError, GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract import faulty_server as faults
from tests.contract.bench import IMPATIENT_S, Make, outcome, perform, question
from tests.contract.fault_contract import LEEWAY_S
from tests.contract.faulty_server import Behaviour, FaultyServer, answers, in_turn
from tests.contract.hands import Hands
from tests.contract.portone_v1_bench import Desk, PortOneV1Bench, access, envelope, no, payment

OPERATIONS = ("create_session", "fetch_payment", "fetch_payment_by_reference", "refund")
ABSENT = answers(404, no("존재하지 않는 결제정보입니다.", -1))
REFUSED = answers(401, no("Unauthorized", -1))
REF = "imp_448280090638"


def slowly(behave: Behaviour, seconds: float = 0.05) -> Behaviour:
    async def wait(writer: StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await behave(writer)

    return wait


class TestPortOneV1Login(PortOneV1Bench):
    # -- one login for all

    async def test_many_calls_at_once_need_one_login(self, make: Make, charge: ChargeRequest) -> None:
        desk = Desk(slowly(access("tok1")), access("tok2"))
        async with FaultyServer(answers(200, envelope(payment(charge))), desk) as server:
            gateway = make(server.url)
            held = await asyncio.gather(*(gateway.fetch_payment(question(charge, REF)) for _ in range(20)))
            assert {each.status for each in held} == {GatewayStatus.CAPTURED}
            assert [sent.headers["authorization"] for sent in server.arrived] == ["Bearer tok1"] * 20
        assert len(desk.asked) == 1

    async def test_the_keys_go_out_as_the_contract_says(self, make: Make, hands: Hands, charge: ChargeRequest) -> None:
        desk = Desk(access())
        async with FaultyServer(ABSENT, desk) as server:
            await make(server.url, tier="001").fetch_payment(question(charge))
            assert {sent.headers.get("tier") for sent in server.arrived} == {"001"}
            await make(server.url).fetch_payment(question(charge))
            assert server.arrived[-1].headers.get("tier") is None
        asked = desk.asked[0]
        assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
        assert asked.json == {name: hands.connection[name] for name in ("imp_key", "imp_secret")}
        assert "authorization" not in asked.headers

    async def test_a_caller_who_leaves_does_not_end_the_login_that_others_wait_for(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        desk = Desk(slowly(access()))
        async with FaultyServer(answers(200, envelope(payment(charge))), desk) as server:
            gateway = make(server.url)
            leaving, staying = (asyncio.create_task(gateway.fetch_payment(question(charge, REF))) for _ in range(2))
            await desk.was_asked.wait()
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert (await staying).status is GatewayStatus.CAPTURED
        assert len(desk.asked) == 1

    async def test_a_login_under_way_when_it_closes_was_no_call(self, make: Make, charge: ChargeRequest) -> None:
        desk = Desk(faults.hangs)
        async with FaultyServer(ABSENT, desk) as server:
            gateway = make(server.url)
            under_way = asyncio.create_task(outcome(gateway, "refund", charge))
            await desk.was_asked.wait()
            await gateway.close()
            assert isinstance(await asyncio.wait_for(under_way, LEEWAY_S), GatewayUnavailable)

    # -- how long a token is kept

    @pytest.mark.parametrize("now", [0, 1_795_000_000, 4_000_000_000])
    async def test_a_tokens_life_is_counted_on_their_clock_whatever_ours_says(
        self, make: Make, charge: ChargeRequest, now: int
    ) -> None:
        desk = Desk(access(now=now))
        async with FaultyServer(ABSENT, desk) as server:
            gateway = make(server.url)
            for _ in range(3):
                await gateway.fetch_payment(question(charge))
        assert len(desk.asked) == 1

    async def test_a_token_is_given_up_shortly_before_its_end(
        self, make: Make, charge: ChargeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not earlier than in its last minute: until then a login brings the same token with the same end."""
        passed = 0.0
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
        monkeypatch.setattr("app.gateways.portone_v1.login.time", clock)
        desk = Desk(access("tok1"), access("tok2"))
        async with FaultyServer(ABSENT, desk) as server:
            gateway = make(server.url)
            for passed, logins in ((0.0, 1), (1740.0, 1), (1770.0, 2), (1771.0, 2)):
                await gateway.fetch_payment(question(charge))
                assert len(desk.asked) == logins, f"after {passed} s"

    @pytest.mark.parametrize(
        "told", [{"access_token": "tok1"}, {"access_token": "tok1", "now": 1000, "expired_at": 1030}]
    )
    async def test_a_token_near_its_end_or_without_one_serves_one_call(
        self, make: Make, charge: ChargeRequest, told: dict[str, object]
    ) -> None:
        desk = Desk(answers(200, envelope(told)))
        async with FaultyServer(answers(200, envelope(payment(charge))), desk) as server:
            gateway = make(server.url)
            for _ in range(2):
                assert (await gateway.fetch_payment(question(charge, REF))).status is GatewayStatus.CAPTURED
        assert len(desk.asked) == 2

    # -- a token that is refused

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_refused_token_is_replaced_and_the_call_repeated(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        """Also a cancel: a call that is refused with 401 was not executed."""
        desk = Desk(access("old"), access("new"))
        said = {"create_session": envelope(), "refund": envelope()}.get(operation, envelope(payment(charge)))
        if operation == "fetch_payment_by_reference":
            said = envelope({"list": [payment(charge)]})
        async with FaultyServer(in_turn(REFUSED, answers(200, said)), desk) as server:
            assert not isinstance(await outcome(make(server.url), operation, charge), GatewayError)
            first, second = server.arrived
            assert [sent.headers["authorization"] for sent in (first, second)] == ["Bearer old", "Bearer new"]
            assert (first.method, first.target, first.body) == (second.method, second.target, second.body)

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_second_refusal_is_the_answer(self, make: Make, charge: ChargeRequest, operation: str) -> None:
        desk = Desk(access())
        async with FaultyServer(REFUSED, desk) as server:
            with pytest.raises(GatewayRefused) as refused:
                await perform(make(server.url), operation, charge)
            assert refused.value.details == {"gateway": "portone_v1", "raw_code": "401"}
            assert (len(server.arrived), len(desk.asked)) == (2, 2)

    async def test_calls_that_are_refused_together_log_in_once(self, make: Make, charge: ChargeRequest) -> None:
        desk = Desk(access("old"), slowly(access("new")))
        async with FaultyServer(answers(200, envelope(payment(charge))), desk) as server:
            gateway = make(server.url)
            await gateway.fetch_payment(question(charge, REF))
            server.behave = in_turn(*[slowly(REFUSED)] * 5, answers(200, envelope(payment(charge))))
            held = await asyncio.gather(*(gateway.fetch_payment(question(charge, REF)) for _ in range(5)))
            assert {each.status for each in held} == {GatewayStatus.CAPTURED}
        assert len(desk.asked) == 2

    async def test_a_late_refusal_of_an_old_token_keeps_the_new_one(self, make: Make, charge: ChargeRequest) -> None:
        desk = Desk(access("old"), access("new"), access("newest"))
        fine = answers(200, envelope(payment(charge)))
        async with FaultyServer(in_turn(slowly(REFUSED, 0.1), REFUSED, fine), desk) as server:
            gateway = make(server.url)
            late = asyncio.create_task(gateway.fetch_payment(question(charge, REF)))
            await server.has_got(1)
            await gateway.fetch_payment(question(charge, REF))
            await late
            assert server.arrived[-1].headers["authorization"] == "Bearer new"
        assert len(desk.asked) == 2

    async def test_a_token_that_expired_at_the_gateway_costs_nothing(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        for call in ("prepare", "lookup", "cancel"):
            await hands.plan("token_expired", call=call)
        ref = await self.captured(gateway, hands, charge)
        assert (await gateway.fetch_payment(question(charge, ref))).status is GatewayStatus.CAPTURED
        assert not isinstance(await perform(gateway, "refund", charge, ref), GatewayError)
        await hands.advance(self.refund_batch_s)
        assert (await hands.truth(charge.reference))["refunded"] == charge.amount.minor
        assert len(await hands.calls("token")) == 4

    async def test_the_token_outlives_nothing_at_the_gateway(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        """The gateway's clock jumps; ours does not, and its 401 alone tells."""
        await gateway.create_session(charge)
        await hands.advance(1900)
        assert (await gateway.fetch_payment(question(charge))).status is GatewayStatus.PENDING

    # -- no token to be had

    @pytest.mark.parametrize(
        "broken",
        [
            faults.hangs,
            faults.closes,
            faults.resets_in_the_body,
            answers(500, b"oops"),
            answers(503, no("점검 중", -1)),
            answers(429, b"slow down"),
            answers(200, b"not JSON"),
            answers(200, {}),
            answers(200, envelope()),
            answers(200, envelope({})),
            answers(200, envelope({"access_token": ""})),
            answers(200, envelope({"access_token": 5})),
        ],
    )
    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_without_a_login_nothing_was_sent(
        self, make: Make, charge: ChargeRequest, operation: str, broken: Behaviour
    ) -> None:
        async with FaultyServer(ABSENT, Desk(broken)) as server:
            with pytest.raises(GatewayUnavailable):
                await perform(make(server.url, deadline_s=IMPATIENT_S), operation, charge)
            assert server.arrived == []

    @pytest.mark.parametrize(
        ("status", "body", "raw_code"),
        [
            (401, no("등록되지 않은 키입니다.", -1), "401"),
            (401, b"Unauthorized", "401"),
            (403, b"", "403"),
            (200, no("등록되지 않은 키입니다.", -1), "-1"),
            (400, no("imp_key 누락", -1), "-1"),
            (302, b"", "302"),
        ],
    )
    async def test_wrong_keys_are_refused_and_nothing_was_sent(
        self, make: Make, charge: ChargeRequest, status: int, body: object, raw_code: str
    ) -> None:
        async with FaultyServer(ABSENT, Desk(answers(status, body))) as server:
            for operation in OPERATIONS:
                with pytest.raises(GatewayRefused) as refused:
                    await perform(make(server.url), operation, charge)
                assert refused.value.details["raw_code"] == raw_code
            assert server.arrived == []

    async def test_wrong_keys_at_the_gateway_itself(self, make: Make, hands: Hands, charge: ChargeRequest) -> None:
        for wrong in ({"imp_key": "other"}, {"imp_secret": "other"}):
            with pytest.raises(GatewayRefused) as refused:
                await make(**wrong).create_session(charge)
            assert refused.value.details["raw_code"] == "401"
        assert await hands.journal() == []

    async def test_a_login_that_fails_is_tried_again_by_the_next_call(self, make: Make, charge: ChargeRequest) -> None:
        async with FaultyServer(ABSENT, Desk(answers(500, b""), access())) as server:
            gateway = make(server.url)
            assert isinstance(await outcome(gateway, "fetch_payment", charge), GatewayUnavailable)
            assert not isinstance(await outcome(gateway, "fetch_payment", charge), GatewayError)

    # -- one deadline for all of it

    async def test_the_deadline_counts_the_login_and_every_call(self, make: Make, charge: ChargeRequest) -> None:
        slow = slowly(ABSENT, 0.15)
        async with FaultyServer(slow, Desk(slowly(access(), 0.15))) as server:
            gateway = make(server.url, deadline_s=0.4)
            with pytest.raises((GatewayTimeout, GatewayUnavailable)):
                await gateway.fetch_payment(question(charge, REF))  # would take three calls
            assert len(server.arrived) < 3

    async def test_a_cancel_whose_time_went_by_with_the_login_is_not_sent(
        self, make: Make, charge: ChargeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticks = iter([0.0, 1.0, 100.0, 200.0])
        monkeypatch.setattr("app.gateways.portone_v1.client.time", SimpleNamespace(monotonic=lambda: next(ticks)))
        async with FaultyServer(ABSENT, Desk(access())) as server:
            with pytest.raises(GatewayUnavailable):
                await perform(make(server.url), "refund", charge)
            assert server.arrived == []
