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

from im2latex.errors import LatexError

_FORBIDDEN_WORDS = frozenset(
    # files and programs
    """openin openout closein closeout read readline write immediate special InputIfFileExists IfFileExists
    usepackage RequirePackage documentclass LoadClass lstinputlisting verbatiminput bibliography directlua jobname
    graphicspath DeclareGraphicsRule"""
    # definitions and assignments that outlive the group
    """ def edef gdef xdef let futurelet global globaldefs long outer protected chardef mathchardef countdef dimendef
    skipdef muskipdef toksdef font fontdimen hyphenchar skewchar mag setcounter addtocounter stepcounter
    refstepcounter counterwithin counterwithout numberwithin hyphenation patterns footnote footnotemark footnotetext
    thanks marginpar pagecolor batchmode nonstopmode scrollmode errorstopmode interactionmode definecolor colorlet
    xglobal setmathalphabet SetMathAlphabet SetSymbolFont"""
    # codes of characters
    """ catcode mathcode delcode lccode uccode sfcode makeatletter makeatother obeylines obeyspaces verb
    ExplSyntaxOn ExplSyntaxOff endlinechar newlinechar escapechar"""
    # names and code that cannot be read here, or that act later
    """ csname endcsname scantokens aftergroup afterassignment
    AtBeginDocument AtEndDocument AtEndOfPackage AddToHook AddToHookNext"""
    # repetition and text that is skipped
    """ loop repeat whiledo fi else or unless"""
    # the page, the log and the end of the run
    """ shipout output insert mark marks vadjust message errmessage typeout wlog show showthe showbox showlists
    showtokens GenericError GenericWarning GenericInfo PackageError PackageWarning ClassError stop bye endinput
    dump document enddocument endmath enddisplaymath today newpage clearpage cleardoublepage pagebreak
    startformula stopformula finishformulas""".split()
)
_FORBIDDEN_FAMILIES = re.compile(
    r"if(?!f$)[A-Za-z]*|pdf[A-Za-z]*|every[A-Za-z]+|(?:input|include|import|subimport)[A-Za-z]*"
    r"|(?:new|renew|provide|declare|New|Renew|Provide|Declare)(?!line$|penalty$)[A-Za-z]+|tracing[A-Za-z]+"
)
_FORBIDDEN_ENVIRONMENTS = frozenset({"filecontents", "filecontents*", "verbatim", "verbatim*", "lrbox"})

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
    if _is_forbidden(word):
        raise LatexError("forbidden", f"\\{word}", at)
    if word not in ("begin", "end"):
        return
    argument = _ENVIRONMENT.match(formula, end)
    if argument is None:
        raise LatexError("forbidden", rf"\{word} without a plain name in braces", at)
    name = argument[1]
    if word == "begin":
        # \begin{x} runs the command \x, and \end{x} the command \endx, so each name is a way to call a command.
        if _is_forbidden(name.rstrip("*")) or _is_forbidden("end" + name) or name in _FORBIDDEN_ENVIRONMENTS:
            raise LatexError("forbidden", f"\\begin{{{name}}}", at)
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


def _is_forbidden(word: str) -> bool:
    return word in _FORBIDDEN_WORDS or _FORBIDDEN_FAMILIES.fullmatch(word) is not None


def _shown(group: str) -> str:
    return group if group == "{" else f"\\begin{{{group}}}"
