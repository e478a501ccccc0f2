"""The page in a real browser, with fakes of the model and TeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from im2latex.serving.backend import Backend
from tests.serving import images
from tests.serving.browser import browser, choose, expect, opened, page, pdf
from tests.serving.fakes import LATEX, OTHERS, TOKENS, FakePredictor, NoTexRenderer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "page"]


def test_an_image_is_predicted_and_its_candidates_are_rendered(page: Page) -> None:
    choose(page, images.encoded(images.ink()))
    expect(page, "#latex").to_have_value(f"{LATEX} 60")
    expect(page, "#rendering").to_have_js_property("complete", True)
    expect(page, "#rendering").to_have_attribute("alt", f"Rendering of {LATEX} 60")
    expect(page, "#confidence").to_have_text("very likely right (90 %)")
    expect(page, ".candidate").to_have_count(3)
    expect(page, ".candidate .rendered").to_have_count(2)  # the third cannot be rendered, and is shown as code
    expect(page, ".candidate code").to_have_text([f"{LATEX} 60", *OTHERS])
    expect(page, ".candidate mark").to_have_text(["6", r"\broken"])  # the tokens that differ
    page.locator(".candidate").nth(1).click()
    expect(page, "#latex").to_have_value(OTHERS[0])
    expect(page, "#rendering").to_have_attribute("alt", f"Rendering of {OTHERS[0]}")
    page.keyboard.press("ArrowDown")
    expect(page, "#latex").to_have_value(OTHERS[1])
    expect(page, "#rendering-error").to_contain_text("cannot be rendered")


def test_an_edit_is_rendered_and_copied(page: Page) -> None:
    choose(page, images.encoded(images.ink()))
    expect(page, "#latex").to_have_value(f"{LATEX} 60")
    page.locator("#latex").fill("a + b")
    expect(page, "#rendering").to_have_attribute("alt", "Rendering of a + b")
    expect(page, "#candidates :checked").to_have_count(0)
    page.locator("#copy").click()
    expect(page, "#copied").to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a + b"
    page.locator("#format").select_option("display")
    page.locator("#copy").click()
    expect(page, "#copied").to_have_text("Copied")
    expect(page, "#copied").to_be_empty()  # after a while
    assert page.evaluate("() => navigator.clipboard.readText()") == r"\[ a + b \]"
    page.locator("#format").select_option("tokens")
    page.locator("#latex").fill("a^2")
    page.locator("#copy").click()
    expect(page, "#copied").to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == "a ^ { 2 }"
    page.locator("#latex").fill(r"\broken")
    expect(page, "#rendering-error").to_have_text(r"The formula cannot be rendered: undefined macro (\broken)")
    expect(page, "#rendering").to_have_class("stale")


def test_tokens_show_their_attention(page: Page) -> None:
    choose(page, images.encoded(images.ink()))
    page.locator("#attention-card summary").click()
    chips = page.locator(".chip")
    expect(page, ".chip").to_have_text([*TOKENS, "60"])

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
    expect(page, "#play").to_have_text("Pause")
    expect(page, "#play").to_have_text("Play")  # at the end
    assert not any(heat())


def test_a_part_is_predicted_with_the_mouse_and_with_the_keyboard(page: Page) -> None:
    choose(page, images.encoded(images.ink(400, 200)))
    expect(page, "#latex").to_have_value(f"{LATEX} 400")
    box = page.locator("#image").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 3 * box["width"] / 4, box["y"] + box["height"] - 10)
    page.mouse.up()
    expect(page, "#latex").to_have_value(f"{LATEX} 200")
    page.locator("#whole").click()
    expect(page, "#latex").to_have_value(f"{LATEX} 400")
    page.locator("#crop").click()  # four fifths of the width, one step wider
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page, "#latex").to_have_value(f"{LATEX} 328")


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
        expect(page, "#latex").to_have_value(f"{LATEX} {width}")


def test_other_files_and_blank_images_get_an_error(page: Page) -> None:
    choose(page, b"text")
    expect(page, "#error").to_contain_text("not an image")
    choose(page, images.encoded(Image.new("L", (50, 50), 255)))
    expect(page, "#error").to_have_text("There is no ink on the image")
    choose(page, images.encoded(images.ink()))
    expect(page, "#latex").to_have_value(f"{LATEX} 60")
    expect(page, "#error").to_be_hidden()


def test_an_error_clears_the_result_and_no_image_is_broken_while_loading(page: Page, predictor: FakePredictor) -> None:
    broken = "() => [...document.images].filter((one) => one.offsetParent && one.complete && !one.naturalWidth).length"
    predictor.may_go.clear()
    choose(page, images.encoded(images.ink()))
    expect(page, "body[data-state=predicting] #image").to_be_visible()
    assert page.evaluate(broken) == 0
    predictor.may_go.set()
    expect(page, "#latex").to_have_value(f"{LATEX} 60")
    choose(page, b"text")
    expect(page, "#error").to_be_visible()
    expect(page, "#results").to_be_hidden()
    expect(page, "#latex").to_have_value("")
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
    choose(page, images.encoded(images.ink()))
    expect(page, "#doubt").to_contain_text(sentence)
    expect(page, "#doubt button").to_have_count(int(offers_crop))
    if offers_crop:
        page.locator("#doubt button").click()
        expect(page, "#crop-confirm").to_be_visible()


def test_without_tex_the_preview_is_mathml(browser: Browser, predictor: FakePredictor) -> None:
    with opened(browser, Backend(predictor, NoTexRenderer())) as page:
        choose(page, images.encoded(images.ink()))
        expect(page, "#mathml math mfrac").to_be_visible()
        page.locator("#latex").fill(r"\sqrt{x}")
        expect(page, "#mathml math msqrt").to_be_visible()
        expect(page, ".candidate").to_have_count(3)
        expect(page, ".example").to_have_count(0)
        page.locator("#latex").fill(r"\frac{1")
        expect(page, "#rendering-error").not_to_be_empty()


def test_each_of_several_formulas_can_be_converted(page: Page, predictor: FakePredictor) -> None:
    predictor.reason, predictor.boxes = "several_formulas", [(10, 40, 20, 120), (60, 90, 20, 380)]
    choose(page, images.encoded(images.ink(400, 100)))
    expect(page, "#doubt").to_contain_text("Select a formula in the image")
    expect(page, "button.found").to_have_count(2)
    predictor.reason, predictor.boxes = None, []
    page.get_by_role("button", name="Convert formula 1 of 2").click()
    expect(page, "#latex").to_have_value(f"{LATEX} 112")  # the box and its margins
    expect(page, "button.found").to_have_count(0)


def test_a_part_is_chosen_with_a_finger(page: Page) -> None:
    choose(page, images.encoded(images.ink(400, 200)))
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
    expect(page, "#latex").to_have_value(f"{LATEX} 200")  # from a tenth to six tenths


def test_a_page_of_a_pdf_is_chosen_and_cropped(page: Page) -> None:
    choose(page, pdf())
    expect(page, "#page-count").to_have_text("2")
    expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
    page.locator("#next-page").click()
    expect(page, "#page-number").to_have_value("2")
    expect(page, "#next-page").to_be_disabled()
    page.locator("#crop-confirm").click()
    expect(page, "#latex").to_have_value(f"{LATEX} 480")  # four fifths of the page
    page.locator("#page-number").fill("1")
    page.keyboard.press("Enter")
    expect(page, "body[data-state=choosing] #crop-confirm").to_be_visible()
    page.locator("#crop-confirm").click()
    expect(page, "#latex").to_have_value(f"{LATEX} 320")


def test_formulas_of_this_visit_come_back(page: Page, predictor: FakePredictor) -> None:
    choose(page, images.encoded(images.ink(90)))
    expect(page, "#latex").to_have_value(f"{LATEX} 90")
    page.locator("#latex").fill("edited")
    choose(page, images.encoded(images.ink(120)))
    expect(page, "#latex").to_have_value(f"{LATEX} 120")
    expect(page, ".past code").to_have_text([f"{LATEX} 120", "edited"])
    calls = len(predictor.batches)
    page.locator(".past").nth(1).click()
    expect(page, "#latex").to_have_value("edited")
    expect(page, ".past[aria-current=true] code").to_have_text("edited")
    assert len(predictor.batches) == calls
