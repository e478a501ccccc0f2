"""Choose the samples a reader is shown, and draw what the model was shown, what it wrote and where that is wrong.

The choice depends on the judged rows and a seed only. Knows nothing of files.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from im2latex.config import Params
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.reporting.breakdown_model import InlineImage
from im2latex.reporting.difference import overlay
from im2latex.reporting.png import grey_image, overlay_image, stored_image
from im2latex.reporting.report_model import Example, Gallery

Row = Mapping[str, Any]
"""A row of records.SCORES."""


class GalleryParams(Params):
    """How many samples are shown, and at what size."""

    examples: int = Field(default=4, ge=1, le=12, description="samples in each of the four groups")
    seed: int = Field(default=0, ge=0, description="seed of the random group")
    input_density: float = Field(default=1.0, gt=0, description="input image pixels in one CSS pixel")
    render_density: float = Field(default=2.0, gt=0, description="rendered image pixels in one CSS pixel")


def choose(rows: Sequence[Row], params: GalleryParams) -> dict[str, tuple[str, list[Row]]]:
    """Groups by title, each with the rule that chose it; no sample is in two groups."""
    left = sorted(rows, key=lambda row: row["formula_id"])
    middle = sorted(map(error_share, left))[len(left) // 2] if left else 0.0
    groups: dict[str, tuple[str, list[Row]]] = {}

    def take(title: str, rule: str, order: Callable[[Row], Any]) -> None:
        nonlocal left
        ranked = sorted(left, key=order)
        groups[title] = (rule, ranked[: params.examples])
        left = sorted(ranked[params.examples :], key=lambda row: row["formula_id"])

    # Drawn first, from all rows: a sample of what is left over would be no fair one.
    drawn = random.Random(params.seed)
    take("Random", f"Drawn from all samples with seed {params.seed}.", lambda _: drawn.random())
    take(
        "Typical",
        "Nearest to the median share of wrong tokens.",
        lambda row: (abs(error_share(row) - middle), -_length(row)),
    )
    take(
        "Best",
        "The longest formulas read without a fault.",
        lambda row: (not is_right(row), error_share(row), -_length(row)),
    )
    take("Worst", "The largest share of wrong tokens.", lambda row: (is_right(row), -error_share(row), _length(row)))
    return groups


def draw(
    groups: Mapping[str, tuple[str, Sequence[Row]]],
    inputs: Mapping[str, bytes],
    renderer: Renderer | None,
    params: GalleryParams,
) -> tuple[Gallery, ...]:
    """Typeset both sides of every chosen row; `inputs` holds the encoded image of a formula_id."""
    texts = {row[side] for _, rows in groups.values() for row in rows for side in ("reference", "hypothesis")}
    wanted = sorted(text for text in texts if text.strip())
    rendered = dict(zip(wanted, renderer.render(wanted), strict=True)) if renderer else {}
    return tuple(
        Gallery(title, rule, tuple(example(row, inputs.get(row["formula_id"]), rendered, params) for row in rows))
        for title, (rule, rows) in groups.items()
    )


def example(row: Row, png: bytes | None, rendered: Mapping[str, Rendering], params: GalleryParams) -> Example:
    """One chosen row; `png` is what the model was shown, `rendered` holds both sides where they could be typeset."""
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


def ids(groups: Mapping[str, tuple[str, Iterable[Row]]]) -> set[str]:
    """The formula_ids of all chosen rows."""
    return {row["formula_id"] for _, rows in groups.values() for row in rows}


def _length(row: Row) -> int:
    return len(row["reference"].split())


def error_share(row: Row) -> float:
    """Wrong tokens of one sample as a share of the longer side; 0 is perfect."""
    return float(row["edits"]) / max(_length(row), len(row["hypothesis"].split()), 1)


def is_right(row: Row) -> bool:
    """Whether the image is that of the reference, or, where images were not judged, the string."""
    return bool(row["exact"] if row["image_exact"] is None else row["image_exact"])
