import math
from pathlib import Path

import pytest

from im2latex.errors import ArtifactError, ParamsError
from im2latex.inference.candidates import Evidence, has_bold, has_rare_style
from im2latex.inference.confidence import (
    FILE_NAME,
    Coefficients,
    ConfidenceModel,
    features,
    load_confidence_model,
)
from im2latex.io.manifest import RELEASED

MODEL = ConfidenceModel(
    greedy=Coefficients(intercept=1, weights={"log_probability": 1}),
    beam=Coefficients(intercept=2, weights={"log_share": 1}),
    rendered=Coefficients(intercept=3, weights={"log_distance": -1}),
)


def test_features_of_a_candidate() -> None:
    found = features([Evidence(-1.0, 4, 0.1), Evidence(-2.0, 5, 0.01)], 1)
    assert found["log_probability"] == -2
    assert found["mean_log_probability"] == -0.4
    assert found["log_share"] == pytest.approx(-1 - math.log(1 + math.exp(-1)))
    assert features([Evidence(-1.0, 4)])["log_share"] == pytest.approx(0)
    assert "log_distance" not in features([Evidence(-1.0, 4)])


def test_each_kind_of_evidence_has_its_coefficients() -> None:
    assert MODEL.probability([Evidence(-1.0, 3)]) == pytest.approx(0.5)
    assert MODEL.probability([Evidence(-1.0, 3), Evidence(-1.0, 3)]) == pytest.approx(
        1 / (1 + math.exp(-2 + math.log(2)))
    )
    rendered = [Evidence(-1.0, 3, 0.5), Evidence(-1.0, 3, 0.2)]
    assert MODEL.probability(rendered, 1) > MODEL.probability(rendered, 0)


def test_a_better_match_makes_up_for_a_lower_probability() -> None:
    assert Evidence(-3.0, 5, 0.01).score > Evidence(-1.0, 5, 0.2).score
    assert Evidence(-1.0, 5, 0.1).score > Evidence(-3.0, 5, 0.1).score


@pytest.mark.parametrize(
    ("latex", "bold", "rare"),
    [
        ("x + y", False, False),
        (r"\bfseries \itshape \colon", False, False),
        (r"\mathbf { x } + y", True, True),
        (r"\mbox{\boldmath$x$} _ { 1 }", True, True),
        (r"\textbf{a}", True, True),
        (r"\mathit { x }", False, True),
        (r"\textcolor{red} { x }", False, True),
        ("l _ { s } ^ { }", False, True),
        (r"v ^ { \phantom { 2 } }", False, True),
        (r"\mathrm { x } \mathcal { L }", False, False),
    ],
)
def test_bold_italic_colors_and_empty_scripts_are_rare_styles(latex: str, bold: bool, rare: bool) -> None:
    assert has_bold(latex) == bold
    assert has_rare_style(latex) == rare


def test_a_rare_style_must_be_clearly_more_probable() -> None:
    plain = Evidence(-1.0, 5, 0.1).score
    assert Evidence(-0.5, 5, 0.1, is_styled=True).score < plain < Evidence(-0.5, 5, 0.01, is_styled=True).score


def test_the_released_checkpoint_has_a_model() -> None:
    model = load_confidence_model(RELEASED)
    assert model is not None
    sure, unsure = (model.probability([Evidence(value, 10)]) for value in (-0.1, -8.0))
    assert unsure < 0.5 < sure


def test_a_checkpoint_may_have_none(tmp_path: Path) -> None:
    assert load_confidence_model(tmp_path) is None


@pytest.mark.parametrize(("text", "error"), [("{", ArtifactError), ('{"search": 1}', ParamsError)])
def test_a_damaged_file_is_named(tmp_path: Path, text: str, error: type[Exception]) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(error, match=FILE_NAME):
        load_confidence_model(tmp_path)
