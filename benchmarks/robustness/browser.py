"""Formulas rendered by KaTeX or MathJax in headless Chromium.

The engines are npm packages outside of the project: `npm install --prefix FOLDER katex@0.16 mathjax@3`, where FOLDER is
`ENGINES` below. Many formulas share a page, and one run of the browser returns its screenshot and the bounding boxes of
the formulas.
"""

import html
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import ToolError
from im2latex.rendering.renderer import Rendering
from im2latex.sandbox import process, scratch

ENGINES = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "im2latex" / "engines"
"""Default folder of the npm packages."""

_TEMPLATE = Path(__file__).with_name("page.html")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WIDTH, _HEIGHT, _GAP = 1600, 7600, 24  # CSS pixels; Chromium draws at most 16,384 device pixels a side
_FONT_PX = 16
_MARGIN = 10  # CSS pixels around a formula; less than half of _GAP, so that no other formula is visible

# Definitions of TeX and of rendering.document that an engine lacks.
_MACROS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "\\norm": ("\\lVert #1\\rVert", 1),
        "\\abs": ("\\lvert #1\\rvert", 1),
        "\\mathbbm": ("\\mathbb{#1}", 1),
        "\\mathds": ("\\mathbb{#1}", 1),
        "\\mbox": ("\\text{#1}", 1),
        "\\dag": ("\\dagger", 0),
        "\\dd": ("\\mathrm{d}", 0),
    }
)


@dataclass(frozen=True)
class BrowserRenderer:
    """A KaTeX or MathJax engine, the device pixel ratio, and the colours of the page."""

    engine: Literal["katex", "mathjax", "mathjax-svg"]
    scale: int
    ink: str = "#000000"
    paper: str = "#ffffff"

    def render(self, formulas: Sequence[str], engines: Path = ENGINES) -> list[Rendering]:
        """Screenshots (H, W, 3) in order, or the reason `not_understood`; raises `ToolError` if a tool is missing."""
        engine = self._engine_html(engines)
        results: list[Rendering] = []
        while len(results) < len(formulas):
            results += self._render_page(engine, formulas[len(results) :])
        return results

    def _render_page(self, engine: str, formulas: Sequence[str]) -> Iterator[Rendering]:
        """The formulas that fit on one page, at least one."""
        screenshot, boxes = _screenshot(self._document(engine, formulas), self.scale)
        if boxes[0] is None:
            raise ToolError("the first formula does not fit on a page; use shorter formulas")
        for box in boxes:
            if box is None:
                return
            if isinstance(box, str):
                yield Rendering(None, "not_understood", " ".join(box.split())[:200])
            else:
                left, top, width, height = box
                bounds = (top - _MARGIN, top + height + _MARGIN, left - _MARGIN, left + width + _MARGIN)
                first, last, start, end = (round(self.scale * bound) for bound in bounds)
                yield Rendering(screenshot[first:last, start:end].copy())

    def _document(self, engine: str, formulas: Sequence[str]) -> str:
        values = {
            "PAPER": self.paper,
            "INK": self.ink,
            "FONT_PX": str(_FONT_PX),
            "GAP": str(_GAP),
            "WIDTH": str(_WIDTH),
            "HEIGHT": str(_HEIGHT),
            "ENGINE": engine,
            "FORMULAS": json.dumps(list(formulas)).replace("</", "<\\/"),
        }
        text = _TEMPLATE.read_text(encoding="utf-8")
        return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text)

    def _engine_html(self, engines: Path) -> str:
        """HTML that loads the engine and lays out the formulas."""
        if self.engine == "katex":
            folder = _package(engines, "katex@0.16") / "dist"
            options = {"throwOnError": True, "strict": "ignore", "macros": {k: v for k, (v, _) in _MACROS.items()}}
            return (
                f'<link rel="stylesheet" href="{(folder / "katex.min.css").as_uri()}">\n'
                f'<script src="{(folder / "katex.min.js").as_uri()}"></script>\n'
                f"<script>const options = {json.dumps(options)};\n"
                'onload = () => layOut((f, place) => katex.render("\\\\displaystyle " + f, place, { ...options }));'
                "</script>\n"
            )
        output = "svg" if self.engine == "mathjax-svg" else "chtml"
        script = _package(engines, "mathjax@3") / "es5" / f"tex-{output}-full.js"
        known = {**_MACROS, "\\bm": ("\\boldsymbol{#1}", 1)}
        options = {
            "tex": {
                # Without these packages an unsupported command is an error instead of red text.
                "packages": {"[-]": ["noerrors", "noundefined"]},
                "macros": {name[1:]: [body, count] if count else body for name, (body, count) in known.items()},
            },
            "startup": {"typeset": False},
            "chtml": {"adaptiveCSS": False},
            "options": {"enableMenu": False},
        }
        return (
            f"<script>window.MathJax = {json.dumps(options)};\n"
            f"const convert = (f) => MathJax.tex2{output}Promise('\\\\displaystyle ' + f, {{ display: false }});\n"
            "onload = () => MathJax.startup.promise.then(() => {\n"
            + ("  document.head.append(MathJax.chtmlStylesheet());\n" if output == "chtml" else "")
            + "  return layOut(async (f, place) => {\n"
            "    place.append(await convert(f));\n"
            '    const fault = place.querySelector("[data-mjx-error]");\n'
            '    if (fault) throw new Error(fault.getAttribute("data-mjx-error"));\n'
            "  });\n});</script>\n"
            f'<script src="{script.as_uri()}"></script>\n'
        )


Box = list[float] | str | None


def _screenshot(document: str, scale: int) -> tuple[NDArray[np.uint8], list[Box]]:
    """Screenshot (H, W, 3) of a page; for each formula its box, an error, or None where it did not fit."""
    program = next((name for name in _BROWSERS if shutil.which(name)), _BROWSERS[0])
    with scratch.temporary_folder() as folder:
        (folder / "page.html").write_text(document, encoding="utf-8")
        command = [program, "--headless", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
        # Chromium does not start its sandbox as root, the usual user of a container.
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        command += [f"--window-size={_WIDTH},{_HEIGHT}", f"--force-device-scale-factor={scale}"]
        command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000", "--dump-dom"]
        command += [f"--screenshot={folder / 'page.png'}", (folder / "page.html").as_uri()]
        # Chromium reserves terabytes of address space and stores images in memory files.
        done = process.run_process(
            command, cwd=folder, timeout_seconds=400, cpu_seconds=120, memory_mb=1 << 26, file_mb=4096, access=None
        )
        found = re.search(r'data-boxes="([^"]*)"', done.stdout.decode("utf-8", "replace"))
        if not done.ok or not found or not (folder / "page.png").is_file():
            errors = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise ToolError(f"{program} took no screenshot (status {done.returncode}): {errors[-1]}")
        with Image.open(folder / "page.png") as image:
            return np.array(image.convert("RGB")), json.loads(html.unescape(found[1]))


def _package(engines: Path, name: str) -> Path:
    """The folder of an npm package; raises `ToolError` with the command that installs it."""
    folder = engines / "node_modules" / name.split("@")[0]
    if not folder.is_dir():
        raise ToolError(f"{folder}: no such folder; run npm install --ignore-scripts --prefix {engines} {name}")
    return folder
