"""Unifi Pay's signature: the vectors of docs/gateways/unifi-pay.md §2, and what a callback's signature is worth (§5)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.request_signature import WINDOW_MS, headers, sign
from app.gateways.unifi_pay.webhook_signature import Trust, verify
from tests.unit.properties import thorough

SECRET = "unifi-test-secret"
AT_MS = 1773017787000
API_KEY = "f3248c3e-881c-42bd-abe7-1232023fe896"
LOOK_UP = "/api/v1/payment/6f1c1d1e-0000-4000-8000-000000000001"
BODY = (
    b'{"items":[{"name":"Violet Jelly","price":12.34}],"orderId":"ord_1","storeId":"store_1","requestId":"req_1",'
    b'"returnUrl":"https://shop.example/return","callbackUrl":"https://shop.example/callback","countryCode":"KOR",'
    b'"orderCurrencyCode":"USD"}'
)
PATH = "/webhooks/unifi-pay"
CALLBACK = b'{"transactionId":"t1","orderId":"o1","status":"CONFIRMED","type":"PURCHASE"}'


def account(**changes: Any) -> UnifiPaySettings:
    fields = {
        "base_url": "https://unifi.example",
        "app_id": "payletter",
        "api_key": SecretStr(API_KEY),
        "app_secret": SecretStr(SECRET),
        "store_id": "store_1",
    }
    return UnifiPaySettings.model_validate(fields | changes)


class TestSigning:
    @pytest.mark.parametrize(
        ("method", "path", "signed_id", "body", "signature"),
        [
            ("GET", LOOK_UP, API_KEY, b"", "KGh9AZONOT5BXbDkPqvhLmTD9vhHZpDg0N4gDBLFXzo="),
            ("POST", "/api/v1/payment", API_KEY, BODY, "HBxrQppQSMeL0wZee4We2L+oaLW7rr9cCel5WBvGlc0="),
            ("POST", "/api/v1/payment", "payletter", BODY, "lhca3VINe7zAlL8+tEf/XNP5serSloaSs9Hlsm4R980="),
        ],
    )
    def test_the_vectors_of_the_contract_come_out(
        self, method: str, path: str, signed_id: str, body: bytes, signature: str
    ) -> None:
        assert len(BODY) == 241
        assert sign(SECRET, method, path, signed_id, AT_MS, body) == signature

    def test_both_ids_go_out_and_the_setting_says_which_one_is_signed(self) -> None:
        by_key = headers(account(), "POST", "/api/v1/payment", AT_MS, BODY)
        assert by_key == {
            "X-AppId": "payletter",
            "X-API-Key": API_KEY,
            "X-Timestamp": str(AT_MS),
            "X-Authorization-Hmac": "HBxrQppQSMeL0wZee4We2L+oaLW7rr9cCel5WBvGlc0=",
        }
        by_app = headers(account(sign_with="app_id"), "POST", "/api/v1/payment", AT_MS, BODY)
        signature = {"X-Authorization-Hmac": "lhca3VINe7zAlL8+tEf/XNP5serSloaSs9Hlsm4R980="}
        assert by_app == {**by_key, **signature}

    def test_without_an_api_key_there_is_no_header_for_one(self) -> None:
        made = headers(account(sign_with="app_id", api_key=None), "GET", LOOK_UP, AT_MS)
        assert sorted(made) == ["X-AppId", "X-Authorization-Hmac", "X-Timestamp"]


def signed(*, at_ms: int = AT_MS, path: str = PATH) -> dict[str, str]:
    """The headers of a good callback."""
    return {
        "x-appid": "payletter",
        "x-timestamp": str(at_ms),
        "x-authorization-hmac": sign(SECRET, "POST", path, API_KEY, at_ms, CALLBACK),
    }


def judged(given_headers: dict[str, str], body: bytes = CALLBACK, now_ms: int = AT_MS) -> Trust:
    return verify(account(), PATH, given_headers, body, now_ms)


class TestCallback:
    def test_a_good_signature_is_good_in_any_spelling_of_the_names(self) -> None:
        assert judged(signed()) is Trust.SIGNED
        assert judged({name.upper(): value for name, value in signed().items()}) is Trust.SIGNED

    def test_the_id_that_is_signed_is_that_of_the_setting(self) -> None:
        by_app = signed() | {"x-authorization-hmac": sign(SECRET, "POST", PATH, "payletter", AT_MS, CALLBACK)}
        assert judged(by_app) is Trust.REFUSED
        assert verify(account(sign_with="app_id"), PATH, by_app, CALLBACK, AT_MS) is Trust.SIGNED

    @pytest.mark.parametrize(
        "given_headers", [{}, {"content-type": "application/json"}, {"x-appid": "payletter"}, {"x-api-key": API_KEY}]
    )
    def test_a_callback_that_claims_no_signature_is_a_hint(self, given_headers: dict[str, str]) -> None:
        assert judged(given_headers) is Trust.UNSIGNED

    @pytest.mark.parametrize("missing", ["x-appid", "x-timestamp", "x-authorization-hmac"])
    def test_a_claim_that_is_not_whole_is_refused(self, missing: str) -> None:
        claim = {name: value for name, value in signed().items() if name != missing}
        assert judged(claim) is Trust.REFUSED

    @pytest.mark.parametrize(
        "changes",
        [
            {"x-authorization-hmac": ""},
            {"x-authorization-hmac": "AAAA"},
            {"x-authorization-hmac": "서명"},
            {"x-authorization-hmac": "\udcff"},
            {"x-appid": "another"},
            {"x-appid": "앱"},
            {"x-timestamp": str(AT_MS + 1)},
            {"x-timestamp": ""},
            {"x-timestamp": "now"},
            {"x-timestamp": f" {AT_MS}"},
            {"x-timestamp": f"+{AT_MS}"},
            {"x-timestamp": f"0{AT_MS}"},
            {"x-timestamp": f"-{AT_MS}"},
            {"x-timestamp": "١٧٧٣٠١٧٧٨٧٠٠٠"},
            {"x-timestamp": "9" * 5000},
            {"x-timestamp": "1e12"},
        ],
    )
    def test_a_wrong_claim_is_refused_and_crashes_nothing(self, changes: dict[str, str]) -> None:
        assert judged(signed() | changes) is Trust.REFUSED

    def test_another_body_path_or_secret_is_refused(self) -> None:
        assert judged(signed(), CALLBACK + b" ") is Trust.REFUSED
        assert judged(signed(path="/webhooks/other")) is Trust.REFUSED
        assert verify(account(app_secret="another"), PATH, signed(), CALLBACK, AT_MS) is Trust.REFUSED

    @pytest.mark.parametrize(
        ("off_ms", "trust"),
        [
            (0, Trust.SIGNED),
            (WINDOW_MS - 1, Trust.SIGNED),
            (1 - WINDOW_MS, Trust.SIGNED),
            (WINDOW_MS, Trust.STALE),
            (-WINDOW_MS, Trust.STALE),
        ],
    )
    def test_it_is_good_for_less_than_five_minutes_either_way(self, off_ms: int, trust: Trust) -> None:
        assert judged(signed(), now_ms=AT_MS + off_ms) is trust

    def test_a_timestamp_in_seconds_is_refused(self) -> None:
        assert judged(signed(at_ms=AT_MS // 1000)) is Trust.STALE

    @thorough
    @given(
        st.dictionaries(
            st.sampled_from(["X-AppId", "x-timestamp", "X-Authorization-Hmac", "x-api-key"]), st.text(max_size=40)
        ),
        st.binary(max_size=60),
    )
    def test_no_headers_make_a_stranger_signed(self, given_headers: dict[str, str], body: bytes) -> None:
        assert judged(given_headers, body) is not Trust.SIGNED
