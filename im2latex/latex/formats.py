r"""Formats of a formula for other programs: LaTeX alone or with delimiters, tokens, MathML."""

from collections.abc import Iterable
from html import escape
from typing import Literal, get_args

Format = Literal["latex", "tokens", "inline", "display", "equation", "mathml"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRAPPED = {
    "latex": "{}",
    "inline": "${}$",
    "display": r"\[ {} \]",
    "equation": r"\begin{{equation}} {} \end{{equation}}",
}


def format_formula(tokens: str | Iterable[str], format: Format = "latex") -> str:
    r"""Write a formula in a format, as one line.

    >>> import im2latex
    >>> tokens = im2latex.normalize(r"x^2 + \frac12")
    >>> print(im2latex.format_formula(tokens))
    x^2 + \frac{1}{2}
    >>> print(im2latex.format_formula(tokens, "inline"))
    $x^2 + \frac{1}{2}$

    Args:
        tokens: The tokens of a normalized formula: `Prediction.tokens`, or the result of `im2latex.normalize`.
        format: `latex`, LaTeX that one can paste, without delimiters; `inline`, `display` and `equation`, the same
            between `$`, between `\[` and `\]`, and as an equation with a number; `tokens`, separated by one space;
            `mathml`, the element `math` for a web page or a word processor, which needs the extra `mathml`.

    """
    from im2latex.latex.pretty import pretty  # not for the type alone, as the help needs it
    from im2latex.latex.tokens import join, split

    words = split(tokens) if isinstance(tokens, str) else list(tokens)
    if format == "tokens":
        return join(words)
    latex = pretty(words)
    return _mathml(latex) if format == "mathml" else _WRAPPED[format].format(latex)


def _mathml(latex: str) -> str:
    """MathML of a formula; of one that is not complete, the element `merror` with its LaTeX."""
    from latex2mathml.converter import convert

    try:
        return convert(latex, display="block")
    except Exception as error:
        if type(error).__module__ != "latex2mathml.exceptions":  # they have no common base
            raise
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"><merror><mtext>{escape(latex)}</mtext></merror></math>'
