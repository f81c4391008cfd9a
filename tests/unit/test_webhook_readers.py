"""What is read out of webhooks: names of whom to ask about, whatever a stranger writes, and the same key for the same news."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import chain, combinations
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.domain.errors import InvalidRequest, WebhookRefused
from app.gateways.port import SendsWebhooks
from app.gateways.portone_v1 import webhook_parser as portone_v1
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.portone_v1.wire import IMP_UID
from app.gateways.portone_v2 import webhook_parser as portone_v2
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.portone_v2.webhook_signature import MOST_SIGNATURES, Refusal
from app.gateways.unifi_pay import webhook_parser as unifi_pay
from app.gateways.unifi_pay.adapter import UnifiPay
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.webhook_parser import MOST_OBJECTS
from app.gateways.values import ParsedWebhook, WebhookRequest
from simulator.portone_v2.webhooks import sign
from simulator.unifi_pay.access import sign as sign_unifi
from tests.unit.properties import thorough

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
SECRET = "whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0"
SECONDS = int(NOW.timestamp())
UNIFI = UnifiPaySettings.model_validate(
    {
        "base_url": "https://unifi.example",
        "app_id": "app",
        "api_key": "key",
        "app_secret": "secret",
        "store_id": "store",
    }
)
UNIFI_PATH = "/webhooks/unifi-pay"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    [
        "imp_uid",
        "merchant_uid",
        "status",
        "cancellation_id",
        "type",
        "data",
        "paymentId",
        "transactionId",
        "payment_id",
        "tx_id",
        "orderId",
        "x",
    ]
)
OBJECTS = st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON))
BODIES = st.one_of(
    st.binary(),
    JSON.map(lambda value: json.dumps(value).encode()),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(FIELDS, st.text()).map(lambda fields: urlencode(fields, errors="replace").encode()),
    st.dictionaries(FIELDS, st.binary()).map(lambda fields: urlencode(fields).encode()),
)
NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=200)
DEEP = b"[" * 100_000
NOT_NAMES = ["", "a\0b", "a\nb", "\x7f", "x" * 201, 7, 1.5, True, None, [], {}, ["imp_1"]]


def v1(body: bytes) -> ParsedWebhook:
    return portone_v1.parse_webhook(WebhookRequest("/webhooks/portone-v1", {}, body, NOW))


def v2(body: bytes, webhook_id: str = "wh-1") -> ParsedWebhook:
    """Read with a right signature."""
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(SECONDS),
        "webhook-signature": sign([SECRET], webhook_id, SECONDS, body),
    }
    return portone_v2.parse_webhook([SecretStr(SECRET)], WebhookRequest("/webhooks/portone-v2", headers, body, NOW))


def unifi(body: bytes, headers: dict[str, str] | None = None) -> ParsedWebhook:
    return unifi_pay.parse_webhook(UNIFI, WebhookRequest(UNIFI_PATH, headers or {}, body, NOW))


def unifi_signed(body: bytes, **changes: str) -> ParsedWebhook:
    timestamp = str(SECONDS * 1000)
    signature = sign_unifi("secret", "POST", UNIFI_PATH, "key", timestamp, body)
    headers = {"x-appid": "app", "x-timestamp": timestamp, "x-authorization-hmac": signature}
    return unifi(body, headers | {name.replace("_", "-"): value for name, value in changes.items()})


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


READERS = pytest.mark.parametrize("read", [v1, v2, unifi, unifi_signed], ids=["v1", "v2", "unifi", "unifi_signed"])
Read = Callable[[bytes], ParsedWebhook]


class TestEveryReader:
    @READERS
    @thorough
    @given(body=BODIES)
    def test_any_bytes_are_read_or_refused_and_nothing_else(self, read: Read, body: bytes) -> None:
        try:
            note = read(body)
        except InvalidRequest:
            return
        assert note.dedupe_key
        assert note.is_signed is (read is v2 or read is unifi_signed)

    @READERS
    @pytest.mark.parametrize(
        "body", [DEEP, b'{"data":' * 50_000, b"\xff\xfe\x00", b"\x00" * 1000, b"=&=&;%", b'{"a":1', b"NaN"]
    )
    def test_what_breaks_parsers_is_refused(self, read: Read, body: bytes) -> None:
        with pytest.raises(InvalidRequest):
            read(body)

    @READERS
    def test_the_same_news_has_the_same_key_and_other_news_another(self, read: Read) -> None:
        body = as_json(imp_uid="imp_1", transactionId="imp_1", status="paid")
        assert read(body).dedupe_key == read(body).dedupe_key
        other = as_json(imp_uid="imp_2", transactionId="imp_2", status="paid")
        assert (read(other).dedupe_key == read(body).dedupe_key) is (read is v2), "V2 has an id of its own for that"


@pytest.mark.parametrize("gateway", [PortOneV1, PortOneV2, UnifiPay])
def test_a_claim_is_told_from_a_hint_by_the_headers_alone(gateway: type[SendsWebhooks]) -> None:
    """Of a claim a whole body is read without a budget: so it is proven or refused, whichever headers make it."""
    parses: dict[type[SendsWebhooks], Callable[[WebhookRequest], ParsedWebhook]] = {
        PortOneV1: portone_v1.parse_webhook,
        PortOneV2: partial(portone_v2.parse_webhook, [SecretStr(SECRET)]),
        UnifiPay: partial(unifi_pay.parse_webhook, UNIFI),
    }
    body = as_json(imp_uid="imp_1", transactionId="t")
    names = sorted(gateway.webhook_headers)
    assert gateway.signature_headers <= gateway.webhook_headers
    for brought in chain.from_iterable(combinations(names, count) for count in range(len(names) + 1)):
        for value in ("", "app", str(SECONDS), str(SECONDS * 1000)):
            request = WebhookRequest("/", dict.fromkeys(brought, value), body, NOW)
            try:
                is_refused = False
                assert not parses[gateway](request).is_signed
            except WebhookRefused:
                is_refused = True
            if not gateway.signature_headers.isdisjoint(brought):
                assert is_refused, brought


class TestPortOneV1:
    @thorough
    @given(imp_uid=st.from_regex(IMP_UID, fullmatch=True), merchant_uid=NAMES, status=NAMES)
    def test_json_and_form_say_the_same(self, imp_uid: str, merchant_uid: str, status: str) -> None:
        fields = {"imp_uid": imp_uid, "merchant_uid": merchant_uid, "status": status}
        note = v1(json.dumps(fields).encode())
        assert (note.gateway_ref, note.reference, note.kind, note.is_signed) == (imp_uid, merchant_uid, status, False)
        assert v1(json.dumps(fields, ensure_ascii=False).encode()) == note
        assert v1("&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()) == note

    @pytest.mark.parametrize("bad", NOT_NAMES, ids=lambda bad: repr(bad)[:12])
    def test_what_is_no_name_is_left_out(self, bad: object) -> None:
        note = v1(as_json(imp_uid=bad, merchant_uid="order-1", status=bad))
        assert (note.gateway_ref, note.reference, note.kind) == (None, "order-1", None)
        with pytest.raises(InvalidRequest):
            v1(as_json(imp_uid=bad, merchant_uid=bad, status="paid"))

    @pytest.mark.parametrize("other", ["0", "payment_1", "imp_1/..", "imp_1?x=y", "imp_" + "x" * 61])
    def test_a_name_of_another_form_is_left_out(self, other: str) -> None:
        note = v1(as_json(imp_uid=other, merchant_uid="order-1", status="paid"))
        assert (note.gateway_ref, note.reference) == (None, "order-1")

    def test_other_fields_do_not_make_other_news(self) -> None:
        plain = v1(as_json(imp_uid="imp_1", merchant_uid="o", status="paid"))
        assert v1(as_json(imp_uid="imp_1", merchant_uid="o", status="paid", sent_at=7)).dedupe_key == plain.dedupe_key

    def test_each_status_and_each_cancellation_is_news(self) -> None:
        bodies = [
            as_json(imp_uid="imp_1", status="paid"),
            as_json(imp_uid="imp_1", status="failed"),
            as_json(imp_uid="imp_1", status="cancelled"),
            as_json(imp_uid="imp_1", status="cancelled", cancellation_id="c1"),
            as_json(imp_uid="imp_1", status="cancelled", cancellation_id="c2"),
            as_json(merchant_uid="imp_1", status="paid"),
        ]
        assert len({v1(body).dedupe_key for body in bodies}) == len(bodies)

    def test_a_form_of_too_many_fields_names_nothing(self) -> None:
        with pytest.raises(InvalidRequest):
            v1(b"imp_uid=imp_1" + b"&a=1" * 100)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"1", b'"imp_uid"', b"{}", b"imp_uid", b"imp_uid="])
    def test_a_body_that_names_nothing_is_refused(self, body: bytes) -> None:
        with pytest.raises(InvalidRequest):
            v1(body)


class TestPortOneV2:
    @thorough
    @given(payment=NAMES, transaction=st.from_regex(r"[!-~]{3,200}", fullmatch=True), kind=NAMES)
    def test_all_four_bodies_say_the_same(self, payment: str, transaction: str, kind: str) -> None:
        old = {"payment_id": payment, "tx_id": transaction, "status": kind}
        form = "&".join(f"{name}={quote_plus(value)}" for name, value in old.items())
        for body in (
            as_json(type=kind, data={"paymentId": payment, "transactionId": transaction}),
            as_json(**old),
            form.encode(),
        ):
            note = v2(body)
            assert (note.reference, note.gateway_ref, note.kind) == (payment, transaction, kind)

    @pytest.mark.parametrize("bad", NOT_NAMES, ids=lambda bad: repr(bad)[:12])
    def test_what_is_no_name_is_left_out_and_the_webhook_acknowledged(self, bad: object) -> None:
        note = v2(as_json(type=bad, data={"paymentId": bad, "transactionId": bad}))
        assert (note.reference, note.gateway_ref, note.kind) == (None, None, None)

    @pytest.mark.parametrize("data", [None, [], 1, "text", {}, {"billingKey": "bk"}, {"paymentId": {"a": 1}}])
    def test_news_about_something_else_names_no_payment(self, data: object) -> None:
        note = v2(as_json(type="BillingKey.Issued", data=data))
        assert (note.kind, note.reference, note.gateway_ref) == ("BillingKey.Issued", None, None)

    def test_the_id_of_the_header_is_the_key(self) -> None:
        assert v2(as_json(type="a"), "wh-7").dedupe_key == v2(as_json(type="b"), "wh-7").dedupe_key == "wh-7"

    @thorough
    @given(body=BODIES)
    def test_the_body_is_not_even_looked_at_before_the_signature_is_proven(self, body: bytes) -> None:
        with pytest.raises(WebhookRefused):
            portone_v2.parse_webhook([SecretStr(SECRET)], WebhookRequest("/", {}, body, NOW))

    @pytest.mark.parametrize(("before", "is_right"), [(MOST_SIGNATURES - 1, True), (MOST_SIGNATURES, False)])
    def test_of_very_many_signatures_the_first_are_compared(self, before: int, is_right: bool) -> None:
        signature = sign([SECRET], "wh-1", SECONDS, b"{}")
        headers = {
            "webhook-id": "wh-1",
            "webhook-timestamp": str(SECONDS),
            "webhook-signature": " ".join([*["v1,AAAA"] * before, signature, *["v1,AAAA"] * 5]),
        }
        with nullcontext() if is_right else pytest.raises(WebhookRefused):
            portone_v2.parse_webhook([SecretStr(SECRET)], WebhookRequest("/", headers, b"{}", NOW))

    @thorough
    @given(
        headers=st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text())
    )
    def test_a_refusal_says_why_in_words_of_ours(self, headers: dict[str, str]) -> None:
        with pytest.raises(WebhookRefused) as refused:
            portone_v2.parse_webhook([SecretStr(SECRET)], WebhookRequest("/", headers, b"{}", NOW))
        assert refused.value.details["reason"] in set(Refusal)


class TestUnifiPay:
    @thorough
    @given(transaction=st.from_regex(r"[0-9A-Za-z_\-]{1,100}", fullmatch=True), order=NAMES, status=NAMES)
    def test_it_says_whom_it_is_about(self, transaction: str, order: str, status: str) -> None:
        note = unifi(as_json(transactionId=transaction, orderId=order, status=status, type="PURCHASE"))
        assert (note.gateway_ref, note.reference, note.kind, note.is_signed) == (transaction, order, status, False)

    @pytest.mark.parametrize("bad", ["", 7, 1.5, True, None, [], {}, "a/b", "a?b", "t\n", "x" * 101], ids=repr)
    def test_what_may_not_be_part_of_a_path_is_left_out(self, bad: object) -> None:
        note = unifi(as_json(transactionId=bad, orderId="order-1", status="CONFIRMED"))
        assert (note.gateway_ref, note.reference, note.kind) == (None, "order-1", "CONFIRMED")
        assert unifi(as_json(transactionId=bad)).gateway_ref is None

    @pytest.mark.parametrize(
        "body",
        [
            b'{"data":{"transactionId":"t1","orderId":"o1","status":"CONFIRMED"}}',
            b'[{"transaction_id":"t1","order_id":"o1","status":"CONFIRMED"}]',
            b'{"event":{"payment":{"order":{"orderId":"o1"},"transactionId":"t1"}},"status":"CONFIRMED"}',
            b"transactionId=t1&status=CONFIRMED&orderId=o1",
        ],
    )
    def test_another_shape_says_the_same(self, body: bytes) -> None:
        note = unifi(body)
        assert (note.gateway_ref, note.reference, note.kind, note.is_signed) == ("t1", "o1", "CONFIRMED", False)

    @pytest.mark.parametrize(
        "body", [b"{}", b"[]", b"7", b'{"a":{"b":{"c":{"d":{"e":{"transactionId":"t"}}}}}}', b"x=y"]
    )
    def test_a_shape_that_names_nobody_is_kept_for_a_person_and_is_news_of_its_own(self, body: bytes) -> None:
        for note, is_signed in ((unifi(body), False), (unifi_signed(body), True)):
            assert (note.gateway_ref, note.reference, note.is_signed) == (None, None, is_signed)
            assert note.dedupe_key != unifi(b'{"another":1}').dedupe_key

    @pytest.mark.parametrize(("before", "found"), [(MOST_OBJECTS - 1, "t1"), (MOST_OBJECTS, None)])
    def test_of_very_many_objects_the_first_are_looked_through(self, before: int, found: str | None) -> None:
        halves: list[list[dict[str, str]]] = [[{}] * (before // 2), [{}] * (before - before // 2)]
        assert unifi(json.dumps([*halves, {"transactionId": "t1"}]).encode()).gateway_ref == found

    def test_each_status_and_type_is_news_and_the_order_id_is_not(self) -> None:
        told = {"transactionId": "t", "status": "CONFIRMED", "type": "PURCHASE"}
        first = unifi(as_json(**told)).dedupe_key
        assert unifi(as_json(**told, orderId="o", extra=1)).dedupe_key == first
        for change in ({"status": "FAILED"}, {"type": "REFUND"}, {"transactionId": "u"}):
            assert unifi(as_json(**told | change)).dedupe_key != first

    @thorough
    @given(body=BODIES, signature=st.text(), timestamp=st.text(), app=st.text())
    def test_a_claim_to_be_signed_that_is_wrong_is_refused_whatever_it_says(
        self, body: bytes, signature: str, timestamp: str, app: str
    ) -> None:
        headers = {"x-authorization-hmac": signature, "x-timestamp": timestamp, "x-appid": app}
        with pytest.raises(WebhookRefused):
            unifi(body, headers)

    def test_one_wrong_part_of_a_right_claim_is_enough(self) -> None:
        body = as_json(transactionId="t")
        assert unifi_signed(body).is_signed
        for change in (
            {"x_appid": "other"},
            {"x_timestamp": str(SECONDS * 1000 + 1)},
            {"x_authorization_hmac": "AAAA"},
        ):
            with pytest.raises(WebhookRefused):
                unifi_signed(body, **change)
