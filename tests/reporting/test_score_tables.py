from typing import Any

from im2latex.metrics import breakdown as metric_breakdown
from im2latex.reporting.report_model import SubsetScore
from im2latex.reporting.score_tables import (
    ERROR_LABELS,
    FEATURE_LABELS,
    SHOWN,
    baseline_scores,
    breakdowns,
    error_summary,
    length_charts,
    score_rows,
)

BLOCK = {"bleu": 0.5, "edit": 0.7, "exact": 0.2, "n": 3, "intervals": {"edit": [0.6, 0.8], "exact": [0.1, 0.3]}}
METRICS: dict[str, Any] = BLOCK | {
    "by_length": {"0-20": BLOCK},
    "blank": {"bleu": 0.1, "n": 3},
    "baselines": {"empty": {"bleu": 0.0, "n": 3}},
}


def test_scores_stand_in_fixed_order_beside_the_controls() -> None:
    found = score_rows(METRICS)
    assert [score.name for score in found] == ["exact", "bleu", "edit"]
    assert list(baseline_scores(METRICS)) == ["blank", "empty"]
    bleu = found[1]
    assert (bleu.value, bleu.interval, bleu.baselines) == (0.5, None, (0.1, 0.0))
    assert found[2].interval == (0.6, 0.8)


def test_by_length_falls_back_to_strings() -> None:
    assert [chart.label for chart in length_charts(METRICS)] == ["Same string", "Edit similarity"]
    assert length_charts(METRICS)[0].classes[0].interval == (0.1, 0.3)


def block(value: float) -> dict[str, object]:
    return {"n": 7, "image_exact": value, "intervals": {"image_exact": [value - 0.1, value + 0.1]}}


def test_every_feature_and_kind_has_words() -> None:
    assert set(FEATURE_LABELS) == set(metric_breakdown.FEATURES)
    assert set(ERROR_LABELS) == set(metric_breakdown.ERROR_KINDS)


def test_parts_stand_in_the_order_of_the_page_and_sources_only_where_there_are_any() -> None:
    metrics = {"image_exact": 0.5, "exact": 0.4, "by_feature": {"matrix": block(0.3), "plain": block(0.6)}}
    (found,) = breakdowns(metrics)
    assert found.label == "Same image"
    assert found.parts == (
        SubsetScore("None of those below", 7, 0.6, (0.5, 0.7)),
        SubsetScore("Matrices, cases, arrays", 7, 0.3, (0.19999999999999998, 0.4)),
    )
    features, sources = breakdowns(metrics | {"by_group": {"paper": block(0.2)}})
    assert features == found
    assert [part.name for part in sources.parts] == ["paper"]


def test_kinds_that_did_not_happen_are_left_out_and_long_lists_cut() -> None:
    found = error_summary(
        {
            "errors": {
                "kinds": {"several_tokens": 3, "exact": 4},
                "edits": {"replaced": 30, "missing": 1, "extra": 0, "of_spacing": 2},
                "replaced": [["a", "b", 2]] * (SHOWN + 5),
                "missing": [["c", 1]],
                "extra": [],
            }
        }
    )
    assert [(kind.label, kind.samples, kind.correct) for kind in found.kinds] == [
        ("Same string", 4, True),
        ("Several tokens wrong", 3, False),
    ]
    assert found.edits == (("replaced", 30), ("missing", 1), ("extra", 0))
    assert found.of_spacing == 2
    assert len(found.replaced) == SHOWN
    assert (found.missing, found.extra) == ((("c", 1),), ())
