"""Assertion for any formula: the normalized form prints the same image and is a fixed point, or there is a reason."""

from collections.abc import Sequence

import numpy as np

from im2latex.images import arrays
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.normalizer_audit import AuditedFormula, audit_formulas
from im2latex.rendering.renderer import RenderParams, TexRenderer

_PAPER = 255


def findings(formulas: Sequence[str]) -> list[AuditedFormula]:
    """The audit of the formulas, rendered in one batch."""
    return list(
        audit_formulas(formulas, Normalizer(NormalizerParams()), TexRenderer(RenderParams(rasterizer="pdfium")))
    )


def assert_same_images(formulas: Sequence[str]) -> None:
    """Every formula that prints keeps its image, grey values too, or is refused by name; none is unstable."""
    wrong = [_shown(finding) for finding in findings(formulas) if not _is_right(finding)]
    assert wrong == []


def assert_accepted(formulas: Sequence[str]) -> None:
    """As `assert_same_images`, and none that prints is refused."""
    wrong = [
        _shown(finding) for finding in findings(formulas) if not _is_right(finding) or finding.outcome == "refused"
    ]
    assert wrong == []


def _is_right(finding: AuditedFormula) -> bool:
    if finding.latex is None:
        return finding.reason != ""
    before, after = finding.before.pixels, finding.after.pixels
    if before is None:
        return finding.idempotent
    if after is None or not finding.idempotent or finding.outcome != "same":
        return False
    return np.array_equal(arrays.crop(before, _PAPER), arrays.crop(after, _PAPER))


def _shown(finding: AuditedFormula) -> tuple[str, str | None, str, bool]:
    return finding.raw, finding.latex, finding.outcome, finding.idempotent
