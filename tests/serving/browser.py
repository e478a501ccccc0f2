"""A real browser with the page, and what a user does there."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from im2latex.serving.app import create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.conftest import listening
from tests.serving.fakes import FakePredictor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_TIMEOUT_MS = 60_000  # for busy machines


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        playwright.expect.set_options(timeout=_TIMEOUT_MS)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, predictor: FakePredictor) -> Iterator[Page]:
    with opened(browser, Backend(predictor, FakeRenderer())) as page:
        yield page


@contextmanager
def opened(browser: Browser, backend: Backend) -> Iterator[Page]:
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


def choose(page: Page, data: bytes) -> None:
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": data})


def expect(page: Page, selector: str) -> Any:
    """Assertions on the elements of a selector, which wait until they hold."""
    from playwright.sync_api import expect

    return expect(page.locator(selector))


def pdf() -> bytes:
    file = io.BytesIO()
    images.ink(400, 500).save(file, "PDF", save_all=True, append_images=[images.ink(600, 300)], resolution=300)
    return file.getvalue()
