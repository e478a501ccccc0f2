"""Fit of the confidence model: python -m recipes.confidence FORMULAS

reads   held-out formulas, as .jsonl.gz with the column `formula`; a checkpoint folder; recipes/styles/all.yaml
writes  CHECKPOINT/confidence.json                    the coefficients; its line in CHECKPOINT/SHA256SUMS
        benchmarks/results/confidence.json            calibration error and AUROC, in cross-validation

Each formula is rendered in one of the styles whose fonts are here, half of the formulas as a short piece of them. A
prediction is right if it and the normalized label have equal pixels in the base style.
"""

import gzip
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.harness import equal_pixels, save
from im2latex.errors import LatexError, ToolError
from im2latex.images.arrays import ImageParams, Pixels, to_dataset_image
from im2latex.inference.confidence import FILE_NAME, Coefficients, ConfidenceModel, features
from im2latex.inference.effort import EFFORT_PARAMS
from im2latex.inference.predictor import load
from im2latex.io.atomic_write import atomic_write
from im2latex.io.hashing import read_sums, sum_line
from im2latex.io.manifest import RELEASED, SUMS
from im2latex.latex.normalizer import Normalizer
from im2latex.metrics.calibration import auroc, expected_calibration_error
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import RenderStyle, StylesParams, all_styles, create_renderer

STYLES = Path("recipes/styles/all.yaml")
FEATURES = {
    "greedy": ("log_probability", "mean_log_probability"),
    "beam": ("log_probability", "mean_log_probability", "log_share"),
    "rendered": ("log_probability", "mean_log_probability", "log_share", "log_distance"),
}
MAX_PIECE_TOKENS = 22
RIDGE = 1e-3
"""Weight of the squared coefficients of standardized features in the loss."""
FOLDS = 5
_BREAKS = frozenset(["=", ",", "<", ">", r"\in", r"\to", "&", r"\\", r"\le", r"\ge"])

Vector = NDArray[np.float64]


def main(
    formulas: Annotated[Path, typer.Argument(help="held-out formulas, .jsonl.gz with the column formula")],
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="checkpoint folder")] = RELEASED,
    count: Annotated[int, typer.Option("-n", "--count", min=50, help="images")] = 800,
    seed: Annotated[int, typer.Option("--seed", help="seed of the sample")] = 0,
) -> None:
    """Predict held-out formulas in all styles, and fit the probability that a prediction is right."""
    predictor = load(checkpoint)
    labels, images = render_labels(sample_formulas(formulas, count, seed))
    samples = {
        "greedy": predictor.find_candidates(images, beam=1),
        "beam": predictor.find_candidates(images, beam=EFFORT_PARAMS["normal"].beam),
    }
    samples["rendered"] = predictor.find_candidates(
        images, effort=replace(EFFORT_PARAMS["normal"], confidence_threshold=math.inf)
    )
    right = [equal_pixels(labels, [several[0].latex for several in found]) for found in samples.values()]
    fits: dict[str, Coefficients] = {}
    results: dict[str, object] = {}
    for name, found in zip(FEATURES, right, strict=True):
        inputs = np.array(
            [[features([one.evidence for one in several])[key] for key in FEATURES[name]] for several in samples[name]]
        )
        fits[name] = fit(inputs, found, FEATURES[name])
        results[name] = {"images": len(found), "right": round(float(found.mean()), 4), **_validate(inputs, found, name)}
        typer.echo(f"{name}: {results[name]} {fits[name]}")
    text = ConfidenceModel(**fits).model_dump_json(indent=1) + "\n"
    atomic_write(checkpoint / FILE_NAME, lambda path: path.write_text(text, encoding="utf-8"))
    _update_sums(checkpoint)
    save("confidence", results)


def _update_sums(folder: Path) -> None:
    """List the file in the checkpoint's SHA256SUMS, where it has one, for `im2latex verify`."""
    sums = folder / SUMS
    if sums.is_file():
        names = {*read_sums(sums), FILE_NAME}
        sums.write_text("".join(sum_line(folder / name) for name in sorted(names)), encoding="utf-8")


def sample_formulas(path: Path, count: int, seed: int) -> list[str]:
    """Normalized formulas in random order; of every second one only a short piece between relations and commas."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line)["formula"] for line in file]
    rng, normalizer = random.Random(seed), Normalizer()
    rng.shuffle(rows)
    chosen: list[str] = []
    for row in rows:
        try:
            formula = normalizer.normalize(row)
            if len(chosen) % 2:
                formula = normalizer.normalize(rng.choice([*_pieces(formula.split())]))
        except (LatexError, IndexError):
            continue
        chosen.append(formula)
        if len(chosen) == count:
            break
    return chosen


def _pieces(tokens: Sequence[str]) -> Iterator[str]:
    """Short pieces of a formula between relations and commas outside of all brackets."""
    depth, piece = 0, list[str]()
    for token in [*tokens, "="]:
        depth += (token in ("{", "(", "[", r"\{")) - (token in ("}", ")", "]", r"\}"))
        if depth == 0 and token in _BREAKS:
            if 0 < len(piece) <= MAX_PIECE_TOKENS:
                yield " ".join(piece)
            piece = []
        else:
            piece.append(token)


def render_labels(formulas: Sequence[str]) -> tuple[list[str], list[Pixels]]:
    """The formulas that could be rendered, each in one of the styles, and their images."""
    styles = [style for style in _styles() if _works(style)]
    labels, images = [], []
    for number, style in enumerate(styles):
        part, params = formulas[number :: len(styles)], style.image_params(ImageParams())
        for formula, rendering in zip(part, create_renderer(style.renderer).render(part), strict=True):
            if rendering.pixels is not None:
                labels.append(formula)
                images.append(to_dataset_image(rendering.pixels, params))
    return labels, images


def _styles() -> list[RenderStyle]:
    content = yaml.safe_load(STYLES.read_text(encoding="utf-8"))["render"]["styles"]
    return all_styles(RenderParams(), StylesParams.model_validate(content))


def _works(style: RenderStyle) -> bool:
    try:
        return create_renderer(style.renderer).render(["x"])[0].pixels is not None
    except ToolError as error:
        typer.echo(f"{style.name} is left out: {error}")
        return False


def fit(inputs: Vector, right: NDArray[np.bool_], names: Sequence[str]) -> Coefficients:
    """Fit the logistic regression on inputs (N, features)."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    standardized = (inputs - mean) / scale
    signs = np.where(right, 1.0, -1.0)

    def loss(parameters: Vector) -> float:
        margins = signs * (parameters[0] + standardized @ parameters[1:])
        return float(np.logaddexp(0, -margins).mean() + RIDGE * (parameters[1:] ** 2).sum())

    found = minimize(loss, np.zeros(inputs.shape[1] + 1), method="BFGS").x
    weights = found[1:] / scale
    intercept = float(found[0] - weights @ mean)
    return Coefficients(
        intercept=round(intercept, 4),
        weights={name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)},
    )


def _validate(inputs: Vector, right: NDArray[np.bool_], name: str) -> dict[str, float]:
    """Calibration error and AUROC of coefficients fitted on the other folds."""
    probabilities = np.empty(len(right))
    for fold in range(FOLDS):
        held_out = np.arange(len(right)) % FOLDS == fold
        coefficients = fit(inputs[~held_out], right[~held_out], FEATURES[name])
        probabilities[held_out] = [
            coefficients.probability(dict(zip(FEATURES[name], row, strict=True))) for row in inputs[held_out]
        ]
    measures: dict[str, Callable[[Vector, NDArray[np.bool_]], float]] = {
        "expected_calibration_error": expected_calibration_error,
        "auroc": auroc,
    }
    return {key: round(measure(probabilities, right), 4) for key, measure in measures.items()}


if __name__ == "__main__":
    typer.run(main)
