r"""Definitions as papers write them, read from source.

Understood: `\newcommand` and its kin with an optional first argument, `\def` and its kin with undelimited and
delimited arguments, `\let`, `\DeclareMathOperator`, `\DeclarePairedDelimiter`, xparse's `\NewDocumentCommand` with the
common kinds of argument, `\newenvironment`. Definitions take effect from their place on, whatever group they stand in.
"""

import re
from collections.abc import Callable, Iterator

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import read_argument, read_optional, skip_spaces, tokens
from im2latex.latex.papers.macros import BRACKETS, NO_VALUE, Macro, Macros, Parameter, plain

_DEFINED = re.compile(r"\s*(?:\{\s*)?(\\(?:[A-Za-z@]+|.))\s*(?:\})?", re.DOTALL)
_PARAMETER = re.compile(r"#(\d)")
STAR = Parameter("flag", ("*",))
OPTION = Parameter("optional", BRACKETS, (NO_VALUE,))
MOST_UNREADABLE = 100
"""Definitions of one source that are tried in vain, each perhaps over a whole page; those behind them are not tried."""
Reader = Callable[[str, int, Macros], int]
"""Reads what follows the defining command, defines, and gives the place behind it."""


def begin_name(environment: str) -> str:
    r"""The name under which the opening code of a user's environment is kept."""
    return f"\\begin{{{environment}}}"


def end_name(environment: str) -> str:
    r"""The name under which its closing code is kept."""
    return f"\\end{{{environment}}}"


_DEFINING = r"\\(?:{})(?![A-Za-z@])\*?"


def read_definitions(source: str) -> Macros:
    """All definitions of a source; one that cannot be read defines nothing."""
    macros = Macros()
    for _ in definitions(source, macros):
        pass
    return macros


def definitions(source: str, macros: Macros) -> Iterator[str]:
    """Take every definition of a source into `macros`; yields the source of each that could be read."""
    pattern = re.compile(_DEFINING.format("|".join(name[1:] for name in READERS)))
    place = failed = 0
    while (match := pattern.search(source, place)) and failed < MOST_UNREADABLE:
        place = define(match[0].rstrip("*"), source, match.start() + len(match[0].rstrip("*")), macros)
        if place > match.end():
            yield source[match.start() : place]
        else:
            failed += 1
        place = max(place, match.end())


def define(command: str, source: str, place: int, macros: Macros) -> int:
    """Read the definition behind `command`, which ends before `place`; returns the place behind the definition."""
    try:
        return READERS[command](source, place, macros)
    except (LatexError, IndexError):
        return place


def _name(source: str, place: int) -> tuple[str, int]:
    match = _DEFINED.match(source, place)
    if match is None:
        raise LatexError("bad_definition", "a name is due", place)
    return match[1], match.end()


def _star(source: str, place: int) -> int:
    here = skip_spaces(source, place)
    return here + 1 if source[here : here + 1] == "*" else place


def _count(text: str | None) -> int:
    return int(text) if text and text.strip().isdecimal() else 0


def _newcommand(source: str, place: int, macros: Macros, overwrite: bool = True) -> int:
    name, place = _name(source, _star(source, place))
    parameters, place = _latex_parameters(source, place)
    body, place = read_argument(source, place)
    if overwrite or name not in macros.known:
        macros.define(name, Macro(parameters, tuple(tokens(body))))
    return place


def _providecommand(source: str, place: int, macros: Macros) -> int:
    return _newcommand(source, place, macros, overwrite=False)


def _latex_parameters(source: str, place: int) -> tuple[tuple[Parameter, ...], int]:
    """`[2][default]`."""
    count, place = read_optional(source, place)
    default, place = read_optional(source, place) if count is not None else (None, place)
    number = _count(count)
    if default is None:
        return plain(number), place
    return (Parameter("optional", BRACKETS, tuple(tokens(default))), *plain(number - 1)), place


def _def(source: str, place: int, macros: Macros) -> int:
    name, place = _name(source, place)
    brace = source.index("{", place) if "{" in source[place:] else len(source)
    text = source[place:brace]
    if len(text) > 200 or "}" in text:
        raise LatexError("bad_definition", name, place)
    body, end = read_argument(source, brace)
    macros.define(name, Macro(_tex_parameters(text), tuple(tokens(body))))
    return end


def _tex_parameters(text: str) -> tuple[Parameter, ...]:
    """`[#1]#2;`: text in front, then arguments, each up to the text behind it."""
    pieces = _PARAMETER.split(text)
    found: list[Parameter] = []
    if pieces[0].strip():
        found.append(Parameter("literal", tuple(token for token in tokens(pieces[0]) if token != " ")))
    for delimiter in pieces[2::2]:
        end = tuple(tokens(delimiter.strip()))
        found.append(Parameter("until", end) if end else Parameter("plain"))
    return tuple(found)


def _let(source: str, place: int, macros: Macros) -> int:
    name, place = _name(source, place)
    place = skip_spaces(source, place)
    if source[place : place + 1] == "=":
        place = skip_spaces(source, place + 1)
    target, end = read_argument(source, place)
    if source[place : place + 1] == "{":
        raise LatexError("bad_definition", name, place)
    macros.let(name, target)
    return end


def _operator(source: str, place: int, macros: Macros) -> int:
    star = "*" if _star(source, place) != place else ""
    name, place = _name(source, _star(source, place))
    body, place = read_argument(source, place)
    macros.define(name, Macro((), ("\\operatorname", *star, "{", *tokens(body), "}")))
    return place


def _paired_delimiter(source: str, place: int, macros: Macros) -> int:
    r"""mathtools: `\abs{x}`, `\abs*{x}` that grows, `\abs[\big]{x}`."""
    name, place = _name(source, place)
    left, place = read_argument(source, place)
    right, place = read_argument(source, place)
    opening, closing = tokens(left), tokens(right)
    grown = ["\\mathopen", "{", "}", "\\mathclose", "{", "\\left", *opening, "#3", "\\right", *closing, "}"]
    sized = ["\\mathopen", "{", "#2", *opening, "}", "#3", "\\mathclose", "{", "#2", *closing, "}"]
    fixed = [*opening, "#3", *closing]
    choice = ["\\IfNoValueTF", "{", "#2", "}", "{", *fixed, "}", "{", *sized, "}"]
    body = ("\\IfBooleanTF", "{", "#1", "}", "{", *grown, "}", "{", *choice, "}")
    macros.define(name, Macro((STAR, OPTION, Parameter("plain")), body))
    return place


def _document_command(source: str, place: int, macros: Macros) -> int:
    name, place = _name(source, place)
    specification, place = read_argument(source, place)
    body, place = read_argument(source, place)
    macros.define(name, Macro(_xparse_parameters(specification), tuple(tokens(body))))
    return place


def _xparse_parameters(specification: str) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    place = skip_spaces(specification, 0)
    while place < len(specification):
        kind = specification[place]
        place += 1
        if kind in "mso":
            found.append({"m": Parameter("plain"), "s": STAR, "o": OPTION}[kind])
        elif kind == "t":
            found.append(Parameter("flag", (specification[place],)))
            place += 1
        elif kind in "ODdRr":
            marks = BRACKETS if kind == "O" else (specification[place], specification[place + 1])
            place += 0 if kind == "O" else 2
            default, place = (NO_VALUE, place) if kind.islower() else read_argument(specification, place)
            found.append(Parameter("optional", marks, tuple(tokens(default))))
        elif kind not in "+! ":
            raise LatexError("bad_definition", f"argument kind {kind}", place)
        place = skip_spaces(specification, place)
    return tuple(found)


def _environment(source: str, place: int, macros: Macros) -> int:
    name, place = read_argument(source, _star(source, place))
    parameters, place = _latex_parameters(source, place)
    opening, place = read_argument(source, place)
    closing, place = read_argument(source, place)
    macros.define(begin_name(name), Macro(parameters, tuple(tokens(opening))))
    macros.define(end_name(name), Macro((), tuple(tokens(closing))))
    return place


READERS: dict[str, Reader] = {
    "\\newcommand": _newcommand,
    "\\renewcommand": _newcommand,
    "\\providecommand": _providecommand,
    "\\DeclareRobustCommand": _newcommand,
    "\\def": _def,
    "\\gdef": _def,
    "\\edef": _def,
    "\\xdef": _def,
    "\\let": _let,
    "\\DeclareMathOperator": _operator,
    "\\DeclarePairedDelimiter": _paired_delimiter,
    "\\NewDocumentCommand": _document_command,
    "\\RenewDocumentCommand": _document_command,
    "\\ProvideDocumentCommand": _document_command,
    "\\DeclareDocumentCommand": _document_command,
    "\\newenvironment": _environment,
    "\\renewenvironment": _environment,
}
