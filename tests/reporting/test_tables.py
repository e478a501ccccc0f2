from typing import Any

from im2latex.metrics import breakdown as metric_breakdown
from im2latex.reporting.report_data import (
    Breakdown,
    ErrorCount,
    ErrorSummary,
    LengthChart,
    Padding,
    Provenance,
    RobustnessCondition,
    SplitCoverage,
    StageLedger,
    SubsetScore,
    VocabularyCoverage,
)
from im2latex.reporting.tables import (
    ERROR_LABELS,
    FEATURE_LABELS,
    SHOWN,
    baseline_scores,
    breakdown_table,
    breakdowns,
    coverage_table,
    error_summary,
    errors_table,
    ledger_table,
    length_charts,
    markdown_table,
    padding_table,
    provenance_table,
    robustness_table,
    score_rows,
    scores_table,
)

PART = SubsetScore("0-20", 1200, 0.5, (0.4, 0.6))


def test_metrics_are_shown_with_intervals_and_controls() -> None:
    metrics = {"cer": 0.25, "n": 1200, "intervals": {"cer": [0.2, 0.3]}, "blank": {"cer": 0.9}, "baselines": {}}
    assert scores_table(metrics).splitlines() == [
        "| Score | Model (n = 1,200) | 95 % interval | Blank image |",
        "| :-- | --: | --: | --: |",
        "| Character error rate ↓ | **0.250** | 0.200 – 0.300 | 0.900 |",
    ]


def test_ledgers_name_every_reason() -> None:
    stages = [
        StageLedger("filter", 1200, 1190, 10, (("too_wide", 7), ("leakage", 3))),
        StageLedger("bucket", 5, 5, 0, ()),
    ]
    lines = ledger_table(stages).splitlines()
    assert lines[1] == "| :-- | --: | --: | --: | :-- |"
    assert lines[2:] == ["| filter | 1,200 | 1,190 | 10 | too_wide 7, leakage 3 |", "| bucket | 5 | 5 | 0 | – |"]


def test_bars_in_cells_do_not_cut_them() -> None:
    assert markdown_table(["a|b"], []).startswith(r"| a\|b |")


def test_padding_is_shown_in_percent() -> None:
    assert padding_table(Padding(24, 0.7112, 0.7036)).splitlines()[-1] == "| 24 | 71.1 % | 70.4 % |"


def test_parts_have_a_table_for_each_way_to_part() -> None:
    found = breakdown_table(
        [LengthChart("Same image", (PART,)), LengthChart("Edit similarity", ())],
        [Breakdown("By source", "", "Same image", (PART, PART))],
    )
    lengths, sources = found.split("\n\n")
    assert lengths.splitlines()[0] == "| Same image by length in tokens | n | Score | 95 % interval |"
    assert lengths.splitlines()[2] == "| 0-20 | 1,200 | 0.500 | 0.400 – 0.600 |"
    assert sources.startswith("| Same image, by source |")
    assert len(sources.splitlines()) == 4


def test_edits_of_all_kinds_are_in_one_table() -> None:
    kinds = (ErrorCount("Same string", 3, True),)
    errors = ErrorSummary(kinds, (), 0, (("r", "c", 4),), (("|", 9), ("x", 1)), (("`", 2),))
    predictions, edits = errors_table(errors, 12).split("\n\n")
    assert predictions.splitlines()[2] == "| Same string | 3 | 25.0 % |"
    assert edits.splitlines()[2:] == [r"| `r` | `c` | 4 | `\|` | 9 | `` ` `` | 2 |", "|  |  |  | `x` | 1 |  |  |"]


def test_unknown_tokens_are_counted_by_split() -> None:
    lines = coverage_table(VocabularyCoverage(217, (SplitCoverage("test", 400, 2, 9000, 3),), (), ())).splitlines()
    assert lines[0].startswith("| 217 entries |")
    assert lines[2] == "| test | 400 | 0.50 % | 0.03 % |"


def test_conditions_only_where_there_are_any() -> None:
    assert robustness_table([]) == ""
    lines = robustness_table([RobustnessCondition("noise", 50, 0.25, 0.5, 0.75)]).splitlines()
    assert lines[2] == "| noise | 50 | 0.250 | 0.500 | 75 % |"


def test_provenance_names_hashes() -> None:
    assert provenance_table(Provenance({"dataset": "5c1e"}, {}, "")).splitlines()[2] == "| dataset | `5c1e` |"


BLOCK = {"bleu": 0.5, "edit": 0.7, "exact": 0.2, "n": 3, "intervals": {"edit": [0.6, 0.8], "exact": [0.1, 0.3]}}
METRICS: dict[str, Any] = BLOCK | {
    "by_length": {"0-20": BLOCK},
    "blank": {"bleu": 0.1, "n": 3},
    "baselines": {"empty": {"bleu": 0.0, "n": 3}},
}


def test_scores_are_in_a_fixed_order_with_the_controls() -> None:
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


def test_parts_are_in_page_order_and_sources_only_where_there_are_any() -> None:
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
                "classes": {"font": {"n": 3, "alone": 2, "cost": 0.25}},
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
    assert [(one.samples, one.alone, one.cost) for one in found.classes] == [(3, 2, 0.25)]
    assert "| Fonts and styles | 3 | 2 | 0.250 |" in errors_table(found, 7)
    assert len(found.replaced) == SHOWN
    assert (found.missing, found.extra) == ((("c", 1),), ())
