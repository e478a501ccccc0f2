r"""TeX's primitive conditionals, `\if... \else ... \fi`, evaluated where the paper alone decides them.

Sources: The TeXbook, chapter 20; e-TeX's manual for `\ifdefined`, `\ifcsname` and `\unless`. `\newif\iffoo` is LaTeX's
own (ltdefns): `\iffoo` is let to `\iftrue` or `\iffalse`. Conditions on boxes, modes, lengths or files are unknown.
"""

import re
from collections.abc import Callable

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import is_space
from im2latex.latex.papers.macro_arguments import TokenStream, read_arguments, read_plain
from im2latex.latex.papers.macro_table import MacroTable
from im2latex.latex.parser.signatures import COMMANDS

_PRIMITIVES = frozenset(
    [
        r"\if",
        r"\ifcat",
        r"\ifnum",
        r"\ifdim",
        r"\ifodd",
        r"\ifvmode",
        r"\ifhmode",
        r"\ifmmode",
        r"\ifinner",
        r"\ifvoid",
        r"\ifhbox",
        r"\ifvbox",
        r"\ifx",
        r"\ifeof",
        r"\iftrue",
        r"\iffalse",
        r"\ifcase",
        r"\ifdefined",
        r"\ifcsname",
        r"\iffontchar",
        r"\ifpdf",
        r"\ifxetex",
        r"\ifluatex",
        r"\ifPDFTeX",
        r"\ifXeTeX",
        r"\ifLuaTeX",
        r"\ifpdftex",
    ]
)
_OF_CLASSES = re.compile(r"\\if(?:@|CLASS|GPcolor|GPblack)")
r"""Conditionals that LaTeX, the class IEEEtran and gnuplot's graphics define with `\newif`."""
_UNKNOWN = re.compile(r"\\if(?!f(?:true|false)?$)[A-Za-z@]+")
_UNDEFINED = ("\\undefined", "\\@undefined", "\\Undefined")
_EMPTY = ("\\empty", "\\@empty")
_MAX_EXPANSIONS = 100


def is_conditional(token: str, macros: MacroTable) -> bool:
    """Whether TeX counts a token as the beginning of a conditional, also in skipped text."""
    if not token.startswith("\\if") and token not in macros.definitions:
        return False
    name = macros.primitive(token)
    return name in _PRIMITIVES or (name not in macros.definitions and _OF_CLASSES.match(name) is not None)


def may_be_conditional(token: str, macros: MacroTable) -> bool:
    r"""Whether an unknown command may be a conditional of a package, defined with `\newif`; it takes no argument."""
    return _UNKNOWN.fullmatch(token) is not None and token not in macros.definitions


def evaluate_condition(token: str, source: TokenStream, macros: MacroTable, in_formula: bool) -> bool | None:
    r"""Read a condition and skip the branch that does not hold.

    True: the following tokens are expanded, up to an `\else` or `\fi`. False: the conditional is consumed, including
    its `\fi`. None: the condition is unknown. Raises `LatexError` where the source ends first.
    """
    name = macros.primitive(token)
    if name == "\\ifcase":
        return _enter_case(source, macros)
    holds = _holds(name, source, macros, in_formula)
    if holds is None or holds:
        return holds
    return skip_branch(source, macros) != "\\fi"


def evaluate_unless(source: TokenStream, macros: MacroTable, in_formula: bool) -> bool | None:
    r"""Evaluate `\unless` and the conditional behind it; as `evaluate_condition`."""
    source.skip_spaces()
    if not source.peek():
        raise LatexError("macro_argument", "\\unless without a conditional")
    holds = _holds(macros.primitive(source.pop()), source, macros, in_formula)
    if holds is None or not holds:
        return None if holds is None else True
    return skip_branch(source, macros) != "\\fi"


def skip_branch(source: TokenStream, macros: MacroTable, stops: tuple[str, ...] = ("\\else", "\\fi")) -> str:
    r"""Skip up to the `\else` or `\fi` of the branch, over nested conditionals; returns which one it is."""
    depth = 0
    before = ""
    while token := source.next_control():
        name = macros.primitive(token)
        if depth == 0 and name in stops:
            return name
        if name == "\\fi":
            depth -= 1
        elif is_conditional(token, macros) or _seems_conditional(token, before, source, macros):
            depth += 1
        before = name
    raise LatexError("unclosed_conditional", "a conditional is not closed")


def _seems_conditional(token: str, before: str, source: TokenStream, macros: MacroTable) -> bool:
    unknown = may_be_conditional(token, macros) and source.peek() != "{"
    return unknown and before not in ("\\newif", "\\let")


def _enter_case(source: TokenStream, macros: MacroTable) -> bool | None:
    number = _number(source, macros)
    if number is None:
        return None
    stop = "\\or" if number >= 0 else skip_branch(source, macros)
    while number > 0 and stop == "\\or":
        stop = skip_branch(source, macros, ("\\or", "\\else", "\\fi"))
        number -= 1
    return stop != "\\fi"


def _holds(name: str, source: TokenStream, macros: MacroTable, in_formula: bool) -> bool | None:
    if name in ("\\iftrue", "\\iffalse"):
        return name == "\\iftrue"
    if name == "\\ifmmode":
        return in_formula
    if name in ("\\ifpdf", "\\ifpdftex", "\\ifPDFTeX", "\\ifxetex", "\\ifXeTeX", "\\ifluatex", "\\ifLuaTeX"):
        return "pdf" in name.lower()  # arXiv runs pdfTeX, and so does the renderer
    test = _TESTS.get(name)
    return test(source, macros) if test else None


def _ifx(source: TokenStream, macros: MacroTable) -> bool | None:
    first, second = _one(source), _one(source)
    return same_meaning(first, second, macros)


def same_meaning(first: str, second: str, macros: MacroTable) -> bool | None:
    r"""Compare the meanings of two tokens as `\ifx` does; None where a package may define one of them."""
    names = [macros.primitive(first), macros.primitive(second)]
    definitions = [macros.definitions.get(name) for name in names]
    names = [
        _UNDEFINED[0] if definition is None and name in macros.undefined else name
        for name, definition in zip(names, definitions, strict=True)
    ]
    if names[0] == names[1]:
        return True
    if all(definitions):
        return definitions[0] == definitions[1]
    for name, definition in zip(reversed(names), definitions, strict=True):
        if definition is not None:
            return name in _EMPTY and not definition.body and not definition.parameters
    if all(name in _UNDEFINED for name in names) or all(name in _EMPTY for name in names):
        return True
    return False if all(name in _UNDEFINED or _is_latex(name) for name in names) else None


def _is_latex(name: str) -> bool:
    return name[0] != "\\" or not name[1:2].isalpha() or name in COMMANDS or name in ("\\relax", *_EMPTY)


def is_defined(name: str, macros: MacroTable) -> bool | None:
    """Whether a control sequence is defined; None where LaTeX or a package may define it."""
    if name in macros.definitions or _is_latex(name):
        return True
    return False if name in macros.undefined or name in _UNDEFINED else None


def _ifdefined(source: TokenStream, macros: MacroTable) -> bool | None:
    return is_defined(_one(source), macros)


def _ifcsname(source: TokenStream, macros: MacroTable) -> bool | None:
    name = ""
    source.skip_spaces()
    while (token := source.peek()) and token != "\\endcsname":
        name += source.pop()
    if not token:
        raise LatexError("macro_argument", "\\ifcsname is not closed")
    source.pop()
    return is_defined(f"\\{name}", macros)


def _ifnum(source: TokenStream, macros: MacroTable) -> bool | None:
    first = _number(source, macros)
    if first is None:
        return None
    source.skip_spaces()
    relation = source.peek()
    if relation not in ("<", ">", "="):
        return None
    source.pop()
    second = _number(source, macros)
    return None if second is None else {"<": first < second, ">": first > second, "=": first == second}[relation]


def _ifodd(source: TokenStream, macros: MacroTable) -> bool | None:
    number = _number(source, macros)
    return None if number is None else number % 2 == 1


def _if(source: TokenStream, macros: MacroTable) -> bool | None:
    """Compare two characters; all unexpandable control sequences count as equal (The TeXbook, chapter 20)."""
    first = _unexpandable(source, macros)
    second = _unexpandable(source, macros)
    return None if first is None or second is None else first[0] == second[0]


_TESTS: dict[str, Callable[[TokenStream, MacroTable], bool | None]] = {
    "\\ifx": _ifx,
    "\\ifdefined": _ifdefined,
    "\\ifcsname": _ifcsname,
    "\\ifnum": _ifnum,
    "\\ifodd": _ifodd,
    "\\if": _if,
}


def _one(source: TokenStream) -> str:
    source.skip_spaces()
    if not source.peek():
        raise LatexError("macro_argument", "the source ends inside a condition")
    return source.pop()


def _unexpandable(source: TokenStream, macros: MacroTable) -> str | None:
    """Return the next token after macro expansion; None where that depends on more than macros."""
    for _ in range(_MAX_EXPANSIONS):
        source.skip_spaces()
        token = source.peek()
        if not token or is_conditional(token, macros) or token in ("\\else", "\\fi", "\\csname", "\\expandafter"):
            return None
        source.pop()
        macro = macros.definitions.get(token)
        if token == "\\detokenize":
            source.push(list("".join(read_plain(token, source))))
        elif macro is None or macros.primitive(token) != token:
            return token
        else:
            source.push(macro.replacement(read_arguments(token, macro, source)))
    raise LatexError("macro_bomb", "the expansion of a condition does not end")


def _number(source: TokenStream, macros: MacroTable) -> int | None:
    """Read a literal integer, possibly from macros; None for a register or a counter."""
    digits, sign = "", 1
    for _ in range(_MAX_EXPANSIONS):
        token = source.peek()
        macro = macros.definitions.get(token) if token else None
        if macro is not None and not macro.parameters and macros.primitive(token) == token:
            source.pop()
            source.push(macro.body)
        elif token and is_space(token) and not digits:
            source.pop()
        elif token in ("+", "-") and not digits:
            source.pop()
            sign = -sign if token == "-" else sign
        elif token.isdecimal() and token.isascii():
            digits += source.pop()
        elif token == "`" and not digits:
            return None
        else:
            if token and is_space(token):
                source.pop()
            break
    return sign * int(digits) if digits else None
