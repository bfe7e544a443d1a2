"""The page in a real browser, against the real server over a small shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import Visitor, browser, needs_browser
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from shop import HOSTILE, TITLES, Shop, always, serving

from apps.recommender.server import build_app
from common.serving.keys.live import ApiKeys
from common.serving.keys.writing import add_key

pytestmark = needs_browser


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def address(shop: Shop) -> Iterator[str]:
    with serving(build_app(always(shop))) as served:
        yield f"{served}/"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    profile = tmp_path_factory.mktemp("chromium")
    with browser(profile, "window-size=1200,900") as driver:
        yield driver


class Page(Visitor):
    """What a shop's people do and see."""

    def open(self, language: str = "en-US", part: str = "") -> None:
        self.speaks(language)
        # Otherwise another part of the same page would not load it again.
        self.driver.get("about:blank")
        self.driver.get(self.address + part)

    def see(self, selector: str, text: str = "") -> WebElement:
        """The first shown match that holds the text, once there is one."""
        return self.shown(selector, text)[0]

    def texts(self, selector: str) -> list[str]:
        return [one.text for one in self.all(selector)]

    def focused(self) -> str:
        return self.script("document.activeElement.id || document.activeElement.textContent")


@pytest.fixture
def page(chromium: WebDriver, address: str, shop: Shop) -> Iterator[Page]:
    opened = Page(chromium, address)
    opened.command("Emulation.clearDeviceMetricsOverride")
    opened.open()
    opened.see("#ranking .place")
    shop.asked.clear()
    yield opened
    shop.broken = False
    opened.leave()


def test_what_goes_with_an_item_is_one_click_away(page: Page) -> None:
    first = "#ranking .place:first-child"
    page.see(f"{first} [data-kind=similar]", "Similar").click()
    page.see(f"{first} .related li", TITLES[5])
    shown = page.texts(f"{first} .related li")
    assert shown[0] == f"{TITLES[4]} successor\nIts text is similar."
    assert shown[1] == f"{TITLES[5]}\nIts text is similar. (0.5)"
    page.see(f"{first} [data-kind=together]", "Bought together").click()
    page.wait(
        lambda: page.driver.find_elements(
            By.CSS_SELECTOR, f"{first} [data-kind=together][aria-expanded=true]"
        )
    )
    assert len(page.driver.find_elements(By.CSS_SELECTOR, f"{first} .related > *")) == 1
    page.see(f"{first} [data-kind=together]").click()
    assert page.texts(f"{first} .related > *") == []


def test_a_history_stands_beside_its_ranking(page: Page) -> None:
    page.see("#users button[aria-pressed=true]", "reader-0")
    assert page.texts("#history .title") == [TITLES[2], TITLES[1], TITLES[0], "sold-out"]
    assert "bought" not in page.texts("#history li")[0]
    assert "commented on · 12 Mar 2026" in page.texts("#history li")[0]
    assert "price 10 · rated 4" in page.texts("#history li")[2]
    assert "no longer among the items" in page.texts("#history li")[3]
    places = page.texts("#ranking .place")
    assert len(places) == 10
    assert places[0].startswith(f"1\n{TITLES[3]}\n小说 · price 11.5 · found by text")
    assert "click 25%" in places[0]
    assert "purchase 0.4%" in places[0]
    assert "Its price suits you." in places[0]
    assert "score 1.75" in places[0]
    assert "found by popularity" in places[1]
    assert "click" not in places[3], "not every release states probabilities"
    assert "free" in places[3]
    assert page.texts("#ranking [data-mark=coldItem]") == ["new item"]
    widths = [
        bar.size["width"] for bar in page.driver.find_elements(By.CSS_SELECTOR, "#ranking .bar i")
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1] > 0
    left, right = (page.see(name).rect for name in ("#history", "#ranking"))
    assert left["x"] + left["width"] <= right["x"]


def test_a_user_is_found_by_id_with_the_keyboard(page: Page) -> None:
    page.see("#query").click()
    page.press("READER-2")
    page.see("#found", "11 users found")
    page.press(Keys.TAB, Keys.TAB, Keys.ENTER)
    page.see("#next-note", "for reader-20,")
    assert page.focused() == "reader-20", "the keyboard stays where it was"
    assert page.script("location.hash") == "#user=reader-20"
    page.see("#query").clear()
    page.see("#query").send_keys("newcomer", Keys.ENTER)
    page.see("#next-note [data-mark=coldUser]", "new user")
    page.see("#history", "No history yet.")
    page.driver.back()
    page.see("#next-note", "for reader-20,")
    page.see("#query").clear()
    page.see("#query").send_keys("nobody")
    page.see("#found", "No user id contains this.")


def test_the_slider_ranks_again_and_can_be_taken_back(page: Page, shop: Shop) -> None:
    page.see("#strength", "0.2 (default)")
    assert page.see("#tuned").get_attribute("disabled")
    page.see("#diversity").click()
    page.press(Keys.END)
    page.see("#ranking .place:first-child", HOSTILE)
    assert page.see("#strength").text == "1"
    assert page.focused() == "diversity"
    page.press(Keys.HOME)
    page.see("#ranking .place:first-child", TITLES[3])
    assert shop.asked[-1] == (0.0, "en")
    page.see("#tuned").click()
    page.see("#strength", "0.2 (default)")
    page.wait(lambda: shop.asked[-1] == (None, "en"))


def test_the_length_of_the_ranking_is_kept(page: Page) -> None:
    assert len(page.texts("#ranking .place")) == 10
    page.see("#lengths button", "20 items").click()
    page.see("#lengths button[aria-pressed=true]", "20 items")
    page.driver.refresh()
    page.see("#lengths button[aria-pressed=true]", "20 items")


def test_a_reason_leads_to_the_event_it_speaks_of(page: Page) -> None:
    page.see("#ranking .place:last-child .reasons button", f"Similar to “{TITLES[2]}”.").click()
    page.see("#history .event.pointed", TITLES[2])
    top = page.script("document.querySelector('.pointed').getBoundingClientRect().top")
    assert 0 <= top < page.script("innerHeight"), "both are in sight"
    assert page.script("document.activeElement.dataset.item") == "item-2"
    assert len(page.texts("#history .pointed")) == 1


def test_the_page_and_its_reasons_in_chinese(page: Page) -> None:
    page.see("#language").click()
    page.see("h2", "推荐结果")
    page.see("#ranking .reasons", f"与您买过的“{TITLES[2]}”内容相近。")
    assert page.driver.title == "个性化推荐"
    assert page.script("document.documentElement.lang") == "zh-CN"
    page.see("#ranking .place", "点击概率 25%")
    page.open("zh-CN")
    page.see("#found", "共 33 位用户")
    assert page.script("document.querySelector('#language').textContent") == "English"


def test_a_link_opens_its_user_whatever_the_id(page: Page) -> None:
    for user in ("读者/一", HOSTILE):
        page.open(part=f"#user={quote(user, safe='')}")
        page.see("#next-note", f"for {user},")
    page.open(part="#user=nobody")
    page.see("#trouble", "There is no user 'nobody'.")


def test_no_text_becomes_markup(page: Page) -> None:
    page.open(part=f"#user={quote(HOSTILE, safe='')}")
    page.see("#lengths button", "20 items").click()
    page.see("#ranking .title", HOSTILE)
    page.see("#ranking .reasons", HOSTILE)
    page.see("#next-note", HOSTILE)
    assert page.driver.title == "Recommendations"
    assert page.script("document.querySelectorAll('main script, main img').length") == 0


def test_trouble_is_told_and_can_be_tried_again(page: Page, shop: Shop) -> None:
    shop.broken = True
    page.see("#lengths button", "50 items").click()
    page.see("#trouble", "That did not work: the shop is closed")
    shop.broken = False
    page.see("#retry").click()
    page.wait(lambda: not page.see("main").find_element(By.ID, "trouble").is_displayed())
    assert len(page.texts("#ranking .place")) == 10


def test_dark_and_light(page: Page) -> None:
    def background() -> str:
        return page.script("getComputedStyle(document.body).backgroundColor")

    dark = "rgb(16, 23, 27)"
    page.command(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert background() == dark
    page.see("#theme").click()
    page.wait(lambda: background() != dark)
    page.driver.refresh()
    page.see("#ranking .place")
    assert background() != dark
    page.command("Emulation.setEmulatedMedia", features=[])


@pytest.mark.parametrize("width", [320, 768])
def test_a_narrow_screen_needs_no_sideways_scrolling(page: Page, width: int) -> None:
    page.resize(width, 700)
    page.open(part=f"#user={quote(HOSTILE, safe='')}")
    page.see("#ranking .place")
    assert page.script("document.documentElement.scrollWidth") <= width
    past, following = page.see("#history").rect, page.see("#ranking").rect
    assert past["y"] + past["height"] <= following["y"], "one below the other"


def test_a_server_with_keys_asks_for_one(chromium: WebDriver, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    key, more = add_key(keys, "page"), add_key(keys, "all", ["ask", "learn"])
    with serving(build_app(always(Shop()), api_keys=ApiKeys.load(keys))) as served:
        page = Page(chromium, f"{served}/")
        page.open()
        page.see("#ask-input").send_keys("wrong", Keys.ENTER)
        page.see("#ask-text", "not accepted")
        page.see("#ask-input").send_keys(key, Keys.ENTER)
        page.see("#ranking .place", TITLES[3])
        releases = 'nav a[href$="releases.html"]'
        # It may only ask.
        page.wait(
            lambda: not page.script(f"document.querySelector('{releases}').checkVisibility()")
        )
        page.script(f"sessionStorage.setItem('api-key', '{more}')")
        page.open()
        page.see("#ranking .place", TITLES[3])
        page.see(releases)
        page.script("sessionStorage.clear()")
    chromium.get_log("browser")
