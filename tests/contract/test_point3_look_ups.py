"""Point3's look-ups: the paths, several payments under one order id, and every shape that an answer may have."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from app.domain.errors import GatewayTimeout
from app.gateways.point3.adapter import Point3
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import Make, assert_shows, perform, question
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.point3_bench import Point3Bench, envelope, row


class TestPoint3LookUps(Point3Bench):
    async def test_a_signature_is_one_segment_of_the_path_whatever_is_in_it(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        signature = "a/b+c=de?f#g%2Fh&i;,@:"
        encoded = quote(signature, safe="")
        wire.behave = answers(200, envelope(None))
        await wired.fetch_payment(question(charge, signature))
        await perform(wired, "refund", charge, signature)
        assert [sent.target for sent in wire.arrived] == [
            f"/api/payments/{encoded}",
            f"/api/payments/{encoded}/cancel",
        ]

    async def test_a_look_up_without_a_signature_uses_the_path_of_our_order_id(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        await wired.fetch_payment(replace(question(charge), reference="ord/1"))
        assert [(sent.method, sent.target, sent.body) for sent in wire.arrived] == [
            ("GET", "/api/payments/orderid/ord%2F1", b"")
        ]

    async def test_of_several_payments_with_our_order_id_the_one_with_our_amount_is_ours(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        """The simulator lists an older one with another total first: "the first" would be wrong."""
        ref = await self.finished(gateway, hands, charge, "duplicate_order_id")
        assert len(await hands.journal(charge.reference)) == 2
        held = await gateway.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.AUTHORIZED)
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
        assert (await wired.fetch_payment(question(charge))).gateway_ref == f"sig{chosen}"

    async def test_a_payment_of_another_order_id_is_never_ours(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope([row(charge, orderIdFromClient="another", status="CONFIRMED")]))
        assert (await wired.fetch_payment(question(charge))).status is GatewayStatus.ABSENT

    async def test_a_payment_that_hides_its_order_id_is_reported_and_not_taken_for_none(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope([row(charge, orderIdFromClient=None, status="CONFIRMED")]))
        held = await wired.fetch_payment(question(charge))
        assert (held.status, held.reference) == (GatewayStatus.CAPTURED, None)

    async def test_of_several_payments_under_one_signature_the_one_with_that_signature_is_meant(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(
            200, envelope([row(charge, signature="other", status="CONFIRMED"), row(charge, signature="mine")])
        )
        held = await wired.fetch_payment(question(charge, "mine"))
        assert (held.gateway_ref, held.status) == ("mine", GatewayStatus.AUTHORIZED)

    async def test_what_is_asked_for_by_its_signature_has_that_signature(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, signature=None)))
        assert (await wired.fetch_payment(question(charge, "sig/1+=="))).gateway_ref == "sig/1+=="

    @pytest.mark.parametrize("missing", ["orderIdFromClient", "totalCharge", "status"])
    async def test_a_field_that_is_not_told_is_unknown_and_no_error(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, missing: str
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, **{missing: None})))
        held = await wired.fetch_payment(question(charge, "sig/1+=="))
        told = {
            "orderIdFromClient": held.reference,
            "totalCharge": held.amount,
            "status": None if held.status is GatewayStatus.STATUS_MISSING else held.status,
        }
        assert [name for name, value in told.items() if value is None] == [missing]

    async def test_a_payment_with_lists_of_its_own_is_still_one_payment(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        shown = row(charge, status="CONFIRMED") | {"cancels": [], "items": [{"name": "Mug"}]}
        wire.behave = answers(200, envelope(shown))
        assert_shows(await wired.fetch_payment(question(charge, "sig/1+==")), charge, GatewayStatus.CAPTURED)

    @pytest.mark.parametrize("body", [{"statusCode": 404, "message": "not found"}, b"Not Found", b"", {}])
    @pytest.mark.parametrize("status", [404, 200])
    async def test_only_an_explicit_none_is_absent(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        if status == 404 or body == {"statusCode": 404, "message": "not found"}:
            assert (await wired.fetch_payment(question(charge, "sig"))).status is GatewayStatus.ABSENT
        else:
            with pytest.raises(GatewayTimeout):
                await wired.fetch_payment(question(charge, "sig"))

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
                await wired.fetch_payment(asked)

    async def test_a_huge_number_is_an_unknown_amount_or_no_answer(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, totalCharge=10**40)))
        assert (await wired.fetch_payment(question(charge, "sig"))).amount is None
        wire.behave = answers(200, b'{"statusCode": 200, "result": {"totalCharge": ' + b"9" * 5000 + b"}}")
        with pytest.raises(GatewayTimeout):
            await wired.fetch_payment(question(charge, "sig"))

    async def test_a_word_of_the_vendor_can_be_taught_by_a_setting(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(row(charge, status="Approved")))
        plain, taught = make(wire.url), make(wire.url, status_aliases={"approved": "CONFIRMED"})
        assert (await plain.fetch_payment(question(charge, "sig"))).status is GatewayStatus.UNRECOGNIZED
        assert (await taught.fetch_payment(question(charge, "sig"))).status is GatewayStatus.CAPTURED

    def test_an_alias_that_means_nothing_stops_the_start(self, make: Make) -> None:
        with pytest.raises(ValueError, match="ONETILL_POINT3__STATUS_ALIASES: 'CONFIRMD' is no meaning"):
            make(status_aliases={"APPROVED": "CONFIRMD"})
