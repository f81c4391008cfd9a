"""What operators may read of an exchange: what is known to be harmless, and nothing that nobody has thought of."""

import json
import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.gateway_log import LONGEST, masked
from tests.unit.properties import thorough

RUN = re.compile(r"\d(?:[ \-./()]?\d){6,}")


def kept(value: object) -> str:
    text, _ = masked(json.dumps(value).encode())
    assert text is not None
    return text


def shown(value: object) -> object:
    return json.loads(kept(value))


def test_what_a_person_needs_stays() -> None:
    for whole in (
        {
            "status": "PAID",
            "transactionId": "tx-1",
            "amount": {"total": 240_000_000},
            "currency": "KRW",
            "paidAt": "2026",
        },
        {"code": 0, "response": {"imp_uid": "imp_448280090638", "merchant_uid": "0123456789a1", "paid_at": 1763713800}},
        {
            "result": {
                "orderIdFromClient": "019aa6f1c2d37e4f8a5b6c7d8e9f0a1ba1",
                "totalCharge": 12_000_000,
                "vat": 1_090_909,
            }
        },
        {"transactionId": 123456789012, "orderAmount": "1234567.89", "paidAt": "2026-11-21T08:30:00+09:00"},
        {"cancellations": [{"id": "c-0123456789", "totalAmount": 9_999_999, "requestedAt": "2026-11-21T08:30:00Z"}]},
    ):
        expected = json.loads(json.dumps(whole))
        if isinstance(whole.get("transactionId"), int):
            expected["transactionId"] = "[12 digits]"  # a number is no name: nobody needs it to find the payment
        assert shown(whole) == expected


PERSONAL = [
    "signature", "token", "paymentToken", "access_token", "buyer_name", "fullName", "email", "buyer_tel", "phoneNumber",
    "accountNumber", "card_number", "startPageUrl", "address", "customer_uid", "anythingNew", "vbank_holder", "customerId",
    "clientGeneratedUserId", "user_id", "memberId", "buyerId", "payer_id", "buyer_addr", "buyer_postcode", "zipCode", "birthDate",
    "passcode", "bank_code", "storeKey", "clientBusinessNum", "ownerId", "personCode", "custom_data",
]  # fmt: skip
PLACES = {
    "alone": lambda name, value: {name: value},
    "below": lambda name, value: {"a": [{"b": {name: [value]}}]},
    "its id": lambda name, value: {name: {"id": value, "code": value, "paidAt": value, "list": [value]}},
}


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_names_a_buyer_or_opens_a_door_is_hidden_wherever_it_stands(name: str, place: object) -> None:
    for value in ("Minji Kim", "buyer-7", "20260101", "홍길동"):
        if name in {"anythingNew", "custom_data"} and "id" in json.dumps(place(name, "x")):  # type: ignore[operator]
            continue  # under a name that is nobody's, an id is a reference
        assert value not in kept(place(name, value))  # type: ignore[operator]


@pytest.mark.parametrize(
    "written",
    [
        "4111111111111111", "4111-1111-1111-1111", "4111 1111 1111 1111", "110-123-456789", "010.5555.7788", "(02) 555-7788",
        "900101-1234567", "123-45-67890", "４１１１１１１１１１１１１１１１", "٠١٢٣٤٥٦٧٨٩",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["message", "msg", "fail_reason", "error", "type", "code", "status", "memo", "note", "x"]
)
def test_no_long_run_of_digits_survives(name: str, written: str) -> None:
    for value in (written, f"card {written} was declined", {name: [f"<{written}>"]}, json.dumps({"number": written})):
        text = kept({name: value})
        assert RUN.search(json.dumps(json.loads(text), ensure_ascii=False)) is None, text


@pytest.mark.parametrize("name", ["number", "vbank_num", "x", "code", "quota", "list"])
def test_a_long_number_is_no_amount_under_a_name_that_is_none(name: str) -> None:
    assert "110123456789" not in kept({name: 110123456789})
    assert "110123456789" not in kept({name: [{"a": 110123456789}]})
    assert shown({name: 12}) == {name: 12}


def test_digits_and_mail_in_a_members_name_are_hidden_too() -> None:
    assert RUN.search(kept({"4111111111111111": "x", "minji@mail.example": 1})) is None
    assert "minji@" not in kept({"minji@mail.example": 1, "message": "sent to minji@mail.example"})


def test_what_is_a_persons_in_one_body_is_hidden_in_the_other() -> None:
    sent = {"customer": {"id": "buyer-7", "name": "Minji Kim"}, "clientGeneratedUserId": "user_77"}
    received = {
        "message": "buyer-7 (Minji Kim) is blocked",
        "id": "buyer-7",
        "reason": "see user_77",
        "status": "FAILED",
    }
    text = masked(json.dumps(sent).encode(), json.dumps(received).encode())[1]
    assert text is not None
    assert not any(word in text for word in ("buyer-7", "Minji", "user_77"))
    assert json.loads(text)["status"] == "FAILED"


def test_a_word_that_is_also_a_persons_stays_a_word() -> None:
    assert shown({"bank": "PAID", "status": "PAID"}) == {"bank": "[4 characters]", "status": "PAID"}


def test_amounts_stay_as_they_were_written() -> None:
    body = b'{"orderAmount":"12.30","payAmount":12.30,"discountAmount":0}'
    assert masked(body)[0] == body.decode()


def test_what_is_no_json_is_only_measured() -> None:
    assert masked(b"<h1>Minji Kim</h1>")[0] == "[18 bytes, not JSON]"
    assert masked(None) == (None, None)


def test_it_is_cut_and_quick_whatever_it_is_given() -> None:
    assert len(kept([{"status": "x" * 100}] * 1000)) <= LONGEST
    hostile = [
        {"message": "1-" * 30_000},
        {"message": "@" * 60_000},
        {"message": "a" * 60_000 + "@"},
        [{"message": "1 2 3 4 5 6 a@b" * 30}] * 100,
        {f"name{number}": f"Minji {number}" for number in range(2000)} | {"message": "Minji 1 " * 60},
        {"m": {"message": "x" * 1_048_576}},
    ]
    for body in hostile:
        began = time.perf_counter()
        kept(body)
        assert time.perf_counter() - began < 0.2


@thorough
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_it_never_breaks(value: object) -> None:
    assert isinstance(kept(value), str)


GAPS = (" - ", "  ", "_", ",", "\u2013", "\u00a0", "\n", "\u00b7", "*", ".", "~", " / ")


@pytest.mark.parametrize("gap", GAPS, ids=ascii)
@pytest.mark.parametrize("name", ["message", "paid", "chat", "seat", "format", "anything"])
def test_no_card_number_survives_however_it_is_written(gap: str, name: str) -> None:
    for text in (gap.join(["4111"] * 4), "\uff14" + "\uff11" * 15, gap.join(["0101", "2345", "678"])):
        kept, _ = masked(msgspec.json.encode({name: text}), None)
        assert kept is not None
        assert sum(each.isdigit() for each in kept) < 7, kept


@pytest.mark.parametrize("name", ["홍길동", "김철", "Minji", "MinjiKim", "Ng Lee"])
def test_a_persons_name_is_hidden_wherever_it_comes_again(name: str) -> None:
    sent = msgspec.json.encode({"buyer_name": name})
    _, received = masked(sent, msgspec.json.encode({"message": f"{name}님의 카드가 거절되었습니다"}))
    assert received is not None
    assert name not in received


@pytest.mark.parametrize(
    "value", [1764234000123, "1764234000", "24000.50", "2026-11-27T08:31:02.123456Z", "2026-11-27"]
)
@pytest.mark.parametrize("name", ["paid_at", "paidAt", "cancelled_at", "timestamp"])
def test_numbers_and_times_stay_readable(name: str, value: object) -> None:
    kept, _ = masked(msgspec.json.encode({name: value}), None)
    assert kept == msgspec.json.encode({name: value}).decode()


@pytest.mark.parametrize("number", ["1e400", "-1E-400", "1e9999999999999999999"])
def test_a_number_that_nothing_holds_is_kept_out_and_stops_no_call(number: str) -> None:
    body, _ = masked(f'{{"status": "paid", "fee": {number}}}'.encode())
    assert body is not None
    assert '"status":"paid"' in body
