"""What text from outside may be, per kind."""

import unicodedata

import pytest

from app.domain.text import canonical, check_id, check_line, is_name, wrong_address
from app.gateways.values import LookupHint

INVISIBLE = [
    *"\u034f\u115f\u1160\u2800\u3164\uffa0",
    *"\u00ad\u200b\u200c\u200d\u2060\ufeff\u061c\u200e\u200f\u202e\u2066\u2069\u2028\u2029",
    "\U000e0041",
    "\ud800",
]
NO_NAMES = ["", ".", "..", "a b", "\0", "a\0", "a\n", "\x7f", "é", "a\u200b", "\u202ea", "x" * 201, "\ud800"]


@pytest.mark.parametrize("text", NO_NAMES)
def test_what_no_gateway_would_name_so(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["a", "sigHX+/=", "...", "imp_1", "x" * 200, "a.b"])
def test_what_a_gateway_may_name_so(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", NO_NAMES)
@pytest.mark.parametrize("field", ["gateway_ref", "reference"])
def test_a_hint_holds_no_other_names(field: str, text: str) -> None:
    assert LookupHint(**{field: text}) == LookupHint()


def test_a_token_may_be_long() -> None:
    assert LookupHint(token="t" * 4000).token
    assert LookupHint(token="t" * 4001).token is None
    assert LookupHint(token="t\0").token is None


@pytest.mark.parametrize("hidden", INVISIBLE)
def test_an_id_shows_all_of_itself(hidden: str) -> None:
    for text in (hidden, f"a{hidden}", f"{hidden}a", f"a{hidden}b"):
        with pytest.raises(ValueError, match=f"U\\+{ord(hidden):04X}"):
            check_id(text)


@pytest.mark.parametrize("text", ["주문-1", "café", "Å", "한글", "q\u0323\u0307"])
def test_an_id_has_one_spelling(text: str) -> None:
    spelled = {check_id(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert spelled == {canonical(text)}


@pytest.mark.parametrize("breaking", "\u2028\u2029\ufeff")
def test_a_line_is_one_line(breaking: str) -> None:
    with pytest.raises(ValueError, match="no part of a line"):
        check_line(f"머그컵{breaking}")


@pytest.mark.parametrize("turning", "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_a_line_reads_as_it_is_written(turning: str) -> None:
    with pytest.raises(ValueError, match="direction"):
        check_line(f"Coffee{turning}eeffoC")
    assert check_line("👨\u200d👩\u200d👧 머그컵") == "👨\u200d👩\u200d👧 머그컵"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://\u202e.example/", "invisible"),
        ("https://a\u00adb.example/", "invisible"),
        ("https://shop.example/\u200b", "invisible"),
        ("https://<script>.example/", "host"),
        ("https://한글.example/", "host"),
        ("https://shop.example,evil.example/", "host"),
        ("https://shop.example:99999/", "is not a URL"),
        ("https://shop.example@evil.example/", "user name"),
        ("https://shop.example:pw@evil.example/", "user name"),
        ("https://@evil.example/", "user name"),
        ("https://evil.example\\@shop.example", "backslash"),
        ("https:\\\\evil.example", "backslash"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://[::1", "no URL|not a URL"),
        ("https://shop.example/a b", "spaces"),
        ("https://shop.example/\n", "spaces"),
        ("https://shop.example/\0", "spaces"),
        ("http://shop.example/", "must start"),
        ("javascript:alert(1)", "must start"),
        ("//shop.example", "must start"),
        ("myshop2://paid", "must start"),
    ],
)
def test_an_address_that_is_another_than_it_looks(url: str, wrong: str) -> None:
    told = wrong_address(url, {"https", "myshop"}, frozenset())
    assert told is not None
    assert any(part in told for part in wrong.split("|")), told


def test_hosts_can_be_listed() -> None:
    hosts = frozenset({"shop.example"})
    assert wrong_address("https://SHOP.example/done?a=b", {"https"}, hosts) is None
    assert wrong_address("https://shop.example:8443/", {"https"}, hosts) is None
    for url in ("https://evil.example/", "https://shop.example.evil.example/", "https://a.shop.example/"):
        assert "ONETILL_RETURN_HOSTS" in str(wrong_address(url, {"https"}, hosts))
    assert wrong_address("myshop://paid", {"https", "myshop"}, hosts) is None
