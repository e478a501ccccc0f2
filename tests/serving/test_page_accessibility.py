"""Every state of the page and the page of the API: accessible, by keyboard too, and within the window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

from tests.serving import images
from tests.serving.browser import browser, choose, expect, page, pdf
from tests.serving.fakes import FakePredictor

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "page"]


class _States:
    """The states of the page, each brought about as a user would."""

    def __init__(self, page: Page, predictor: FakePredictor) -> None:
        self.page, self.predictor = page, predictor

    def __iter__(self) -> Iterator[str]:
        page, predictor = self.page, self.predictor
        expect(page, ".example").to_have_count(4)
        yield "empty"
        predictor.may_go.clear()
        choose(page, images.encoded(images.ink(400, 100)))
        expect(page, "body[data-state=predicting] #image").to_be_visible()
        yield "predicting"
        predictor.may_go.set()
        expect(page, ".candidate").to_have_count(3)
        yield "done"
        page.locator("#copy").click()
        expect(page, "#copied").to_have_text("Copied")
        yield "copied"
        page.locator("#crop").click()
        yield "cropping"
        page.keyboard.press("Escape")
        page.locator("#attention-card summary").click()
        page.locator(".chip").nth(1).click()
        yield "attention"
        page.locator("#attention-card summary").click()
        page.locator("#latex").fill(r"\broken")
        expect(page, "#rendering-error").not_to_be_empty()
        yield "not rendered"
        predictor.reason, predictor.boxes = "several_formulas", [(2, 18, 2, 88), (22, 38, 2, 88)]
        choose(page, images.encoded(images.ink(90)))
        expect(page, "#doubt button").to_be_visible()
        expect(page, ".past").to_have_count(2)
        yield "doubt and history"
        choose(page, images.encoded(Image.new("L", (50, 50), 255)))
        expect(page, "#error").to_be_visible()
        yield "failed"
        choose(page, pdf())
        expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
        yield "page of a PDF"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_state_is_accessible_and_fits_the_window(
    page: Page, predictor: FakePredictor, width: int, scheme: Literal["light", "dark"]
) -> None:
    """By axe-core, with the rules of WCAG 2.2 AA; borders of controls have a contrast of 3:1 (1.4.11)."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for state in _States(page, predictor):
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], state
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, state
        assert page.evaluate(_WEAK_BORDERS) == [], state


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_of_the_api_is_accessible_and_fits_the_window(
    page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.locator("header a").click()
    routes = ["POST /predict", "POST /render", "POST /format", "POST /pdf-page", "GET /healthz"]
    expect(page, "html[lang=en] main section h2").to_have_text(routes)
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.locator("pre").first.inner_text().startswith(f"curl --data-binary @image.png '{page.url[:-5]}/predict")


_WEAK_BORDERS = """() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = (color) => channels(color).slice(0, 3)
        .map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const background = (one) => {
        const color = getComputedStyle(one).backgroundColor;
        return channels(color)[3] === 0 && one.parentElement ? background(one.parentElement) : color;
    };
    const contrast = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    return [...document.querySelectorAll("button:not(.found), .button, textarea, select, input[type=number]")]
        .filter((one) => one.offsetParent && !one.disabled)
        .filter((one) => contrast(getComputedStyle(one).borderTopColor, background(one.parentElement)) < 3)
        .map((one) => one.outerHTML);
}"""


def test_the_keyboard_alone_converts_an_example_and_copies_it(page: Page) -> None:
    expect(page, ".example").to_have_count(4)
    for _ in range(4):  # API, file, paste, the first example
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page, "body[data-state=done] #copy").to_be_focused()
    page.keyboard.press("Enter")
    expect(page, "#copied").to_have_text("Copied")
