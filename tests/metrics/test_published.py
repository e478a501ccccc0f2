"""Our scores beside independent ones, on the embedded dataset and, where the shared data is present, on real labels."""

from functools import cache
from pathlib import Path

import pytest
import sacrebleu

from benchmarks.formula_edits import EDITS, STRENGTHS, edit
from im2latex.images import compare
from im2latex.metrics.baselines import one_changed
from im2latex.rendering.renderer import RenderParams, TexRenderer
from tests.images import published
from tests.metrics.test_text import multi_bleu
from tests.metrics.text_scores import text_scores

EMBEDDED = Path(__file__).parents[2] / "data/raw/sample/formulas.txt"
LABELS = Path(__file__).parents[3] / "shared/data/im2latex100k_val.norm.txt"
real = pytest.mark.skipif(not LABELS.is_file(), reason="real labels are not here")
datasets = pytest.mark.parametrize("file", [EMBEDDED, pytest.param(LABELS, marks=real)], ids=["embedded", "real"])

PAIRS = 2500


@cache
def pairs(file: Path) -> tuple[list[str], list[str]]:
    """Thousands of labels; a quarter as they are, the others damaged in every way and strength, or missing."""
    references = file.read_text(encoding="utf-8").split("\n")[:PAIRS]
    ways = [(name, strength) for name in EDITS for strength in STRENGTHS]
    hypotheses = [
        text if number % 4 == 0 else edit(text, *ways[number % len(ways)], seed=number)
        for number, text in enumerate(references)
    ]
    return references, hypotheses


@datasets
def test_bleu_is_that_of_moses_and_of_sacrebleu(file: Path) -> None:
    references, hypotheses = pairs(file)
    ours = text_scores(references, hypotheses)["bleu"]
    theirs = sacrebleu.corpus_bleu(hypotheses, [references], tokenize="none", smooth_method="none", force=True)
    assert 0.5 < ours < 0.99
    assert ours == pytest.approx(theirs.score / 100, abs=1e-6)
    assert ours == pytest.approx(multi_bleu(references, hypotheses), abs=1e-6)


@datasets
def test_edit_is_the_published_sum_over_a_sum(file: Path) -> None:
    edits = longest = wanted = 0
    for reference, hypothesis in zip(*pairs(file), strict=True):
        ref, hyp = reference.split(), hypothesis.split()
        edits += 0 if ref == hyp else published.table(ref, hyp)[-1][-1]
        longest += max(len(ref), len(hyp))
        wanted += len(ref)
    scores = text_scores(*pairs(file))
    assert scores["edit"] == pytest.approx(1 - edits / longest, abs=1e-12)
    assert scores["token_error_rate"] == pytest.approx(edits / wanted, abs=1e-12)


@real
@pytest.mark.needs_tex
@pytest.mark.slow
def test_thousands_of_real_images_are_judged_as_published() -> None:
    labels = LABELS.read_text(encoding="utf-8").split("\n")
    short = [text for text in labels if 2 < len(text.split()) < 28]
    renderer = TexRenderer(RenderParams(rasterizer="pdfium"))
    first = [one.pixels for one in renderer.render(short)]
    judged = 0
    seen = set()
    for others in ([one_changed(text) for text in short], [f"{text} + x" for text in short], short[1:] + short[:1]):
        for reference, rendering in zip(first, renderer.render(others), strict=True):
            other = rendering.pixels
            if reference is None or other is None or max(reference.shape[1], other.shape[1]) > 400:
                continue
            columns = compare.ColumnComparison(reference, other)
            found = columns.edits, columns.match, columns.match_nospace
            assert found == published.judge(reference.tolist(), other.tolist())
            judged += 1
            seen.add(found[1:])
    assert judged > 2000
    assert {(True, True), (False, False)} <= seen
