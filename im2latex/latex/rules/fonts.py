"""Rules for font switches, and for text that mathematics sets with the same image."""

from collections.abc import Iterable

from im2latex.latex.parser.signatures import FONT_SWITCHES, INFIX, LETTER_FONTS, TEXT_SWITCHES
from im2latex.latex.parser.symbols import font_dependent
from im2latex.latex.parser.tree import (
    FINAL,
    Argument,
    Command,
    Group,
    MathStyle,
    Node,
    Row,
    Scripts,
    Token,
    nuclei,
    with_styles,
)
from im2latex.latex.rules.atoms import ACCENTS, has_ordinary_nucleus
from im2latex.latex.text_words import CORRECTED

OLD_NAMES = {
    "\\Bbb": "\\mathbb",
    "\\varmathbb": "\\mathbb",
    "\\frak": "\\mathfrak",
    "\\EuFrak": "\\mathfrak",
    "\\bold": "\\mathbf",
    "\\bm": "\\boldsymbol",
    "\\mathbold": "\\boldsymbol",
    "\\operatornamewithlimits": "\\operatorname*",
}
"""Equivalent names of one command; the bold ones are equal in the renderer's template."""
_TEXT_FONTS = {
    "\\text": "\\mathrm",
    "\\textrm": "\\mathrm",
    "\\textnormal": "\\mathrm",
    "\\textup": "\\mathrm",
    "\\mbox": "\\mathrm",
    "\\hbox": "\\mathrm",
    "\\textbf": "\\mathbf",
    "\\textsf": "\\mathsf",
    "\\texttt": "\\mathtt",
}
_OPERATORS = frozenset(["\\mathop", "\\overset", "\\underset", "\\stackrel", "\\overunderset", "\\smashoperator"])
_UNSCALED = frozenset(["\\mbox", "\\hbox"])
_LIFTS = frozenset(["\\raise", "\\lower"])


def accented_switch(row: Row, _: MathStyle) -> Row:
    r"""Put braces around a switch under two accents, where amsmath does not look for the accented symbol.

    >>> \bar{\tilde{\cal H}} + \tilde{\cal H}
    \bar { \tilde { { \mathcal { H } } } } + \tilde { \mathcal { H } }
    """
    for node in nuclei(row):
        outer = node
        while (inner := _accent_under(outer)) is not None:
            body = inner.arguments[0].body
            if body and isinstance(body[0], Token) and body[0].text in FONT_SWITCHES:
                body[:] = [Group(list(body))]
            outer = inner
    return row


def _accent_under(node: Node) -> Command | None:
    """Return the accent that is the whole argument of the accent `node`."""
    if not isinstance(node, Command) or node.name not in ACCENTS or len(node.arguments[0].body) != 1:
        return None
    (under,) = node.arguments[0].body
    return under if isinstance(under, Command) and under.name in ACCENTS else None


def font_switch(row: Row, _: MathStyle) -> Row:
    r"""Replace a switch such as `\rm`, which holds to the end of its group, by a command around its scope.

    >>> {\bf x + y} = {\cal L} + {a \rm b .}
    \mathbf { x + y } = \mathcal { L } + { a \mathrm { b } . }
    """
    if not any(map(_switches, row)):
        return row
    nexts = [*row[1:], None]
    row = [node for node, after in zip(row, nexts, strict=False) if not (_switches(node) and _ends_scope(after))]
    marks = [index for index, node in enumerate(row) if _switches(node)]
    if not marks:
        return row
    changed = row[: marks[0]]
    for start, end in zip(marks, [*marks[1:], len(row)], strict=True):
        switch = row[start]
        assert isinstance(switch, Token)
        scope = _in_font(switch, row[start + 1 : end], isolated=start == 0 and end == len(row))
        if scope[0] is switch:  # it stays, and must still meet the next one where its scope ends now
            return changed + row[start:]
        changed += scope
    return changed


def _switches(node: Node | None) -> bool:
    return isinstance(node, Token) and node.text in FONT_SWITCHES


def _ends_scope(node: Node | None) -> bool:
    return node is None or _switches(node)


def _in_font(switch: Token, scope: Row, isolated: bool) -> Row:
    """Put the scope into the font's command, without symbols that have no font at both ends unless it is a group."""
    start, end = 0, len(scope)
    while not isolated and start < end and _has_no_font(scope[start]):
        start += 1
    while not isolated and end > start and _has_no_font(scope[end - 1]):
        end -= 1
    core = scope[start:end]
    if not core:
        return scope
    spaced_alike = isolated or (_keeps_spacing(core[0]) and _keeps_spacing(core[-1]))
    if not spaced_alike or any(map(_reaches_on, core)):
        return [switch, *scope]
    return [*scope[:start], Command(FONT_SWITCHES[switch.text], [Argument("m", core)]), *scope[end:]]


def _reaches_on(node: Node) -> bool:
    """Whether braces around the node would stop its effect on the following nodes."""
    name: str = getattr(node, "text", getattr(node, "name", ""))
    return name == "\\color" or name in INFIX or name.startswith("\\\\")


def _has_no_font(node: Node) -> bool:
    if isinstance(node, Group):
        return all(map(_has_no_font, node.body))
    return isinstance(node, Token) and node.text not in font_dependent()


def _keeps_spacing(node: Node) -> bool:
    """Whether the atom is ordinary, so that a brace group in its place has the same distance to its neighbors."""
    head = node.nucleus if isinstance(node, Scripts) else node
    return isinstance(head, Group) or has_ordinary_nucleus(head)


def old_font_name(row: Row, _: MathStyle) -> Row:
    r"""Use one name for each font command: the one that LaTeX and amsmath document.

    >>> \Bbb R \bm v
    \mathbb { R } \boldsymbol { v }
    """
    for node in nuclei(row):
        if isinstance(node, Command):
            node.name = OLD_NAMES.get(node.name, node.name)
    return row


def fontless(row: Row, _: MathStyle) -> Row:
    r"""Replace a font command around symbols that have no font by braces.

    >>> \mathbf{\sigma} \mathrm{=}
    \sigma { = }
    """
    for index, node in enumerate(row):
        head = node.nucleus if isinstance(node, Scripts) else node
        if isinstance(head, Command) and head.name in LETTER_FONTS and all(map(_has_no_font, head.arguments[0].body)):
            group = Group(head.arguments[0].body)
            if isinstance(node, Scripts):
                node.nucleus = group
            else:
                row[index] = group
    return row


def boxed_letter(row: Row, _: MathStyle) -> Row:
    r"""Keep a single letter of text as an operator in a box: TeX centers single symbols (The TeXbook, appendix G).

    >>> \mathop{\text{d}}_i + \mathop{\mathrm{d}}_i
    \mathop { \text{d} } _ { i } + \mathop { \mathrm { d } } _ { i }
    """
    for head in nuclei(row):
        if isinstance(head, Command) and head.name in _OPERATORS:
            argument = head.arguments[-1]
            while (inner := _only_command(argument.body)) and inner.name in LETTER_FONTS:
                argument = inner.arguments[-1]
            if inner and _is_letter_of_text(inner):
                argument.kind = FINAL
    return row


def _only_command(row: Row) -> Command | None:
    return row[0] if len(row) == 1 and isinstance(row[0], Command) else None


def _is_letter_of_text(node: Command) -> bool:
    words = _words(node, MathStyle.DISPLAY)
    return len(words) == 1 and len(words[0]) == 1 and words != ["~"]


def text_letters(row: Row, style: MathStyle) -> Row:
    r"""Replace text of letters, digits and spaces by `\mathrm` and others, one token per letter, if the image is equal.

    A word stays one token with its text command if its last letter has an italic correction, which mathematics would
    add. A whole text stays if it has other characters, or spaces that would not shrink in a script. In `\boldsymbol`
    text stays, since it is not bold there and letters of mathematics are.

    >>> x_{\text{max}} \text{ for all } \textbf{any}
    x _ { \mathrm { m a x } } ~ \mathrm { f o r ~ a l l } ~ \textbf{any}
    """
    if any(isinstance(node, Token) and node.text in TEXT_SWITCHES for node in row):
        return row
    changed: Row = []
    for index, (node, here) in enumerate(with_styles(row, style)):
        words = _words(node, here)
        if words and not (words == [words[0][:1]] and _kerns_beside(row, index)) and not _is_lifted(changed):
            assert isinstance(node, Command)
            spelled = _spelled(node.name, words)
            changed += spelled[0].body if len(row) == 1 and isinstance(spelled[0], Group) else spelled
        else:
            changed.append(node)
            if isinstance(node, Scripts) and (words := _words(node.nucleus, here)) and _is_long_safe_word(words):
                assert isinstance(node.nucleus, Command)
                (node.nucleus,) = _spelled(node.nucleus.name, words)
    return changed


def _kerns_beside(row: Row, index: int) -> bool:
    """Whether mathematics might kern or join a single letter at the index with a neighbor."""
    return any(map(_kerns, row[max(index - 1, 0) : index] + row[index + 1 : index + 2]))


def _kerns(neighbour: Node) -> bool:
    """Whether a letter might be kerned with this neighbor, as with letters of one font."""
    head = neighbour.nucleus if isinstance(neighbour, Scripts) else neighbour
    if isinstance(head, Token):
        return head.text in font_dependent() and not (len(head.text) == 1 and head.text.isalpha())
    return isinstance(head, Command) and (head.name in _TEXT_FONTS or head.name in _TEXT_FONTS.values())


def _is_lifted(before: Row) -> bool:
    r"""Whether the next node is the argument of `\raise`, which must stay a box."""
    return bool(before) and isinstance(before[-1], Command) and before[-1].name in _LIFTS


def _words(node: Node, style: MathStyle) -> list[str]:
    """Return the words of a text, spaces as `~`; none if mathematics cannot set it with the same image."""
    if not isinstance(node, Command) or node.name not in _TEXT_FONTS:
        return []
    characters = [part.text if isinstance(part, Token) else "" for part in node.arguments[-1].body]
    words: list[str] = []
    for character in characters:
        if character in ("~", " "):
            words.append("~")
        elif len(character) != 1 or not character.isalnum():
            return []
        elif words and words[-1] != "~":
            words[-1] += character
        else:
            words.append(character)
    if not words or (style == MathStyle.SCRIPT and (node.name in _UNSCALED or len(words) > 1 or words == ["~"])):
        return []
    if len(words) > 1 and _TEXT_FONTS[node.name] != "\\mathrm":
        return []
    return words


def _is_safe(word: str, name: str) -> bool:
    if name == "\\texttt":
        return True
    return word[-1] not in CORRECTED and not (name == "\\textsf" and word[-1] == "r")


def _is_long_safe_word(words: list[str]) -> bool:
    """A single letter has its scripts at another height as mathematics than as text."""
    return len(words) == 1 and len(words[0]) > 1


def _spelled(name: str, words: list[str]) -> Row:
    """Write runs of safe words, with the spaces between them, in one font command; other words as text."""
    if set(words) == {"~"}:
        return [Group(_tokens(words))]
    row: Row = []
    pending: Row = []
    for word in words:
        if word == "~":
            pending.append(Token("~"))
        elif not _is_safe(word, name):
            row += [*pending, Command(name, [Argument("t", _tokens(word))])]
            pending = []
        else:
            last = row[-1] if row else None
            if isinstance(last, Command) and last.name == _TEXT_FONTS[name]:
                last.arguments[0].body += [*pending, *_tokens(word)]
            else:
                row += [*pending, Command(_TEXT_FONTS[name], [Argument("m", _tokens(word))])]
            pending = []
    return row + pending


def _tokens(characters: Iterable[str]) -> Row:
    return [Token(character) for character in characters]
