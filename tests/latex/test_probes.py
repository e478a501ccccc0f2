"""The results for 93 inputs on which formula normalizers are known to fail."""

from pathlib import Path

import pytest

from im2latex.errors import LatexError
from im2latex.images.compare import same_ink
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.rendering.renderer import RenderParams, TexRenderer

PROBES = Path(__file__).parents[3] / "shared" / "data" / "normalizer_probes.txt"
ANSWERS = Path(__file__).with_name("probe_answers.txt").read_text(encoding="ascii").splitlines()
DISPLAYS = (r"\begin{align}", r"\begin{eqnarray}")
"""What only a display may hold, so that the raw form has no image inside a formula."""

pytestmark = pytest.mark.skipif(not PROBES.exists(), reason="the development data is not here")


def _probes() -> list[str]:
    return PROBES.read_text(encoding="utf-8").splitlines()


def test_every_probe_has_its_answer() -> None:
    wrong = []
    for probe, answer in zip(_probes(), ANSWERS, strict=True):
        try:
            found = normalize(probe, NormalizerParams())
        except LatexError as error:
            found = f"! {error.reason}"
        if found != answer:
            wrong.append((probe, found, answer))
    assert wrong == []


@pytest.mark.needs_tex
def test_every_answer_prints_what_its_probe_prints() -> None:
    renderer = TexRenderer(RenderParams())
    answers = [answer if not answer.startswith("!") else "" for answer in ANSWERS]
    raw, normalized = renderer.render(_probes()), renderer.render(answers)
    for probe, answer, before, after in zip(_probes(), ANSWERS, raw, normalized, strict=True):
        if answer.startswith("!"):
            assert before.pixels is None, f"{probe} prints and was refused"
        elif before.pixels is None:
            assert r"\tag" in probe or probe.startswith(DISPLAYS), f"{probe} does not print: {before.reason}"
            assert after.pixels is not None
        else:
            assert after.pixels is not None, f"{answer}: {after.reason}"
            assert same_ink(before.pixels, after.pixels), f"{probe} and {answer} differ"
