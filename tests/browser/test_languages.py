"""Korean and English by the browser's language, from the shop through the window to the paid order."""

from dataclasses import dataclass

import pytest
from playwright.async_api import expect

from app.checkout.texts import TEXTS
from app.domain.language import Language
from tests.browser.conftest import NewBuyer
from tests.browser.driver import World


@dataclass(frozen=True)
class Words:
    """What somebody of one language reads on the way."""

    locale: str
    lang: Language
    buy: str
    product: str
    dialog: str
    close: str
    closed: str
    retry: str
    declined: str
    reason: str
    paid: str
    back: str
    order_paid: str


KOREAN = Words(
    locale="ko-KR",
    lang="ko",
    buy="구매하기: 도자기 머그컵",
    product="도자기 머그컵",
    dialog="결제창: 도자기 머그컵, ₩24,000",
    close="결제창 닫기",
    closed="결제창이 닫혔습니다",
    retry="다시 시도하기",
    declined="결제가 완료되지 않았습니다",
    reason="결제사에서 결제를 승인하지 않았습니다.",
    paid="결제가 완료되었습니다",
    back="상점으로 돌아가기",
    order_paid="결제 완료 ✓",
)
ENGLISH = Words(
    locale="en-GB",
    lang="en",
    buy="Buy: Ceramic mug",
    product="Ceramic mug",
    dialog="Payment window: Ceramic mug, ₩24,000",
    close="Close the payment window",
    closed="The payment window is closed",
    retry="Try again",
    declined="The payment was not completed",
    reason="The payment company did not approve the payment.",
    paid="Payment complete",
    back="Back to the shop",
    order_paid="Paid ✓",
)


@pytest.mark.parametrize("words", [KOREAN, ENGLISH], ids=lambda words: words.lang)
async def test_the_whole_way_is_in_the_browsers_language(new_buyer: NewBuyer, words: Words) -> None:
    buyer = await new_buyer(locale=words.locale)
    page = buyer.page
    html, heading = page.locator("html"), page.get_by_role("heading", level=1)
    await page.goto(buyer.world.storefront)
    await expect(html).to_have_attribute("lang", words.lang)
    await page.get_by_role("button", name=words.buy).click()
    await buyer.widget_is_open()
    await expect(html).to_have_attribute("lang", words.lang)
    await expect(page.get_by_role("dialog", name=words.dialog)).to_be_visible()
    await expect(page.locator(".point3-widget-amount")).to_have_text("₩24,000")
    await expect(buyer.widget.locator(".amount")).to_have_text("24,000원")
    await page.get_by_role("button", name=words.close).click()
    await expect(heading).to_have_text(words.closed)
    assert await page.title() == f"{words.closed} · {words.product}"
    await page.get_by_role("button", name=words.retry).click()
    await buyer.widget_is_open()
    await buyer.pays("declined")
    await expect(heading).to_have_text(words.declined)
    await expect(buyer.detail).to_contain_text(words.reason)
    await buyer.tries_again()
    await buyer.pays()
    await expect(heading).to_have_text(words.paid)
    await page.get_by_role("link", name=words.back).click()
    await expect(heading).to_have_text(words.order_paid)
    await expect(page.locator("dl")).to_contain_text("₩24,000")


async def test_the_first_paint_follows_accept_language(world: World) -> None:
    payment = await world.shop.create()
    wishes: dict[str, Language] = {
        "ko-KR,ko;q=0.9,en;q=0.8": "ko",
        "en;q=0.9,ko;q=0.8": "en",
        "fr-FR,fr;q=0.9": "en",
        "ja,ko;q=0.1": "ko",
        "": "en",
    }
    for header, lang in wishes.items():
        answer = await world.shop.client.get(payment["checkout_url"], headers={"Accept-Language": header})
        assert f'<html lang="{lang}">' in answer.text
        assert f">{TEXTS[lang]['paying_heading']}</h1>" in answer.text
        assert answer.headers["content-language"] == lang


def test_both_languages_say_the_same_things() -> None:
    assert TEXTS["ko"].keys() == TEXTS["en"].keys()
    assert all(text.strip() for texts in TEXTS.values() for text in texts.values())
