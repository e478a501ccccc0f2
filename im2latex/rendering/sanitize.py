r"""Checks of formulas before TeX: refuses those that could affect other formulas, the machine or the run time.

No TeX is run. Two questions are asked of each formula.

*Is it mathematics?* Every control sequence and environment must be on the list of `im2latex.latex.allowed_commands`, or
be named by the user: a command of `normalizer.commands`, of a package that the template loads, or of its
`extra_preamble`.

*Does it close what it opens?* Braces are counted as TeX counts them (escapes and comments respected), environments
must nest, and no math shift may be outside braces: so a formula that typesets without error cannot end the box that
holds it. One that provokes errors might; the group around each formula (`document.body`) bounds what it can do then.
"""

import re
from collections.abc import Collection, Sequence
from functools import cache

from im2latex.errors import LatexError
from im2latex.latex import allowed_commands
from im2latex.latex.papers.paper_reader import read_definitions
from im2latex.rendering import document

# A token that matters for the check. A comment runs to the end of its line; a control word is letters only.
_TOKEN = re.compile(r"\\(?P<word>[A-Za-z]+)|\\(?P<symbol>.)|(?P<comment>%[^\n]*)|(?P<mark>[{}$])", re.DOTALL)
_ENVIRONMENT = re.compile(r"(?:\s|%[^\n]*\n)*\{\s*([^{}\\\s]*)\s*\}")
_PACKAGE = re.compile(r"(?:\[.*\])?\{?([^{}]*)\}?", re.DOTALL)
_DECLARED = re.compile(r"\\(?:Declare[A-Za-z]+|mathchardef)\s*\{?\s*(\\[A-Za-z]+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]|\r(?!\n)")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


def check_formula(formula: str, further: Collection[str] = frozenset()) -> None:
    """Accept a formula that may be typeset with others; raises `LatexError` with reason, detail and position.

    `further` are more commands that it may use, as in `allowed_commands.check`.
    """
    _check_characters(formula)
    allowed_commands.check(formula, further)
    groups: list[str] = []  # "{", or the name of the environment, from the outside in
    for found in _TOKEN.finditer(formula):
        kind = found.lastgroup
        if kind == "mark":
            _check_mark(found[0], groups, found.start())
        elif kind == "word" and found[0] in ("\\begin", "\\end"):
            _check_environment(found[0][1:], formula, found.end(), groups, found.start())
        elif kind == "symbol" and found[0][1] in "()[]" and not groups:
            raise LatexError("stray_math_shift", f"{found[0]} outside braces", found.start())
    if groups:
        raise LatexError("unbalanced", f"{_group_name(groups[-1])} is never closed", len(formula))


@cache
def template_commands(template: document.TemplateParams) -> frozenset[str]:
    r"""Commands that a template adds to the list: those of its packages, and those that its `extra_preamble` defines.

    A definition that begins with `\if` is left out: a conditional skips text, through the end of the formula.
    """
    packages = [_PACKAGE.fullmatch(name) for name in document.packages(template)]
    names = [name.strip() for found in packages if found for name in found[1].split(",")]
    defined = {*read_definitions(template.extra_preamble).definitions, *_DECLARED.findall(template.extra_preamble)}
    environments = {word[1:] for word in defined if f"\\end{word[1:]}" in defined}
    return (
        allowed_commands.of_packages(names) | environments | {word for word in defined if not word.startswith("\\if")}
    )


def partition(
    formulas: Sequence[str], further: Collection[str] = frozenset()
) -> tuple[dict[int, str], dict[int, LatexError]]:
    """Split formulas, by their number, into those to typeset, as passed to TeX, and the errors of the others."""
    accepted: dict[int, str] = {}
    refused: dict[int, LatexError] = {}
    for number, formula in enumerate(formulas):
        try:
            check_formula(formula, further)
        except LatexError as error:
            refused[number] = error
        else:
            accepted[number] = clean(formula)
    return accepted, refused


def clean(formula: str) -> str:
    """The formula as passed to TeX: lines end in \\n and none is blank at either end."""
    return formula.replace("\r\n", "\n").strip(" \t\n")


def _check_characters(formula: str) -> None:
    """Refuse characters that are not text for TeX."""
    if not formula.strip():
        raise LatexError("empty", "", 0)
    if found := _CONTROL.search(formula):
        raise LatexError("control_character", f"U+{ord(found[0]):04X}", found.start())
    if found := _BLANK_LINE.search(formula.strip()):
        raise LatexError("blank_line", "", found.start())


def _check_environment(word: str, formula: str, end: int, groups: list[str], at: int) -> None:
    r"""Follow `\begin` and `\end`, whose name `allowed.check` has passed."""
    found = _ENVIRONMENT.match(formula, end)
    name = found[1] if found else ""
    if word == "begin":
        groups.append(name)
    elif not groups or groups[-1] != name:
        raise LatexError("unbalanced", f"\\end{{{name}}} closes {_group_name(groups[-1]) if groups else 'nothing'}", at)
    else:
        groups.pop()


def _check_mark(mark: str, groups: list[str], at: int) -> None:
    """Follow braces, and refuse a dollar that would end the formula's own math."""
    if mark == "{":
        groups.append("{")
    elif mark == "$":
        if not groups:
            raise LatexError("stray_math_shift", "$ outside braces", at)
    elif not groups or groups[-1] != "{":
        raise LatexError("unbalanced", f"}} closes {_group_name(groups[-1]) if groups else 'nothing'}", at)
    else:
        groups.pop()


def _group_name(group: str) -> str:
    return group if group == "{" else f"\\begin{{{group}}}"
