"""The public interface: lazily imported, complete, documented with examples that run."""

import doctest
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import im2latex
from im2latex.types import Candidate, Prediction

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "torch", "pydantic", "PIL", "pyarrow", "yaml")


def loaded_after(code: str) -> set[str]:
    """The heavy packages that are loaded in a fresh process after the code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(HEAVY) & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import im2latex",
        "from im2latex import Prediction, Candidate, ImageError, LatexError; print(Prediction('x', 0.5))",
        "import im2latex; dir(im2latex); im2latex.__version__",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    assert loaded_after(code) == set()


def test_formulas_are_normalized_and_rendered_without_torch() -> None:
    assert "torch" not in loaded_after("import im2latex; im2latex.normalize('x'); im2latex.TexRenderer; im2latex.score")


def test_every_public_name_exists_and_has_a_docstring() -> None:
    for name in im2latex.__all__:
        value = getattr(im2latex, name)
        assert name in dir(im2latex)
        if name != "__version__":
            assert value.__doc__, name
    assert {*im2latex._MODULES, "__version__"} == set(im2latex.__all__)
    with pytest.raises(AttributeError, match="no attribute 'reader'"):
        im2latex.reader  # noqa: B018


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(im2latex), "score", raising=False)
    monkeypatch.delitem(sys.modules, "im2latex.metrics.score_formulas", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("im2latex.extras.install_hint", lambda error: f"{error.name} is missing; install it")
    with pytest.raises(ModuleNotFoundError, match=r"^im2latex\.score: pyarrow is missing; install it$"):
        im2latex.score  # noqa: B018


@pytest.mark.needs_tex
@pytest.mark.parametrize("module", ["im2latex", *sorted(set(im2latex._MODULES.values()))])
def test_examples_of_the_docstrings_run(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(import_module(module)).failed == 0


def test_a_prediction_prints_its_latex_and_has_a_short_repr() -> None:
    first = Candidate(r"\frac{a}{b}", 0.91234567)
    one = Prediction(first.latex, first.confidence, [first, Candidate("a", 0.1)], seconds=2.0)
    assert str(one) == str(first) == r"\frac{a}{b}"
    assert repr(one) == r"Prediction('\\frac{a}{b}', confidence=0.9123, candidates: 2)"
    assert repr(first) == r"Candidate('\\frac{a}{b}', confidence=0.9123)"
    assert one._repr_latex_() == first._repr_latex_() == r"$\displaystyle \frac{a}{b}$"
    assert "reason='cut'" in repr(Prediction("a", 0.1, reason="cut"))


def test_the_repr_of_a_prediction_hides_arrays_and_says_what_failed() -> None:
    image = pytest.importorskip("numpy").zeros((100, 200), "uint8")
    assert len(repr(Prediction("x", 0.5, image=image, attention=image))) < 80
    assert Prediction("x", 0.5, image=image) == Prediction("x", 0.5)
    failed = Prediction(error=im2latex.ImageError("blank", "there is no ink on the image"))
    assert repr(failed) == "Prediction(error='blank': there is no ink on the image)"
    assert failed._repr_latex_() is None
    assert str(failed) == ""
