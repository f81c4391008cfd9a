"""Settings come from variables, refuse what would let test money in, and never show a secret."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.gateways.point3.manifest import Point3Settings
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.setting_types import Addresses
from app.settings import DEFAULT_SECRET_KEY, Settings
from tests.unit.properties import thorough

POINT3 = {
    "ONETILL_POINT3__SECRET": "p3-real-secret-value",
    "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
    "ONETILL_POINT3__CLIENT_NICKNAME": "상점",
}
LIVE = {
    "ONETILL_MODE": "live",
    "ONETILL_SECRET_KEY": "a-real-secret-key-of-forty-characters-xx",
    "ONETILL_PUBLIC_URL": "https://pay.shop.example",
    "ONETILL_HISTORY_KEYS": "k1:0f1e2d3c4b5a69788796a5b4c3d2e1f0f0e1d2c3b4a5968778695a4b3c2d1e0f",
} | POINT3
DATABASE = "postgresql://app:d4tabase-p4ssword@db.shop.example/onetill"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.upper().startswith("ONETILL_")]:
        monkeypatch.delenv(name)


def read(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def faults(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> str:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, variables)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in refused.value.errors())


class TestReading:
    def test_without_variables_it_is_test_mode_with_no_gateway(self) -> None:
        settings = Settings()
        assert settings.mode == "test"
        assert list(settings.accounts()) == []

    def test_a_gateway_is_on_when_its_variables_are_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        point3 = read(monkeypatch, POINT3).account(Point3Settings)
        assert point3 is not None
        assert point3.secret.get_secret_value() == "p3-real-secret-value"
        assert point3.base_url == "https://api.point3.io"
        assert (point3.look_up, point3.cash_receipt_type) == ("before", "a")

    @pytest.mark.parametrize("missing", POINT3)
    def test_half_a_gateway_is_refused_by_the_name_of_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, missing: str
    ) -> None:
        said = faults(monkeypatch, {name: value for name, value in POINT3.items() if name != missing})
        assert said == f"point3.{missing.partition('__')[2].lower()}: Field required"

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("https://a.example", ["https://a.example"]),
            ("https://a.example,https://b.example", ["https://a.example", "https://b.example"]),
            (" https://a.example , https://b.example ,", ["https://a.example", "https://b.example"]),
            (",", []),
        ],
    )
    def test_a_list_is_separated_by_commas(self, monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]) -> None:
        settings = read(
            monkeypatch, {"ONETILL_FRAME_ANCESTORS": text, "ONETILL_RETURN_URL_SCHEMES": "myshop, my+shop,"}
        )
        assert settings.frame_ancestors == names
        assert settings.return_url_schemes == ["myshop", "my+shop"]

    @pytest.mark.parametrize(("text", "letters"), [("a", ["a"]), ("a,b", ["a", "b"]), (" a, f ,", ["a", "f"])])
    def test_a_gateways_list_is_separated_by_commas_too(
        self, monkeypatch: pytest.MonkeyPatch, text: str, letters: list[str]
    ) -> None:
        point3 = read(monkeypatch, POINT3 | {"ONETILL_POINT3__CULTURE_EXPENSE_TYPES": text}).account(Point3Settings)
        assert point3 is not None
        assert point3.culture_expense_types == letters

    @pytest.mark.parametrize(
        ("text", "pairs"),
        [
            ("DONE=CONFIRMED", {"DONE": "CONFIRMED"}),
            (" DONE = CONFIRMED , OFF=CANCELLED,", {"DONE": "CONFIRMED", "OFF": "CANCELLED"}),
        ],
    )
    def test_pairs_are_names_with_meanings(
        self, monkeypatch: pytest.MonkeyPatch, text: str, pairs: dict[str, str]
    ) -> None:
        point3 = read(monkeypatch, POINT3 | {"ONETILL_POINT3__STATUS_ALIASES": text}).account(Point3Settings)
        assert point3 is not None
        assert point3.status_aliases == pairs

    @pytest.mark.parametrize("text", ["DONE", "DONE=", "=CONFIRMED", "DONE=CONFIRMED,OFF", "DONE:CONFIRMED"])
    def test_half_a_pair_is_refused_and_named(self, text: str) -> None:
        with pytest.raises(ValidationError, match="expected NAME=MEANING pairs"):
            point3_settings(status_aliases=text)

    def test_addresses_are_compared_and_not_their_spelling(self) -> None:
        written = "52.78.100.19, ::ffff:52.78.48.223,2001:DB8:0::1"
        addresses = ["52.78.100.19", "52.78.48.223", "2001:db8::1"]
        account = {
            "imp_key": "k",
            "imp_secret": "s",
            "user_code": "imp1",
            "channel_key": "c",
            "webhook_sources": written,
        }
        assert PortOneV1Settings.model_validate(account).webhook_sources == addresses

    @pytest.mark.parametrize("text", ["pay.example", "52.78.0.0/16", "52.78.100.019", "52.78.100.19 52.78.48.223"])
    def test_what_is_no_address_is_refused_and_not_waited_for(self, text: str) -> None:
        with pytest.raises(ValidationError, match="expected addresses"):
            TypeAdapter(Addresses).validate_python(text)

    @pytest.mark.parametrize("name", ["ONETILL_POINT3__SECRT", "ONETILL_POINT3__LOOKUP", "ONETILL_POINT3__X"])
    def test_an_unknown_setting_of_a_gateway_is_refused(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        said = faults(monkeypatch, POINT3 | {name: "1"})
        assert said == f"point3.{name.partition('__')[2].lower()}: Extra inputs are not permitted"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("base_url", "api.point3.io"),
            ("base_url", "ftp://api.point3.io"),
            ("base_url", "https://"),
            ("base_url", "https://api.point3.io/?a=1"),
            ("base_url", "https://api.point3.io/#top"),
            ("widget_origin", "https://widget.point3.io/path"),
            ("client_business_num", "123456789"),
            ("client_business_num", "12345678901"),
            ("client_business_num", "123-45-67890"),
            ("client_business_num", "１２３４５６７８９０"),
            ("client_business_num", "1234567890\n"),
            ("client_nickname", ""),
            ("cash_receipt_type", "A"),
            ("cash_receipt_type", "aa"),
            ("look_up", "never"),
            ("timeout_s", 0),
            ("timeout_s", 121),
            ("connections", 0),
        ],
    )
    def test_a_setting_out_of_its_form_is_refused_by_name(self, name: str, value: object) -> None:
        with pytest.raises(ValidationError) as refused:
            point3_settings(**{name: value})
        assert [fault["loc"] for fault in refused.value.errors()] == [(name,)]

    def test_an_address_is_kept_without_a_slash_at_its_end(self) -> None:
        assert point3_settings(base_url="https://api.example/v1/").base_url == "https://api.example/v1"
        assert point3_settings(widget_origin="https://widget.example/").widget_origin == "https://widget.example"

    def test_a_gateway_that_allows_no_culture_expense_type_at_all_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            point3_settings(culture_expense_types="")

    @pytest.mark.parametrize("letters", ["ab", "A", "1", "a,ㄱ"])
    def test_a_culture_expense_type_is_one_lower_case_letter(self, letters: str) -> None:
        with pytest.raises(ValidationError):
            point3_settings(culture_expense_types=letters)


class TestLiveMode:
    def test_real_settings_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert read(monkeypatch, LIVE).mode == "live"

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"ONETILL_SECRET_KEY": DEFAULT_SECRET_KEY}, "ONETILL_SECRET_KEY"),
            ({"ONETILL_SECRET_KEY": "x" * 31}, "ONETILL_SECRET_KEY"),
            ({"ONETILL_HISTORY_KEYS": ""}, "ONETILL_HISTORY_KEYS"),
            (
                {
                    "ONETILL_HISTORY_KEYS": "k1:0f1e2d3c4b5a69788796a5b4c3d2e1f0f0e1d2c3b4a5968778695a4b3c2d1e0f"
                    + ",short"
                },
                "ONETILL_HISTORY_KEYS",
            ),
            ({"ONETILL_TIME_SCALE": "2"}, "ONETILL_TIME_SCALE"),
            ({"ONETILL_PUBLIC_URL": "http://pay.shop.example"}, "ONETILL_PUBLIC_URL"),
            ({"ONETILL_POINT3__BASE_URL": "http://api.point3.io"}, "ONETILL_POINT3__BASE_URL"),
            ({"ONETILL_POINT3__BASE_URL": "https://127.0.0.1:8003"}, "ONETILL_POINT3__BASE_URL"),
            ({"ONETILL_POINT3__BASE_URL": "https://localhost"}, "ONETILL_POINT3__BASE_URL"),
            ({"ONETILL_POINT3__BASE_URL": "https://[::1]:8003"}, "ONETILL_POINT3__BASE_URL"),
            ({"ONETILL_POINT3__WIDGET_ORIGIN": "http://widget.point3.io"}, "ONETILL_POINT3__WIDGET_ORIGIN"),
            ({"ONETILL_POINT3__WIDGET_ORIGIN": "https://127.0.0.1"}, "ONETILL_POINT3__WIDGET_ORIGIN"),
            ({"ONETILL_POINT3__SECRET": "sim_point3_secret"}, "ONETILL_POINT3__SECRET"),
        ],
    )
    def test_what_would_let_test_money_in_stops_the_start_and_is_named(
        self, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], fault: str
    ) -> None:
        said = faults(monkeypatch, LIVE | change)
        assert "live mode refuses to start" in said
        assert fault in said
        assert said.count("ONETILL_") == 1, "only what is at fault is named"

    def test_every_fault_is_named_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = faults(
            monkeypatch,
            POINT3
            | {
                "ONETILL_MODE": "live",
                "ONETILL_TIME_SCALE": "60",
                "ONETILL_POINT3__SECRET": "sim_x",
                "ONETILL_POINT3__BASE_URL": "http://127.0.0.1:8003",
                "ONETILL_POINT3__WIDGET_ORIGIN": "http://127.0.0.1:8003",
            },
        )
        for name in ("SECRET_KEY", "TIME_SCALE", "PUBLIC_URL", "POINT3__BASE_URL", "WIDGET_ORIGIN", "POINT3__SECRET"):
            assert f"ONETILL_{name}" in said or name in said

    def test_test_mode_takes_all_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loose = {"ONETILL_MODE": "test", "ONETILL_TIME_SCALE": "60", "ONETILL_POINT3__SECRET": "sim_x"}
        assert read(monkeypatch, POINT3 | loose).time_scale == 60


class TestSecrets:
    @pytest.mark.parametrize("show", [repr, str])
    def test_settings_that_are_printed_show_no_secret(self, monkeypatch: pytest.MonkeyPatch, show: Any) -> None:
        settings = read(monkeypatch, LIVE)
        shown = show(settings) + show(settings.account(Point3Settings))
        assert LIVE["ONETILL_SECRET_KEY"] not in shown
        assert LIVE["ONETILL_POINT3__SECRET"] not in shown

    @pytest.mark.parametrize("show", [repr, str])
    def test_settings_that_are_printed_show_no_database_password(
        self, monkeypatch: pytest.MonkeyPatch, show: Any
    ) -> None:
        settings = read(monkeypatch, {"ONETILL_DATABASE_URL": DATABASE, "ONETILL_DATABASE_OWNER_URL": DATABASE})
        assert "d4tabase-p4ssword" not in show(settings)

    def test_a_refusal_quotes_no_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever starts a process with a wrong setting gets this in a terminal, a log and a support ticket."""
        with pytest.raises(ValidationError) as refused:
            read(monkeypatch, {"ONETILL_SECRET_KEY": "s3cret"} | LIVE | {"ONETILL_SECRET_KEY": "s3cret"})
        assert "ONETILL_SECRET_KEY" in str(refused.value)
        assert "input_value" not in str(refused.value)


class TestAlarms:
    def test_who_wants_mails_names_a_server_and_a_sender(self) -> None:
        server = {"smtp": {"host": "smtp.shop.example", "sender": "onetill@shop.example"}}
        to = {"alarms": {"mail_to": "a@shop.example, b@shop.example"}}
        assert Settings.model_validate(server | to).alarms.mail_to == ["a@shop.example", "b@shop.example"]
        for lacking in ({}, {"smtp": {"host": "smtp.shop.example"}}, {"smtp": {"sender": "a@shop.example"}}):
            with pytest.raises(ValidationError, match="ONETILL_SMTP__HOST and ONETILL_SMTP__SENDER"):
                Settings.model_validate(lacking | to)

    def test_a_password_never_leaves_in_plain_text(self) -> None:
        with pytest.raises(ValidationError, match="plain text"):
            Settings.model_validate({"smtp": {"security": "none", "password": "a-password-of-mine"}})

    @pytest.mark.parametrize(
        "address",
        [
            "x",
            "x@",
            "@x",
            "A <a@shop.example>",
            "a@shop.example\r\nBcc: b@x.example",
            "a@b@c",
            "a b@c",
            "a@-c",
            "é@c",
            "a@c;d",
        ],
    )
    def test_an_address_is_one_address(self, address: str) -> None:
        for group in ({"alarms": {"mail_to": address}}, {"smtp": {"sender": address}}):
            with pytest.raises(ValidationError, match="expected an address"):
                Settings.model_validate(group)

    @pytest.mark.parametrize(
        "network",
        ["0.0.0.0/0", "8.8.8.8", "10.0.0.0/7", "169.254.169.254", "::/0", "fe80::/10", "10.1.2.3/8", "x"],
    )
    def test_a_network_that_is_not_private_needs_no_permission_and_gets_none(self, network: str) -> None:
        with pytest.raises(ValidationError, match="expected"):
            Settings.model_validate({"notifications": {"private_networks": f"10.1.0.0/24,{network}"}})


class TestTime:
    def test_the_scale_divides_intervals(self) -> None:
        assert Settings(time_scale=60).seconds(300) == 5
        assert Settings().seconds(300) == 300

    @pytest.mark.parametrize("scale", [0, 0.5, -1, 100_001, float("nan"), float("inf")])
    def test_a_scale_that_makes_no_sense_is_refused(self, scale: float) -> None:
        with pytest.raises(ValidationError):
            Settings(time_scale=scale)

    def test_without_a_scale_a_call_has_its_whole_time(self) -> None:
        assert Settings().deadline(10) == 10
        assert Settings().deadline(0.5) == 0.5

    def test_a_lease_leaves_five_seconds_for_everything_around_the_call(self) -> None:
        assert Settings().lease_s(10) == 15
        assert Settings(time_scale=2).lease_s(5) == 7.5

    @thorough
    @given(scale=st.floats(1, 100_000), timeout_s=st.floats(0.01, 120))
    def test_a_lease_outlives_the_call_that_it_is_for_at_every_scale(self, scale: float, timeout_s: float) -> None:
        settings = Settings(time_scale=scale)
        deadline_s = settings.deadline(timeout_s)
        assert min(timeout_s, 2.0) <= deadline_s <= timeout_s, "scaled, but never below what a call needs"
        assert settings.lease_s(deadline_s) >= deadline_s + 1


def point3_settings(**changes: object) -> Point3Settings:
    fields = {"secret": "s", "client_business_num": "1234567890", "client_nickname": "shop"}
    return Point3Settings.model_validate(fields | changes)
