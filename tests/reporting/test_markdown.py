from im2latex.reporting.markdown import (
    breakdown_table,
    coverage_table,
    errors_table,
    ledger_table,
    padding_table,
    provenance_table,
    robustness_table,
    scores_table,
    table,
)
from im2latex.reporting.report_model import (
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

PART = SubsetScore("0-20", 1200, 0.5, (0.4, 0.6))


def test_metrics_stand_beside_their_intervals_and_controls() -> None:
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
    assert table(["a|b"], []).startswith(r"| a\|b |")


def test_padding_is_told_in_percent() -> None:
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


def test_edits_of_all_kinds_stand_side_by_side() -> None:
    kinds = (ErrorCount("Same string", 3, True),)
    errors = ErrorSummary(kinds, (), 0, (("r", "c", 4),), (("|", 9), ("x", 1)), (("`", 2),))
    predictions, edits = errors_table(errors, 12).split("\n\n")
    assert predictions.splitlines()[2] == "| Same string | 3 | 25.0 % |"
    assert edits.splitlines()[2:] == [r"| `r` | `c` | 4 | `\|` | 9 | `` ` `` | 2 |", "|  |  |  | `x` | 1 |  |  |"]


def test_what_is_unknown_is_told_by_split() -> None:
    lines = coverage_table(VocabularyCoverage(217, (SplitCoverage("test", 400, 2, 9000, 3),), (), ())).splitlines()
    assert lines[0].startswith("| 217 entries |")
    assert lines[2] == "| test | 400 | 0.50 % | 0.03 % |"


def test_conditions_only_where_there_are_any() -> None:
    assert robustness_table([]) == ""
    lines = robustness_table([RobustnessCondition("noise", 50, 0.25, 0.5, 0.75)]).splitlines()
    assert lines[2] == "| noise | 50 | 0.250 | 0.500 | 75 % |"


def test_provenance_names_hashes() -> None:
    assert provenance_table(Provenance({"data set": "5c1e"}, {}, "")).splitlines()[2] == "| data set | `5c1e` |"
