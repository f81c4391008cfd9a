"""The shop's name, logo and colour: on the page, within its policy, and readable whatever the colour."""

import re

import httpx
import pytest
from pydantic import ValidationError

from app.checkout.brand import READABLE, Brand, contrast_with_white
from app.settings import Settings
from simulator.server import Simulator
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
LOGO = "https://cdn.shop.example/logo.svg"


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    brand = {"brand_name": "Haru <Goods>", "brand_logo_url": LOGO, "brand_color": "#FFCC00"}
    return settings_for(urls, simulator, portone_v1=None, portone_v2=None, unifi_pay=None, **brand)


async def test_it_stands_above_the_page(shop: Shop, client: httpx.AsyncClient) -> None:
    payment = await shop.create()
    for path in (f"/checkout/{payment['client_token']}", "/checkout/ct_unknown"):
        page = await client.get(path, headers=PAGE)
        assert "<span>Haru &lt;Goods&gt;</span>" in page.text
        assert f'<img src="{LOGO}" alt="" referrerpolicy="no-referrer">' in page.text
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["img-src"] == "'self' data: https://cdn.shop.example"
        assert "cdn.shop.example" not in "".join(sources for name, sources in policy.items() if name != "img-src")
    assert (
        '<link rel="stylesheet" href="/checkout/brand.css">'
        in (await client.get(f"/checkout/{payment['client_token']}", headers=PAGE)).text
    )
    css = await client.get("/checkout/brand.css")
    assert css.headers["content-type"].startswith("text/css")
    assert "--brand: #ffcc00;" in css.text
    assert "--on-brand: #000000;" in css.text


@pytest.mark.parametrize(
    "color", [f"#{r:02x}{g:02x}{b:02x}" for r in (0, 99, 180, 255) for g in (0, 110, 255) for b in (0, 130, 255)]
)
def test_what_stands_on_it_is_readable(color: str) -> None:
    (ink,) = re.findall(r"--on-brand: (#\w{6})", Brand(None, None, color).css)
    contrast = contrast_with_white(color)
    assert (contrast if ink == "#ffffff" else 21 / contrast) >= READABLE


@pytest.mark.parametrize(
    ("color", "contrast"), [("#ffffff", 1.0), ("#000000", 21.0), ("#767676", 4.54), ("#0000ff", 8.59), ("#ff0000", 4.0)]
)
def test_contrast_is_wcags(color: str, contrast: float) -> None:
    assert contrast_with_white(color) == pytest.approx(contrast, abs=0.01)


@pytest.mark.parametrize("color", ["red", "#fff", "#1d4fd7;}", "url(https://evil.example)", "#1d4fd", "1d4fd7"])
def test_a_colour_is_six_digits(settings: Settings, color: str) -> None:
    with pytest.raises(ValidationError, match="expected a colour"):
        Settings.model_validate(settings.model_dump() | {"brand_color": color})


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://user@cdn.example/x", "https://cdn.example/a b", "//cdn.example"]
)
def test_a_logo_has_an_address_of_the_web(settings: Settings, url: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Settings.model_validate(settings.model_dump() | {"brand_logo_url": url})


def test_without_settings_the_page_is_plain() -> None:
    plain = Brand(None, None, None)
    assert (plain.css, plain.images) == ("", ())
