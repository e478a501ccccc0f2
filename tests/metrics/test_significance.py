import random

import numpy as np
import pyarrow as pa
import pytest
from sacrebleu.metrics.bleu import BLEU

from im2latex.errors import InputError
from im2latex.metrics.bootstrap import Column, mean
from im2latex.metrics.registry import aggregates
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.significance import pair_rows, paired_bootstrap, rows_of_split
from im2latex.metrics.text import text_columns
from im2latex.schemas import PREDICTIONS
from tests.metrics.text_scores import text_scores

TOKENS = [*"abcdefgh", r"\frac", r"\alpha", "{", "}", "^", "_"]


def formulas(count: int, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(TOKENS, k=drawn.randint(4, 30))) for _ in range(count)]


def damaged(formula: str, drawn: random.Random) -> str:
    tokens = formula.split()
    for _ in range(1 + len(tokens) // 4):
        tokens[drawn.randrange(len(tokens))] = "x"
    return " ".join(tokens)


def read_badly(references: list[str], wrong: float, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [damaged(one, drawn) if drawn.random() < wrong else one for one in references]


def exact(rights: np.ndarray) -> dict[str, Column]:
    return {"count": np.ones(len(rights)), "exact": rights.astype(np.float64)}


def test_identical_systems_do_not_differ() -> None:
    references = formulas(200, seed=1)
    data = text_columns(references, read_badly(references, 0.3, seed=2))
    for found in paired_bootstrap(data, data, aggregates("text"), resamples=100):
        assert (found.change, found.interval, found.p, found.p_worse) == (0.0, (0.0, 0.0), 1.0, 1.0), found.name
        assert found.a_interval[0] <= found.a <= found.a_interval[1]


def test_it_agrees_with_the_paper_done_by_hand() -> None:
    """Strings drawn anew and scored by sacreBLEU, as in section 3 of the paper, with the same draws."""
    references = formulas(60, seed=3)
    a, b = read_badly(references, 0.5, seed=4), read_badly(references, 0.6, seed=5)
    resamples, seed = 80, 9
    drawn = np.random.default_rng(seed)
    bleu = BLEU(tokenize="none", smooth_method="none")
    changes: dict[str, list[float]] = {"bleu": [], "edit": []}
    for _ in range(resamples):
        chosen = drawn.integers(0, len(references), len(references))
        refs = [references[place] for place in chosen]
        texts = [[side[place] for place in chosen] for side in (a, b)]
        blue, red = (bleu.corpus_score(side, [refs]).score / 100 for side in texts)
        changes["bleu"].append(red - blue)
        changes["edit"].append(text_scores(refs, texts[1])["edit"] - text_scores(refs, texts[0])["edit"])
    found = paired_bootstrap(
        text_columns(references, a), text_columns(references, b), aggregates("text"), resamples=resamples, seed=seed
    )
    for one in found:
        if one.name in changes:
            by_hand = np.array(changes[one.name])
            assert one.interval == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])), abs=1e-9)
            tails = [(np.sum(by_hand <= 0) + 1) / (resamples + 1), (np.sum(by_hand >= 0) + 1) / (resamples + 1)]
            assert one.p == pytest.approx(min(1, 2 * min(tails)))
            assert one.p_worse == pytest.approx(tails[1])


def test_a_run_with_one_formula_in_twenty_damaged_is_worse() -> None:
    references = formulas(2000, seed=6)
    good = read_badly(references, 0.2, seed=7)
    drawn = random.Random(8)
    bad = [damaged(one, drawn) if drawn.random() < 0.05 else one for one in good]
    a, b = (text_columns(references, side) for side in (good, bad))
    for one in paired_bootstrap(a, b, aggregates("text"), lower_is_better=("cer", "token_error_rate")):
        assert one.significant, one.name
        assert one.p_worse < 0.01, one.name
        assert (one.change > 0) == (one.name in ("cer", "token_error_rate")), one.name


def test_the_sign_of_a_falling_score_is_turned() -> None:
    references = formulas(300, seed=6)
    good, bad = references, read_badly(references, 0.5, seed=7)
    a, b = (text_columns(references, side) for side in (good, bad))
    scores = {"cer": aggregates("text")["cer"]}
    assert paired_bootstrap(a, b, scores, lower_is_better=("cer",), resamples=100)[0].p_worse < 0.05
    assert paired_bootstrap(b, a, scores, lower_is_better=("cer",), resamples=100)[0].p_worse > 0.95


def test_equal_systems_rarely_differ_significantly() -> None:
    """Both err in the same share of samples, independently: at most 5 % of such pairs may differ significantly.

    Of 400 pairs that is 20; 31 or more have a probability of 1 % where 5 % is the truth.
    """
    drawn = np.random.default_rng(11)
    false, worse = 0, 0
    for seed in range(400):
        hard = drawn.random(250) < 0.5
        a, b = (exact(drawn.random(250) < np.where(hard, 0.3, 0.8)) for _ in "ab")
        [one] = paired_bootstrap(a, b, {"exact": mean("exact")}, resamples=200, seed=seed)
        false += one.significant
        worse += one.p_worse < 0.05
    assert false <= 30
    assert worse <= 30


def test_the_same_draws_make_pairs_sharper_than_intervals() -> None:
    """Two systems that differ in a few samples differ significantly although their own intervals overlap."""
    rights = np.arange(1000) % 2 == 0
    a, b = exact(rights), exact(rights & (np.arange(1000) >= 20))
    [one] = paired_bootstrap(a, b, {"exact": mean("exact")})
    assert one.b > one.a_interval[0]
    assert one.p_worse < 0.01


def test_no_common_sample_is_refused() -> None:
    with pytest.raises(InputError, match="no sample is in both"):
        paired_bootstrap(exact(np.zeros(0)), exact(np.zeros(0)), {"exact": mean("exact")})


def judged(*names: str, split: str = "test", shown: str = "image", **references: str) -> pa.Table:
    rows = [
        {
            "formula_id": name,
            "split": split,
            "input": shown,
            "reference": references.get(name, name),
            "hypothesis": str(n),
        }
        for n, name in enumerate(names)
    ]
    return score_predictions(pa.Table.from_pylist(rows, schema=PREDICTIONS))


def test_rows_meet_by_formula_whatever_their_order() -> None:
    found = pair_rows(judged("c", "a", "b"), judged("b", "c", "d", b="B"))
    assert list(zip(found.a, found.b, strict=True)) == [(0, 1), (2, 0)]
    assert (found.only_a, found.only_b, found.other_reference) == (("a",), ("d",), ("b",))
    assert not found.same_set
    assert pair_rows(judged("a", "b"), judged("b", "a")).same_set


def test_a_repeated_formula_is_paired_twice() -> None:
    found = pair_rows(judged("a", "b", "a", "a"), judged("a", "a"))
    assert (found.a.tolist(), found.b.tolist()) == ([0, 2], [0, 1])
    assert found.only_a == ("a", "b")


def test_nothing_in_common() -> None:
    found = pair_rows(judged("a"), judged("b"))
    assert (len(found.a), len(found.b), found.only_a, found.only_b) == (0, 0, ("a",), ("b",))


def test_only_images_of_the_split_count() -> None:
    tables = [judged("a"), judged("b", split="val"), judged("c", shown="blank")]
    assert rows_of_split(pa.concat_tables(tables), "test", "x")["formula_id"].to_pylist() == ["a"]
    assert rows_of_split(tables[1], "test", "x")["formula_id"].to_pylist() == ["b"]
    with pytest.raises(InputError, match="x: has no prediction of the split 'train'"):
        rows_of_split(pa.concat_tables(tables), "train", "x")
