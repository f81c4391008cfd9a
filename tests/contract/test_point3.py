"""Point3's adapter: the contract of every gateway, and what is Point3's own (contracts/point3.md)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

from app.domain.clock import utc_now
from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.domain.money import Money
from app.gateways.point3.adapter import Point3
from app.gateways.port import Capability, ChargeRequest, Customer, Gateway, Holding, Tax
from app.settings import Point3Settings
from tests.contract.contract import GatewayContract, Make, assert_shows, perform, question
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.simulator.driver import TLS

OPTIONS = "gateway_options.point3"


def envelope(result: object) -> dict[str, object]:
    return {"statusCode": 200, "message": "success", "result": result}


def row(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    """One payment of a look-up; a member that is None is left out."""
    shown: dict[str, object] = {
        "signature": "sig/1+==",
        "orderIdFromClient": charge.reference,
        "totalCharge": charge.amount.minor,
        "status": "WIDGET_DONE",
    }
    return {name: value for name, value in (shown | changes).items() if value is not None}


class TestPoint3(GatewayContract):
    name = "point3"
    currency = "KRW"
    other_currency = "USD"
    refund_batch_s = 300

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> Point3:
        deadline_s = settings.pop("deadline_s")
        fields = {
            "base_url": base_url,
            "secret": connection["secret"],
            "widget_origin": "https://widget.example",
            "client_business_num": "1234567890",
            "client_nickname": "온틸 상점",
        }
        return Point3(Point3Settings.model_validate(fields | settings), deadline_s=deadline_s)

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        tokens = [unquote(str(action["url"]).partition("?d=")[2]) for action in opened]
        assert all(tokens)
        return [browser["signature"], *tokens]

    @pytest.fixture
    def point3(self, gateway: Gateway) -> Point3:
        assert isinstance(gateway, Point3)
        return gateway

    @pytest.fixture
    async def wire(self) -> AsyncIterator[FaultyServer]:
        """A server that keeps what it gets, and answers as the test says."""
        async with FaultyServer(answers(200, envelope([]))) as server:
            yield server

    @pytest.fixture
    def wired(self, make: Make, wire: FaultyServer) -> Point3:
        made = make(wire.url)
        assert isinstance(made, Point3)
        return made

    # -- opening

    async def test_the_widgets_address_carries_the_token_encoded(
        self, point3: Point3, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await make(widget_origin=hands.connection["base_url"]).start(charge)
        assert opened.gateway_ref is None
        action = opened.next_action
        assert action == {
            "type": "point3_widget",
            "url": action["url"],
            "origin": hands.connection["base_url"],
        }
        query = urlsplit(str(action["url"])).query
        assert not set("+/=") & set(query.removeprefix("d=")), "every reserved character of the token is encoded"
        async with httpx.AsyncClient(verify=TLS) as buyer:
            page = await buyer.get(str(action["url"]))
        assert page.status_code == 200
        assert "24,000" in page.text

    async def test_all_ten_fields_go_out_as_the_contract_lists_them(
        self, wired: Point3, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope({"token": "tok/1+="}))
        options: dict[str, object] = {
            "culture_expense_type": "f",
            "cash_receipt_type": "z",
            "client_business_num": "0987654321",
            "client_nickname": "다른 이름",
        }
        await wired.start(replace(charge, options=options, tax=Tax(vat=2000)))
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", "/purchase/token")
        assert sent.headers["authorization"] == f"Basic {hands.connection['secret']}", "verbatim, never base64 again"
        assert sent.headers["content-type"] == "application/json"
        assert sent.json == {
            "clientGeneratedUserId": "buyer-7f3a",
            "totalCharge": 24_000,
            "orderIdFromClient": charge.reference,
            "cultureExpenseType": "f",
            "cashReceiptType": "z",
            "clientBusinessNum": "0987654321",
            "clientNickname": "다른 이름",
            "purchasingProductName": "도자기 머그컵 & 컵받침",
            "taxFreeAmount": 22_000,
            "vat": 2000,
        }

    async def test_without_options_the_settings_fill_in_and_a_guest_is_unique_by_reference(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope({"token": "tok"}))
        await wired.start(replace(charge, customer=Customer()))
        sent = wire.arrived[0].json
        assert sent["clientGeneratedUserId"] == f"guest{charge.reference}"
        assert (sent["cultureExpenseType"], sent["cashReceiptType"]) == ("a", "a")
        assert (sent["clientBusinessNum"], sent["clientNickname"]) == ("1234567890", "온틸 상점")
        assert (sent["vat"], sent["taxFreeAmount"]) == (2182, 21_818)

    @pytest.mark.parametrize(
        "result", [None, {}, {"token": ""}, {"token": None}, {"token": 5}, {"Token": "x"}, "tok", ["tok"]]
    )
    async def test_an_answer_without_a_token_opens_nothing(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, result: object
    ) -> None:
        wire.behave = answers(200, envelope(result))
        with pytest.raises(GatewayTimeout):
            await wired.start(charge)

    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    async def test_a_charge_that_point3_itself_refuses_is_told_with_its_code(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Bad Request"}, b"Bad Request", {"statusCode": 200}):
            wire.behave = answers(status, body)
            with pytest.raises(GatewayRefused) as refused:
                await wired.start(charge)
            assert refused.value.details == {"gateway": "point3", "raw_code": str(status)}

    # -- local rules, before any call

    @pytest.mark.parametrize(
        ("amount", "tax", "field"),
        [
            (24_000, Tax(vat=0), "tax"),
            (24_000, Tax(tax_free=24_000), "tax"),
            (24_000, Tax(tax_free=24_000, vat=0), "tax"),
            (24_000, Tax(tax_free=30_000), "tax"),
            (24_000, Tax(vat=24_000), "tax.vat"),
            (24_000, Tax(vat=24_001), "tax.vat"),
            (24_000, Tax(vat=-1), "tax.vat"),
            (24_000, Tax(tax_free=23_999), "tax.tax_free"),
            (1, Tax(), "amount"),
            (5, Tax(), "amount"),
        ],
    )
    async def test_taxes_that_it_cannot_express_are_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, amount: int, tax: Tax, field: str
    ) -> None:
        wrong = replace(charge, amount=Money(amount, "KRW"), tax=tax)
        await self.assert_refused_locally(gateway, hands, wrong, field)

    @pytest.mark.parametrize("currency", ["USD", "JPY", "KPW", "KWD"])
    async def test_only_won_are_taken(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, currency: str
    ) -> None:
        wrong = replace(charge, amount=Money(24_000, currency))
        (error,) = await self.assert_refused_locally(gateway, hands, wrong, "currency")
        assert currency in error["message"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("culture_expense_type", "e"),
            ("culture_expense_type", "A"),
            ("culture_expense_type", "ab"),
            ("culture_expense_type", ""),
            ("culture_expense_type", " a"),
            ("culture_expense_type", 1),
            ("culture_expense_type", None),
            ("cash_receipt_type", "A"),
            ("cash_receipt_type", "aa"),
            ("cash_receipt_type", ""),
            ("cash_receipt_type", "1"),
            ("cash_receipt_type", "ㄱ"),
            ("cash_receipt_type", "a\n"),
            ("cash_receipt_type", ["a"]),
            ("client_business_num", "123456789"),
            ("client_business_num", "12345678901"),
            ("client_business_num", "123-45-67890"),
            ("client_business_num", "１２３４５６７８９０"),
            ("client_business_num", "1234567890\n"),
            ("client_business_num", 1234567890),
            ("client_nickname", ""),
            ("client_nickname", "   "),
            ("client_nickname", {"ko": "상점"}),
            ("cultureExpenseType", "a"),
            ("secret", "x"),
        ],
    )
    async def test_an_option_out_of_its_form_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, name: str, value: object
    ) -> None:
        wrong = replace(charge, options={name: value})
        await self.assert_refused_locally(gateway, hands, wrong, f"{OPTIONS}.{name}")

    async def test_the_culture_expense_types_are_those_of_the_settings(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        narrow = make(culture_expense_types=["g"])
        narrow.check(replace(charge, options={"culture_expense_type": "g"}))
        wrong = replace(charge, options={"culture_expense_type": "a"})
        await self.assert_refused_locally(narrow, hands, wrong, f"{OPTIONS}.culture_expense_type")

    @pytest.mark.parametrize("amount", [6, 7, 11, 12, 100, 1001, 24_000, 999_999_999])
    async def test_what_passes_here_passes_there(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, amount: int
    ) -> None:
        """The simulator checks the contract's rules on its own: both must agree about every amount."""
        await gateway.start(replace(charge, amount=Money(amount, "KRW")))
        assert (await hands.truth(charge.reference))["amount"] == amount

    # -- look-ups

    async def test_a_signature_is_one_segment_of_the_path_whatever_is_in_it(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        signature = "a/b+c=d e?f#g%2Fh&i한;,@:"
        encoded = quote(signature, safe="")
        wire.behave = answers(200, envelope(None))
        await wired.look_up(question(charge, signature))
        await perform(wired, "refund", charge, signature)
        assert [sent.target for sent in wire.arrived] == [
            f"/api/payments/{encoded}",
            f"/api/payments/{encoded}/cancel",
        ]

    async def test_each_look_up_uses_the_path_of_the_contract(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
        await wired.look_up(replace(question(charge), reference="ord/1"))
        await wired.payments_of_user("user/1 한")
        await wired.payments_between(start, start + timedelta(hours=13), page=1)
        await wired.payments_between(start, None, page=2, count=5)
        assert [(sent.method, sent.target, sent.body) for sent in wire.arrived] == [
            ("GET", "/api/payments/orderid/ord%2F1", b""),
            ("GET", "/api/payments/userId/user%2F1%20%ED%95%9C", b""),
            (
                "GET",
                "/api/payments/date?startDate=2026-11-21T00%3A00%3A00&endDate=2026-11-21T13%3A00%3A00&page=1&count=30",
                b"",
            ),
            ("GET", "/api/payments/date?startDate=2026-11-21T00%3A00%3A00&endDate=&page=2&count=5", b""),
        ]

    async def test_of_several_payments_with_our_order_id_the_one_with_our_amount_is_ours(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        """The simulator lists an older one with another total first: "the first" would be wrong."""
        ref = await self.finished(gateway, hands, charge, "duplicate_order_id")
        assert len(await hands.journal(charge.reference)) == 2
        held = await gateway.look_up(question(charge))
        assert_shows(held, charge, Holding.AUTHORIZED)
        assert held.gateway_ref == ref

    @pytest.mark.parametrize(
        ("rows", "chosen"),
        [
            ([{"status": "WIDGET_DONE"}, {"status": "CONFIRMED", "totalCharge": 1}], 1),
            ([{"status": "CANCELLED"}, {"status": "CONFIRMED"}], 1),
            ([{"status": "TOKEN_ISSUED"}, {"status": "CANCEL_REQUESTED"}], 1),
            ([{"status": "FAILED"}, {"status": "WIDGET_DONE"}], 1),
            ([{"status": "FAILED"}, {"status": "TOKEN_ISSUED"}], 1),
            ([{"status": "ABANDONED"}, {"status": "WIDGET_DONE"}], 1),
            ([{"status": "FAILED"}, {"status": "SOMETHING_NEW"}], 1),
            ([{"status": "TOKEN_ISSUED"}, {"status": "SOMETHING_NEW"}], 1),
            ([{"status": "FAILED"}, {"status": None}], 1),
            ([{"status": "WIDGET_DONE", "totalCharge": 1}, {"status": "WIDGET_DONE"}], 1),
            ([{"status": "WIDGET_DONE", "totalCharge": None}, {"status": "WIDGET_DONE"}], 1),
            ([{"status": "WIDGET_DONE", "orderIdFromClient": "another"}, {"status": "TOKEN_ISSUED"}], 1),
            ([{"status": "CONFIRMED", "orderIdFromClient": "another"}, {"status": "FAILED"}], 1),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    async def test_of_several_payments_the_one_where_money_moved_speaks(
        self,
        wired: Point3,
        wire: FaultyServer,
        charge: ChargeRequest,
        rows: list[dict[str, object]],
        chosen: int,
        turned: bool,
    ) -> None:
        shown = [row(charge, signature=f"sig{number}", **each) for number, each in enumerate(rows)]
        wire.behave = answers(200, envelope(shown[::-1] if turned else shown))
        assert (await wired.look_up(question(charge))).gateway_ref == f"sig{chosen}"

    async def test_a_payment_of_another_order_id_is_never_ours(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope([row(charge, orderIdFromClient="another", status="CONFIRMED")]))
        assert (await wired.look_up(question(charge))).holding is Holding.ABSENT

    async def test_a_payment_that_hides_its_order_id_is_reported_and_not_taken_for_none(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope([row(charge, orderIdFromClient=None, status="CONFIRMED")]))
        held = await wired.look_up(question(charge))
        assert (held.holding, held.reference) == (Holding.CAPTURED, None)

    async def test_of_several_payments_under_one_signature_the_one_with_that_signature_is_meant(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(
            200, envelope([row(charge, signature="other", status="CONFIRMED"), row(charge, signature="mine")])
        )
        held = await wired.look_up(question(charge, "mine"))
        assert (held.gateway_ref, held.holding) == ("mine", Holding.AUTHORIZED)

    @pytest.mark.parametrize("missing", ["signature", "orderIdFromClient", "totalCharge", "status"])
    async def test_a_field_that_is_not_told_is_unknown_and_no_error(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, missing: str
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, **{missing: None})))
        held = await wired.look_up(question(charge, "sig/1+=="))
        told = {
            "signature": held.gateway_ref,
            "orderIdFromClient": held.reference,
            "totalCharge": held.amount,
            "status": None if held.holding is Holding.UNSTATED else held.holding,
        }
        assert [name for name, value in told.items() if value is None] == [missing]

    async def test_a_payment_with_lists_of_its_own_is_still_one_payment(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        shown = row(charge, status="CONFIRMED") | {"cancels": [], "items": [{"name": "Mug"}]}
        wire.behave = answers(200, envelope(shown))
        assert_shows(await wired.look_up(question(charge, "sig/1+==")), charge, Holding.CAPTURED)

    @pytest.mark.parametrize("body", [{"statusCode": 404, "message": "not found"}, b"Not Found", b"", {}])
    @pytest.mark.parametrize("status", [404, 200])
    async def test_only_an_explicit_none_is_absent(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        if status == 404 or body == {"statusCode": 404, "message": "not found"}:
            assert (await wired.look_up(question(charge, "sig"))).holding is Holding.ABSENT
        else:
            with pytest.raises(GatewayTimeout):
                await wired.look_up(question(charge, "sig"))

    @pytest.mark.parametrize(
        "body",
        [
            {"statusCode": "200", "result": []},
            {"statusCode": 200.0, "result": []},
            {"statusCode": True, "result": []},
            {"status": 200, "result": []},
            [{"signature": "sig"}],
            "ok",
            None,
            envelope("not found"),
            envelope(0),
            envelope(False),
            envelope(["sig"]),
        ],
    )
    async def test_an_answer_of_another_shape_is_no_answer(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, body: object
    ) -> None:
        wire.behave = answers(200, body)
        for asked in (question(charge), question(charge, "sig")):
            with pytest.raises(GatewayTimeout):
                await wired.look_up(asked)

    async def test_a_huge_number_is_an_unknown_amount_or_no_answer(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, totalCharge=10**40)))
        assert (await wired.look_up(question(charge, "sig"))).amount is None
        wire.behave = answers(200, b'{"statusCode": 200, "result": {"totalCharge": ' + b"9" * 5000 + b"}}")
        with pytest.raises(GatewayTimeout):
            await wired.look_up(question(charge, "sig"))

    async def test_a_word_of_the_vendor_can_be_taught_by_a_setting(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, status="Approved")))
        plain, taught = make(wire.url), make(wire.url, status_aliases={"approved": "CONFIRMED"})
        assert (await plain.look_up(question(charge, "sig"))).holding is Holding.UNRECOGNIZED
        assert (await taught.look_up(question(charge, "sig"))).holding is Holding.CAPTURED

    def test_an_alias_that_means_nothing_stops_the_start(self, make: Make) -> None:
        with pytest.raises(ValueError, match="ONETILL_POINT3__STATUS_ALIASES: 'CONFIRMD' is no meaning"):
            make(status_aliases={"APPROVED": "CONFIRMD"})

    async def test_payments_of_a_user_and_of_a_period_are_listed_from_page_one(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        charges = [replace(charge, reference=f"{charge.reference}x{number}") for number in range(3)]
        for each in charges:
            await point3.start(each)
        references = [each.reference for each in charges]
        of_user = await point3.payments_of_user("buyer-7f3a")
        assert [held.reference for held in of_user] == references
        assert await point3.payments_of_user("somebody-else") == []
        since = utc_now() - timedelta(minutes=1)
        pages = [await point3.payments_between(since, None, page, count=2) for page in (1, 2, 3)]
        assert [[held.reference for held in page] for page in pages] == [references[:2], references[2:], []]
        assert all(held.holding is Holding.OPEN for page in pages for held in page)
        assert await point3.payments_between(since - timedelta(hours=2), since, page=1) == []

    async def test_page_zero_is_refused_by_point3(self, point3: Point3) -> None:
        with pytest.raises(GatewayRefused):
            await point3.payments_between(utc_now(), None, page=0)

    # -- confirm and cancel

    @pytest.mark.parametrize("status", [400, 402, 404, 410, 422])
    @pytest.mark.parametrize("inside", [False, True])
    async def test_an_explicit_no_is_a_decline_in_its_own_words(
        self, wired: Point3, wire: FaultyServer, status: int, inside: bool
    ) -> None:
        wire.behave = answers(200 if inside else status, {"statusCode": status, "message": "한도 초과"})
        confirmed = await wired.confirm("sig")
        assert confirmed.failure is not None
        assert confirmed.failure.code == "declined"
        assert (confirmed.failure.raw_code, confirmed.failure.message) == (str(status), "한도 초과")
        refunded = await wired.refund("sig", Money(1, "KRW"), "rejected")
        assert refunded.failure == confirmed.failure
        assert [sent.json for sent in wire.arrived if sent.target == "/purchase/confirm"] == [{"signature": "sig"}]

    async def test_a_no_without_an_envelope_is_still_a_no(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, b"Bad Request")
        confirmed = await wired.confirm("sig")
        assert confirmed.failure is not None
        assert (confirmed.failure.raw_code, confirmed.failure.message) == ("400", None)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (409, {"statusCode": 409, "message": "already being processed"}),
            (200, {"statusCode": 409}),
            (408, {"statusCode": 408}),
            (425, b""),
            (200, {}),
            (200, {"message": "success"}),
            (200, {"statusCode": "200"}),
            (200, {"statusCode": 500}),
            (200, {"statusCode": 0}),
            (200, [200]),
            (201, {"statusCode": 201}),
            (204, b""),
            (400, {"statusCode": 500}),
        ],
    )
    async def test_what_is_neither_yes_nor_no_leaves_it_open(
        self, wired: Point3, wire: FaultyServer, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        if status == 400:
            assert (await wired.confirm("sig")).failure is not None
            return
        with pytest.raises(GatewayTimeout):
            await wired.confirm("sig")
        with pytest.raises(GatewayTimeout):
            await wired.refund("sig", Money(1, "KRW"), "rejected")

    async def test_a_long_message_of_the_gateway_is_cut(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, {"statusCode": 400, "message": "x" * 5000})
        failure = (await wired.confirm("sig")).failure
        assert failure is not None
        assert failure.message == "x" * 300

    async def test_a_cancel_has_no_amount_and_is_told_as_accepted_only(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(200, envelope({}))
        answer = await wired.refund("sig", Money(24_000, "KRW"), "rejected")
        assert (answer.is_done, answer.failure) == (False, None)
        (sent,) = wire.arrived
        assert (sent.method, sent.target, sent.body) == ("POST", "/api/payments/sig/cancel", b"")

    async def test_nothing_of_the_buyer_or_the_signature_is_evidence(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(point3, hands, charge)
        held = await point3.look_up(question(charge, ref))
        assert held.evidence == {
            "status": "CONFIRMED",
            "orderIdFromClient": charge.reference,
            "totalCharge": 24_000,
        }

    # -- money due, and the secret

    async def test_the_settlement_is_what_point3_states(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.captured(point3, hands, charge)
        before = await point3.settlement()
        assert isinstance(before, dict)
        assert before["amount"] == 0, "the figure is renewed every thirty minutes"
        await hands.advance(1800)
        after = await point3.settlement()
        assert isinstance(after, dict)
        assert after["amount"] == charge.amount.minor

    async def test_a_fresh_secret_kills_the_old_one_at_once(
        self, point3: Point3, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        fresh = await point3.refresh_secret()
        assert fresh != hands.connection["secret"]
        for operation in ("start", "look_up", "confirm", "refund"):
            with pytest.raises(GatewayRefused) as refused:
                await perform(point3, operation, charge)
            assert refused.value.details["raw_code"] == "401"
        assert isinstance(await perform(make(secret=fresh), "start", charge), object)
        assert len(await hands.journal()) == 1

    @pytest.mark.parametrize(
        "result",
        [
            "new-secret-1",
            {"secret": "new-secret-1"},
            {"token": "new-secret-1"},
            {"issuedAt": "2026-11-21T08:30:00.000Z", "secret": "new-secret-1"},
            {"message": "the old secret is dead from now on", "clientSecret": "new-secret-1"},
            {"data": {"merchant": "m1", "secretKey": "new-secret-1"}},
            {"tokenType": "Basic", "token": "new-secret-1"},
            {"value": "new-secret-1", "type": "Basic"},
        ],
    )
    async def test_the_fresh_secret_is_found_in_every_likely_shape(
        self, wired: Point3, wire: FaultyServer, result: object
    ) -> None:
        """It is the only copy, and the old one is dead: taking a timestamp for it would lock the merchant out."""
        wire.behave = answers(200, envelope(result))
        assert await wired.refresh_secret() == "new-secret-1"
        assert (wire.arrived[0].method, wire.arrived[0].target) == ("POST", "/api/token/refresh")

    @pytest.mark.parametrize("result", [None, "", {}, {"secret": ""}, {"secret": 5}, []])
    async def test_a_refresh_without_a_secret_may_have_happened(
        self, wired: Point3, wire: FaultyServer, result: object
    ) -> None:
        wire.behave = answers(200, envelope(result))
        with pytest.raises(GatewayTimeout):
            await wired.refresh_secret()

    @pytest.mark.parametrize("status", [500, 503])
    async def test_a_refresh_that_broke_may_have_happened_and_is_not_safe_to_repeat(
        self, wired: Point3, wire: FaultyServer, status: int
    ) -> None:
        wire.behave = answers(status, b"")
        with pytest.raises(GatewayTimeout):
            await wired.refresh_secret()

    # -- settings

    @pytest.mark.parametrize(("look_up", "shows"), [("before", True), ("after", False)])
    def test_a_setting_says_whether_look_ups_answer_before_confirm(self, make: Make, look_up: str, shows: bool) -> None:
        assert (Capability.LOOK_UP_BEFORE_CONFIRM in make(look_up=look_up).capabilities) is shows

    async def test_where_nothing_shows_before_confirm_the_look_up_is_absent_until_then(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        point3 = make(look_up="after")
        ref = await self.finished(point3, hands, charge, "no_lookup_before_confirm")
        for asked in (question(charge), question(charge, ref)):
            assert (await point3.look_up(asked)).holding is Holding.ABSENT
        await perform(point3, "confirm", charge, ref)
        assert_shows(await point3.look_up(question(charge, ref)), charge, Holding.CAPTURED)

    def test_it_cannot_refund_a_part_or_send_webhooks(self, gateway: Gateway) -> None:
        assert Capability.PARTIAL_REFUND not in gateway.capabilities
        assert Capability.WEBHOOKS not in gateway.capabilities
        assert Capability.ASYNC_REFUND in gateway.capabilities

    @pytest.mark.parametrize(
        ("fields", "ref"), [({"signature": "s"}, "s"), ({"imp_uid": "i", "payment_id": "p"}, None), ({}, None)]
    )
    def test_its_callback_is_the_signature(self, gateway: Gateway, fields: dict[str, str], ref: str | None) -> None:
        assert gateway.read_callback(fields) == ref

    def test_the_page_may_frame_its_widget_only(self, gateway: Gateway) -> None:
        assert gateway.frame_origins == ("https://widget.example",)

    async def test_an_unknown_problem_of_a_harmless_call_is_unavailable(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, {"statusCode": 503, "message": "maintenance"})
        for operation in ("start", "look_up"):
            with pytest.raises(GatewayUnavailable):
                await perform(wired, operation, charge)
