from typing import Any

from im2latex.reporting.scores import by_length, controls, scores

BLOCK = {"bleu": 0.5, "edit": 0.7, "exact": 0.2, "n": 3, "intervals": {"edit": [0.6, 0.8], "exact": [0.1, 0.3]}}
METRICS: dict[str, Any] = BLOCK | {
    "by_length": {"0-20": BLOCK},
    "blank": {"bleu": 0.1, "n": 3},
    "baselines": {"empty": {"bleu": 0.0, "n": 3}},
}


def test_scores_stand_in_fixed_order_beside_the_controls() -> None:
    found = scores(METRICS)
    assert [score.name for score in found] == ["exact", "bleu", "edit"]
    assert list(controls(METRICS)) == ["blank", "empty"]
    bleu = found[1]
    assert (bleu.value, bleu.interval, bleu.controls) == (0.5, None, (0.1, 0.0))
    assert found[2].interval == (0.6, 0.8)


def test_by_length_falls_back_to_strings() -> None:
    assert [chart.label for chart in by_length(METRICS)] == ["Same string", "Edit similarity"]
    assert by_length(METRICS)[0].classes[0].interval == (0.1, 0.3)
