import pytest

from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.normalizer_audit import AuditCounts, audit_formulas, sample_formulas
from tests.metrics.drawings import DrawnRenderer, drawing

ONE, TWO = drawing("#.", "##"), drawing("##", "##")
DRAWN = DrawnRenderer(
    {
        r"a\leq b": ONE,
        r"a \le b": ONE,
        r"{\rm x}": ONE,
        r"\mathrm { x }": TWO,
        r"\bm y": ONE,
        r"\boldsymbol { y }": "undefined_macro",
        r"\boldsymbol z": "undefined_macro",
        r"\boldsymbol { z }": "undefined_macro",
        "}": ONE,
        "{": "unbalanced",
        "": "empty",
    }
)
RAW = [r"a\leq b", r"a \le b", r"{\rm x}", r"\bm y", r"\boldsymbol z", "}", "{"]


@pytest.mark.parametrize(
    ("raw", "outcome", "rules"),
    [
        (r"a\leq b", "same", ()),
        (r"{\rm x}", "changed", ("font_switch", "outermost")),
        (r"\bm y", "broken", ("old_font_name",)),
        (r"\boldsymbol z", "unprintable", ()),
        ("}", "refused", ()),
        ("{", "refused_unprintable", ()),
    ],
)
def test_each_outcome(raw: str, outcome: str, rules: tuple[str, ...]) -> None:
    (finding,) = audit_formulas([raw], Normalizer(NormalizerParams()), DRAWN)
    assert finding.outcome == outcome
    assert finding.rules == rules
    assert finding.is_fault == (outcome in ("changed", "broken", "refused"))


def test_the_tally_balances_and_names_causes() -> None:
    tally = AuditCounts()
    for finding in audit_formulas(RAW, Normalizer(NormalizerParams()), DRAWN):
        tally.add(finding)
    summary = tally.summary()
    assert summary["formulas"] == len(RAW)
    assert summary["accepted_rate"] == pytest.approx(4 / 5)
    assert summary["same_image_rate"] == pytest.approx(2 / 4)
    assert summary["idempotent_rate"] == 1
    assert summary["refusals"] == {"unbalanced_group": 2}
    assert summary["refusals_of_printable"] == {"unbalanced_group": 1}
    assert summary["rules_of_changed"] == {"font_switch + outermost": 1, "old_font_name": 1}


def test_a_sample_is_seeded_and_keeps_the_order() -> None:
    formulas = [str(number) for number in range(50)]
    chosen = sample_formulas(formulas, 10, 1)
    assert len(chosen) == 10
    assert chosen == sorted(chosen, key=int) == sample_formulas(formulas, 10, 1)
    assert chosen != sample_formulas(formulas, 10, 2)
    assert sample_formulas(formulas, 0, 1) == formulas
