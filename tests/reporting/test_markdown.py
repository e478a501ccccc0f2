from im2latex.reporting.content import Padding, StageCount
from im2latex.reporting.markdown import ledger_table, metrics_table, padding_table, table


def test_metrics_stand_beside_their_intervals_and_controls() -> None:
    metrics = {"cer": 0.25, "n": 1200, "intervals": {"cer": [0.2, 0.3]}, "blank": {"cer": 0.9}, "baselines": {}}
    assert metrics_table(metrics).splitlines() == [
        "| Score | Model (n = 1,200) | 95 % interval | Blank picture |",
        "| :-- | --: | --: | --: |",
        "| Character error rate ↓ | **0.250** | 0.200 – 0.300 | 0.900 |",
    ]


def test_ledgers_name_every_reason() -> None:
    stages = [
        StageCount("filter", 1200, 1190, 10, (("too_wide", 7), ("leakage", 3))),
        StageCount("bucket", 5, 5, 0, ()),
    ]
    lines = ledger_table(stages).splitlines()
    assert lines[1] == "| :-- | --: | --: | --: | :-- |"
    assert lines[2:] == ["| filter | 1,200 | 1,190 | 10 | too_wide 7, leakage 3 |", "| bucket | 5 | 5 | 0 | – |"]


def test_bars_in_cells_do_not_cut_them() -> None:
    assert table(["a|b"], []).startswith(r"| a\|b |")


def test_padding_is_told_in_percent() -> None:
    assert padding_table(Padding(24, 0.7112, 0.7036)).splitlines()[-1] == "| 24 | 71.1 % | 70.4 % |"
