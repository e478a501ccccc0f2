"""Fit of the font size estimator: python -m recipes.font_size --help

render     formulas in six font sets and several sizes, at high resolution
fit        downscale them, some blurred or noisy, and fit a network on the features of im2latex.images.font_size
evaluate   error of the estimates, on formulas of held-out papers

reads   formulas, as .jsonl.gz with the column paper
writes  RENDERED.npz, im2latex/images/font_size_weights.json, benchmarks/results/font-size.json
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
MIN_EM, MAX_EM = 8.0, 60.0
HIDDEN = (48, 24)
EPOCHS = 60
SHORT_SHARE = 0.2
"""Share of single symbols and short formulas, which users photograph and papers rarely display."""

Rendered = Annotated[Path, typer.Argument(help="output of the command `render`")]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def render(formulas: Path, rendered: Path, skip: int = 4000, count: int = 5000, seed: int = 0) -> None:
    """Render formulas, each in one style, at 600 dpi."""
    with gzip.open(formulas, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][skip:]
    rng = random.Random(seed)
    chosen = [(row["formula"], row["paper"]) for row in rng.sample(rows, round(count * (1 - SHORT_SHARE)))]
    chosen += [(text, text) for text in _short_formulas(rng, count - len(chosen))]
    styles = [
        VariantParams(name=f"{fonts}-{size}", fonts=fonts, size=size, dpi=DPI)
        for fonts, size in product(FONT_SETS, SIZES)
    ]
    base = RenderParams(rasterizer="pdfium")
    variants = all_styles(base, StylesParams(variants=tuple(styles)))[1:]
    # Computer Modern gets a higher weight: most formulas are set in it.
    weights = [3 if style.name.startswith("computer-modern") else 1 for style in variants]
    images, ems, held_out = [], [], []
    assigned = rng.choices(range(len(variants)), weights, k=len(chosen))
    for number, style in enumerate(tqdm(variants)):
        batch = [formula for formula, variant in zip(chosen, assigned, strict=True) if variant == number]
        renderings = create_renderer(style.renderer).render([text for text, _ in batch])
        for (_, paper), rendering in zip(batch, renderings, strict=True):
            if rendering.pixels is not None and rendering.pixels.size < 12_000_000:
                png = io.BytesIO()
                Image.fromarray(rendering.pixels).save(png, "PNG", compress_level=1)
                images.append(png.getvalue())
                ems.append(int(style.name.rsplit("-", 1)[1][:-2]) / POINTS_PER_INCH * DPI)
                held_out.append(hashlib.sha256(paper.encode()).digest()[0] < 64)
    np.savez(rendered, images=np.array(images, object), ems=np.array(ems), held_out=np.array(held_out))


@app.command()
def fit(rendered: Rendered, views: int = 2, seed: int = 0) -> None:
    """Fit the network, write its weights, and evaluate."""
    data = np.load(rendered, allow_pickle=True)
    features, units, ems = _extract(data, ~data["held_out"], views, seed)
    values, targets = torch.from_numpy(features), torch.from_numpy(np.log(ems / units)).float()
    mean, std = values.mean(0), values.std(0) + 1e-6
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip((len(FEATURE_NAMES), *HIDDEN), (*HIDDEN, 2), strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    steps = EPOCHS * (len(values) // 256)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps + 1)
    inputs = (values - mean) / std
    for _ in range(steps):
        rows = torch.randint(len(values), (256,))
        estimate, log_scale = network(inputs[rows]).unbind(1)
        # Negative log-likelihood of a Laplace distribution: robust to outliers such as single letters.
        loss = ((estimate - targets[rows]).abs() * torch.exp(-log_scale) + log_scale).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    weights = [
        {"weights": _rounded(layer.weight), "bias": _rounded(layer.bias)}
        for layer in network
        if isinstance(layer, nn.Linear)
    ]
    content = {"names": list(FEATURE_NAMES), "mean": _rounded(mean), "spread": _rounded(std), "layers": weights}
    WEIGHTS_PATH.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    evaluate(rendered, seed=seed + 1)


@app.command()
def evaluate(rendered: Rendered, views: int = 1, seed: int = 1) -> None:
    """Error of the estimates on formulas of held-out papers."""
    data = np.load(rendered, allow_pickle=True)
    errors, spreads, ems = [], [], []
    for ink, em in _views(data, data["held_out"], views, seed):
        estimate = estimate_font_size(ink)
        errors.append(np.log(estimate.em / em))
        spreads.append(estimate.spread)
        ems.append(em)
    error, spread, em_px = np.abs(errors), np.array(spreads), np.array(ems)
    confident = spread <= np.median(spread)
    bins = {f"{low}-{high} px": (em_px >= low) & (em_px < high) for low, high in ((8, 12), (12, 24), (24, 100))}
    save(
        "font-size",
        {"images": len(error), "error_factor": _distribution(error)}
        | {"confident_half": _distribution(error[confident]), "other_half": _distribution(error[~confident])}
        | {"by_font_size": {name: _distribution(error[mask]) for name, mask in bins.items()}},
    )


def _distribution(error: NDArray[np.float64]) -> dict[str, float]:
    quantiles = {f"{share:.0%}": round(float(np.exp(np.quantile(error, share))), 3) for share in (0.5, 0.9, 0.95, 0.99)}
    return quantiles | {"within_1.25": round(float((error < np.log(1.25)).mean()), 4)}


def _extract(
    data: NDArray[np.void], mask: NDArray[np.bool_], views: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Features (N, F), measured unit (N,) and em in pixels (N,) of augmented images."""
    rows = [(*extract_features(ink), em) for ink, em in _views(data, mask, views, seed)]
    return (
        np.array([row[0] for row in rows], np.float32),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
    )


def _views(
    data: NDArray[np.void], mask: NDArray[np.bool_], views: int, seed: int
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Cropped ink of augmented images, and the em of each in pixels."""
    rng = np.random.default_rng(seed)
    for encoded, em in tqdm([*zip(data["images"][mask], data["ems"][mask], strict=True)], mininterval=10):
        with Image.open(io.BytesIO(encoded)) as image:
            for _ in range(views):
                largest = min(em, MAX_EM)
                target = float(np.exp(rng.uniform(np.log(MIN_EM), np.log(largest))))
                ink = crop_ink(estimate_ink(_resample(image, target / em, rng)))
                if ink is not None:
                    yield ink, target


def _resample(image: Image.Image, factor: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Scale an image as renderers and scanners do; some are blurred, noisy or bilevel."""
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    kind = rng.integers(5)
    filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
    padded = Image.new("L", (size[0] + 12, size[1] + 12), 255)
    if kind == 0:  # an enlarged small image
        reduced = max(1, round(size[0] * 0.7)), max(1, round(size[1] * 0.7))
        small = image.resize(reduced, Image.Resampling.BOX).resize(size, Image.Resampling.BILINEAR)
    else:
        small = image.resize(size, filters[rng.integers(3)])
    padded.paste(small, (6, 6))
    pixels = np.asarray(padded).astype(np.float32)
    if kind == 1:
        pixels = np.where(pixels < 150, 0, 255).astype(np.float32)
    elif kind == 2:
        pixels += rng.normal(0, rng.uniform(2, 12), pixels.shape).astype(np.float32)
    return pixels.clip(0, 255).astype(np.uint8)


def _short_formulas(rng: random.Random, count: int) -> Iterator[str]:
    """Single symbols and short formulas of them."""
    letters = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
    letters += [rf"\{name}" for name in ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "pi", "sigma")]
    letters += [rf"\{name}" for name in ("phi", "psi", "omega", "Gamma", "Delta", "Sigma", "Omega", "infty", "hbar")]
    templates = ["{0}", "{0}={1}", "{0}_{{{1}}}", "{0}^{{{1}}}", r"\frac{{{0}}}{{{1}}}", "{0}+{1}", "{0}({1})"]
    templates += ["{0}={1}{2}", r"\sqrt{{{0}}}", r"{0}\in{1}", r"\sum_{{{0}}}{1}", r"\int {0}\,d{1}", "{0}{1}"]
    templates += [r"\hat{{{0}}}", "{0}'"]
    for _ in range(count):
        yield rng.choice(templates).format(*rng.choices(letters, k=3))


def _rounded(values: torch.Tensor) -> list[object]:
    rounded: list[object] = np.round(values.detach().numpy().astype(np.float64), 4).tolist()
    return rounded


if __name__ == "__main__":
    app()
