"""Whether a webhook comes from PortOne V2: the vectors of docs/gateways/portone-v2.md §4, and odd headers."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.domain.errors import WebhookRefused
from app.gateways.portone_v2.webhook_signature import Refusal, key_of, verify
from simulator.portone_v2.webhooks import sign
from tests.unit.properties import thorough

SDK = "pzQGE83cSIRKM4/WH5QY+g=="
PUBLIC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0"

BODY = b'{"type":"Transaction.Paid","data":{"paymentId":"ref1a1"}}'
SENT_AT = 1_795_000_000
NOW = datetime.fromtimestamp(SENT_AT, UTC)

VECTORS = [  # docs/gateways/portone-v2.md §4; the first is the specification's own
    (
        PUBLIC,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        SDK,
        "dummy-webhook-id",
        1714039200,
        '{"type":"Transaction.Paid","timestamp":"2024-04-25T10:00:00.000Z",'
        '"data":{"storeId":"store-1","paymentId":"pay-1","transactionId":"tx-1"}}',
        "cR1puZMC8TPtXn/H+DnAZP1onrGbNdVW59dd+pR37EU=",
    ),
    (
        SDK,
        "dummy-webhook-id",
        1714039200,
        '{"type":"Transaction.Paid","data":{"paymentId":"주문-1"}}',
        "AH8I9eh85mqCLM9homHIRxBSze8oHXWd4Rxn5sfEqVQ=",
    ),
]


def secrets(*texts: str) -> list[SecretStr]:
    return [SecretStr(text) for text in texts]


def headers(
    webhook_id: str = "wh-1", timestamp: object = SENT_AT, signature: str | None = None, body: bytes = BODY
) -> dict[str, str]:
    """The headers of this body, signed with OTHER unless a signature is given."""
    mac = hmac.digest(key_of(SecretStr(OTHER)), f"{webhook_id}.{timestamp}.".encode() + body, sha256)
    signed = "v1," + base64.b64encode(mac).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signed if signature is None else signature,
    }


def refusal(given: dict[str, str], *texts: str, body: bytes = BODY, now: datetime = NOW) -> Refusal:
    with pytest.raises(WebhookRefused) as refused:
        verify(secrets(*(texts or (OTHER,))), given, body, now)
    return Refusal(str(refused.value.details["reason"]))


class TestGenuine:
    @pytest.mark.parametrize(("secret", "webhook_id", "timestamp", "body", "signature"), VECTORS)
    def test_the_contracts_vectors_are_believed(
        self, secret: str, webhook_id: str, timestamp: int, body: str, signature: str
    ) -> None:
        given = headers(webhook_id, timestamp, f"v1,{signature}")
        at = datetime.fromtimestamp(timestamp, UTC)
        assert verify(secrets(secret), given, body.encode(), at) == webhook_id

    def test_what_the_simulator_signs_is_believed(self) -> None:
        signature = sign([OTHER, PUBLIC], "wh-1", SENT_AT, BODY)
        for live in ((OTHER,), (PUBLIC,), (SDK, PUBLIC)):
            assert verify(secrets(*live), headers(signature=signature), BODY, NOW) == "wh-1"

    def test_while_secrets_are_rotated_either_is_enough(self) -> None:
        assert verify(secrets(SDK, OTHER), headers(), BODY, NOW) == "wh-1"
        assert verify(secrets(OTHER, SDK), headers(), BODY, NOW) == "wh-1"

    def test_one_matching_entry_is_enough_and_other_versions_are_skipped(self) -> None:
        right = headers()["webhook-signature"]
        for signature in (
            f"v1a,xyz {right}",
            f"{right} v1,AAAA",
            f"v1,!!! v2,x v1 ,, v1,  {right}",
            f"{right} {right}",
        ):
            assert verify(secrets(OTHER), headers(signature=signature), BODY, NOW) == "wh-1"

    def test_header_names_are_found_in_any_case(self) -> None:
        given = {name.title(): value for name, value in headers().items()}
        assert verify(secrets(OTHER), given, BODY, NOW) == "wh-1"

    @pytest.mark.parametrize("seconds", [-300, -1, 0, 299, 300])
    def test_five_minutes_either_way_are_tolerated(self, seconds: int) -> None:
        assert verify(secrets(OTHER), headers(), BODY, NOW + timedelta(seconds=seconds)) == "wh-1"

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"[]", "주문".encode("euc-kr"), b"a" * 100_000])
    def test_any_bytes_can_be_signed(self, body: bytes) -> None:
        assert verify(secrets(OTHER), headers(body=body), body, NOW) == "wh-1"


class TestForged:
    def test_another_body_another_id_or_another_time_is_not_what_was_signed(self) -> None:
        given = headers()
        assert refusal(given, body=BODY + b" ") is Refusal.WRONG_SIGNATURE
        assert refusal(given | {"webhook-id": "wh-2"}) is Refusal.WRONG_SIGNATURE
        assert refusal(given | {"webhook-timestamp": str(SENT_AT + 1)}) is Refusal.WRONG_SIGNATURE
        assert refusal(given | {"webhook-timestamp": f"0{SENT_AT}"}) is Refusal.WRONG_SIGNATURE

    def test_a_secret_of_somebody_else_signs_nothing(self) -> None:
        assert refusal(headers(), SDK, PUBLIC) is Refusal.WRONG_SIGNATURE

    def test_without_a_secret_nothing_is_believed(self) -> None:
        with pytest.raises(WebhookRefused) as refused:
            verify([], headers(), BODY, NOW)
        assert refused.value.details["reason"] == Refusal.NO_SECRET

    @pytest.mark.parametrize(("seconds", "why"), [(301, Refusal.TOO_OLD), (-301, Refusal.TOO_NEW)])
    def test_what_is_too_old_or_ahead_of_time_is_refused_however_it_is_signed(self, seconds: int, why: Refusal) -> None:
        assert refusal(headers(), now=NOW + timedelta(seconds=seconds)) is why

    @pytest.mark.parametrize("seconds", [0, 301, -301])
    def test_of_a_wrong_clock_it_speaks_only_where_the_signature_is_right(self, seconds: int) -> None:
        """Whoever reads the log mends the secret first: without it nobody knows whose clock the timestamp is of."""
        assert refusal(headers(), SDK, now=NOW + timedelta(seconds=seconds)) is Refusal.WRONG_SIGNATURE

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_every_header_is_needed(self, name: str) -> None:
        given = headers()
        assert refusal(given | {name: ""}) is Refusal.MISSING_HEADERS
        del given[name]
        assert refusal(given) is Refusal.MISSING_HEADERS

    @pytest.mark.parametrize(
        "timestamp",
        [
            "now",
            "-1795000000",
            "+1795000000",
            "1795000000.0",
            " 1795000000",
            "1e9",
            "nan",
            "inf",
            "٢",
            "9" * 13,
            "0x10",
        ],
    )
    def test_a_time_that_is_no_count_of_seconds_is_refused(self, timestamp: str) -> None:
        assert refusal(headers(timestamp=timestamp)) is Refusal.MALFORMED_HEADERS

    @pytest.mark.parametrize("webhook_id", ["a b", "주문", "a\n", "i" * 256, "\x00"])
    def test_an_id_that_is_no_printable_word_is_refused(self, webhook_id: str) -> None:
        assert refusal(headers(webhook_id)) is Refusal.MALFORMED_HEADERS

    @pytest.mark.parametrize(
        "signature",
        [
            "x",
            "v1",
            "v1,",
            "v1,,",
            ",",
            " ",
            "v1,not base64",
            "v1,=",
            "v1,한글",
            "v1,\udcff",
            "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v1," + "A" * 50_000,
            "v1,A " * 10_000,
        ],
    )
    def test_a_signature_of_any_form_is_refused_and_breaks_nothing(self, signature: str) -> None:
        assert refusal(headers(signature=signature)) is Refusal.WRONG_SIGNATURE

    def test_the_right_signature_under_another_version_is_no_signature(self) -> None:
        right = headers()["webhook-signature"].removeprefix("v1,")
        for signature in (right, f"v2,{right}", f"v1a,{right}", f"v1,{right}x", f"v1,{right[:-1]}", f"v1;{right}"):
            assert refusal(headers(signature=signature)) is Refusal.WRONG_SIGNATURE

    @thorough
    @given(values=st.tuples(st.text(), st.text(), st.text()), body=st.binary())
    def test_nothing_that_a_stranger_writes_is_believed_or_breaks(
        self, values: tuple[str, str, str], body: bytes
    ) -> None:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        refusal(dict(zip(names, values, strict=True)), OTHER, SDK, body=body)

    def test_a_refusal_tells_nothing_of_what_came(self) -> None:
        with pytest.raises(WebhookRefused) as refused:
            verify(secrets(OTHER), headers(signature="v1,c2VjcmV0"), BODY, NOW)
        assert refused.value.details == {"reason": Refusal.WRONG_SIGNATURE}


class TestSecrets:
    @pytest.mark.parametrize("text", ["whsec_AAAA", "AAAA", "whsec_AAA=", "AAA", "whsec_AA"])
    def test_base64_is_read_with_or_without_prefix_and_padding(self, text: str) -> None:
        assert set(key_of(SecretStr(text))) == {0}

    @pytest.mark.parametrize("text", ["", "whsec_", "A", "AAAAA", "not base64", "한글", "whsec_whsec_AAAA", "A-_A"])
    def test_another_text_is_refused_and_not_repeated(self, text: str) -> None:
        with pytest.raises(ValueError, match="must be Base64") as refused:
            key_of(SecretStr(text))
        assert refused.value.args == ("a webhook secret must be Base64, as PortOne's console shows it",)

    def test_a_secret_of_ours_that_is_none_is_our_own_fault(self) -> None:
        with pytest.raises(ValueError, match="must be Base64"):
            verify(secrets("!!", OTHER), headers(), BODY, NOW)
