"""What every adapter must do when the network or the gateway breaks: "never sent" is told from "may have arrived"."""

import asyncio
import json
import time
from typing import ClassVar
from urllib.parse import quote

import pytest

from app.domain.errors import GatewayError, GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.port import Gateway
from app.gateways.values import Capability, ChargeRequest
from app.logs import get_logger
from tests.contract import faulty_server as faults
from tests.contract.bench import CUSTOMER, IMPATIENT_S, Bench, Make, outcome, perform
from tests.contract.faulty_server import Behaviour, answers
from tests.contract.hands import Hands
from tests.unit.captured_logs import capture_logs

MOVING = ("capture", "refund")
"""Operations that move money."""

LEEWAY_S = 20.0
"""How much later than its deadline a call may end on a busy machine. One without a deadline would never end at these servers."""


MAY_HAVE_ARRIVED: tuple[Behaviour, ...] = (
    faults.hangs,
    faults.closes,
    faults.resets,
    faults.resets_in_the_body,
    faults.cuts_the_body,
    faults.drips_the_head,
    faults.drips_the_body,
    faults.sends_too_much,
    faults.never_stops_sending,
    faults.sends_a_bomb,
    faults.speaks_no_http,
)

NO_JSON = (
    b"",
    b"OK",
    b"<!doctype html><title>We will be right back</title>",
    b'{"statusCode": 200, "result": {',
    b'{"statusCode": 200}{"statusCode": 200}',
    b'{"message": "\xff\xfe',
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b"{'statusCode': 200}",
    b"NaN",
)


class FaultContract(Bench):
    """The tests of one adapter against a raw server that breaks, and of its silence in the logs."""

    operations: ClassVar[tuple[str, ...]] = ("create_session", "fetch_payment")
    """What can be asked of every gateway; each contract beside this one adds its own."""

    @classmethod
    def every_operation(cls) -> list[str]:
        """What can be asked of this gateway."""
        return [operation for each in reversed(cls.__mro__) for operation in vars(each).get("operations", ())]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes an `operation`, or a `moving` one, for those of this gateway, and no others."""
        every = self.every_operation()
        chosen = {"operation": every, "moving": [operation for operation in every if operation in MOVING]}
        for name in chosen.keys() & set(metafunc.fixturenames):
            metafunc.parametrize(name, chosen[name])

    async def test_a_gateway_that_cannot_be_reached_was_never_asked(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        async with self.breaking(faults.hangs) as server:
            plain = server.url.removeprefix("http://")
            for address in (faults.refused_url(), "http://no-such-host.invalid", f"https://{plain}"):
                with pytest.raises(GatewayUnavailable):
                    await perform(make(address, deadline_s=IMPATIENT_S), operation, charge)

    @pytest.mark.parametrize("fault", MAY_HAVE_ARRIVED, ids=lambda fault: fault.__name__)
    async def test_a_call_that_may_have_arrived_must_be_asked_about(
        self, make: Make, charge: ChargeRequest, operation: str, fault: Behaviour
    ) -> None:
        async with self.breaking(fault) as server:
            gateway = make(server.url, deadline_s=IMPATIENT_S)
            started = time.monotonic()
            with pytest.raises(GatewayTimeout):
                await perform(gateway, operation, charge)
            assert time.monotonic() - started < IMPATIENT_S + LEEWAY_S, "the deadline counts from call to last byte"
            # The HTTP client itself asks once more when a connection breaks, but only what it knows to be a question.
            assert len(server.arrived) == 1 or (operation.startswith("fetch_payment") and len(server.arrived) == 2)

    async def test_an_idle_connection_that_the_gateway_closed_costs_nothing(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        async with self.breaking(answers(404, self.unknown_payment)) as server:
            gateway = make(server.url)
            for _ in range(3):
                assert not isinstance(await outcome(gateway, "fetch_payment", charge), GatewayError)
                server.drop_connections()
                await asyncio.sleep(0.01)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_not_followed_and_no_success(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        async with self.breaking(answers(200, {"statusCode": 200, "result": {"token": "t"}})) as elsewhere:
            moved = answers(status, b"", headers=f"Location: {elsewhere.url}/purchase/confirm\r\n")
            async with self.breaking(moved) as server:
                raised = await outcome(make(server.url), operation, charge)
                expected = GatewayTimeout if operation in MOVING else GatewayRefused
                assert isinstance(raised, expected)
                assert len(server.arrived) == 1
            assert elsewhere.arrived == [], "the secret would have gone to a stranger"

    @pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
    async def test_a_server_error_decides_nothing(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Internal Server Error"}, b"<h1>Bad gateway</h1>", {}):
            async with self.breaking(answers(status, body)) as server:
                raised = await outcome(make(server.url), operation, charge)
                assert isinstance(raised, GatewayTimeout if operation in MOVING else GatewayUnavailable)

    async def test_too_many_requests_means_that_nothing_was_done(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        async with self.breaking(answers(429, b"slow down", headers="Retry-After: 3\r\n")) as server:
            with pytest.raises(GatewayUnavailable):
                await perform(make(server.url), operation, charge)

    @pytest.mark.parametrize("status", [401, 403])
    async def test_refused_credentials_are_our_fault_and_never_the_buyers(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Unauthorized"}, b"Unauthorized"):
            async with self.breaking(answers(status, body)) as server:
                with pytest.raises(GatewayRefused) as refused:
                    await perform(make(server.url), operation, charge)
                assert refused.value.details["raw_code"] == str(status)

    async def test_an_answer_that_is_no_json_is_no_answer(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        for body in NO_JSON:
            async with self.breaking(answers(200, body)) as server:
                assert isinstance(await outcome(make(server.url), operation, charge), GatewayTimeout), body[:40]

    async def test_a_caller_who_leaves_gives_the_connection_back(self, make: Make, charge: ChargeRequest) -> None:
        async with self.breaking(faults.hangs) as server:
            gateway = make(server.url, connections=1)
            leaving = asyncio.create_task(outcome(gateway, "fetch_payment", charge))
            await server.has_got(1)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            server.behave = answers(404, self.unknown_payment)
            assert not isinstance(await outcome(gateway, "fetch_payment", charge), GatewayError)

    async def test_calls_under_way_when_it_closes_end_as_lost(self, make: Make, charge: ChargeRequest) -> None:
        async with self.breaking(faults.hangs) as server:
            gateway = make(server.url)
            under_way = asyncio.create_task(outcome(gateway, "fetch_payment", charge))
            await server.has_got(1)
            await gateway.close()
            assert isinstance(await asyncio.wait_for(under_way, LEEWAY_S), GatewayTimeout)
            await gateway.close()  # twice is harmless

    async def test_a_whole_transcript_leaves_no_secret_and_no_buyer_in_the_logs(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        hidden = [value for name, value in hands.connection.items() if name not in self.public]
        hidden += [str(value) for value in (CUSTOMER.id, CUSTOMER.name, CUSTOMER.email, CUSTOMER.phone)]
        log = get_logger("test.transcript")
        with capture_logs("debug") as captured:
            gateway = make()
            opened = await gateway.create_session(charge)
            browser = await hands.pay(charge.reference)
            ref = gateway.parse_callback(browser).gateway_ref
            assert ref is not None
            hidden += self.secrets(browser, [opened.next_action])
            log.info("what_a_careless_line_would_say", opened=opened, browser=browser, headers={"Authorization": "x"})
            for operation in self.every_operation():
                if operation != "create_session" or Capability.REOPEN in gateway.capabilities:
                    await perform(gateway, operation, charge, ref)
            everything = [*MAY_HAVE_ARRIVED, *(answers(status, b"no") for status in (302, 400, 401, 429, 500))]
            for fault in everything:
                async with self.breaking(fault) as server:
                    broken = make(server.url, deadline_s=0.03)
                    for operation in self.every_operation():
                        if operation in {"create_session", "fetch_payment", "capture"}:
                            await log_outcome(broken, operation, charge, ref)
            for address in (faults.refused_url(), "http://no-such-host.invalid"):
                await log_outcome(make(address), "fetch_payment", charge, ref)
        assert len(captured.lines()) > 50, "a transcript that logged nothing proves nothing"
        assert {"gateway_call", "it_failed"} <= {line["event"] for line in captured.lines()}
        for value in hidden:
            for form in (value, quote(value, safe=""), json.dumps(value)[1:-1], repr(value)[1:-1]):
                assert form not in captured.text, f"{form[:6]}… is in the logs"


class MoneyFaultContract(Bench):
    """For every gateway at which we take money or give it back."""

    @pytest.mark.parametrize("fault", [faults.closes, faults.resets], ids=lambda fault: fault.__name__)
    async def test_a_call_that_moves_money_is_never_sent_again_by_itself(
        self, make: Make, charge: ChargeRequest, moving: str, fault: Behaviour
    ) -> None:
        """HTTP clients repeat a request whose kept-open connection breaks. For these calls that would charge twice."""
        async with self.breaking(answers(404, self.unknown_payment)) as server:
            gateway = make(server.url)
            await outcome(gateway, "fetch_payment", charge)  # now there is an idle connection to break
            before = len(server.arrived)
            server.behave = fault
            with pytest.raises(GatewayTimeout):
                await perform(gateway, moving, charge)
            assert len(server.arrived) == before + 1


async def log_outcome(gateway: Gateway, operation: str, charge: ChargeRequest, ref: str) -> None:
    """Do it, and log its failure with everything that a traceback tells."""
    try:
        await perform(gateway, operation, charge, ref)
    except GatewayError as error:
        get_logger("test.transcript").exception("it_failed", error=error, details=error.details)
