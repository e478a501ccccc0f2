r"""Reasons of doubtful predictions, by what the image shows: python -m benchmarks.layout FORMULAS

Images of one formula, of formulas one below the other, of text, of text with a formula, and of plots, predicted with
the released model. For each: the share of predictions with each reason, `none` for those that are not doubtful.
The text is that of the project's documentation.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.harness import lines, save
from im2latex.errors import LatexError
from im2latex.inference.inputs import ImageInput
from im2latex.inference.predictor import load
from im2latex.latex.normalizer import Normalizer
from im2latex.rendering.renderer import RenderParams, TexRenderer

_MAX_TOKENS = 40
_WIDTHS_CM = (8, 12)


def main(
    formulas: Annotated[Path, typer.Argument(help="formulas, one per line")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images of each kind")] = 60,
    seed: Annotated[int, typer.Option(help="seed of the sample")] = 0,
) -> None:
    """Predict images of each kind, and count the reasons."""
    rng, predictor = random.Random(seed), load()
    kinds: dict[str, Sequence[ImageInput]] = {
        name: _render(documents) for name, documents in _documents(formulas, count, rng).items()
    }
    kinds["plot"] = [*islice(_plots(seed), count)]
    results = {}
    for name, images in kinds.items():
        predictions = predictor.predict(images)
        reasons = Counter(one.error.reason if one.error else one.reason or "none" for one in predictions)
        results[name] = {reason: round(found / len(images), 3) for reason, found in reasons.most_common()}
        typer.echo(f"{name}, {len(images)}: {results[name]}")
    save("layout", {"count": count, "seed": seed, "kinds": results})


def _documents(path: Path, count: int, rng: random.Random) -> dict[str, list[str]]:
    """TeX code of each kind but plots."""
    displays, sentences = _formulas(path, rng), _sentences(rng)
    return {
        "formula": [f"\\displaystyle {formula}" for formula in islice(displays, count)],
        "several formulas": [
            _box(rng, "".join(f"\\[{one}\\]" for one in islice(displays, rng.randint(2, 4)))) for _ in range(count)
        ],
        "text": [_box(rng, " ".join(islice(sentences, rng.randint(1, 4)))) for _ in range(count)],
        "text and a formula": [
            _box(rng, f"{next(sentences)} {next(sentences)}\\[{next(displays)}\\]") for _ in range(count)
        ],
    }


def _box(rng: random.Random, content: str) -> str:
    return f"\\parbox{{{rng.choice(_WIDTHS_CM)}cm}}{{\\parindent0pt {content}}}"


def _formulas(path: Path, rng: random.Random) -> Iterator[str]:
    rows, normalizer = lines(path), Normalizer()
    rng.shuffle(rows)
    for row in rows:
        try:
            formula = normalizer.normalize(row)
        except LatexError:
            continue
        if len(formula.split()) <= _MAX_TOKENS and "begin" not in formula:
            yield formula


def _sentences(rng: random.Random) -> Iterator[str]:
    pages = " ".join(page.read_text(encoding="utf-8") for page in sorted(Path("docs").rglob("*.md")))
    found = [one for one in re.findall(r"[A-Z][a-z]+ [a-z][A-Za-z ,;]{20,160}\.", pages) if len(one.split()) > 4]
    while True:
        yield rng.choice(found)


def _render(documents: Sequence[str]) -> list[ImageInput]:
    renderer = TexRenderer(RenderParams(rasterizer="pdfium"))
    return [one.pixels for one in renderer.render(documents) if one.pixels is not None]


def _plots(seed: int) -> Iterator[bytes]:
    from matplotlib.figure import Figure

    rng = np.random.default_rng(seed)
    while True:
        for kind in ("plot", "bar", "imshow", "scatter"):
            figure = Figure(figsize=(4 + 4 * rng.random(), 3 + 3 * rng.random()))
            axes = figure.subplots()
            x, y = rng.random((2, 30))
            if kind == "imshow":
                axes.imshow(rng.random((20, 20)))
            else:
                getattr(axes, kind)(np.sort(x), y)
            file = BytesIO()
            figure.savefig(file, format="png", dpi=80)
            yield file.getvalue()


if __name__ == "__main__":
    typer.run(main)
