from im2latex.reporting.hints import hints
from im2latex.reporting.report_data import StageLedger


def test_a_reason_that_costs_much_has_a_remedy() -> None:
    ledger = StageLedger("filter", 400, 307, 93, (("unknown_token", 73), ("too_wide", 20)))
    (hint,) = hints(ledger)  # 20 of 400 are no more than 5 %
    assert hint.startswith("unknown token costs 18% of the records of filter: ")
    assert "`tokenize.vocabulary.min_frequency`" in hint
    assert "rejects.parquet" in hints(StageLedger("normalize", 10, 9, 1, (("strange", 1),)))[0]
    assert hints(StageLedger("normalize", 0, 0, 0, ())) == ()
