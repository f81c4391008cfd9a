"""Every setting × live mode: what a stranger knows, could guess, or that leads to nobody, stops the start (law 12)."""

import os
import re
import types
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.gateways.registry import MANIFESTS
from app.live_mode import MAIL_LEAST, OUR_LEAST, THEIR_LEAST
from app.paths import ROOT
from app.setting_types import (
    NO_APP_SCHEMES,
    is_address,
    is_database,
    is_loopback,
    is_mail_password,
    is_secret,
)
from app.settings import PUBLISHED, ProductSettings, Settings
from simulator.server import twins

STRONG = "3f9c0b7be1d84a6c92d5770cfa1e6b48"
"""As `openssl rand -hex 16` makes it: the weakest that is taken."""

FREE_TEXT = {
    "database_plain_hosts": "host names, which name themselves an exception",
    "return_hosts": "host names, which only narrow",
    "ports": "numbers, which only narrow; private addresses have a setting of their own",
    "private_networks": "networks, each named by itself; public ones are refused in every mode",
    "mail_to": "addresses of people, checked in every mode",
    "sender": "an address, checked in every mode",
    "host": "a mail server, which must prove its name by TLS",
    "user": "a login, worth nothing without its password",
    "routing": "rules, which are checked against the gateways that are on",
    "label": "read by buyers",
    "label_ko": "read by buyers",
    "brand_name": "read by buyers",
    "brand_color": "a colour",
    "client_business_num": "a public number",
    "client_nickname": "read by buyers",
    "cash_receipt_type": "a letter",
    "culture_expense_types": "letters",
    "status_aliases": "the vendor's words",
    "user_code": "an identifier, public in the page",
    "channel_key": "an identifier, public in the page",
    "store_id": "an identifier, public in the page",
    "app_id": "an identifier",
    "settlement_currency": "a currency",
    "tier": "a number of the vendor",
    "pay_method": "the vendor's word",
    "webhook_sources": "addresses that the vendor publishes",
    "country": "a country",
}
"""Settings that are neither a secret nor an address, each with the reason. A new one must choose."""

BY_SCHEME = {"return_url_schemes": "refused in every mode, below"}
TEST_ONLY = {"time_scale": "2", "notifications__allow_private": "true"}


def every_setting() -> Iterator[tuple[str, FieldInfo]]:
    """By variable, the product's and those of every gateway."""
    for name, field in ProductSettings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            inner = field.annotation.model_fields
            yield from ((f"ONETILL_{name}__{each}".upper(), found) for each, found in inner.items())
        else:
            yield f"ONETILL_{name}".upper(), field
    for manifest in MANIFESTS:
        yield from ((manifest.variable(name), field) for name, field in manifest.fields().items())


EVERY = dict(every_setting())
SECRETS = {name: field for name, field in EVERY.items() if is_secret(field)}
ADDRESSES = {name: field for name, field in EVERY.items() if is_address(field)}
DATABASES = {name: field for name, field in EVERY.items() if is_database(field)}
OURS = {name for name in SECRETS if "__" not in name}


def real_value(field: FieldInfo) -> str:
    """As a merchant would set it."""
    example = next(iter(field.examples or ()), "")
    return STRONG if is_secret(field) else "https://api.vendor.example" if is_address(field) else str(example)


LIVE = {"ONETILL_MODE": "live", "ONETILL_PUBLIC_URL": "https://pay.shop.example"} | {
    manifest.variable(name): real_value(manifest.fields()[name])
    for manifest in MANIFESTS
    for name in {*manifest.needed(), *manifest.needed_in_live_mode, "api_key"} & set(manifest.fields())
}
LIVE |= dict.fromkeys(OURS, STRONG)


def is_bounded(annotation: Any) -> bool:
    """Whether it has only values that nobody has to judge: numbers, booleans, words of a list."""
    if get_origin(annotation) is Literal:
        return True
    if isinstance(annotation, types.UnionType):
        return all(is_bounded(each) for each in get_args(annotation))
    return annotation in {int, float, bool, type(None)}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.upper().startswith("ONETILL_")]:
        monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], base: dict[str, str] = LIVE) -> str:
    """What is said instead of a start; empty: it starts."""
    for name, value in (base | changes).items():
        monkeypatch.setenv(name, value)
    try:
        Settings()
    except ValidationError as error:
        return "; ".join(f"{fault['loc']}: {fault['msg']}" for fault in error.errors())
    return ""


def test_real_settings_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, {}) == ""


@pytest.mark.parametrize("name", EVERY)
def test_every_setting_is_of_a_kind_that_has_a_rule_or_a_reason(name: str) -> None:
    field, short = EVERY[name], name.rpartition("__")[2].removeprefix("ONETILL_").lower()
    kinds = [is_secret(field), is_address(field), is_database(field), is_bounded(field.annotation)]
    kinds += [short in known for known in (FREE_TEXT, BY_SCHEME)]
    assert sum(kinds) == 1, (
        f"{name}: give it a type of app/setting_types.py or SecretStr, or say here why it needs no rule"
    )


PUBLIC = sorted(PUBLISHED.union(*(manifest.published for manifest in MANIFESTS)))
GUESSED = {
    "": "nothing",
    "x": "one byte",
    "whsec_": "the prefix only",
    "whsec_AA==": "one byte, encoded",
    STRONG[: THEIR_LEAST - 1]: "too short for anybody",
    "a" * 64: "one letter",
    "0" * 64: "one digit",
    "ab" * 32: "two letters in turn",
    "a" * 62 + "bc": "three letters",
    "0123456789abcdef" * 4: "a pattern again and again",
    "sim_" + STRONG: "the simulator's",
    **dict.fromkeys(PUBLIC, "published"),
    "whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0=": "published, with padding",
    "c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0": "published, without its prefix",
}


def guesses_of(name: str) -> list[str]:
    """What is tried for a secret: of the published ones those that are its own, for another's are no secret here."""
    known = set(PUBLISHED) if name in OURS else set()
    for manifest in MANIFESTS:
        known |= {text for each in manifest.fields() if manifest.variable(each) == name for text in manifest.published}
    bare = {each.removeprefix("whsec_") for each in known}
    guessed = GUESSED | {STRONG[: MAIL_LEAST - 1]: "too short for a mail provider"}
    if is_mail_password(SECRETS[name]):
        del guessed[STRONG[: THEIR_LEAST - 1]]
    return [
        each
        for each, why in guessed.items()
        if not why.startswith("published") or each.removeprefix("whsec_").strip("=") in bare
    ]


@pytest.mark.parametrize(("name", "guess"), [(name, guess) for name in SECRETS for guess in guesses_of(name)])
def test_no_secret_that_is_known_or_guessed_starts(monkeypatch: pytest.MonkeyPatch, name: str, guess: str) -> None:
    said = refusal(monkeypatch, {name: guess})
    assert said.count("ONETILL_") == said.count(name) == 1, "it and nothing else is named"
    assert "live mode refuses to start" in said
    assert any(way_out in said for way_out in ("openssl rand -hex 32", "console", "is missing:"))
    assert len(guess) < 6 or guess not in said


@pytest.mark.parametrize("name", sorted(OURS))
@pytest.mark.parametrize("weak", ["a" * 64, "short", *sorted(PUBLISHED)])
def test_each_version_of_ours_is_judged(monkeypatch: pytest.MonkeyPatch, name: str, weak: str) -> None:
    other = STRONG[::-1]
    assert refusal(monkeypatch, {name: f"{other}, {STRONG}"}) == ""
    for both in (f"{STRONG},{weak}", f"{weak},{STRONG}"):
        assert name in refusal(monkeypatch, {name: both})


PLACEHOLDERS = (
    "change-me-change-me-change-me-now", "passwordPASSWORD0123456789abcdefgh", "<make-one-with-openssl-rand-hex-32>",
    "openssl rand -hex 32 and more text", "your-secret-key-goes-here-please-1", "an-example-of-a-secret-0123456789",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(OURS))
@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_is_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    assert name in refusal(monkeypatch, {name: text})


WRITTEN = re.compile(r"(ONETILL_\w+)[=:][ \t]*([^\s`'\"|,]+)")
LIKE_A_SECRET = re.compile(r"whsec_[\w+/=-]{16,}|(?<=`)(?:[\w+/]{20,24}==|[\w-]+-secret)(?=`)")
PAGES = [ROOT / name for name in (".env.example", "docker-compose.yml", "README.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def written_secrets() -> Iterator[tuple[str, str]]:
    """Each secret that stands in a file which anybody may read, with a setting that it could be put into."""
    gateways = {manifest.name.replace("_", "-"): manifest for manifest in MANIFESTS}
    for page in PAGES:
        text = page.read_text("utf-8")
        for name, value in WRITTEN.findall(text):
            if name in SECRETS and not value.startswith("$"):
                yield name, value
        for match in LIKE_A_SECRET.finditer(text) if page.stem in gateways else ():
            manifest = gateways[page.stem]
            yield from ((name, match[0]) for each in manifest.fields() if (name := manifest.variable(each)) in SECRETS)


@pytest.mark.parametrize(("name", "value"), sorted(set(written_secrets())))
def test_a_secret_that_stands_in_a_file_of_ours_is_published(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert name in refusal(monkeypatch, {name: value})


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_are_longer_and_of_more_letters(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert name in refusal(monkeypatch, {name: STRONG[: OUR_LEAST - 1]})
    assert name in refusal(monkeypatch, {name: "a" * 58 + "bcdefg"})


EXAMPLES = [
    name
    for name, field in EVERY.items()
    if name in {*SECRETS, *ADDRESSES} and field.examples and not isinstance(field.default, str)
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_no_secret_and_no_address(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert name in refusal(monkeypatch, {name: str((EVERY[name].examples or [""])[0])})


@pytest.mark.parametrize("twin", twins(), ids=lambda twin: twin.name)
def test_no_credential_of_the_simulator_starts(monkeypatch: pytest.MonkeyPatch, twin: Any) -> None:
    """Its secrets, and also its store and channel: money would go to nobody."""
    account = twin.account_type()
    (manifest,) = [each for each in MANIFESTS if each.name == twin.name]
    given = {
        name: getattr(account, "webhook_secrets" if inner == "webhook_secret" else inner)
        for name, text in manifest.simulated.items()
        if text.startswith("{") and (inner := text.strip("{}")) not in {"base_url", "script_url"}
    }
    for name, value in given.items():
        text = value if isinstance(value, str) else value[0]
        assert manifest.variable(name) in refusal(monkeypatch, {manifest.variable(name): text}), name


NOWHERE = (
    "http://api.vendor.example",
    *(f"https://{host}" for host in (
        "localhost", "localhost.", "LOCALHOST", "shop.localhost", "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1",
        "0x7f.1", "2130706433", "0177.0.0.1", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]",  # noqa: S104
        "127.0.0.1:8003",
    )),
)  # fmt: skip


@pytest.mark.parametrize("url", NOWHERE)
@pytest.mark.parametrize("name", ADDRESSES)
def test_no_address_of_this_machine_or_without_tls_starts(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    said = refusal(monkeypatch, {name: url})
    assert "live mode refuses to start" in said
    assert said.count("ONETILL_") == said.count(name) == 1


@pytest.mark.parametrize("host", ["shop.example", "10.0.0.5", "128.0.0.1", "localhost.shop.example", "[2001:db8::1]"])
def test_other_hosts_are_no_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@pay.shop.example",
        "https://pay.shop.example\\@evil.example",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://a b",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_is_plain_letters_and_names_no_user(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    assert name.rpartition("__")[2].removeprefix("ONETILL_").lower() in refusal(monkeypatch, {name: url}).lower()


@pytest.mark.parametrize(("name", "value"), [(f"ONETILL_{name}".upper(), value) for name, value in TEST_ONLY.items()])
def test_what_is_for_tests_does_not_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert refusal(monkeypatch, {name: value}).count(name) == 1


@pytest.mark.parametrize(("host", "starts"), [("127.0.0.1", True), ("localhost", True), ("smtp.shop.example", False)])
def test_mail_without_tls_goes_to_this_machine_only(monkeypatch: pytest.MonkeyPatch, host: str, starts: bool) -> None:
    said = refusal(monkeypatch, {"ONETILL_SMTP__HOST": host, "ONETILL_SMTP__SECURITY": "none"})
    assert ("ONETILL_SMTP__SECURITY" not in said) == starts
    assert refusal(monkeypatch, {"ONETILL_SMTP__HOST": host, "ONETILL_SMTP__SECURITY": "tls"}) == ""


def test_private_networks_that_are_named_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, {"ONETILL_NOTIFICATIONS__PRIVATE_NETWORKS": "10.1.0.0/24, 192.168.1.5"}) == ""


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: each.name)
def test_what_live_mode_needs_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch, manifest: Any) -> None:
    for name, reason in manifest.needed_in_live_mode.items():
        variable = manifest.variable(name)
        assert f"{variable} is missing: {reason}" in refusal(
            monkeypatch, {}, {each: value for each, value in LIVE.items() if each != variable}
        )


def test_every_offender_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = dict.fromkeys(ADDRESSES, "http://127.0.0.2") | dict.fromkeys(
        DATABASES, "postgresql://app:pw@db.shop.example/onetill"
    )
    bad |= dict.fromkeys(SECRETS, "a" * 40) | {"ONETILL_TIME_SCALE": "2"}
    said = refusal(monkeypatch, bad)
    assert [name for name in bad if f"{name} " not in said] == []


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize(
    "framers",
    ["*", "https://*", "http://*", "https:", "*.shop.example", "https://*.example", "https://a.*.example", "'self'",
     "https://shop.example/path", "https://shop.example; script-src *", "https://shop.example https://evil.example",
     "https://evil.example\\@shop.example", "https://user@shop.example", "data:", "https://shop.example,*",
     "https://*.co.kr", "https://*.Co.UK:8443", "https://*.com.au", "https://*.github.io", "https://*.vercel.app.",
     "https://shop.example,https://*.cafe24.com"],
)  # fmt: skip
def test_no_mode_lets_anybody_frame_the_page(monkeypatch: pytest.MonkeyPatch, mode: str, framers: str) -> None:
    said = refusal(monkeypatch, {"ONETILL_MODE": mode, "ONETILL_FRAME_ANCESTORS": framers})
    assert "frame_ancestors" in said


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize(
    "framers",
    [
        "https://shop.example",
        "https://*.shop.example,https://m.shop.example:8443",
        "https://*.shop.co.kr",
        "https://*.shop.kr",
        "https://shop.github.io,https://*.shop.github.io",
        "https://co.kr",
    ],
)
def test_every_mode_lets_origins_frame_it(monkeypatch: pytest.MonkeyPatch, mode: str, framers: str) -> None:
    assert refusal(monkeypatch, {"ONETILL_MODE": mode, "ONETILL_FRAME_ANCESTORS": framers}) == ""


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize(
    "scheme", [*sorted(NO_APP_SCHEMES), "JavaScript", "java script", "myshop:", "myshop://", "1st", "*"]
)
def test_no_mode_returns_to_a_scheme_that_runs_or_leaks(
    monkeypatch: pytest.MonkeyPatch, mode: str, scheme: str
) -> None:
    said = refusal(monkeypatch, {"ONETILL_MODE": mode, "ONETILL_RETURN_URL_SCHEMES": f"myshop,{scheme}"})
    assert "return_url_schemes" in said


@pytest.mark.parametrize("weak", ["", "short", *sorted(PUBLISHED)])
def test_each_of_several_secret_keys_is_judged(monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    other = STRONG[::-1]
    assert refusal(monkeypatch, {"ONETILL_SECRET_KEY": f"{other},{STRONG}"}) == ""
    for keys in (f"{STRONG},{weak}", f"{weak},{STRONG}", f"{STRONG},{weak},{other}"):
        assert "ONETILL_SECRET_KEY" in refusal(monkeypatch, {"ONETILL_SECRET_KEY": keys}), keys


def test_a_secret_is_a_secret() -> None:
    """What is named like one is kept like one, so that no print, log or error shows it."""
    for name, field in EVERY.items():
        words = set(name.lower().replace("__", "_").split("_"))
        is_named_so = words & {"secret", "secrets", "password", "token", "tokens", "key", "keys"}
        if is_named_so and not is_bounded(field.annotation) and "CHANNEL_KEY" not in name:
            assert is_secret(field), name
