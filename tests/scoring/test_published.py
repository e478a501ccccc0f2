"""Our scores beside independent ones on real labels, where the shared data is present."""

from functools import cache
from pathlib import Path

import pytest
import sacrebleu
from rapidfuzz.distance import Levenshtein

from im2latex.imaging import compare
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.scoring.baselines import one_changed
from im2latex.scoring.text import text_scores
from tests.imaging import published
from tests.scoring.test_text import multi_bleu

LABELS = Path(__file__).parents[3] / "shared/data/im2latex100k_val.norm.txt"
pytestmark = pytest.mark.skipif(not LABELS.is_file(), reason="real labels are not here")


@cache
def pairs() -> tuple[list[str], list[str]]:
    """Thousands of real labels, some of them with tokens changed, cut off, doubled, or missing altogether."""
    references = LABELS.read_text(encoding="utf-8").split("\n")[:2500]
    hypotheses = []
    for number, text in enumerate(references):
        tokens = text.split()
        ways = [
            text,
            one_changed(text),
            one_changed(one_changed(text)),
            " ".join(tokens[: -(number % 9) or None]),
            " ".join(tokens + tokens[number % 7 :][:3]),
            "" if number % 5 == 0 else text,
        ]
        hypotheses.append(ways[number % len(ways)])
    return references, hypotheses


def test_bleu_of_thousands_of_labels_is_that_of_moses_and_of_sacrebleu() -> None:
    references, hypotheses = pairs()
    ours = text_scores(references, hypotheses)["bleu"]
    theirs = sacrebleu.corpus_bleu(hypotheses, [references], tokenize="none", smooth_method="none", force=True)
    assert 0.5 < ours < 0.99
    assert ours == pytest.approx(theirs.score / 100, abs=1e-6)
    assert ours == pytest.approx(multi_bleu(references, hypotheses), abs=1e-6)


def test_edit_of_thousands_of_labels_is_the_published_sum_over_a_sum() -> None:
    edits = longest = wanted = 0
    for reference, hypothesis in zip(*pairs(), strict=True):
        ref, hyp = reference.split(), hypothesis.split()
        # Levenshtein distance as insertions and deletions would not do: a replacement costs one.
        edits += len(ref) if not hyp else Levenshtein.distance(ref, hyp, weights=(1, 1, 1))
        longest += max(len(ref), len(hyp))
        wanted += len(ref)
    scores = text_scores(*pairs())
    assert scores["edit"] == pytest.approx(1 - edits / longest, abs=1e-12)
    assert scores["token_error_rate"] == pytest.approx(edits / wanted, abs=1e-12)


@pytest.mark.needs_tex
@pytest.mark.slow
def test_real_pictures_are_judged_as_published() -> None:
    short = [text for text in pairs()[0] if 2 < len(text.split()) < 25][:150]
    renderer = TexRenderer(RenderParams(rasterizer="pdfium"))
    first = [one.pixels for one in renderer.render(short)]
    seen = set()
    for others in ([one_changed(text) for text in short], [f"{text} + x" for text in short], short[1:] + short[:1]):
        for reference, rendering in zip(first, renderer.render(others), strict=True):
            other = rendering.pixels
            if reference is None or other is None or max(reference.shape[1], other.shape[1]) > 260:
                continue
            columns = compare.Columns(reference, other)
            found = columns.edits, columns.match, columns.match_nospace
            assert found == published.judge(reference.tolist(), other.tolist())
            seen.add(found[1:])
    assert {(True, True), (False, False)} <= seen
