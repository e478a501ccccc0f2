r"""Refuse, before TeX sees it, a formula that could hurt its neighbours, the machine or the clock.

Strings in, a `LatexError` or nothing out; no TeX is run. Two questions are asked of each formula.

*Does it close what it opens?* Braces are counted as TeX counts them (escapes and comments respected), environments
must nest, and no math shift may stand outside braces: so a formula cannot end the box that holds it.

*Does it only typeset?* Refused are the commands that reach files and programs, define or assign globally, change
the codes of characters or fonts, build names that cannot be read here, skip text, write to the log or end the run.
A list of what is forbidden, and not of what is allowed, because users bring commands of their own; it can be short
because each formula is typeset in a group of its own, in a process that may read and write only its own folder, with
hard limits (see `process` and `typesetter`): this list protects neighbours and names the reason early, the sandbox
protects the machine. Definitions are refused even where they would be local: a formula with `\def` in it is a
program, and no label for a picture.
"""

import re
from collections.abc import Sequence

from im2latex.errors import LatexError

_FORBIDDEN = {
    "reaches files or programs": """
        openin openout closein closeout read readline write immediate special InputIfFileExists IfFileExists
        usepackage RequirePackage documentclass LoadClass lstinputlisting verbatiminput bibliography directlua
        jobname graphicspath""",
    "defines, or assigns beyond its group": """
        def edef gdef xdef let futurelet global globaldefs long outer protected chardef mathchardef countdef dimendef
        skipdef muskipdef toksdef font fontdimen hyphenchar skewchar mag setcounter addtocounter stepcounter
        refstepcounter counterwithin counterwithout numberwithin hyphenation patterns footnote footnotemark
        footnotetext thanks marginpar pagecolor batchmode nonstopmode scrollmode errorstopmode interactionmode
        definecolor colorlet xglobal SetMathAlphabet SetSymbolFont""",
    "changes the codes of characters": """
        catcode mathcode delcode lccode uccode sfcode makeatletter makeatother obeylines obeyspaces verb
        ExplSyntaxOn ExplSyntaxOff endlinechar newlinechar escapechar""",
    "builds names, or acts later": """
        csname endcsname scantokens aftergroup afterassignment AtBeginDocument AtEndDocument AtEndOfPackage
        AddToHook AddToHookNext""",
    "repeats or skips text": "loop repeat whiledo fi else or unless",
    "acts on the page, the transcript or the run": """
        shipout output insert mark marks vadjust message errmessage typeout wlog show showthe showbox showlists
        showtokens GenericError GenericWarning GenericInfo PackageError PackageWarning ClassError stop bye endinput
        dump document enddocument endmath enddisplaymath today newpage clearpage cleardoublepage pagebreak
        startformula stopformula finishformulas formulabox formulamargin formulamark MessageBreak""",
}
_FORBIDDEN_WORDS = {word: why for why, words in _FORBIDDEN.items() for word in words.split()}
_FORBIDDEN_FAMILIES = re.compile(
    r"if(?!f$)[A-Za-z]*|pdf[A-Za-z]*|every[A-Za-z]+|(?:input|include|import|subimport)[A-Za-z]*"
    r"|(?:new|renew|provide|declare|New|Renew|Provide|Declare)(?!line$|penalty$)[A-Za-z]+|tracing[A-Za-z]+"
)
_FORBIDDEN_ENVIRONMENTS = dict.fromkeys(
    ("filecontents", "filecontents*", "verbatim", "verbatim*"), "changes the codes of characters"
)

# One thing that matters in a formula. A comment runs to the end of its line; a control word is letters only.
_THING = re.compile(r"\\(?P<word>[A-Za-z]+)|\\(?P<symbol>.)|(?P<comment>%[^\n]*)|(?P<mark>[{}$])", re.DOTALL)
_ENVIRONMENT = re.compile(r"\s*\{\s*([^{}\\\s]*)\s*\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]|\r(?!\n)")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


def screen(formula: str) -> None:
    """Pass a formula that may be typeset beside others; raises `LatexError` with reason, detail and position."""
    _screen_characters(formula)
    groups: list[str] = []  # "{", or the name of the environment, from the outside in
    for found in _THING.finditer(formula):
        at = found.start()
        if word := found["word"]:
            _screen_word(word, formula, found.end(), groups, at)
        elif (symbol := found["symbol"]) and symbol in "()[]" and not groups:
            raise LatexError("stray_math_shift", rf"\{symbol} outside braces", at)
        elif mark := found["mark"]:
            _screen_mark(mark, groups, at)
    if groups:
        raise LatexError("unbalanced", f"{_shown(groups[-1])} is never closed", len(formula))


def sort(formulas: Sequence[str]) -> tuple[dict[int, str], dict[int, LatexError]]:
    """The formulas that may be typeset, as TeX is given them, and why the others may not, both by their number."""
    accepted: dict[int, str] = {}
    refused: dict[int, LatexError] = {}
    for number, formula in enumerate(formulas):
        try:
            screen(formula)
        except LatexError as error:
            refused[number] = error
        else:
            accepted[number] = clean(formula)
    return accepted, refused


def clean(formula: str) -> str:
    """The formula as TeX is given it: lines end in \\n and none is blank at either end."""
    return formula.replace("\r\n", "\n").strip(" \t\n")


def _screen_characters(formula: str) -> None:
    """Refuse what is no text for TeX."""
    if not formula.strip():
        raise LatexError("empty", "", 0)
    if found := _CONTROL.search(formula):
        raise LatexError("control_character", f"U+{ord(found[0]):04X}", found.start())
    if (at := formula.find("^^")) >= 0:
        raise LatexError("forbidden", "^^ notation", at)
    if found := _BLANK_LINE.search(formula.strip()):
        raise LatexError("blank_line", "", found.start())


def _screen_word(word: str, formula: str, end: int, groups: list[str], at: int) -> None:
    """Refuse a forbidden control word; follow \\begin and \\end."""
    if word == "par":
        raise LatexError("blank_line", r"\par", at)
    if why := _forbidden(word):
        raise LatexError("forbidden", f"\\{word} {why}", at)
    if word not in ("begin", "end"):
        return
    argument = _ENVIRONMENT.match(formula, end)
    if argument is None:
        raise LatexError("forbidden", rf"\{word} without a plain name in braces", at)
    name = argument[1]
    if word == "begin":
        # \begin{x} runs the command \x, and \end{x} the command \endx, so each name is a way to call a command.
        if why := _forbidden(name.rstrip("*")) or _forbidden("end" + name) or _FORBIDDEN_ENVIRONMENTS.get(name):
            raise LatexError("forbidden", f"\\begin{{{name}}} {why}", at)
        groups.append(name)
    elif not groups or groups[-1] != name:
        raise LatexError("unbalanced", f"\\end{{{name}}} closes {_shown(groups[-1]) if groups else 'nothing'}", at)
    else:
        groups.pop()


def _screen_mark(mark: str, groups: list[str], at: int) -> None:
    """Follow braces, and refuse a dollar that would end the formula's own math."""
    if mark == "{":
        groups.append("{")
    elif mark == "$":
        if not groups:
            raise LatexError("stray_math_shift", "$ outside braces", at)
    elif not groups or groups[-1] != "{":
        raise LatexError("unbalanced", f"}} closes {_shown(groups[-1]) if groups else 'nothing'}", at)
    else:
        groups.pop()


def _forbidden(word: str) -> str | None:
    """Why the control word is refused; None where it is not."""
    if why := _FORBIDDEN_WORDS.get(word):
        return why
    return "is of a family that is refused whole" if _FORBIDDEN_FAMILIES.fullmatch(word) else None


def _shown(group: str) -> str:
    return group if group == "{" else f"\\begin{{{group}}}"
