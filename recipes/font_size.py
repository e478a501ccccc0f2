"""Fit of the font size estimator: python -m recipes.font_size --help

`draw` sets formulas in six sets of letters and several sizes, finely; `fit` makes images of many resolutions of them,
sharp and blurred, with and without noise, learns the size of the type from what `imaging.symbolsize` measures, and
writes the coefficients; `judge` says how far off the estimates are. Papers are either for the fit or for the judging.

reads   formulas, as .jsonl.gz with the column paper
writes  DRAWN.npz, im2latex/images/font_size.json, benchmarks/results/font-size.json
"""

import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from tqdm import tqdm

from benchmarks.harness import save
from im2latex.images.crop import crop_ink
from im2latex.images.font_size import FEATURE_NAMES, WEIGHTS_PATH, estimate_font_size, extract_features
from im2latex.images.foreground import estimate_ink
from im2latex.rendering.fonts import FontSet
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import FontSize, StylesParams, VariantParams, all_styles, create_renderer

POINTS_PER_INCH = 72.27
DPI = 600
FONT_SETS: tuple[FontSet, ...] = ("computer-modern", "times", "txfonts", "palatino", "pxfonts", "euler")
SIZES: tuple[FontSize, ...] = ("8pt", "10pt", "12pt", "17pt")
SMALLEST_EM, LARGEST_EM = 8.0, 60.0
HIDDEN = (48, 24)
EPOCHS = 60
SHORT = 0.2
"""Share of the formulas that are single symbols and short ones, which people photograph and papers do not set apart."""

Drawn = Annotated[Path, typer.Argument(help="what `draw` wrote")]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def draw(formulas: Path, drawn: Path, skip: int = 4000, count: int = 5000, seed: int = 0) -> None:
    """Draw formulas, each in one style, at 600 dots an inch."""
    with gzip.open(formulas, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][skip:]
    draws = random.Random(seed)
    chosen = [(row["formula"], row["paper"]) for row in draws.sample(rows, round(count * (1 - SHORT)))]
    chosen += [(text, text) for text in _short(draws, count - len(chosen))]
    styles = [
        VariantParams(name=f"{fonts}-{size}", fonts=fonts, size=size, dpi=DPI)
        for fonts, size in product(FONT_SETS, SIZES)
    ]
    base = RenderParams(rasterizer="pdfium")
    variants = all_styles(base, StylesParams(variants=tuple(styles)))[1:]
    # The letters of TeX count for half: they are most of what there is.
    weights = [3 if style.name.startswith("computer-modern") else 1 for style in variants]
    images, ems, held_out = [], [], []
    given = draws.choices(range(len(variants)), weights, k=len(chosen))
    for place, style in enumerate(tqdm(variants)):
        mine = [one for one, its in zip(chosen, given, strict=True) if its == place]
        renderings = create_renderer(style.renderer).render([text for text, _ in mine])
        for (_, paper), found in zip(mine, renderings, strict=True):
            if found.pixels is not None and found.pixels.size < 12_000_000:
                file_ = io.BytesIO()
                Image.fromarray(found.pixels).save(file_, "PNG", compress_level=1)
                images.append(file_.getvalue())
                ems.append(int(style.name.rsplit("-", 1)[1][:-2]) / POINTS_PER_INCH * DPI)
                held_out.append(hashlib.sha256(paper.encode()).digest()[0] < 64)
    np.savez(drawn, images=np.array(images, object), ems=np.array(ems), held_out=np.array(held_out))


@app.command()
def fit(drawn: Drawn, views: int = 2, seed: int = 0) -> None:
    """Learn the coefficients."""
    data = np.load(drawn, allow_pickle=True)
    measured, units, ems = _measured(data, ~data["held_out"], views, seed)
    values, aims = torch.from_numpy(measured), torch.from_numpy(np.log(ems / units)).float()
    mean, spread = values.mean(0), values.std(0) + 1e-6
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inner, outer in zip((len(FEATURE_NAMES), *HIDDEN), (*HIDDEN, 2), strict=True):
        layers += [nn.Linear(inner, outer), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    steps = EPOCHS * (len(values) // 256)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps + 1)
    inputs = (values - mean) / spread
    for _ in range(steps):
        rows = torch.randint(len(values), (256,))
        guess, width = network(inputs[rows]).unbind(1)
        # A Laplace distribution: outliers, as single letters that may be large or small, bend it less.
        loss = ((guess - aims[rows]).abs() * torch.exp(-width) + width).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    weights = [
        {"weights": _rounded(layer.weight), "bias": _rounded(layer.bias)}
        for layer in network
        if isinstance(layer, nn.Linear)
    ]
    content = {"names": list(FEATURE_NAMES), "mean": _rounded(mean), "spread": _rounded(spread), "layers": weights}
    WEIGHTS_PATH.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    judge(drawn, seed=seed + 1)


@app.command()
def judge(drawn: Drawn, views: int = 1, seed: int = 1) -> None:
    """How far the estimates are off, on formulas of papers that the fit did not see."""
    data = np.load(drawn, allow_pickle=True)
    errors, spreads, ems = [], [], []
    for ink, em in _views(data, data["held_out"], views, seed):
        found = estimate_font_size(ink)
        errors.append(np.log(found.em / em))
        spreads.append(found.spread)
        ems.append(em)
    off, spread, em_px = np.abs(errors), np.array(spreads), np.array(ems)
    sure = spread <= np.median(spread)
    classes = {f"{low}-{high} px": (em_px >= low) & (em_px < high) for low, high in ((8, 12), (12, 24), (24, 100))}
    save(
        "font-size",
        {"images": len(off), "factor_off": _distribution(off)}
        | {"the_surer_half": _distribution(off[sure]), "the_other_half": _distribution(off[~sure])}
        | {"by_size_of_type": {name: _distribution(off[mask]) for name, mask in classes.items()}},
    )


def _distribution(off: NDArray[np.float64]) -> dict[str, float]:
    quantiles = {f"{share:.0%}": round(float(np.exp(np.quantile(off, share))), 3) for share in (0.5, 0.9, 0.95, 0.99)}
    return quantiles | {"within_1.25": round(float((off < np.log(1.25)).mean()), 4)}


def _measured(
    data: NDArray[np.void], mask: NDArray[np.bool_], views: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    rows = [(*extract_features(ink), em) for ink, em in _views(data, mask, views, seed)]
    return (
        np.array([row[0] for row in rows], np.float32),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
    )


def _views(
    data: NDArray[np.void], mask: NDArray[np.bool_], views: int, seed: int
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Images of the chosen formulas as they may come, cropped, and the size of their type in pixels."""
    draws = np.random.default_rng(seed)
    for encoded, em in tqdm([*zip(data["images"][mask], data["ems"][mask], strict=True)], mininterval=10):
        with Image.open(io.BytesIO(encoded)) as image:
            for _ in range(views):
                largest = min(em, LARGEST_EM)
                wanted = float(np.exp(draws.uniform(np.log(SMALLEST_EM), np.log(largest))))
                ink = crop_ink(estimate_ink(_seen(image, wanted / em, draws)))
                if ink is not None:
                    yield ink, wanted


def _seen(image: Image.Image, factor: float, draws: np.random.Generator) -> NDArray[np.uint8]:
    """A drawing at another resolution: by a renderer or a scanner, some of them blurred, noisy or of two colours."""
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    kind = draws.integers(5)
    filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
    padded = Image.new("L", (size[0] + 12, size[1] + 12), 255)
    if kind == 0:  # a small image that was enlarged
        few = max(1, round(size[0] * 0.7)), max(1, round(size[1] * 0.7))
        small = image.resize(few, Image.Resampling.BOX).resize(size, Image.Resampling.BILINEAR)
    else:
        small = image.resize(size, filters[draws.integers(3)])
    padded.paste(small, (6, 6))
    pixels = np.asarray(padded).astype(np.float32)
    if kind == 1:
        pixels = np.where(pixels < 150, 0, 255).astype(np.float32)
    elif kind == 2:
        pixels += draws.normal(0, draws.uniform(2, 12), pixels.shape).astype(np.float32)
    return pixels.clip(0, 255).astype(np.uint8)


def _short(draws: random.Random, count: int) -> Iterator[str]:
    """Symbols alone, and short formulas of them."""
    letters = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
    letters += [rf"\{name}" for name in ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "pi", "sigma")]
    letters += [rf"\{name}" for name in ("phi", "psi", "omega", "Gamma", "Delta", "Sigma", "Omega", "infty", "hbar")]
    forms = ["{0}", "{0}={1}", "{0}_{{{1}}}", "{0}^{{{1}}}", r"\frac{{{0}}}{{{1}}}", "{0}+{1}", "{0}({1})"]
    forms += ["{0}={1}{2}", r"\sqrt{{{0}}}", r"{0}\in{1}", r"\sum_{{{0}}}{1}", r"\int {0}\,d{1}", "{0}{1}"]
    forms += [r"\hat{{{0}}}", "{0}'"]
    for _ in range(count):
        yield draws.choice(forms).format(*draws.choices(letters, k=3))


def _rounded(values: torch.Tensor) -> list[object]:
    rounded: list[object] = np.round(values.detach().numpy().astype(np.float64), 4).tolist()
    return rounded


if __name__ == "__main__":
    app()
