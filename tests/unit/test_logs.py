"""No key, token, password or buyer's data leaves through a log line, however it got into one."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from app.logs import MASK, get_logger, redact
from tests.unit.captured_logs import CapturedLogs, capture_logs


def redacted(value: object) -> Any:
    return redact(None, "info", {"event": value})["event"]


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    with capture_logs("debug") as captured:
        yield captured


@pytest.mark.parametrize(
    "name",
    [
        "secret",
        "imp_secret",
        "api_secret",
        "password",
        "token",
        "client_token",
        "access_token",
        "authorization",
        "Authorization",
        "HTTP_AUTHORIZATION",
        "signature",
        "webhook-signature",
        "api_key",
        "apikey",
        "X-Api-Key",
        "cookie",
        "Set-Cookie",
        "email",
        "buyer_email",
        "phone",
        "phone_number",
        "address",
        "shipping_address",
        "customer",
        "customer_id",
        "card_number",
    ],
)
def test_a_value_under_a_telling_name_is_blanked_whatever_it_is(name: str) -> None:
    for value in ("abc", 4242, ["a"], {"line": "1"}, None, b"x"):
        assert redact(None, "info", {name: value}) == {name: MASK}
        assert redacted({"deep": [{name: value}]}) == {"deep": [{name: MASK}]}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("key sk_live_0123456789abcdef leaked", "0123456789abcdef"),
        ("key sk_test_0123456789abcdef leaked", "0123456789abcdef"),
        ("GET /checkout/ct_AZqm8cLTfk-KW2x9jp8KG_abc HTTP/1.1", "AZqm8cLTfk"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKY"),
        ("Authorization: Basic sim_point3_secret", "sim_point3_secret"),
        ("authorization: basic c2ltOnNlY3JldA==", "c2ltOnNlY3JldA"),
        ("{'Authorization': 'Bearer eyJhbGciOi.J9.abc'}", "eyJhbGciOi"),
        ("Authorization: PortOne Zm9vYmFyYmF6", "Zm9vYmFyYmF6"),
        ("Authorization: 1f2e3d4c5b6a", "1f2e3d4c5b6a"),
        ("postgresql://app:p4ss-w0rd@db/onetill refused", "p4ss-w0rd"),
        ("postgres://app:p4ss@w0rd@db:5432/onetill", "p4ss"),
        ("postgres://app:p4ss@w0rd@db:5432/onetill", "w0rd"),
        ("postgresql+asyncpg://app:p4ssw0rd@db/onetill", "p4ssw0rd"),
        ("redis://:p4ssw0rd@cache:6379", "p4ssw0rd"),
        ("https://widget.example/?d=tok%2Fabc%3D%3D opened", "tok%2Fabc"),
        ("https://api.example/x?access_token=abcdefgh", "abcdefgh"),
        ("{'signature': 'sig12345/67890+=='}", "67890"),
        ('{"signature":"sig12345/67890+=="}', "67890"),
        ("imp_secret=abcdefgh1234", "abcdefgh1234"),
        ("api-key: abcdefgh1234", "abcdefgh1234"),
        ("password = hunter2222", "hunter2222"),
        ("buyer minji.kim+pay@mail.example.co.kr wrote", "minji.kim"),
    ],
)
def test_what_looks_like_a_secret_is_blanked_inside_any_text(text: str, hidden: str) -> None:
    assert hidden in text
    for shown in (redacted(text), *redacted([text]), redacted({"note": text})["note"], redacted(ValueError(text))):
        assert hidden not in shown
        assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "gateway_call",
        "confirm_requested",
        "already_paid",
        "object_something_longer struct_abcdefgh",
        "a request that took 12 s: fine",
        "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",
        "2026-11-21T08:30:00.000000Z",
        "is it paid? yes",
        "http://127.0.0.1:8000/payments",
        "값: 도자기 머그컵",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redacted(text) == text


def test_a_password_is_blanked_and_the_rest_of_its_url_stays() -> None:
    shown = redacted("cannot reach postgresql://app:p4ssw0rd@db.shop.example/onetill now")
    assert shown == f"cannot reach postgresql://app:{MASK}@db.shop.example/onetill now"


def test_rows_that_postgres_quotes_in_its_errors_are_blanked() -> None:
    told = (
        "asyncpg.exceptions.CheckViolationError: new row violates check constraint\n"
        'DETAIL:  Failing row contains (1, {"name": "Kim\nMinji"}, sig/abc).\n'
        "HINT:  none\n"
    )
    shown = redacted(told)
    assert "Kim" not in shown
    assert "Minji" not in shown
    assert "sig/abc" not in shown
    assert "check constraint" in shown
    assert "HINT:  none" in shown
    assert "sig/abc" not in redacted(told.partition("HINT")[0])


def test_every_kind_of_value_comes_out_as_plain_json_types() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "Odd(token=abcdefgh)"

    shown = redacted(
        {
            "texts": ("Bearer abcdefgh", {"Bearer abcdefgh"}),
            "object": Odd(),
            "bytes": b"Bearer abcdefgh",
            "wrapped": SecretStr("abcdefgh"),
            "numbers": [1, 2.5, True, None],
            7: "seven",
        }
    )
    assert "abcdefgh" not in str(shown)
    assert shown["texts"] == [MASK, [MASK]]
    assert shown["numbers"] == [1, 2.5, True, None]
    assert shown["7"] == "seven"


@pytest.mark.parametrize("text", ["a" * 50_000, "a-" * 25_000, "https://" * 10_000, "token" * 10_000, "?a=" * 20_000])
def test_a_long_line_is_not_a_way_to_stop_the_process(text: str) -> None:
    assert redacted(text)  # quadratic patterns would take minutes here


class TestLines:
    def test_a_line_is_json_with_time_level_and_logger(self, captured: CapturedLogs) -> None:
        get_logger("test.lines").info("something_happened", amount_minor=12, order="도자기")
        line = captured.last()
        assert line["event"] == "something_happened"
        assert (line["level"], line["logger"]) == ("info", "test.lines")
        assert (line["amount_minor"], line["order"]) == (12, "도자기")
        assert line["timestamp"].endswith("Z")
        assert "도자기" in captured.text

    def test_what_is_bound_to_the_request_is_in_the_line_and_redacted(self, captured: CapturedLogs) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r1", client_token="ct_0123456789"):
            get_logger("test.bound").info("asked")
        assert captured.last()["request_id"] == "r1"
        assert "0123456789" not in captured.text

    def test_the_traceback_of_an_error_is_redacted_with_all_its_causes(self, captured: CapturedLogs) -> None:
        def fail() -> None:
            try:
                raise ValueError("postgresql://app:p4ssw0rd@db/onetill")
            except ValueError as error:
                raise RuntimeError("Authorization: Basic sim_point3_secret") from error

        try:
            fail()
        except RuntimeError:
            get_logger("test.errors").exception("it_broke")
        line = captured.last()
        assert "RuntimeError" in line["exception"]
        assert "direct cause" in line["exception"]
        for hidden in ("p4ssw0rd", "sim_point3_secret"):
            assert hidden not in captured.text

    def test_lines_of_libraries_are_redacted_too(self, captured: CapturedLogs) -> None:
        other = logging.getLogger("some.library")
        other.warning("sent %s", {"Authorization": "Basic abcdefgh"})
        try:
            raise ValueError("Bearer abcdefgh")
        except ValueError:
            other.exception("failed with %s", "sk_test_abcdefgh12")
        assert len(captured.lines()) == 2
        assert captured.last()["logger"] == "some.library"
        assert "abcdefgh" not in captured.text

    def test_lines_below_the_level_are_not_written(self) -> None:
        with capture_logs("warning") as captured:
            get_logger("test.level").info("too_quiet")
            get_logger("test.level").warning("loud_enough")
        assert [line["event"] for line in captured.lines()] == ["loud_enough"]

    @pytest.mark.parametrize("noisy", ["httpx2", "uvicorn.access", "asyncio"])
    def test_libraries_that_log_whole_urls_stay_quiet_even_at_debug(self, captured: CapturedLogs, noisy: str) -> None:
        logging.getLogger(noisy).info("GET /api/payments/sig12345")
        assert captured.text == ""
