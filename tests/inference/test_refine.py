"""Choice and repair without TeX: formulas are rendered as typed lines."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ToolError
from im2latex.images.arrays import Pixels, pad_to_bucket
from im2latex.inference.candidates import Evidence, FormulaCandidate
from im2latex.inference.effort import EffortParams
from im2latex.inference.predictor import Predictor
from im2latex.inference.refine import Refiner, StyleRenderers
from im2latex.rendering.renderer import Rendering, RenderParams
from im2latex.rendering.styles import RenderStyle
from tests.images.typed import typed
from tests.inference.test_predictor import fresh

CHECKPOINT = fresh()
ENGINE = TorchEngine(CHECKPOINT.network)
CHOOSE = EffortParams(confidence_threshold=2, beam=4, rounds=0, edits=0)
REPAIR = EffortParams(confidence_threshold=2, beam=4, rounds=3, edits=40)


class TypedStyles(StyleRenderers):
    """Two sizes of type; formulas that hold `f` cannot be rendered, and `d` looks like `c`."""

    def __init__(self) -> None:
        super().__init__([])
        self.rendered: list[tuple[str, str]] = []

    @property
    def names(self) -> list[str]:
        return ["small", "large"]

    def render(self, style: str, formulas: Iterable[str]) -> dict[str, Pixels]:
        several = list(dict.fromkeys(formulas))
        self.rendered += [(style, formula) for formula in several]
        em = {"small": 18, "large": 30}[style]
        return {formula: typed(formula.replace("d", "c"), em, 4) for formula in several if "f" not in formula}


def candidates(*formulas: str) -> list[FormulaCandidate]:
    """Candidates in order of their probability; all are improbable, as formulas are to an untrained model."""
    return [
        FormulaCandidate(formula, tuple(CHECKPOINT.vocabulary.encode(formula.split())), Evidence(-40.0 - rank, 4), True)
        for rank, formula in enumerate(formulas)
    ]


def page(formula: str, em: float = 18) -> Pixels:
    return pad_to_bucket(CHECKPOINT.shapes, typed(formula, em, 4))


def refiner(styles: StyleRenderers) -> Refiner:
    return Refiner(ENGINE, CHECKPOINT.config, styles)


def refine(image: Pixels, *formulas: str, effort: EffortParams = CHOOSE) -> list[FormulaCandidate]:
    return refiner(TypedStyles()).refine([image], [candidates(*formulas)], effort)[0]


@pytest.mark.parametrize("em", [18, 30])
def test_the_candidate_that_looks_like_the_image_is_chosen(em: float) -> None:
    found = refine(page("a b c", em), "a b a", "b b c", "a b c")
    assert found[0].latex == "a b c"
    assert found[0].evidence.distance == pytest.approx(0, abs=1e-6)
    assert all(one.evidence.distance for one in found[1:])


def test_candidates_that_look_alike_are_merged() -> None:
    assert [one.latex for one in refine(page("a b c"), "a b d", "a b c", "a a")] == ["a b d", "a a"]


def test_a_candidate_that_cannot_be_rendered_comes_last() -> None:
    assert [one.latex for one in refine(page("a b"), "f f", "a b")] == ["a b", "f f"]
    assert [one.latex for one in refine(page("a b"), "f f")] == ["f f"]


def test_repair_finds_a_formula_that_no_candidate_is() -> None:
    assert refine(page("a b c"), "a b e")[0].latex == "a b e"
    found = refine(page("a b c"), "a b e", effort=REPAIR)[0]
    assert found.latex in ("a b c", "a b d")
    assert found.evidence.distance == pytest.approx(0, abs=1e-6)
    assert found.evidence.log_probability < 0


def test_a_simpler_spelling_that_looks_alike_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.inference.refine.simpler_spellings", lambda latex: ["a b c"] if "e" in latex else [])
    found = refine(page("a b c"), "a b d", "a b e")
    assert found[0].latex == "a b d"  # it has no simpler spelling
    monkeypatch.setattr("im2latex.inference.refine.simpler_spellings", lambda latex: ["a b a", "a b c"])
    found = refine(page("a b c"), "a b d")
    assert [one.latex for one in found] == ["a b c"]
    assert found[0].evidence.log_probability >= -40
    assert [one.latex for one in refine(page("b b"), "b b")] == ["b b"]  # neither matches


def test_the_plain_spelling_of_a_rare_style_is_a_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.inference.refine.has_rare_style", lambda latex: "a" in latex)
    monkeypatch.setattr("im2latex.inference.refine.simpler_spellings", lambda latex: [latex.replace("a", "b")])
    found = refine(page("b b c"), "a a c", "b b e")  # not the best candidate, but the most probable one is in the style
    assert found[0].latex == "b b c"
    assert -40 < found[0].evidence.log_probability < 0


def test_in_an_unknown_style_only_what_looks_alike_is_simpler(monkeypatch: pytest.MonkeyPatch) -> None:
    image = page("a b c", em=24)
    monkeypatch.setattr("im2latex.inference.refine.simpler_spellings", lambda latex: ["a b", "a b c"])
    monkeypatch.setattr("im2latex.inference.refine._RECOGNIZED", 0)
    monkeypatch.setattr("im2latex.inference.refine._SHORT", 0)
    assert refine(image, "a b d")[0].latex == "a b c"
    monkeypatch.setattr("im2latex.inference.refine.simpler_spellings", lambda latex: ["a b", "a b a"])
    assert refine(image, "a b c")[0].latex == "a b c"


def test_images_do_not_influence_each_other() -> None:
    pages, formulas = [page("a b"), page("c c b")], [("b b", "a b"), ("c c", "c c b")]
    together = refiner(TypedStyles()).refine(pages, [candidates(*several) for several in formulas], REPAIR)
    alone = [refine(image, *several, effort=REPAIR) for image, several in zip(pages, formulas, strict=True)]
    assert together == alone


def test_nothing_is_rendered_twice() -> None:
    styles = TypedStyles()
    refiner(styles).refine([page("a b")], [candidates("a b", "b b", "a a", "c", "a c")], REPAIR)
    assert len(styles.rendered) == len(set(styles.rendered))


def test_without_tex_the_predictor_warns_and_searches_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: StyleRenderers) -> None:
        raise ToolError("pdftex is not installed")

    monkeypatch.setattr(StyleRenderers, "check", missing)
    predictor = Predictor(ENGINE, CHECKPOINT.config)
    with pytest.warns(RuntimeWarning, match="pdftex is not installed"):
        found = predictor.predict(page("a b"), effort="best")
    assert found == predictor.predict(page("a b"))


def test_a_style_whose_fonts_are_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fonts:
        def __init__(self, available: bool) -> None:
            self.available = available

        def render(self, formulas: list[str]) -> list[Rendering]:
            if not self.available:
                raise ToolError("no such font")
            return [Rendering(typed(formula)) for formula in formulas]

    monkeypatch.setattr(
        "im2latex.inference.refine.create_renderer", lambda params: Fonts(params.template.fonts != "euler")
    )
    params = RenderParams()
    euler = params.model_copy(update={"template": params.template.model_copy(update={"fonts": "euler"})})
    styles = StyleRenderers([RenderStyle("base", params), RenderStyle("euler", euler)])
    styles.check()
    assert styles.render("euler", ["a"]) == styles.render("euler", ["b"]) == {}
    assert styles.names == ["base"]
    assert list(styles.render("base", ["a"])) == ["a"]
    with pytest.raises(ToolError, match="no such font"):
        StyleRenderers([RenderStyle("euler", euler)]).check()


def test_threads_take_turns_with_a_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        busy = False

        def render(self, formulas: list[str]) -> list[Rendering]:
            assert not self.busy
            self.busy = True
            renderings = [Rendering(typed(formula)) for formula in formulas]
            self.busy = False
            return renderings

    monkeypatch.setattr("im2latex.inference.refine.create_renderer", lambda params: Busy())
    styles = StyleRenderers([RenderStyle("base", RenderParams())])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: styles.render("base", [f"a {number}"]), range(40)))
    assert [list(images) for images in found] == [[f"a {number}"] for number in range(40)]


@pytest.mark.needs_tex
def test_the_styles_of_the_base_install_render() -> None:
    styles = StyleRenderers()
    assert [name for name in styles.names if name.startswith("mathtext")] == styles.names[-3:]
    for style in styles.names[:-3]:
        images = styles.render(style, [r"\frac { 1 } { x }", r"\undefined"])
        assert list(images) == [r"\frac { 1 } { x }"]
        assert images[r"\frac { 1 } { x }"].dtype == np.uint8
    assert len(styles.names) == 13


def test_the_styles_of_matplotlib_render() -> None:
    pytest.importorskip("matplotlib")
    styles = StyleRenderers()
    for style in styles.names[-3:]:
        assert list(styles.render(style, [r"\frac { 1 } { x }", r"\undefined"])) == [r"\frac { 1 } { x }"]


def test_without_matplotlib_its_styles_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.rendering.mathtext.find_spec", lambda name: None)
    styles = StyleRenderers()
    assert styles.render("mathtext-cm", ["x"]) == {}
    assert "mathtext-cm" not in styles.names
