"""The page in a real browser, with fakes of the model and TeX."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import pytest
from PIL import Image

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.conftest import listening
from tests.serving.fakes import LATEX, OTHERS, TOKENS, FakePredictor, NoTexRenderer

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
    with _opened(browser, Backend(predictor, FakeRenderer())) as page:
        yield page


@contextmanager
def _opened(browser: Browser, backend: Backend) -> Iterator[Page]:
    """The page; it must load nothing from elsewhere and log no error."""
    limits = ServerLimits()
    with listening(create_app(backend, limits), limits) as port:
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
    _expect(page, "#rendering").to_have_attribute("alt", f"Rendering of {LATEX} 60")
    _expect(page, "#confidence").to_have_text("very likely right (90 %)")
    _expect(page, ".candidate").to_have_count(3)
    _expect(page, ".candidate .rendered").to_have_count(2)  # the third cannot be rendered, and is shown as code
    _expect(page, ".candidate code").to_have_text([f"{LATEX} 60", *OTHERS])
    _expect(page, ".candidate mark").to_have_text(["6", r"\broken"])  # the tokens that differ
    page.locator(".candidate").nth(1).click()
    _expect(page, "#latex").to_have_value(OTHERS[0])
    _expect(page, "#rendering").to_have_attribute("alt", f"Rendering of {OTHERS[0]}")
    page.keyboard.press("ArrowDown")
    _expect(page, "#latex").to_have_value(OTHERS[1])
    _expect(page, "#rendering-error").to_contain_text("cannot be rendered")


def test_an_edit_is_rendered_and_copied(page: Page) -> None:
    _choose(page, images.encoded(images.ink()))
    _expect(page, "#latex").to_have_value(f"{LATEX} 60")
    page.locator("#latex").fill("a + b")
    _expect(page, "#rendering").to_have_attribute("alt", "Rendering of a + b")
    _expect(page, "#candidates :checked").to_have_count(0)
    page.locator("#copy").click()
    _expect(page, "#copied").to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a + b"
    page.locator("#format").select_option("display")
    page.locator("#copy").click()
    _expect(page, "#copied").to_have_text("Copied")
    _expect(page, "#copied").to_be_empty()  # after a while
    assert page.evaluate("() => navigator.clipboard.readText()") == r"\[ a + b \]"
    page.locator("#format").select_option("tokens")
    page.locator("#latex").fill("a^2")
    page.locator("#copy").click()
    _expect(page, "#copied").to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a ^ { 2 }"
    page.locator("#latex").fill(r"\broken")
    _expect(page, "#rendering-error").to_have_text(r"The formula cannot be rendered: undefined macro (\broken)")
    _expect(page, "#rendering").to_have_class("stale")


def test_tokens_show_their_attention(page: Page) -> None:
    _choose(page, images.encoded(images.ink()))
    page.locator("#attention-card summary").click()
    chips = page.locator(".chip")
    playwright.expect(chips).to_have_text([*TOKENS, "60"])

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
    page.locator("#crop").click()  # four fifths of the width, one step wider
    page.keyboard.press("ArrowLeft")
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


def test_an_error_clears_the_result_and_no_image_is_broken_while_loading(page: Page, predictor: FakePredictor) -> None:
    broken = "() => [...document.images].filter((one) => one.offsetParent && one.complete && !one.naturalWidth).length"
    predictor.may_go.clear()
    _choose(page, images.encoded(images.ink()))
    _expect(page, "body[data-state=predicting] #image").to_be_visible()
    assert page.evaluate(broken) == 0
    predictor.may_go.set()
    _expect(page, "#latex").to_have_value(f"{LATEX} 60")
    _choose(page, b"text")
    _expect(page, "#error").to_be_visible()
    _expect(page, "#results").to_be_hidden()
    _expect(page, "#latex").to_have_value("")
    assert page.evaluate(broken) == 0


@pytest.mark.parametrize(
    ("reason", "sentence", "offers_crop"),
    [
        ("unsure", "Compare it with the image", False),
        ("several_formulas", "several formulas", True),
        ("text", "seems to show text", True),
        ("something_new", "something new", False),
    ],
)
def test_a_reason_of_doubt_is_a_sentence(
    page: Page, predictor: FakePredictor, reason: str, sentence: str, offers_crop: bool
) -> None:
    predictor.reason = reason
    _choose(page, images.encoded(images.ink()))
    _expect(page, "#doubt").to_contain_text(sentence)
    _expect(page, "#doubt button").to_have_count(int(offers_crop))
    if offers_crop:
        page.locator("#doubt button").click()
        _expect(page, "#crop-confirm").to_be_visible()


def test_without_tex_the_preview_is_mathml(browser: Browser, predictor: FakePredictor) -> None:
    with _opened(browser, Backend(predictor, NoTexRenderer())) as page:
        _choose(page, images.encoded(images.ink()))
        _expect(page, "#mathml math mfrac").to_be_visible()
        page.locator("#latex").fill(r"\sqrt{x}")
        _expect(page, "#mathml math msqrt").to_be_visible()
        _expect(page, ".candidate").to_have_count(3)
        _expect(page, ".example").to_have_count(0)
        page.locator("#latex").fill(r"\frac{1")
        _expect(page, "#rendering-error").not_to_be_empty()


def test_each_of_several_formulas_can_be_converted(page: Page, predictor: FakePredictor) -> None:
    predictor.reason, predictor.boxes = "several_formulas", [(10, 40, 20, 120), (60, 90, 20, 380)]
    _choose(page, images.encoded(images.ink(400, 100)))
    _expect(page, "#doubt").to_contain_text("Select a formula in the image")
    _expect(page, "button.found").to_have_count(2)
    predictor.reason, predictor.boxes = None, []
    page.get_by_role("button", name="Convert formula 1 of 2").click()
    _expect(page, "#latex").to_have_value(f"{LATEX} 112")  # the box and its margins
    _expect(page, "button.found").to_have_count(0)


def test_a_part_is_chosen_with_a_finger(page: Page) -> None:
    _choose(page, images.encoded(images.ink(400, 200)))
    page.locator("#crop").click()
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    point = """([x, y]) => { for (const kind of ["pointerdown", "pointermove", "pointerup"])
        document.elementFromPoint(x, y).dispatchEvent(new PointerEvent(kind,
            { bubbles: true, cancelable: true, clientX: x, clientY: y, pointerType: "touch", pointerId: 1 })); }"""
    page.evaluate("() => { Element.prototype.setPointerCapture = () => {} }")  # of a finger that is not there
    # A tap moves the nearest corner: here the lower right one.
    page.evaluate(point, [stage["x"] + stage["width"] * 0.6, stage["y"] + stage["height"] * 0.7])
    page.locator("#crop-confirm").click()
    _expect(page, "#latex").to_have_value(f"{LATEX} 200")  # from a tenth to six tenths


def test_a_page_of_a_pdf_is_chosen_and_cropped(page: Page) -> None:
    _choose(page, _pdf())
    _expect(page, "#page-count").to_have_text("2")
    _expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
    page.locator("#next-page").click()
    _expect(page, "#page-number").to_have_value("2")
    _expect(page, "#next-page").to_be_disabled()
    page.locator("#crop-confirm").click()
    _expect(page, "#latex").to_have_value(f"{LATEX} 480")  # four fifths of the page
    page.locator("#page-number").fill("1")
    page.keyboard.press("Enter")
    _expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
    page.locator("#crop-confirm").click()
    _expect(page, "#latex").to_have_value(f"{LATEX} 320")


def test_formulas_of_this_visit_come_back(page: Page, predictor: FakePredictor) -> None:
    _choose(page, images.encoded(images.ink(90)))
    _expect(page, "#latex").to_have_value(f"{LATEX} 90")
    page.locator("#latex").fill("edited")
    _choose(page, images.encoded(images.ink(120)))
    _expect(page, "#latex").to_have_value(f"{LATEX} 120")
    _expect(page, ".past code").to_have_text([f"{LATEX} 120", "edited"])
    calls = len(predictor.batches)
    page.locator(".past").nth(1).click()
    _expect(page, "#latex").to_have_value("edited")
    _expect(page, ".past[aria-current=true] code").to_have_text("edited")
    assert len(predictor.batches) == calls


def _pdf() -> bytes:
    file = io.BytesIO()
    images.ink(400, 500).save(file, "PDF", save_all=True, append_images=[images.ink(600, 300)], resolution=300)
    return file.getvalue()


class _States:
    """The states of the page, each brought about as a user would."""

    def __init__(self, page: Page, predictor: FakePredictor) -> None:
        self.page, self.predictor = page, predictor

    def __iter__(self) -> Iterator[str]:
        page, predictor = self.page, self.predictor
        _expect(page, ".example").to_have_count(4)
        yield "empty"
        predictor.may_go.clear()
        _choose(page, images.encoded(images.ink(400, 100)))
        _expect(page, "body[data-state=predicting] #image").to_be_visible()
        yield "predicting"
        predictor.may_go.set()
        _expect(page, ".candidate").to_have_count(3)
        yield "done"
        page.locator("#copy").click()
        _expect(page, "#copied").to_have_text("Copied")
        yield "copied"
        page.locator("#crop").click()
        yield "cropping"
        page.keyboard.press("Escape")
        page.locator("#attention-card summary").click()
        page.locator(".chip").nth(1).click()
        yield "attention"
        page.locator("#attention-card summary").click()
        page.locator("#latex").fill(r"\broken")
        _expect(page, "#rendering-error").not_to_be_empty()
        yield "not rendered"
        predictor.reason, predictor.boxes = "several_formulas", [(2, 18, 2, 88), (22, 38, 2, 88)]
        _choose(page, images.encoded(images.ink(90)))
        _expect(page, "#doubt button").to_be_visible()
        _expect(page, ".past").to_have_count(2)
        yield "doubt and history"
        _choose(page, images.encoded(Image.new("L", (50, 50), 255)))
        _expect(page, "#error").to_be_visible()
        yield "failed"
        _choose(page, _pdf())
        _expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
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
    _expect(page, "html[lang=en] main section h2").to_have_text(routes)
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
    _expect(page, ".example").to_have_count(4)
    for _ in range(4):  # API, file, paste, the first example
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    _expect(page, "body[data-state=done] #copy").to_be_focused()
    page.keyboard.press("Enter")
    _expect(page, "#copied").to_have_text("Copied")
