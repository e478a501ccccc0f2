"""Random variants of formulas of one kind, and the assertion that normalization keeps their images."""

from collections.abc import Callable
from random import Random

from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.metrics.normalizer_audit import AuditedFormula, audit_formulas
from im2latex.rendering.renderer import RenderParams, TexRenderer

COUNT = 40
"""Siblings of one kind."""

_PLACES = [
    "{}",
    "{}",
    "a+{} b",
    r"\frac{{{}}}{{2}}",
    r"\sqrt{{ {} }}",
    "x_{{ {} }}",
    "{{ {}y }}^2",
    r"\left( {} \right]",
    r"\begin{{pmatrix}} {} & 1 \\ 2 & z \end{{pmatrix}}",
    r"\begin{{aligned}} a &= {} \\ &\le b \end{{aligned}}",
    r"\overline{{ {} }}",
    r"\mathrel{{ {} }}",
    r"\text{{if $ {} $}}",
]
_SYMBOLS = ["x", "y_1", "a^2", r"\alpha", "b+c", r"\frac12", "2", r"\sum_i j", r"\mathbf{v}", "-1", r"\beta'", "fg"]


class Draw(Random):
    """A seeded source of choices."""

    def place(self, part: str, places: list[str] | None = None) -> str:
        """The part somewhere in a formula."""
        return self.choice(places or _PLACES).format(part)

    def body(self) -> str:
        """Some mathematics."""
        return self.choice(_SYMBOLS) if self.random() < 0.6 else f"{self.choice(_SYMBOLS)} {self.choice(_SYMBOLS)}"

    def space(self) -> str:
        """Nothing, or spaces and comments that TeX ignores behind a control word."""
        return self.choice(["", "", "", " ", "  ", "% by the way\n"])


def findings(kind: Callable[[Draw], str], seed: int, count: int = COUNT) -> list[AuditedFormula]:
    """The audit of `count` distinct formulas that `kind` draws."""
    draw = Draw(seed)
    formulas: dict[str, None] = {}
    while len(formulas) < count:
        formulas[kind(draw)] = None
    return list(
        audit_formulas(formulas, Normalizer(NormalizerParams()), TexRenderer(RenderParams(rasterizer="pdfium")))
    )


def assert_same(kind: Callable[[Draw], str], seed: int = 1, count: int = COUNT) -> None:
    """Every formula prints, is accepted, and is normalized to the same image, stably, in tokens that are balanced."""
    wrong = [
        (found.outcome, found.reason, found.raw, found.latex)
        for found in findings(kind, seed, count)
        if found.outcome != "same" or not found.idempotent or not accepts((found.latex or "").split())
    ]
    assert wrong == []
