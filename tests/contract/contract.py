"""What every gateway adapter must do, whatever the gateway: a subclass per gateway brings the fixtures (style §12).

Everything runs over real HTTP: against the gateway's twin in the simulator, and against a raw server that breaks. A test
skips only on a capability that the gateway does not have.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from app.domain.clock import utc_now
from app.domain.errors import GatewayError, GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest
from app.domain.money import Money
from app.gateways.port import (
    Capability,
    ChargeRequest,
    Confirming,
    Customer,
    Gateway,
    Held,
    Holding,
    Question,
    Refunding,
)
from app.logs import get_logger
from app.simulator.server import Simulator
from tests.contract import faulty_server as faults
from tests.contract.faulty_server import Behaviour, FaultyServer, answers
from tests.contract.hands import Hands
from tests.unit.captured_logs import capture_logs

Make = Callable[..., Gateway]

DEADLINE_S = 2.0
IMPATIENT_S = 0.15
LEEWAY_S = 0.3
"""How much later than its deadline a call may end on a busy machine."""

OPERATIONS = ("start", "look_up", "look_up_by_reference", "confirm", "refund")
HARMLESS = ("start", "look_up", "look_up_by_reference")
MOVING = ("confirm", "refund")

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
    b'{"message": "\xff\xfe"}',
    b'{"result": "\\ud800"}',
    b"[" * 100_000,
    b"{'statusCode': 200}",
    b"NaN",
)

CUSTOMER = Customer(
    id="buyer-7f3a", name="김민지Minji", email="minji.kim@mail.example", phone="010-5555-7788", country="KR"
)
_references = count(1)


class GatewayContract:
    """The tests of one adapter. A subclass names the gateway, builds its adapter and knows a good charge."""

    name: ClassVar[str]
    currency: ClassVar[str]
    other_currency: ClassVar[str]
    """One that the gateway does not take."""
    refund_batch_s: ClassVar[float]
    """How long the gateway takes to do a refund that it accepted; 0 when it is done at once."""

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> Gateway:
        """An adapter at this address with these credentials; `settings` are its own, `deadline_s` among them."""
        raise NotImplementedError

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        """What of a browser's proof and of `next_action`s must never be logged."""
        raise NotImplementedError

    @pytest.fixture
    async def hands(self, running: Simulator) -> AsyncIterator[Hands]:
        async with Hands(running, self.name) as hands:
            yield hands

    @pytest.fixture
    async def make(self, hands: Hands) -> AsyncIterator[Make]:
        made: list[Gateway] = []

        def make(base_url: str | None = None, **settings: Any) -> Gateway:
            address = base_url or hands.connection["base_url"]
            made.append(self.build(address, hands.connection, **{"deadline_s": DEADLINE_S} | settings))
            return made[-1]

        yield make
        for each in made:
            await each.close()

    @pytest.fixture
    def gateway(self, make: Make) -> Gateway:
        return make()

    @pytest.fixture
    def charge(self) -> ChargeRequest:
        return ChargeRequest(
            reference=f"ref{next(_references)}a1",
            amount=Money.from_major("24000", self.currency),
            order_name="도자기 머그컵 & 컵받침",
            expires_at=utc_now() + timedelta(minutes=30),
            customer=CUSTOMER,
        )

    # -- what it says about itself

    def test_what_it_can_do_is_what_it_says(self, gateway: Gateway) -> None:
        assert gateway.name == self.name
        assert isinstance(gateway, Confirming) == (Capability.CONFIRM in gateway.capabilities)
        assert isinstance(gateway, Refunding) == (Capability.REFUND in gateway.capabilities)
        if Capability.LOOK_UP_BEFORE_CONFIRM in gateway.capabilities:
            assert Capability.CONFIRM in gateway.capabilities
        if {Capability.PARTIAL_REFUND, Capability.ASYNC_REFUND} & set(gateway.capabilities):
            assert Capability.REFUND in gateway.capabilities
        assert gateway.deadline_s == DEADLINE_S

    # -- start

    async def test_starting_tells_the_browser_what_to_do_and_moves_no_money(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await gateway.start(charge)
        assert isinstance(opened.next_action["type"], str)
        assert json.loads(json.dumps(opened.next_action)) == opened.next_action
        truth = await hands.truth(charge.reference)
        assert Money(truth["amount"], truth["currency"]) == charge.amount
        assert (truth["captures"], truth["confirms"]) == (0, 0)

    async def test_starting_twice_moves_no_money_and_loses_no_payment(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await gateway.start(charge)
        await gateway.start(charge)
        assert all(row["captures"] == 0 for row in await hands.journal(charge.reference))
        browser = await self.buyer_pays(hands, charge)
        held = await gateway.look_up(question(charge))
        assert_shows(held, charge, Holding.AUTHORIZED, Holding.CAPTURED)
        assert held.gateway_ref == gateway.read_callback(browser)

    async def test_a_charge_in_a_foreign_currency_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        foreign = replace(charge, amount=Money(24_000, self.other_currency))
        await self.assert_refused_locally(gateway, hands, foreign, "currency")

    # -- look up

    async def test_what_nobody_opened_is_absent(self, gateway: Gateway, charge: ChargeRequest) -> None:
        assert (await gateway.look_up(question(charge))).holding is Holding.ABSENT
        assert (await gateway.look_up(question(charge, "never/heard+of=="))).holding is Holding.ABSENT

    async def test_a_payment_that_the_buyer_has_not_finished_is_open(
        self, gateway: Gateway, charge: ChargeRequest
    ) -> None:
        await gateway.start(charge)
        assert_shows(await gateway.look_up(question(charge)), charge, Holding.OPEN)

    async def test_a_buyer_who_left_may_come_back_so_it_is_not_a_failure(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await gateway.start(charge)
        assert not gateway.read_callback(await self.buyer_pays(hands, charge, "abandoned"))
        assert (await gateway.look_up(question(charge))).holding is Holding.OPEN
        await self.buyer_pays(hands, charge)
        assert (await gateway.look_up(question(charge))).holding in {Holding.AUTHORIZED, Holding.CAPTURED}

    async def test_what_the_browser_brought_leads_to_the_same_payment_as_our_reference(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        by_reference = await gateway.look_up(question(charge))
        assert_shows(by_reference, charge, Holding.AUTHORIZED, Holding.CAPTURED)
        assert await gateway.look_up(question(charge, ref)) == by_reference
        assert by_reference.gateway_ref == ref

    @pytest.mark.parametrize("by_ref", [True, False])
    async def test_an_amount_is_reported_as_the_gateway_holds_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, by_ref: bool
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "amount_differs")
        held = await gateway.look_up(question(charge, ref if by_ref else None))
        truth = await hands.truth(charge.reference)
        assert held.amount == Money(truth["amount"], truth["currency"])
        assert held.amount != charge.amount

    async def test_a_status_that_nobody_knows_is_never_success(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "unknown_status")
        for asked in (question(charge), question(charge, ref)):
            assert (await gateway.look_up(asked)).holding is Holding.UNRECOGNIZED

    async def test_a_sparse_look_up_is_enough(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge, "sparse")
        held = await gateway.look_up(question(charge, ref))
        assert_shows(held, charge, Holding.AUTHORIZED, Holding.CAPTURED)

    async def test_looking_changes_nothing(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge)
        before = await hands.journal()
        for _ in range(3):
            await gateway.look_up(question(charge, ref))
            await gateway.look_up(question(charge))
        assert await hands.journal() == before

    @pytest.mark.parametrize("by_ref", [True, False])
    async def test_a_look_up_that_is_too_slow_or_never_answers_has_no_answer(
        self, make: Make, hands: Hands, charge: ChargeRequest, by_ref: bool
    ) -> None:
        ref = await self.finished(make(), hands, charge)
        asked = question(charge, ref if by_ref else None)
        impatient = make(deadline_s=IMPATIENT_S)
        for scenario in ("slow", "accept_then_hang"):
            await hands.plan(scenario, call="lookup")
            with pytest.raises(GatewayTimeout):
                await impatient.look_up(asked)
        assert_shows(await impatient.look_up(asked), charge, Holding.AUTHORIZED, Holding.CAPTURED)

    # -- confirm

    async def test_confirm_takes_the_money_once_and_the_look_up_shows_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        answer = await confirming(gateway).confirm(ref)
        assert answer.failure is None
        truth = await hands.truth(charge.reference)
        assert (truth["captures"], truth["confirms"]) == (1, 1)
        assert_shows(await gateway.look_up(question(charge, ref)), charge, Holding.CAPTURED)

    async def test_a_decline_is_a_value_and_no_money_moves(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "declined")
        answer = await confirming(gateway).confirm(ref)
        assert answer.failure is not None
        assert answer.failure.code == "declined"
        assert answer.failure.raw_code
        assert (await hands.truth(charge.reference))["captures"] == 0
        assert (await gateway.look_up(question(charge, ref))).holding is Holding.FAILED

    async def test_confirming_what_nobody_knows_is_an_explicit_no(self, gateway: Gateway) -> None:
        assert (await confirming(gateway).confirm("never/heard+of==")).failure is not None

    @pytest.mark.parametrize("scenario", ["accept_then_hang", "slow", "garbage"])
    async def test_a_lost_answer_to_confirm_is_never_a_decline_and_the_look_up_tells(
        self, make: Make, hands: Hands, charge: ChargeRequest, scenario: str
    ) -> None:
        patient = make()
        ref = await self.finished(patient, hands, charge, scenario)
        with pytest.raises(GatewayTimeout):
            await confirming(make(deadline_s=IMPATIENT_S)).confirm(ref)
        assert (await hands.truth(charge.reference))["captures"] == 1
        assert_shows(await patient.look_up(question(charge, ref)), charge, Holding.CAPTURED)

    async def test_a_server_error_of_confirm_leaves_it_open_whether_money_moved(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "error_500")
        with pytest.raises(GatewayTimeout):
            await confirming(gateway).confirm(ref)
        assert (await gateway.look_up(question(charge, ref))).holding is Holding.AUTHORIZED

    # -- refund

    async def test_a_refund_is_done_only_when_the_gateway_has_done_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        answer = await refunding(gateway).refund(ref, charge.amount, "rejected")
        assert answer.failure is None
        is_async = Capability.ASYNC_REFUND in gateway.capabilities
        assert answer.is_done is not is_async
        if is_async:
            assert_shows(await gateway.look_up(question(charge, ref)), charge, Holding.CANCELING)
            assert (await hands.truth(charge.reference))["refunded"] == 0
            await hands.advance(self.refund_batch_s)
        assert_shows(await gateway.look_up(question(charge, ref)), charge, Holding.CANCELED)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)

    async def test_a_second_refund_gives_nothing_back_twice(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        await refunding(gateway).refund(ref, charge.amount, "rejected")
        assert (await refunding(gateway).refund(ref, charge.amount, "rejected")).failure is not None
        await hands.advance(self.refund_batch_s)
        assert (await refunding(gateway).refund(ref, charge.amount, "rejected")).failure is not None
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)

    async def test_refunding_what_nobody_knows_is_an_explicit_no(self, gateway: Gateway, charge: ChargeRequest) -> None:
        answer = await refunding(gateway).refund("never/heard+of==", charge.amount, "rejected")
        assert answer.failure is not None
        assert not answer.is_done

    async def test_a_lost_answer_to_a_refund_is_found_by_the_look_up(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        patient = make()
        ref = await self.captured(patient, hands, charge)
        await hands.plan("accept_then_hang", call="cancel")
        with pytest.raises(GatewayTimeout):
            await refunding(make(deadline_s=IMPATIENT_S)).refund(ref, charge.amount, "rejected")
        held = await patient.look_up(question(charge, ref))
        assert held.holding in {Holding.CANCELING, Holding.CANCELED}

    # -- never sent, or may have arrived

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_gateway_that_cannot_be_reached_was_never_asked(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        async with FaultyServer(faults.hangs) as server:
            plain = server.url.removeprefix("http://")
            for address in (faults.refused_url(), "http://no-such-host.invalid", f"https://{plain}"):
                with pytest.raises(GatewayUnavailable):
                    await perform(make(address, deadline_s=IMPATIENT_S), operation, charge)

    @pytest.mark.parametrize("fault", MAY_HAVE_ARRIVED, ids=lambda fault: fault.__name__)
    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_call_that_may_have_arrived_must_be_asked_about(
        self, make: Make, charge: ChargeRequest, operation: str, fault: Behaviour
    ) -> None:
        async with FaultyServer(fault) as server:
            gateway = make(server.url, deadline_s=IMPATIENT_S)
            started = time.monotonic()
            with pytest.raises(GatewayTimeout):
                await perform(gateway, operation, charge)
            assert time.monotonic() - started < IMPATIENT_S + LEEWAY_S, "the deadline counts from call to last byte"
            # The HTTP client itself asks once more when a connection breaks, but only what it knows to be a question.
            assert len(server.arrived) == 1 or (operation.startswith("look_up") and len(server.arrived) == 2)

    @pytest.mark.parametrize("fault", [faults.closes, faults.resets], ids=lambda fault: fault.__name__)
    @pytest.mark.parametrize("operation", MOVING)
    async def test_a_call_that_moves_money_is_never_sent_again_by_itself(
        self, make: Make, charge: ChargeRequest, operation: str, fault: Behaviour
    ) -> None:
        """HTTP clients repeat a request whose kept-open connection breaks. For these calls that would charge twice."""
        async with FaultyServer(answers(404, {})) as server:
            gateway = make(server.url)
            await outcome(gateway, "look_up", charge)  # now there is an idle connection to break
            server.behave = fault
            with pytest.raises(GatewayTimeout):
                await perform(gateway, operation, charge)
            assert len(server.arrived) == 2

    async def test_an_idle_connection_that_the_gateway_closed_costs_nothing(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        async with FaultyServer(answers(404, {})) as server:
            gateway = make(server.url)
            for _ in range(3):
                assert not isinstance(await outcome(gateway, "look_up", charge), GatewayError)
                server.drop_connections()
                await asyncio.sleep(0.01)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_redirect_is_not_followed_and_no_success(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        async with FaultyServer(answers(200, {"statusCode": 200, "result": {"token": "t"}})) as elsewhere:
            moved = answers(status, b"", headers=f"Location: {elsewhere.url}/purchase/confirm\r\n")
            async with FaultyServer(moved) as server:
                raised = await outcome(make(server.url), operation, charge)
                expected = GatewayTimeout if operation in MOVING else GatewayRefused
                assert isinstance(raised, expected)
                assert len(server.arrived) == 1
            assert elsewhere.arrived == [], "the secret would have gone to a stranger"

    @pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_a_server_error_decides_nothing(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Internal Server Error"}, b"<h1>Bad gateway</h1>", {}):
            async with FaultyServer(answers(status, body)) as server:
                raised = await outcome(make(server.url), operation, charge)
                assert isinstance(raised, GatewayTimeout if operation in MOVING else GatewayUnavailable)

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_too_many_requests_means_that_nothing_was_done(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        async with FaultyServer(answers(429, b"slow down", headers="Retry-After: 3\r\n")) as server:
            with pytest.raises(GatewayUnavailable):
                await perform(make(server.url), operation, charge)

    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_refused_credentials_are_our_fault_and_never_the_buyers(
        self, make: Make, charge: ChargeRequest, operation: str, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Unauthorized"}, b"Unauthorized"):
            async with FaultyServer(answers(status, body)) as server:
                with pytest.raises(GatewayRefused) as refused:
                    await perform(make(server.url), operation, charge)
                assert refused.value.details["raw_code"] == str(status)

    @pytest.mark.parametrize("operation", OPERATIONS)
    async def test_an_answer_that_is_no_json_is_no_answer(
        self, make: Make, charge: ChargeRequest, operation: str
    ) -> None:
        for body in NO_JSON:
            async with FaultyServer(answers(200, body)) as server:
                assert isinstance(await outcome(make(server.url), operation, charge), GatewayTimeout), body[:40]

    async def test_a_caller_who_leaves_gives_the_connection_back(self, make: Make, charge: ChargeRequest) -> None:
        async with FaultyServer(faults.hangs) as server:
            gateway = make(server.url, connections=1)
            leaving = asyncio.create_task(outcome(gateway, "look_up", charge))
            await server.has_got(1)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            server.behave = answers(404, {})
            assert not isinstance(await outcome(gateway, "look_up", charge), GatewayError)

    async def test_calls_under_way_when_it_closes_end_as_lost(self, make: Make, charge: ChargeRequest) -> None:
        async with FaultyServer(faults.hangs) as server:
            gateway = make(server.url)
            under_way = asyncio.create_task(outcome(gateway, "look_up", charge))
            await server.has_got(1)
            await gateway.close()
            assert isinstance(await asyncio.wait_for(under_way, LEEWAY_S), GatewayTimeout)
            await gateway.close()  # twice is harmless

    # -- silence

    async def test_a_whole_transcript_leaves_no_secret_and_no_buyer_in_the_logs(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        hidden = [value for name, value in hands.connection.items() if name != "base_url"]
        hidden += [str(value) for value in (CUSTOMER.id, CUSTOMER.name, CUSTOMER.email, CUSTOMER.phone)]
        log = get_logger("test.transcript")
        with capture_logs("debug") as captured:
            gateway = make()
            opened = await gateway.start(charge)
            browser = await hands.pay(charge.reference)
            ref = gateway.read_callback(browser)
            assert ref is not None
            hidden += [ref, *self.secrets(browser, [opened.next_action])]
            log.info("what_a_careless_line_would_say", opened=opened, browser=browser, headers={"Authorization": "x"})
            for operation in OPERATIONS:
                if can(gateway, operation):
                    await perform(gateway, operation, charge, ref)
            everything = [*MAY_HAVE_ARRIVED, *(answers(status, b"no") for status in (302, 400, 401, 429, 500))]
            for fault in everything:
                async with FaultyServer(fault) as server:
                    broken = make(server.url, deadline_s=0.03)
                    for operation in ("start", "look_up", "confirm"):
                        await log_outcome(broken, operation, charge, ref)
            for address in (faults.refused_url(), "http://no-such-host.invalid"):
                await log_outcome(make(address), "look_up", charge, ref)
        assert len(captured.lines()) > 50, "a transcript that logged nothing proves nothing"
        assert {"gateway_call", "it_failed"} <= {line["event"] for line in captured.lines()}
        for value in hidden:
            for form in (value, quote(value, safe=""), json.dumps(value)[1:-1], repr(value)[1:-1]):
                assert form not in captured.text, f"{form[:6]}… is in the logs"

    # -- what the tests above share

    async def assert_refused_locally(
        self, gateway: Gateway, hands: Hands, wrong: ChargeRequest, field: str
    ) -> list[dict[str, str]]:
        """Both roads refuse it by the field's name, and no call arrived."""
        with pytest.raises(InvalidRequest) as refused:
            gateway.check(wrong)
        with pytest.raises(InvalidRequest) as refused_again:
            await gateway.start(wrong)
        assert refused.value.details == refused_again.value.details
        errors = refused.value.details["errors"]
        assert isinstance(errors, list)
        assert [error["field"] for error in errors] == [field]
        assert all(error["message"] for error in errors)
        assert await hands.calls() == []
        return errors

    async def buyer_pays(self, hands: Hands, charge: ChargeRequest, scenario: str | None = None) -> dict[str, str]:
        """What the buyer's browser receives, as `read_callback` gets it."""
        return {name: str(value) for name, value in (await hands.pay(charge.reference, scenario)).items()}

    async def finished(self, gateway: Gateway, hands: Hands, charge: ChargeRequest, scenario: str | None = None) -> str:
        """A started charge whose buyer has finished; returns the gateway's reference."""
        await gateway.start(charge)
        ref = gateway.read_callback(await self.buyer_pays(hands, charge, scenario))
        assert ref is not None
        return ref

    async def captured(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> str:
        """A charge whose money was taken; returns the gateway's reference."""
        ref = await self.finished(gateway, hands, charge)
        if Capability.CONFIRM in gateway.capabilities:
            await confirming(gateway).confirm(ref)
        return ref


def question(charge: ChargeRequest, ref: str | None = None) -> Question:
    return Question(charge.reference, charge.amount, ref)


def confirming(gateway: Gateway) -> Confirming:
    """The gateway as one that confirms; skips where it does not."""
    if not isinstance(gateway, Confirming):
        pytest.skip(f"{gateway.name} cannot CONFIRM")
    return gateway


def refunding(gateway: Gateway) -> Refunding:
    """The gateway as one that refunds; skips where it does not."""
    if not isinstance(gateway, Refunding):
        pytest.skip(f"{gateway.name} cannot REFUND")
    return gateway


def can(gateway: Gateway, operation: str) -> bool:
    needed = {"confirm": Capability.CONFIRM, "refund": Capability.REFUND}.get(operation)
    return needed is None or needed in gateway.capabilities


async def perform(gateway: Gateway, operation: str, charge: ChargeRequest, ref: str = "sig/1+==") -> object:
    """One operation by name; skips on a capability that the gateway does not have."""
    match operation:
        case "start":
            return await gateway.start(charge)
        case "look_up":
            return await gateway.look_up(question(charge, ref))
        case "look_up_by_reference":
            return await gateway.look_up(question(charge))
        case "confirm":
            return await confirming(gateway).confirm(ref)
        case _:
            return await refunding(gateway).refund(ref, charge.amount, "rejected")


async def outcome(gateway: Gateway, operation: str, charge: ChargeRequest) -> object:
    """What an operation returned, or the gateway error that it raised."""
    try:
        return await perform(gateway, operation, charge)
    except GatewayError as error:
        return error


async def log_outcome(gateway: Gateway, operation: str, charge: ChargeRequest, ref: str) -> None:
    """Do it, and log its failure with everything that a traceback tells."""
    if not can(gateway, operation):
        return
    try:
        await perform(gateway, operation, charge, ref)
    except GatewayError as error:
        get_logger("test.transcript").exception("it_failed", error=error, details=error.details)


def assert_shows(held: Held, charge: ChargeRequest, *holdings: Holding) -> None:
    """The look-up shows this charge, whole, in one of these states."""
    assert held.holding in holdings
    assert held.reference == charge.reference
    assert held.amount == charge.amount
