"""What holds for any formula: its normalized form prints the same picture and is left alone, or there is a reason."""

from collections.abc import Sequence

import numpy as np

from im2latex.imaging import raster
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.scoring.audit import Finding, audit

_PAPER = 255


def findings(formulas: Sequence[str]) -> list[Finding]:
    """The audit of the formulas, rendered in one batch."""
    return list(audit(formulas, Normalizer(NormalizerParams()), TexRenderer(RenderParams(rasterizer="pdfium"))))


def assert_same_pictures(formulas: Sequence[str]) -> None:
    """Every formula that prints keeps its picture, grey values too, or is refused by name; none is unstable."""
    wrong = [_shown(finding) for finding in findings(formulas) if not _is_right(finding)]
    assert wrong == []


def assert_accepted(formulas: Sequence[str]) -> None:
    """As `assert_same_pictures`, and none that prints is refused."""
    wrong = [
        _shown(finding) for finding in findings(formulas) if not _is_right(finding) or finding.outcome == "refused"
    ]
    assert wrong == []


def _is_right(finding: Finding) -> bool:
    if finding.latex is None:
        return finding.reason != ""
    before, after = finding.before.pixels, finding.after.pixels
    if before is None:
        return finding.idempotent
    if after is None or not finding.idempotent or finding.outcome != "same":
        return False
    return np.array_equal(raster.crop(before, _PAPER), raster.crop(after, _PAPER))


def _shown(finding: Finding) -> tuple[str, str | None, str, bool]:
    return finding.raw, finding.latex, finding.outcome, finding.idempotent
