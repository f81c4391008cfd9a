"""What operators may read of an exchange: what is known to be harmless, and nothing that nobody has thought of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.gateway_log import LONGEST, masked
from tests.unit.properties import thorough


def shown(value: object) -> object:
    text = masked(json.dumps(value).encode())
    assert text is not None
    return json.loads(text)


def test_what_a_person_needs_stays() -> None:
    kept = {"status": "PAID", "transactionId": "tx-1", "amount": {"total": 24000}, "currency": "KRW", "paidAt": "2026"}
    assert shown(kept) == kept


@pytest.mark.parametrize(
    "name",
    [
        "signature", "token", "paymentToken", "access_token", "buyer_name", "fullName", "email", "buyer_tel", "phoneNumber",
        "accountNumber", "card_number", "startPageUrl", "address", "customer_uid", "anythingNew", "vbank_holder",
    ],
)  # fmt: skip
def test_what_names_a_buyer_or_opens_a_door_is_hidden(name: str) -> None:
    assert shown({name: "Minji Kim"}) == {name: "[9 characters]"}
    assert shown({"customer": {"id": "buyer-7", "list": [{name: "Minji Kim"}]}}) != {"customer": {"id": "buyer-7"}}
    assert "Minji" not in str(masked(json.dumps({"a": [{"b": {name: "Minji Kim"}}]}).encode()))


def test_amounts_stay_as_they_were_written() -> None:
    body = b'{"orderAmount":"12.30","payAmount":12.30,"discountAmount":0}'
    assert masked(body) == body.decode()


def test_what_is_no_json_is_only_measured() -> None:
    assert masked(b"<h1>Minji Kim</h1>") == "[18 bytes, not JSON]"
    assert masked(None) is None


def test_it_is_cut() -> None:
    assert len(masked(json.dumps([{"status": "x" * 100}] * 1000).encode()) or "") <= LONGEST


@thorough
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_it_never_breaks(value: object) -> None:
    assert isinstance(masked(json.dumps(value).encode()), str)
