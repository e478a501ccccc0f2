from im2latex.metrics import breakdown as metric_breakdown
from im2latex.reporting.breakdown import FEATURES, KINDS, SHOWN, breakdowns, errors
from im2latex.reporting.breakdown_model import Part


def block(value: float) -> dict[str, object]:
    return {"n": 7, "image_exact": value, "intervals": {"image_exact": [value - 0.1, value + 0.1]}}


def test_every_feature_and_kind_has_words() -> None:
    assert set(FEATURES) == set(metric_breakdown.FEATURES)
    assert set(KINDS) == set(metric_breakdown.ERROR_KINDS)


def test_parts_stand_in_the_order_of_the_page_and_sources_only_where_there_are_any() -> None:
    metrics = {"image_exact": 0.5, "exact": 0.4, "by_feature": {"matrix": block(0.3), "plain": block(0.6)}}
    (found,) = breakdowns(metrics)
    assert found.label == "Same image"
    assert found.parts == (
        Part("None of those below", 7, 0.6, (0.5, 0.7)),
        Part("Matrices, cases, arrays", 7, 0.3, (0.19999999999999998, 0.4)),
    )
    features, sources = breakdowns(metrics | {"by_group": {"paper": block(0.2)}})
    assert features == found
    assert [part.name for part in sources.parts] == ["paper"]


def test_kinds_that_did_not_happen_are_left_out_and_long_lists_cut() -> None:
    found = errors(
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
    assert [(kind.label, kind.samples, kind.right) for kind in found.kinds] == [
        ("Same string", 4, True),
        ("Several tokens wrong", 3, False),
    ]
    assert found.edits == (("replaced", 30), ("missing", 1), ("extra", 0))
    assert found.of_spacing == 2
    assert len(found.replaced) == SHOWN
    assert (found.missing, found.extra) == ((("c", 1),), ())
