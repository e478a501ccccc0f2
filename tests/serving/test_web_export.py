"""The page without server: what is exported, that its modules compute what Python does, and a reading in a browser."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import im2latex
from im2latex.engines.config import read_config
from im2latex.errors import ArtifactError, ImageError, LatexError, ToolError
from im2latex.images.arrays import pad_to_bucket
from im2latex.images.layout import analyze_layout
from im2latex.images.preprocess import preprocess
from im2latex.inference.engine_choice import exported_folder
from im2latex.inference.inputs import input_image_spec, to_pixels
from im2latex.io.manifest import RELEASED
from im2latex.latex.grammar.generator import generate, load_classics
from im2latex.latex.normalizer import normalize
from im2latex.latex.pretty import pretty
from im2latex.latex.spelling import join, spell
from im2latex.serving import web_export

IMAGE = Path("examples/image.png")
PACKAGES = Path("node_modules")
NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_TIMEOUT_MS = 60_000  # for busy machines


@pytest.fixture(scope="module")
def graphs() -> Path:
    """The released checkpoint with its graphs."""
    found = exported_folder(RELEASED, "onnx")
    assert found is not None
    return found


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder node_modules with empty files."""
    for name, (_, files) in web_export.PACKAGES.items():
        for path in [*(tmp_path / name / "dist" / file for file in files), tmp_path / name / "package.json"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path


def test_the_folder_has_all_that_its_files_refer_to(graphs: Path, packages: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    web_export.export_page(graphs, folder, packages)
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert "data-server" not in html
    assert "/docs" not in html
    references = [(folder / "index.html", one) for one in re.findall(r'(?:src|href)="([^"]+)"', html)]
    for path in folder.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        references += [(path, one) for one in re.findall(r'(?:from|import|new URL\()\s*"(\.[^"]+)"', text)]
    assert len(references) > 20
    assert [(source, one) for source, one in references if not (source.parent / one).exists()] == []
    for name in ("config.json", "grammar.safetensors", "encoder.onnx", "decoder.onnx", "model.safetensors"):
        assert (folder / "model" / name).stat().st_mode & 0o044, name  # a server of another user reads them


def test_a_missing_file_of_a_package_is_named(graphs: Path, packages: Path, tmp_path: Path) -> None:
    (packages / "temml" / "dist" / "temml.mjs").unlink()
    with pytest.raises(ArtifactError, match=r"temml\.mjs: .*npm install temml@"):
        web_export.export_page(graphs, tmp_path / "out", packages)


def test_without_npm_the_packages_are_named(graphs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(ToolError, match=r"npm is not installed.*onnxruntime-web@.*--packages"):
        web_export.export_page(graphs, tmp_path / "out")


def _inputs() -> list[NDArray[np.uint8]]:
    """Images of many kinds, all RGBA."""
    formula = Image.open(IMAGE).convert("L")
    width, height = formula.size
    shade = Image.linear_gradient("L").resize(formula.size).point(lambda value: 140 + value // 3)
    speck = ImageOps.expand(formula, 60, 255)
    speck.paste(0, (3, 3, 5, 5))
    framed = ImageOps.expand(ImageOps.expand(formula, 12, 255), 2, 0)
    marked = Image.merge("RGB", [formula, formula, formula])
    marked.paste((255, 255, 0), (0, 0, width // 2, height), formula.crop((0, 0, width // 2, height)))
    transparent = Image.new("LA", formula.size, 0)
    transparent.putalpha(ImageOps.invert(formula))
    scanned = ImageOps.expand(formula, 30, 255)
    scanned.paste(0, (0, 0, scanned.width, 4))
    two = Image.new("L", (width, 4 * height), 255)
    two.paste(formula, (0, 0))
    two.paste(formula.resize((width // 2, height // 2)), (5, 3 * height))
    found = [
        formula,
        two,
        ImageOps.invert(formula),
        formula.resize((width * 3, height * 3), Image.Resampling.BICUBIC),
        formula.resize((width // 2, height // 2), Image.Resampling.BICUBIC),
        formula.rotate(2, Image.Resampling.BICUBIC, expand=True, fillcolor=255),
        ImageOps.expand(formula, 40, 255).rotate(2, Image.Resampling.BICUBIC, expand=True, fillcolor=0),
        Image.composite(shade, Image.new("L", formula.size, 20), formula),
        ImageOps.colorize(formula, "#803010", "#e0f0ff"),
        speck,
        framed,
        marked,
        transparent,
        scanned,
        Image.new("L", (40, 30), 255),  # blank
        ImageOps.expand(formula, 1, 255).resize((3000, 900)),
    ]
    return [np.asarray(image.convert("RGBA")) for image in found]


@pytest.fixture(scope="module")
def formulas() -> list[str]:
    """Normalized formulas of many kinds."""
    found = []
    for source in [*load_classics(), *generate(300, 6)]:
        with contextlib.suppress(LatexError):
            found.append(normalize(source))
    assert len(found) > 100
    return found


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_the_modules_compute_what_python_does(formulas: list[str], tmp_path: Path) -> None:
    config = read_config(RELEASED)
    inputs = _inputs()
    cut = [tokens.split()[: 1 + len(tokens.split()) // 2] for tokens in formulas]  # as a model may end
    symbols = [[symbol for token in tokens.split() for symbol in spell(token)] for tokens in formulas]
    cases = {
        "config": web_export.config_content(RELEASED),
        "pages": [_as_json(pixels) for pixels in inputs],
        "formulas": [*(tokens.split() for tokens in formulas), *cut],
        "symbols": symbols,
    }
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    modules = Path("im2latex/serving/web").resolve()
    shutil.copytree(modules, tmp_path / "web")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    command = [NODE or "", str(Path("tests/serving/web_parity.mjs").resolve()), str(tmp_path / "web"), str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    assert found["spellings"] == [pretty(tokens) for tokens in cases["formulas"]]
    assert found["words"] == [join(one) for one in symbols]
    for number, (pixels, own) in enumerate(zip(inputs, found["pages"], strict=True)):
        if "reason" in own:
            with pytest.raises(ImageError) as caught:
                preprocess(pixels, input_image_spec(config))
            assert caught.value.reason == own["reason"], number
            continue
        image = preprocess(pixels, input_image_spec(config))
        layout = analyze_layout(image.pixels)
        page = pad_to_bucket(config.shapes, image.pixels)
        assert own["layout"] == layout.reason, number
        assert own["boxes"] == [list(image.to_original(box)) for box in layout.boxes], number
        assert (own["height"], own["width"]) == page.shape, number
        values = np.frombuffer(base64.b64decode(own["data"]), np.uint8).reshape(page.shape)
        difference = np.abs(values.astype(int) - page)
        assert difference.max() <= 1, number
        assert difference.mean() < 0.01, number


def _as_json(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    return {"height": pixels.shape[0], "width": pixels.shape[1], "data": data}


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def served(graphs: Path, tmp_path: Path) -> Iterator[str]:
    """The address of an exported folder."""
    web_export.export_page(graphs, tmp_path, PACKAGES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.skipif(
    not all((PACKAGES / name).is_dir() for name in web_export.PACKAGES),
    reason=f"run npm install --no-save {' '.join(web_export.package_names())}",
)
def test_an_image_is_read_offline_as_by_predict(served: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    expected = im2latex.load().predict(IMAGE, effort="fast")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(_TIMEOUT_MS)
        page.set_viewport_size({"width": 390, "height": 800})
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served, wait_until="networkidle")
        assert page.locator(".invitation").inner_text() == "Drop an image here, paste an image, or"
        _check_accessible(axe, page)
        context.set_offline(True)
        page.locator("#file").set_input_files(IMAGE)
        page.wait_for_function("() => ['done', 'failed'].includes(document.body.dataset.state)")
        assert page.locator("#latex").input_value() == expected.latex
        assert page.locator("#confidence").inner_text().endswith(f"({round(100 * expected.confidence)} %)")
        assert page.locator("#mathml math").count() == 1
        _check_accessible(axe, page)
        page.locator("#attention-card summary").click()
        playwright.expect(page.locator(".chip")).to_have_text(expected.tokens, timeout=_TIMEOUT_MS)
        page.locator("#latex").fill(r"\broken")
        playwright.expect(page.locator("#rendering-error")).to_contain_text(r"\broken", timeout=_TIMEOUT_MS)
        _check_accessible(axe, page)
        browser.close()
    assert errors == []


def _check_accessible(axe: Any, page: Any) -> None:
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_pixels_of_an_image_with_one_channel_are_read_alike() -> None:
    gray = to_pixels(IMAGE)
    spec = input_image_spec(read_config(RELEASED))
    color = np.asarray(Image.open(IMAGE).convert("RGBA"))
    assert np.array_equal(preprocess(gray, spec).pixels, preprocess(color, spec).pixels)
