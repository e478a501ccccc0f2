r"""Conditionals of packages, which select one of their arguments: xparse, ifthen, etoolbox, and LaTeX's `\@ifstar`.

TeX's own, which end with `\fi`, are in `tex_conditionals`.
"""

from collections.abc import Callable, Sequence

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import is_space
from im2latex.latex.papers.macro_arguments import TokenListStream, TokenStream, read_plain
from im2latex.latex.papers.macro_table import NO_VALUE, TRUE, MacroTable
from im2latex.latex.papers.tex_conditionals import is_defined, same_meaning

Condition = Callable[[str, TokenStream, MacroTable], bool | None]
"""Reads and evaluates a condition; None where it is unknown."""


def select_argument(token: str, source: TokenStream, macros: MacroTable) -> list[str] | None:
    """Return the tokens of the argument that a command of `CONDITIONAL_COMMANDS` selects; None where it is unknown."""
    test, kind = CONDITIONAL_COMMANDS[token]
    holds = test(token, source, macros)
    yes = read_plain(token, source) if kind != "F" else []
    no = read_plain(token, source) if kind != "T" else []
    return None if holds is None else (yes if holds else no)


def _boolean(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return read_plain(token, source) == [TRUE]


def _value(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return read_plain(token, source) != [NO_VALUE]


def _no_value(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return read_plain(token, source) == [NO_VALUE]


def _blank(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return all(map(is_space, read_plain(token, source)))


def _not_blank(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return not _blank(token, source, macros)


def _empty(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return not read_plain(token, source)


def _same(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    return read_plain(token, source) == read_plain(token, source)


def _toggle(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return _flag(toggle_name("".join(read_plain(token, source))), macros)


def _bool(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return _flag("\\if" + "".join(read_plain(token, source)), macros)


def toggle_name(name: str) -> str:
    """Return the key in the macro table for the state of an etoolbox toggle."""
    return f"\\toggle {name.strip()}"


def _flag(name: str, macros: MacroTable) -> bool | None:
    return {"\\iftrue": True, "\\iffalse": False}.get(macros.primitive(name))


def _defined(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return is_defined("".join(read_plain(token, source)), macros)


def _named(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return is_defined("\\" + "".join(read_plain(token, source)), macros)


def _not(test: Condition) -> Condition:
    def negated(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
        holds = test(token, source, macros)
        return None if holds is None else not holds

    return negated


def _star(token: str, source: TokenStream, _macros: MacroTable) -> bool | None:
    r"""`\@ifstar`: the star follows both arguments."""
    branches = [read_plain(token, source) for _ in range(2)]
    star = source.accept("*")
    source.push([piece for branch in branches for piece in ("{", *branch, "}")])
    return star


def _next_character(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    wanted = read_plain(token, source)
    branches = [read_plain(token, source) for _ in range(2)]
    source.skip_spaces()
    holds = same_meaning(source.peek(), wanted[0], macros) if source.peek() and wanted else False
    source.push([piece for branch in branches for piece in ("{", *branch, "}")])
    return holds


def _ifthen(token: str, source: TokenStream, macros: MacroTable) -> bool | None:
    return _proposition(read_plain(token, source), macros)


def _proposition(condition: Sequence[str], macros: MacroTable) -> bool | None:
    r"""Evaluate `\equal`, `\boolean`, `\isempty`, `\NOT` and comparisons of two integers; others are unknown."""
    source = TokenListStream([piece for piece in condition if not is_space(piece)])
    operator = source.pop() if source.peek() else ""
    try:
        if operator in ("\\NOT", "\\not"):
            holds = _proposition(list(reversed(source.rest)), macros)
            return None if holds is None else not holds
        if operator == "\\equal":
            first, second = (_expanded(read_plain(operator, source), macros) for _ in range(2))
            known: bool | None = first == second
        elif operator in ("\\boolean", "\\isempty"):
            known = (_bool if operator == "\\boolean" else _empty)(operator, source, macros)
        else:
            left, relation, right = "".join(condition).partition(next((c for c in "<>=" if c in condition), "="))
            left, right = ("".join(_expanded([*side], macros)).strip() for side in (left, right))
            if not (left.isdecimal() and right.isdecimal()):
                return None
            return {"<": int(left) < int(right), ">": int(left) > int(right), "=": int(left) == int(right)}[relation]
    except LatexError:
        return None
    return known if not source.peek() else None


def _expanded(argument: Sequence[str], macros: MacroTable) -> list[str]:
    """Expand macros without parameters and drop spaces."""
    found: list[str] = []
    source = TokenListStream(argument)
    for _ in range(1000):
        if not source.peek():
            break
        token = source.pop()
        macro = macros.definitions.get(token)
        if macro is not None and not macro.parameters and macros.primitive(token) == token:
            source.push(macro.body)
        elif not is_space(token):
            found.append(token)
    return found


CONDITIONAL_COMMANDS: dict[str, tuple[Condition, str]] = {
    **{f"\\IfBoolean{kind}": (_boolean, kind) for kind in ("TF", "T", "F")},
    **{f"\\IfValue{kind}": (_value, kind) for kind in ("TF", "T", "F")},
    **{f"\\IfNoValue{kind}": (_no_value, kind) for kind in ("TF", "T", "F")},
    **{f"\\IfBlank{kind}": (_blank, kind) for kind in ("TF", "T", "F")},
    "\\ifthenelse": (_ifthen, "TF"),
    "\\iftoggle": (_toggle, "TF"),
    "\\nottoggle": (_not(_toggle), "TF"),
    "\\ifbool": (_bool, "TF"),
    "\\notbool": (_not(_bool), "TF"),
    "\\ifstrempty": (_empty, "TF"),
    "\\ifblank": (_blank, "TF"),
    "\\notblank": (_not_blank, "TF"),
    "\\ifstrequal": (_same, "TF"),
    "\\ifdef": (_defined, "TF"),
    "\\ifundef": (_not(_defined), "TF"),
    "\\ifcsdef": (_named, "TF"),
    "\\ifcsundef": (_not(_named), "TF"),
    "\\@ifundefined": (_not(_named), "TF"),
    "\\@ifstar": (_star, "TF"),
    "\\@ifnextchar": (_next_character, "TF"),
}
"""For each command its condition, and which branches follow."""
