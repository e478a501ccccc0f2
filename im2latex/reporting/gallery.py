"""Gallery of examples: select samples, and draw the input image, the prediction and the difference.

The selection depends only on the scored rows and a seed.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field
from rapidfuzz.distance import Levenshtein

from im2latex.config import Params
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.reporting.figures import grey_image, overlay, overlay_image, stored_image
from im2latex.reporting.report_data import Example, Gallery, InlineImage

ScoredRow = Mapping[str, Any]
"""A row of schemas.SCORES."""


class GalleryParams(Params):
    """Number and size of the examples."""

    examples: int = Field(
        default=4, ge=1, le=12, description="samples in each of the groups random, typical, fewest and most errors"
    )
    seed: int = Field(default=0, ge=0, description="seed of the random group")
    input_density: float = Field(default=1.0, gt=0, description="input image pixels in one CSS pixel")
    render_density: float = Field(default=2.0, gt=0, description="rendered image pixels in one CSS pixel")


def choose_examples(rows: Sequence[ScoredRow], params: GalleryParams) -> dict[str, tuple[str, list[ScoredRow]]]:
    """Select groups of rows by title, each with its rule in words; no sample is in two groups."""
    facts = [(row["formula_id"], error_share(row), _length(row), is_correct(row)) for row in rows]
    names, shares, lengths, right = zip(*facts, strict=True) if facts else [()] * 4
    left = sorted(range(len(rows)), key=names.__getitem__)
    middle = sorted(shares)[len(left) // 2] if left else 0.0

    def select(order: Callable[[int], Any]) -> list[ScoredRow]:
        nonlocal left
        first = heapq.nsmallest(params.examples, left, key=order)
        left = [place for place in left if place not in first]
        return [rows[place] for place in first]

    # Drawn first, from all rows: a sample of the remaining rows would be biased.
    drawn = random.Random(params.seed)
    chosen = select(lambda _: drawn.random())
    typical = select(lambda place: (abs(shares[place] - middle), -lengths[place]))
    best = select(lambda place: (not right[place], shares[place], -lengths[place]))
    worst = select(lambda place: (right[place], -shares[place], lengths[place]))
    # Titles that are also true of a weak model, whose best predictions have errors, and of a perfect one.
    correct = sum(map(is_correct, best))
    fewest = ("Fewest errors", f"The smallest shares of wrong tokens; {correct or 'none'} of these are correct.")
    title, rule = ("Correct", "The longest formulas without an error.") if correct == len(best) else fewest
    most, rule_of_most = "Most errors", "The largest share of wrong tokens."
    if all(map(is_correct, worst)):
        most, rule_of_most = "Also correct", "No other prediction has an error."
    return {
        "Random": (f"Drawn from all samples with seed {params.seed}.", chosen),
        "Typical": ("Nearest to the median share of wrong tokens.", typical),
        title: (rule, best),
        most: (rule_of_most, worst),
    }


def draw_examples(
    groups: Mapping[str, tuple[str, Sequence[ScoredRow]]],
    inputs: Mapping[str, bytes],
    renderer: Renderer | None,
    params: GalleryParams,
) -> tuple[Gallery, ...]:
    """Typeset reference and prediction of every selected row; `inputs` maps a formula_id to its encoded image."""
    texts = {row[side] for _, rows in groups.values() for row in rows for side in ("reference", "hypothesis")}
    wanted = sorted(text for text in texts if text.strip())
    rendered = dict(zip(wanted, renderer.render(wanted), strict=True)) if renderer else {}
    return tuple(
        Gallery(title, rule, tuple(example(row, inputs.get(row["formula_id"]), rendered, params) for row in rows))
        for title, (rule, rows) in groups.items()
    )


def example(row: ScoredRow, png: bytes | None, rendered: Mapping[str, Rendering], params: GalleryParams) -> Example:
    """One selected row; `png` is the input image, `rendered` has both formulas where they typeset."""
    reference, hypothesis = rendered.get(row["reference"]), rendered.get(row["hypothesis"])
    prediction: InlineImage | None = None
    difference: InlineImage | None = None
    if hypothesis is not None and hypothesis.pixels is not None:
        prediction = grey_image(hypothesis.pixels, params.render_density)
        if reference is not None and reference.pixels is not None:
            difference = overlay_image(overlay(reference.pixels, hypothesis.pixels), params.render_density)
    return Example(
        formula_id=row["formula_id"],
        reference=row["reference"],
        hypothesis=row["hypothesis"],
        edits=row["edits"],
        same_image=row["image_exact"],
        failure=row["reference_failure"] or row["failure"],
        input=stored_image(png, params.input_density) if png else None,
        prediction=prediction,
        difference=difference,
    )


def formula_ids(groups: Mapping[str, tuple[str, Iterable[ScoredRow]]]) -> set[str]:
    """The formula_ids of all selected rows."""
    return {row["formula_id"] for _, rows in groups.values() for row in rows}


def _length(row: ScoredRow) -> int:
    return len(row["reference"].split())


def error_share(row: ScoredRow) -> float:
    """Wrong tokens of one sample as a share of the longer formula; 0 is perfect."""
    return float(row["edits"]) / max(_length(row), len(row["hypothesis"].split()), 1)


def is_correct(row: ScoredRow) -> bool:
    """Whether the image equals that of the reference or, without image metrics, the string does."""
    return bool(row["exact"] if row["image_exact"] is None else row["image_exact"])


class TokenSpan(NamedTuple):
    """Adjacent tokens that are all common to both formulas, or all not."""

    text: str
    common: bool


def token_spans(reference: str, hypothesis: str) -> tuple[list[TokenSpan], list[TokenSpan]]:
    """Split both token strings where they differ; the spans of each side join to that side."""
    ref, hyp = reference.split(), hypothesis.split()
    left, right = [], []
    for step in Levenshtein.opcodes(ref, hyp):
        left.append(TokenSpan(" ".join(ref[step.src_start : step.src_end]), step.tag == "equal"))
        right.append(TokenSpan(" ".join(hyp[step.dest_start : step.dest_end]), step.tag == "equal"))
    return [span for span in left if span.text], [span for span in right if span.text]
