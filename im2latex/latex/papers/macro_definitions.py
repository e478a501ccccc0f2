r"""Parsers of the commands that define macros: `\newcommand`, `\def`, `\let`, `\newif`, `\newenvironment` and others.

Sources: LaTeX's ltdefns, The TeXbook, chapter 20, and the manuals of amsopn, mathtools, xparse, xargs, environ, ifthen
and etoolbox.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import FROZEN, read_argument, read_optional, skip_spaces, tokens
from im2latex.latex.papers.macro_arguments import TokenListStream, read_arguments
from im2latex.latex.papers.macro_parameters import (
    OPTION,
    STAR,
    count_of,
    latex_parameters,
    read_name,
    skip_star,
    tex_parameters,
    xargs_parameters,
    xparse_parameters,
)
from im2latex.latex.papers.macro_table import Macro, MacroTable, Parameter, end_of, frozen, plain
from im2latex.latex.papers.package_conditionals import toggle_name

DefinitionReader = Callable[[str, int, MacroTable], int]
"""Parses a definition after its command, adds it to the macro table and returns the end position."""
_MAX_EXPANSIONS = 1000
_BODY_LAST = re.compile(r"[+!\s]*b\s*$")


def read_definition(command: str, source: str, position: int, macros: MacroTable, is_global: bool = False) -> int:
    r"""Parse the definition after `command`, from `position` on, and return its end; `position` where it is invalid.

    `is_global` has the effect of TeX's `\global`.
    """
    macros.is_global = is_global or command in _GLOBAL
    try:
        return DEFINITION_COMMANDS[command](source, position, macros)
    except (LatexError, IndexError):
        return position
    finally:
        macros.is_global = False


def _newcommand(source: str, position: int, macros: MacroTable, overwrite: bool = True, xargs: bool = False) -> int:
    name, position = read_name(source, skip_star(source, position))
    parameters, position = (xargs_parameters if xargs else latex_parameters)(source, position)
    body, position = read_argument(source, position)
    if overwrite or name not in macros.definitions:
        macros.define(name, Macro(parameters, tuple(tokens(body))))
    return position


def _def(source: str, position: int, macros: MacroTable, expanded: bool = False) -> int:
    name, position = read_name(source, position)
    return _def_named(name, source, position, macros, expanded)


def _named_def(source: str, position: int, macros: MacroTable, expanded: bool = False) -> int:
    name, position = read_argument(source, position)
    return _def_named(f"\\{name.strip()}", source, position, macros, expanded)


def _def_named(name: str, source: str, position: int, macros: MacroTable, expanded: bool) -> int:
    brace = source.find("{", position, position + 200)
    text = source[position:brace]
    if brace < 0 or "}" in text:
        raise LatexError("bad_definition", name, position)
    body, end = read_argument(source, brace)
    replacement = tokens(body)
    parameters = tex_parameters(text.removesuffix("#"))
    if text.endswith("#"):  # the brace delimits the argument and stays in the input (The TeXbook, chapter 20)
        mark = Parameter("until" if parameters else "literal", ("{",))
        parameters, replacement = (*parameters[:-1], mark), [*replacement, "{"]
    if expanded:
        with suppress(LatexError):  # a macro without its argument stays unexpanded
            replacement = _expanded(replacement, macros)
    macros.define(name, Macro(parameters, tuple(replacement)))
    return end


def _expanded(body: list[str], macros: MacroTable) -> list[str]:
    r"""Expand the body of an `\edef` with the present definitions."""
    source = TokenListStream(body)
    found: list[str] = []
    for _ in range(_MAX_EXPANSIONS):
        if not source.peek():
            return found
        token = source.pop()
        macro = macros.definitions.get(token)
        if token == "\\noexpand" and source.peek():
            found.append(source.pop())
        elif macro is None or macros.primitive(token) != token:
            found.append(token)
        else:
            source.push(macro.replacement(read_arguments(token, macro, source)))
    raise LatexError("macro_bomb", "the expansion of a definition does not end")


def _let(source: str, position: int, macros: MacroTable) -> int:
    name, position = read_name(source, position)
    position = skip_spaces(source, position)
    if source[position : position + 1] == "=":
        position = skip_spaces(source, position + 1)
    if source[position : position + 1] == "{":
        raise LatexError("bad_definition", name, position)
    if source.startswith("\\csname", position):
        target, end = read_name(source, position)
    else:
        target, end = read_argument(source, position)
    macros.let(name, target)
    return end


def _named_let(source: str, position: int, macros: MacroTable) -> int:
    name, position = read_argument(source, position)
    target, position = read_argument(source, position)
    macros.let(f"\\{name.strip()}", target)
    return position


def _newif(source: str, position: int, macros: MacroTable) -> int:
    name, position = read_name(source, position)
    _new_condition(name, macros)
    return position


def _new_condition(name: str, macros: MacroTable) -> None:
    if not name.startswith("\\if"):
        raise LatexError("bad_definition", name)
    macros.define(name, frozen("\\iffalse"))
    for value in ("true", "false"):
        macros.define(f"\\{name[3:]}{value}", Macro((), ("\\let" + FROZEN, name, f"\\if{value}" + FROZEN)))


def _new_boolean(source: str, position: int, macros: MacroTable, toggle: bool = False) -> int:
    name, position = read_argument(source, position)
    if toggle:
        macros.define(toggle_name(name), frozen("\\iffalse"))
    else:
        _new_condition(f"\\if{name.strip()}", macros)
    return position


def _set_boolean(source: str, position: int, macros: MacroTable, toggle: bool = False, value: str = "") -> int:
    name, position = read_argument(source, position)
    if not value:
        value, position = read_argument(source, position)
    if value.strip() not in ("true", "false"):
        raise LatexError("bad_definition", name, position)
    macros.define(toggle_name(name) if toggle else f"\\if{name.strip()}", frozen(f"\\if{value.strip()}"))
    return position


def _operator(source: str, position: int, macros: MacroTable) -> int:
    star = "*" if skip_star(source, position) != position else ""
    name, position = read_name(source, skip_star(source, position))
    body, position = read_argument(source, position)
    macros.define(name, Macro((), ("\\operatorname", *star, "{", *tokens(body), "}")))
    return position


def _paired_delimiter(
    source: str, position: int, macros: MacroTable, with_body: bool = False, with_sides: bool = False
) -> int:
    r"""mathtools: `\abs{x}`, `\abs*{x}` with growing delimiters, `\abs[\big]{x}` (manual, "Paired delimiters").

    `with_body` reads a body, in which `\delimsize` is the size of the delimiters: empty, the option, or `\middle` after
    a star. `with_sides` also reads the code before and after the delimiters.
    """
    name, position = read_name(source, position)
    count, position = read_optional(source, position) if with_body else ("1", position)
    fields = []
    for _ in range(2 + 2 * with_sides + with_body):
        field, position = read_argument(source, position)
        fields.append(tokens(field))
    body = [_moved(token) for token in fields.pop()] if with_body else ["#3"]
    before, opening, closing, behind = (map(_moved, field) for field in (fields if with_sides else ((), *fields, ())))
    replacement = [*before, *_sizes(list(opening), body, list(closing)), *behind]
    macros.define(name, Macro((STAR, OPTION, *plain(count_of(count))), tuple(replacement)))
    return position


def _moved(token: str) -> str:
    """Shift a parameter of the body by two, for the star and the option."""
    return f"#{int(token[1]) + 2}" if token[0] == "#" and token[1:].isdecimal() else token


def _sizes(opening: Sequence[str], body: Sequence[str], closing: Sequence[str]) -> list[str]:
    """Write the delimiters around the body, in the three sizes that a call may select."""
    grown = ["\\mathopen", "{", "}", "\\mathclose", "{", "\\left", *opening, *_sized(body, "\\middle")]
    grown += ["\\right", *closing, "}"]
    sized = ["\\mathopen", "{", "#2", *opening, "}", *_sized(body, "#2"), "\\mathclose", "{", "#2", *closing, "}"]
    fixed = [*opening, *_sized(body, ""), *closing]
    choice = ["\\IfNoValueTF", "{", "#2", "}", "{", *fixed, "}", "{", *sized, "}"]
    return ["\\IfBooleanTF", "{", "#1", "}", "{", *grown, "}", "{", *choice, "}"]


def _sized(body: Sequence[str], size: str) -> list[str]:
    return [size if token == "\\delimsize" else token for token in body if size or token != "\\delimsize"]


def _document_command(source: str, position: int, macros: MacroTable, overwrite: bool = True) -> int:
    name, position = read_name(source, position)
    specification, position = read_argument(source, position)
    body, position = read_argument(source, position)
    if overwrite or name not in macros.definitions:
        macros.define(name, Macro(xparse_parameters(specification), tuple(tokens(body))))
    return position


def _environment(source: str, position: int, macros: MacroTable, overwrite: bool = True, xargs: bool = False) -> int:
    name, position = read_argument(source, skip_star(source, position))
    parameters, position = (xargs_parameters if xargs else latex_parameters)(source, position)
    opening, position = read_argument(source, position)
    closing, position = read_argument(source, position)
    if overwrite or f"\\{name}" not in macros.definitions:
        macros.define(f"\\{name}", Macro(parameters, tuple(tokens(opening))))
        macros.define(f"\\end{name}", Macro((), tuple(tokens(closing))))
    return position


def _environ(source: str, position: int, macros: MacroTable) -> int:
    r"""environ: `\NewEnviron{name}[2][default]{... \BODY ...}[at the end]`."""
    name, position = read_argument(source, position)
    parameters, position = latex_parameters(source, position)
    body, position = read_argument(source, position)
    closing, position = read_optional(source, position)
    whole = f"#{len(parameters) + 1}"
    replacement = [whole if token == "\\BODY" else token for token in tokens(body) + tokens(closing or "")]
    macros.define(f"\\{name}", Macro((*parameters, Parameter("until", end_of(name))), tuple(replacement)))
    return position


def _document_environment(source: str, position: int, macros: MacroTable, overwrite: bool = True) -> int:
    """xparse: the end code may use the arguments, and an argument of type `b` is the body."""
    name, position = read_argument(source, position)
    specification, position = read_argument(source, position)
    opening, position = read_argument(source, position)
    closing, position = read_argument(source, position)
    if not overwrite and f"\\{name}" in macros.definitions:
        return position
    with_body = _BODY_LAST.search(specification)
    parameters = xparse_parameters(specification[: with_body.start()] if with_body else specification)
    if not with_body and "#" not in closing:
        macros.define(f"\\{name}", Macro(parameters, tuple(tokens(opening))))
        macros.define(f"\\end{name}", Macro((), tuple(tokens(closing))))
        return position
    between = [] if with_body else [f"#{len(parameters) + 1}"]
    replacement = (*tokens(opening), *between, *tokens(closing))
    macros.define(f"\\{name}", Macro((*parameters, Parameter("until", end_of(name))), replacement))
    return position


DEFINITION_COMMANDS: dict[str, DefinitionReader] = {
    **dict.fromkeys(
        ["\\newcommand", "\\renewcommand", "\\DeclareRobustCommand", "\\newrobustcmd", "\\renewrobustcmd"], _newcommand
    ),
    **dict.fromkeys(["\\providecommand", "\\providerobustcmd"], partial(_newcommand, overwrite=False)),
    **dict.fromkeys(["\\newcommandx", "\\renewcommandx", "\\DeclareRobustCommandx"], partial(_newcommand, xargs=True)),
    "\\providecommandx": partial(_newcommand, overwrite=False, xargs=True),
    **dict.fromkeys(["\\def", "\\gdef"], _def),
    **dict.fromkeys(["\\edef", "\\xdef", "\\protected@edef", "\\protected@xdef"], partial(_def, expanded=True)),
    **dict.fromkeys(["\\@namedef", "\\csdef", "\\csgdef"], _named_def),
    **dict.fromkeys(["\\csedef", "\\csxdef"], partial(_named_def, expanded=True)),
    "\\let": _let,
    "\\cslet": _named_let,
    "\\newif": _newif,
    **dict.fromkeys(["\\newboolean", "\\newbool", "\\providebool"], _new_boolean),
    "\\newtoggle": partial(_new_boolean, toggle=True),
    **dict.fromkeys(["\\setboolean", "\\setbool"], _set_boolean),
    "\\booltrue": partial(_set_boolean, value="true"),
    "\\boolfalse": partial(_set_boolean, value="false"),
    "\\settoggle": partial(_set_boolean, toggle=True),
    "\\toggletrue": partial(_set_boolean, toggle=True, value="true"),
    "\\togglefalse": partial(_set_boolean, toggle=True, value="false"),
    "\\DeclareMathOperator": _operator,
    "\\DeclarePairedDelimiter": _paired_delimiter,
    "\\DeclarePairedDelimiterX": partial(_paired_delimiter, with_body=True),
    "\\DeclarePairedDelimiterXPP": partial(_paired_delimiter, with_body=True, with_sides=True),
    **dict.fromkeys(["\\NewDocumentCommand", "\\RenewDocumentCommand", "\\DeclareDocumentCommand"], _document_command),
    "\\ProvideDocumentCommand": partial(_document_command, overwrite=False),
    **dict.fromkeys(["\\newenvironment", "\\renewenvironment"], _environment),
    "\\provideenvironment": partial(_environment, overwrite=False),
    **dict.fromkeys(["\\newenvironmentx", "\\renewenvironmentx"], partial(_environment, xargs=True)),
    **dict.fromkeys(["\\NewEnviron", "\\RenewEnviron"], _environ),
    **dict.fromkeys(
        ["\\NewDocumentEnvironment", "\\RenewDocumentEnvironment", "\\DeclareDocumentEnvironment"],
        _document_environment,
    ),
    "\\ProvideDocumentEnvironment": partial(_document_environment, overwrite=False),
}
_GLOBAL = frozenset(["\\gdef", "\\xdef", "\\protected@xdef", "\\csgdef", "\\csxdef"])
