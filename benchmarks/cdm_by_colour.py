"""CDM by coloured rendering, as in the paper, without code of im2latex: python -m benchmarks.cdm_by_colour LABELS

Wang et al., "Image Over Text" (CVPR 2025), section 3, with the constants of its published program: every visible token
in its own colour, one image at 200 dpi, bounding box of each colour, Hungarian matching, five rounds of RANSAC. It is
compared with im2latex.metrics.cdm on labels with known edits.

Limited to labels whose tokens have one colour each: symbols, fractions, roots, accents and fonts. Anti-aliasing is off,
so that thin strokes keep their colour; the published program uses it and loses some of these tokens.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import typer
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.formula_edits import edit
from benchmarks.harness import lines, save
from im2latex.latex.parser.symbols import symbol_classes
from im2latex.metrics.cdm import compare_glyphs
from im2latex.rendering.glyph_boxes.reader import TexGlyphReader

_DPI, _PADDING_PX, _RESIDUAL_PX, _ROUNDS, _TRIALS, _SEED = 200, 8, 20, 5, 50, 42
_EDITS = ("letters replaced", "letters lost", "letters added", "scripts turned over", "neighbours swapped")
_STRENGTHS = (1, 2, 4)
_MARKS = frozenset(
    {r"\frac", r"\sqrt", r"\hat", r"\tilde", r"\bar", r"\vec", r"\dot", r"\ddot", r"\overline", r"\underline"}
)
_FONTS = frozenset({r"\mathrm", r"\mathbf", r"\mathcal", r"\mathbb"})
_SYMBOLS = frozenset[str]().union(
    *(symbol_classes()[name] for name in ("ord", "alpha", "op", "bin", "rel", "open", "close"))
)
_INVISIBLE = frozenset({"{", "}", "^", "_", "\\,", "\\;", "\\!", "\\:", "~", "\\quad", "\\qquad"})
_DOCUMENT = r"""\documentclass[12pt]{article}
\usepackage{amsmath,amssymb,xcolor}
\hoffset=-1in \voffset=-1in \topmargin=0pt \parindent=0pt
\begin{document}
%s
\end{document}"""
_PAGE = r"""\setbox0\hbox{\kern9pt$\displaystyle %s$\kern9pt}%%
\pdfpagewidth=\wd0 \pdfpageheight=\dimexpr\ht0+\dp0+18pt\relax
\shipout\vbox{\kern9pt\box0}
"""

Boxes = NDArray[np.float64]
Symbols = tuple[list[str], Boxes]

app = typer.Typer(add_completion=False)


@app.command()
def main(labels: Path, count: int = 60) -> None:
    """Compare the scores of `count` pairs; every tenth pair has two different labels."""
    supported = list(filter(_is_supported, lines(labels)))
    formulas = supported[:: max(1, len(supported) // count)][:count]
    edits = [(name, strength) for name in _EDITS for strength in _STRENGTHS]
    others = [
        formulas[index - 1] if index % 10 == 0 else edit(text, *edits[index % len(edits)], seed=1)
        for index, text in enumerate(formulas)
    ]
    symbols = _symbols([*formulas, *others])
    theirs = np.array([f1(*pair) for pair in zip(symbols[: len(formulas)], symbols[len(formulas) :], strict=True)])
    ours = np.array([pair["cdm"] for pair in compare_glyphs(formulas, others, TexGlyphReader())])
    difference = np.abs(ours - theirs)
    worst = [(round(float(difference[at]), 3), formulas[at], others[at]) for at in np.argsort(-difference)[:3]]
    result: dict[str, object] = {
        "labels": len(lines(labels)),
        "supported": len(supported),
        "pairs": len(formulas),
        "mean_by_colour": round(float(theirs.mean()), 4),
        "mean_cdm": round(float(ours.mean()), 4),
        "mean_difference": round(float(difference.mean()), 4),
        "max_difference": round(float(difference.max()), 4),
        "correlation": round(float(np.corrcoef(ours, theirs)[0, 1]), 4),
        "different_exact": int(((ours == 1) != (theirs == 1)).sum()),
        "largest_differences": worst,
    }
    save("cdm-by-colour", result)


def f1(reference: Symbols, other: Symbols) -> float:
    """The published score of two lists of tokens with boxes (N, 4): left, top, right, bottom in pixels."""
    first, second = reference[0], other[0]
    if not first or not second:
        return 0.0
    differs = np.array([[float(a != b) for b in second] for a in first])
    one, two = (boxes / np.tile(boxes.max(axis=0)[2:] + _PADDING_PX, 2) for boxes in (reference[1], other[1]))
    place = np.array([[np.abs(a - b).sum() / 4 for b in two] for a in one])
    order = np.array([[abs(i / len(first) - j / len(second)) for j in range(len(second))] for i in range(len(first))])
    rows, columns = linear_sum_assignment(differs + 0.05 * place + 0.15 * order)
    fits = _inliers(_centres(reference[1])[rows], _centres(other[1])[columns])
    return 2 * int((fits & (differs[rows, columns] == 0)).sum()) / (len(first) + len(second))


def _centres(boxes: Boxes) -> Boxes:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _inliers(source: Boxes, target: Boxes) -> NDArray[np.bool_]:
    """RANSAC inliers; a model is a shift and a scale about the mean of the remaining points."""
    rng = np.random.default_rng(_SEED)
    fits = np.full(len(source), len(source) <= 2)
    for _ in range(_ROUNDS):
        left = np.flatnonzero(~fits)
        if len(left) <= 2:
            break
        best = np.zeros(len(left), bool)
        for _ in range(_TRIALS):
            two = rng.choice(left, 2, replace=False)
            shift = target[two].mean(axis=0) - source[two].mean(axis=0)
            spread = [np.linalg.norm(side[two] - side[two].mean(axis=0), axis=1).mean() for side in (source, target)]
            middle = source[left].mean(axis=0)
            moved = spread[1] / (spread[0] + 1e-10) * (source[left] - middle) + middle + shift
            near = np.linalg.norm(moved - target[left], axis=1) < _RESIDUAL_PX
            best = near if near.sum() > best.sum() else best
        if not best.any():
            break
        fits[left[best]] = True
    return fits


def _is_supported(label: str) -> bool:
    """Whether every token can have its own colour or is invisible."""
    tokens = label.split()
    plain = all(
        token in _INVISIBLE | _MARKS | _FONTS | _SYMBOLS or re.fullmatch(r"[^\\&#%$~]", token) for token in tokens
    )
    return plain and 5 < len(tokens) < 80 and "\\not" not in tokens and "[" not in tokens


def _symbols(formulas: list[str]) -> list[Symbols]:
    """Tokens and the bounding boxes of their colours; empty for a formula that does not compile."""
    with tempfile.TemporaryDirectory() as name:
        coloured = [_coloured(formula) for formula in formulas]
        source = Path(name) / "pages.tex"
        source.write_text(_DOCUMENT % "".join(_PAGE % text for text, _ in coloured), encoding="utf-8")
        command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", source.name]
        subprocess.run(command, cwd=name, capture_output=True, timeout=300, check=False)
        document = pdfium.PdfDocument(source.with_suffix(".pdf"))
        assert len(document) == len(formulas), "one page per formula"
        pages = [_pixels(document[number]) for number in range(len(formulas))]
        document.close()
    return [_bounds(tokens, pixels) for (_, tokens), pixels in zip(coloured, pages, strict=True)]


def _pixels(page: pdfium.PdfPage) -> NDArray[np.int64]:
    """The page as one RGB number per pixel (H, W)."""
    bitmap = page.render(scale=_DPI / 72, no_smoothtext=True, no_smoothpath=True, rev_byteorder=True)
    red, green, blue = (bitmap.to_numpy()[..., place].astype(np.int64) for place in range(3))
    return np.asarray(red << 16 | green << 8 | blue)


def _bounds(tokens: list[str], pixels: NDArray[np.int64]) -> Symbols:
    ys, xs = np.nonzero(pixels != 0xFFFFFF)
    corner = np.array([xs.min(), ys.min()]) - _PADDING_PX if len(xs) else np.zeros(2)
    seen, boxes = [], []
    for number, token in enumerate(tokens):
        ys, xs = np.nonzero(pixels == _colour(number))
        if len(xs):
            seen.append(token)
            boxes.append([xs.min() - 1, ys.min() - 1, xs.max() + 1, ys.max() + 1] - np.tile(corner, 2))
    return seen, np.array(boxes, np.float64).reshape(len(boxes), 4)


def _colour(number: int) -> int:
    """The n-th colour, in steps of 15, without black."""
    red, rest = divmod(number + 1, 18**2)
    return (15 * red) << 16 | (15 * (rest // 18)) << 8 | 15 * (rest % 18)


def _coloured(formula: str) -> tuple[str, list[str]]:
    """The formula with each visible token in its colour, and those tokens; a mark contains its arguments."""
    seen: list[str] = []
    return " ".join(_walk(iter(formula.split()), seen)), seen


def _walk(tokens: Iterator[str], seen: list[str]) -> Iterator[str]:
    for token in tokens:
        if token in _INVISIBLE or token in _FONTS:
            yield token
            continue
        colour = _colour(len(seen))
        seen.append(token)
        opened = rf"\mathcolor[RGB]{{{colour >> 16},{colour >> 8 & 255},{colour & 255}}}{{{token}"
        if token in _MARKS:
            yield opened
            for _ in range(2 if token == "\\frac" else 1):
                yield from _walk(_group(tokens), seen)
            yield "}"
        else:
            yield f"{opened}}}"


def _group(tokens: Iterator[str]) -> Iterator[str]:
    """The tokens of the next group with its braces, or the next token in braces."""
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        yield from ["{", token, "}"] if token not in "{}" and not depth else [token]
        if not depth:
            return


if __name__ == "__main__":
    app()
