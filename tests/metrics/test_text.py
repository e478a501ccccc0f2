import math
import random
from collections import Counter

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from im2latex.metrics.bootstrap import sum_columns
from im2latex.metrics.text import bleu, bleu_any_length, text_columns
from tests.metrics.text_scores import text_scores

WORDS = [r"\frac", "{", "}", "x", "^", "_", "2", r"\alpha", "+", "="]


def corrupted(seed: int, samples: int = 60) -> tuple[list[str], list[str]]:
    """References and predictions with replaced, dropped and added tokens, and some of the lines missing."""
    rng = random.Random(seed)
    references, hypotheses = [], []
    for _ in range(samples):
        tokens = rng.choices(WORDS, k=rng.randint(1, 30))
        changed = [rng.choice(WORDS) if rng.random() < 0.2 else token for token in tokens if rng.random() > 0.1]
        references.append(" ".join(tokens))
        hypotheses.append("" if rng.random() < 0.1 else " ".join(changed + rng.choices(WORDS, k=rng.randint(0, 2))))
    return references, hypotheses


def multi_bleu(references: list[str], hypotheses: list[str]) -> float:
    """The published procedure, written straight from its description."""
    matched, grams = [0] * 4, [0] * 4
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        ref, hyp = reference.split(), hypothesis.split()
        for n in range(1, 5):
            found = Counter(tuple(hyp[i : i + n]) for i in range(len(hyp) - n + 1))
            wanted = Counter(tuple(ref[i : i + n]) for i in range(len(ref) - n + 1))
            matched[n - 1] += (found & wanted).total()
            grams[n - 1] += found.total()
    if 0 in matched:
        return 0.0
    length, target = sum(len(h.split()) for h in hypotheses), sum(len(r.split()) for r in references)
    brevity = 1.0 if length >= target else math.exp(1 - target / length)
    return brevity * math.exp(sum(math.log(m / g) for m, g in zip(matched, grams, strict=True)) / 4)


@pytest.mark.parametrize("seed", range(8))
def test_bleu_equals_sacrebleu_and_multi_bleu(seed: int) -> None:
    references, hypotheses = corrupted(seed)
    ours = text_scores(references, hypotheses)["bleu"]
    theirs = sacrebleu.corpus_bleu(
        hypotheses, [references], tokenize="none", smooth_method="none", force=True, use_effective_order=False
    )
    assert 0.2 < ours < 0.9
    assert ours == pytest.approx(theirs.score / 100, abs=1e-6)
    assert ours == pytest.approx(multi_bleu(references, hypotheses), abs=1e-6)


def test_bleu_is_not_smoothed() -> None:
    assert text_scores(["a b c d e"], ["a b c x e"])["bleu"] == 0.0
    assert text_scores(["a b c"], ["a b c"])["bleu"] == 0.0, "three tokens hold no 4-gram"


def test_bleu_rewards_no_shortness() -> None:
    assert text_scores(["a b c d e f g h"], ["a b c d"])["bleu"] == pytest.approx(math.exp(1 - 8 / 4))


def test_distances_are_sums_over_sums() -> None:
    scores = text_scores(["a b c d", "x y"], ["a b c", "x y z w"])
    assert scores["edit"] == pytest.approx(1 - 3 / 8)
    assert scores["token_error_rate"] == pytest.approx(3 / 6)
    assert scores["cer"] == pytest.approx((2 + 4) / (7 + 3))
    assert scores["exact"] == 0.0


def test_characters_are_those_of_the_tokens_joined_by_one_space() -> None:
    scores = text_scores(["\\alpha  +\tb "], [" \\alpha + b"])
    assert scores["exact"] == 1.0
    assert scores["cer"] == 0.0
    assert text_scores([r"\alpha x"], [r"\alphax"])["cer"] == pytest.approx(1 / 8)


def test_a_missing_prediction_is_wrong_and_counted() -> None:
    scores = text_scores(["a b c d", "a b c d"], ["a b c d", ""])
    assert scores["exact"] == 0.5
    assert scores["edit"] == 0.5
    assert scores["token_error_rate"] == 0.5
    assert scores["bleu"] == pytest.approx(math.exp(1 - 8 / 4))


def test_an_empty_reference_counts_against_any_prediction() -> None:
    scores = text_scores(["", "a b"], ["x y", "a b"])
    assert scores["exact"] == 0.5
    assert scores["edit"] == 0.5
    assert scores["token_error_rate"] == 1.0


def test_nothing_predicted_for_nothing_is_not_exact() -> None:
    scores = text_scores(["", "a b c d"], ["", "a b c d"])
    assert scores == {"bleu": 1.0, "edit": 1.0, "token_error_rate": 0.0, "cer": 0.0, "exact": 0.5}


@pytest.mark.parametrize("lines", [[], [""]])
def test_without_any_token_every_score_is_its_worst(lines: list[str]) -> None:
    worst = {"bleu": 0.0, "edit": 0.0, "token_error_rate": 1.0, "cer": 1.0, "exact": 0.0}
    assert text_scores(lines, lines) == worst


def test_pairs_must_pair() -> None:
    with pytest.raises(ValueError, match="shorter"):
        text_scores(["a", "b"], ["a"])


@pytest.mark.parametrize("seed", range(8))
def test_where_a_reference_has_four_tokens_both_definitions_of_bleu_are_one(seed: int) -> None:
    columns = text_columns(*corrupted(seed))
    for sums in (sum_columns(columns), {name: column[:1] + column[-1:] for name, column in columns.items()}):
        if sums["ref_ngrams_4"][0]:
            assert bleu_any_length(sums)[0] == bleu(sums)[0], "to the last bit"


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=4))
def test_formulas_of_any_length_read_right_have_one(lines: list[str]) -> None:
    assert text_scores(lines, lines, "latex") == {
        "bleu": 1.0,
        "edit": 1.0,
        "token_error_rate": 0.0,
        "cer": 0.0,
        "exact": 1.0,
    }


def test_the_published_bleu_of_short_formulas_stays_zero() -> None:
    lines = ["x", r"\frac { a }"]
    theirs = sacrebleu.corpus_bleu(["x"], [["x"]], tokenize="none", smooth_method="none", use_effective_order=False)
    assert theirs.score == text_scores(["x"], ["x"])["bleu"] == 0.0
    assert text_scores(lines, lines)["bleu"] == pytest.approx(1.0), "one of them has four tokens"


def test_bleu_any_length_rewards_no_shortness() -> None:
    assert text_scores(["a b c d e f"], ["a b c"], "latex")["bleu"] == 0.0
    assert text_scores(["a b c"], ["a"], "latex")["bleu"] == 0.0
    assert text_scores(["a b c"], ["a b c a b c"], "latex")["bleu"] == pytest.approx((3 / 6 * 2 / 5 * 1 / 4) ** (1 / 3))
