"""The page in a real browser, with fakes of the model and TeX."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.conftest import listening
from tests.serving.fakes import LATEX, OTHERS, FakePredictor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_TIMEOUT_MS = 60_000  # for busy machines
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        playwright.expect.set_options(timeout=_TIMEOUT_MS)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, predictor: FakePredictor) -> Iterator[Page]:
    """The page; it must load nothing from elsewhere and log no error."""
    limits = ServerLimits()
    with listening(create_app(Backend(predictor, FakeRenderer()), limits), limits) as port:
        here = f"http://127.0.0.1:{port}"
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(_TIMEOUT_MS)
        foreign: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: _note(foreign, request.url, here))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(here)
        yield page
        context.close()
        assert foreign == []
        assert [fault for fault in faults if "422" not in fault] == []  # of formulas that cannot be rendered


def _note(foreign: list[str], url: str, here: str) -> None:
    if not url.startswith((here, "data:", f"blob:{here}")):
        foreign.append(url)


def _choose(page: Page, data: bytes) -> None:
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": data})


def _expect(page: Page, selector: str) -> Any:
    return playwright.expect(page.locator(selector))


def test_an_image_is_predicted_and_its_candidates_are_rendered(page: Page) -> None:
    _choose(page, images.encoded(images.ink()))
    _expect(page, "#latex").to_have_value(f"{LATEX} 60")
    _expect(page, "#rendering").to_have_js_property("complete", True)
    _expect(page, "#rendering").to_have_attribute("alt", f"{LATEX} 60")
    _expect(page, "#confidence").to_have_text("confidence 90 %")
    _expect(page, ".candidate").to_have_count(3)
    _expect(page, ".candidate .rendered").to_have_count(2)  # the third cannot be rendered, and is shown as code
    _expect(page, ".candidate code").to_have_text(OTHERS[1])
    page.locator(".candidate").nth(1).click()
    _expect(page, "#latex").to_have_value(OTHERS[0])
    _expect(page, "#rendering").to_have_attribute("alt", OTHERS[0])
    page.keyboard.press("ArrowDown")
    _expect(page, "#latex").to_have_value(OTHERS[1])
    _expect(page, "#rendering-error").to_contain_text("cannot be rendered")


def test_an_edit_is_rendered_and_copied(page: Page) -> None:
    _choose(page, images.encoded(images.ink()))
    _expect(page, "#latex").to_have_value(f"{LATEX} 60")
    page.locator("#latex").fill("a + b")
    _expect(page, "#rendering").to_have_attribute("alt", "a + b")
    _expect(page, "#candidates :checked").to_have_count(0)
    page.locator("#copy").click()
    _expect(page, "#status").to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a + b"
    page.locator("#copy-display").click()
    playwright.expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "$$a + b$$"
    page.locator("#latex").fill(r"\broken")
    _expect(page, "#rendering-error").to_have_text(r"The formula cannot be rendered: undefined macro (\broken)")
    _expect(page, "#rendering").to_have_class("stale")


def test_tokens_show_their_attention(page: Page) -> None:
    _choose(page, images.encoded(images.ink()))
    chips = page.locator(".chip")
    playwright.expect(chips).to_have_text(f"{LATEX} 60".split())

    def heat() -> list[int]:
        """The opacity of the cells of the map."""
        cells: list[int] = page.locator("#heat").evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 3)"
        )
        return cells

    assert not any(heat())
    chips.nth(3).hover()
    assert [place for place, value in enumerate(heat()) if value] == [6 + 3]  # row 1, column 3 of two rows of six
    chips.nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert [place for place, value in enumerate(heat()) if value] == [6 + 1]
    page.locator("#play").click()
    _expect(page, "#play").to_have_text("Pause")
    _expect(page, "#play").to_have_text("Play")  # at the end
    assert not any(heat())


def test_a_part_is_predicted_with_the_mouse_and_with_the_keyboard(page: Page) -> None:
    _choose(page, images.encoded(images.ink(400, 200)))
    _expect(page, "#latex").to_have_value(f"{LATEX} 400")
    box = page.locator("#image").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 3 * box["width"] / 4, box["y"] + box["height"] - 10)
    page.mouse.up()
    _expect(page, "#latex").to_have_value(f"{LATEX} 200")
    page.locator("#whole").click()
    _expect(page, "#latex").to_have_value(f"{LATEX} 400")
    page.locator("#crop").click()  # a box of four fifths, one step wider, and read
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    _expect(page, "#latex").to_have_value(f"{LATEX} 328")


def test_pasted_and_dropped_images_are_predicted(page: Page) -> None:
    give = """([kind, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "a.png", { type: "image/png" }));
        const options = { clipboardData: transfer, dataTransfer: transfer, bubbles: true, cancelable: true };
        document.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options));
    }"""
    for kind, width in (("paste", 90), ("drop", 120)):
        page.evaluate(give, [kind, images.base64_of(images.ink(width))])
        _expect(page, "#latex").to_have_value(f"{LATEX} {width}")


def test_other_files_and_blank_images_get_an_error(page: Page) -> None:
    _choose(page, b"text")
    _expect(page, "#error").to_contain_text("not an image")
    _choose(page, images.encoded(Image.new("L", (50, 50), 255)))
    _expect(page, "#error").to_have_text("There is no ink on the image")
    _choose(page, images.encoded(images.ink()))
    _expect(page, "#latex").to_have_value(f"{LATEX} 60")
    _expect(page, "#error").to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_and_all_controls_have_names(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.locator(".example").nth(3).click()
    _expect(page, "body[data-state=done]").to_have_count(1)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    nameless = """() => [...document.querySelectorAll("button, input, textarea, img, [tabindex]")]
        .filter((one) => one.offsetParent && !(one.textContent || one.alt || one.labels?.length || one.ariaLabel))
        .map((one) => one.outerHTML)"""
    assert page.evaluate(nameless) == []


def test_the_api_page_lists_the_routes(page: Page) -> None:
    page.goto(f"{page.url}docs")
    _expect(page, ".opblock-summary-path").to_have_text(["/predict", "/render", "/healthz"])
    page.locator(".opblock-summary-control").nth(1).click()
    _expect(page, ".try-out__btn").to_be_visible()
