r"""Paste-ready spelling of a normalized formula: its tokens as a person would type them.

    \int _ { - \infty } ^ { \infty } e ^ { - x ^ { 2 } } \, d x    \int_{-\infty}^{\infty} e^{-x^2}\,dx
    x ~ \text{if} ~ y \ge 0                                        x\text{ if }y \ge 0

Normalization of the spelling gives the tokens again, so it has the same image. Its style:

- Outside of scripts there is a space on both sides of a relation, a binary operator and `\quad`, and one after a
  comma, a function and a large operator. Everywhere there is one where TeX needs it, and where two symbols would read
  as one: `\alpha 2`, `x^2 y` (`atom_spacing`).
- A script of one character has no braces, `x^2`; other scripts and all arguments have: `x^{\infty}`, `\frac{1}{2}`.
  Primes are `'`.
- Words that are text are in `\text`, with the spaces beside them (`text_words`).
- A formula is one line; ` \\ ` separates the rows of a table, and ` & ` their cells.

It needs no parser, and writes any sequence of tokens: also the beginning of a formula.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from im2latex.latex.atom_spacing import Atom, AtomClass, atom_classes, join_atoms
from im2latex.latex.parser.signatures import (
    ARGUMENT_STYLES,
    CELL_STYLES,
    COMMANDS,
    CONTROL_SPACE,
    ENVIRONMENTS,
    LETTER_FONTS,
    PLAIN_CODES,
    SMALLER_ARGUMENTS,
    STYLE_SWITCHES,
    TEXT_SWITCHES,
    MathStyle,
)
from im2latex.latex.text_words import read_words, spaced_text
from im2latex.latex.tokens import ends_in_control_word, join, matching_braces, split

_STACKED = frozenset(split(r"\overset \underset \overunderset"))
"""Commands of the class of their last argument."""
_LIMITS = frozenset(split(r"\limits \nolimits \displaylimits"))
_PREFIXES = frozenset(split(r"\left \right \not"))
_NO_WORDS = LETTER_FONTS | PLAIN_CODES | {"\\boldsymbol", "\\bm", "\\pmb"}
"""Commands in whose argument no words are text."""
_NAME = re.compile(r"\\(?:[A-Za-z]+\*?|.)", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9*+-]")
_RULE = re.compile(r"(?:width|height|depth)[-+.0-9]")


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a row is: its math style, whether optional spaces are left out, and whether words may be text."""

    style: MathStyle = MathStyle.DISPLAY
    is_compact: bool = False
    has_words: bool = True
    has_primes: bool = True

    def in_style(self, style: MathStyle) -> "_Context":
        """The context in a math style; there are no words in scripts, where their spaces would not shrink."""
        return replace(self, style=style, has_words=self.has_words and style != MathStyle.SCRIPT)


def pretty(tokens: str | Iterable[str]) -> str:
    r"""Write the tokens of a normalized formula in the paste-ready spelling.

    >>> print(pretty(r"\int _ { 0 } ^ { \infty } e ^ { - x ^ { 2 } } \, d x = \frac { \sqrt { \pi } } { 2 }"))
    \int_0^{\infty} e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}
    """
    words = split(tokens) if isinstance(tokens, str) else list(tokens)
    try:
        text = _Writer(words).row(len(words), _Context(has_words=TEXT_SWITCHES.isdisjoint(words)))
    except RecursionError:  # deeper than any formula that the normalizer accepts
        return join(words)
    return f"{text[:-2]}{CONTROL_SPACE}" if text.endswith("\\ ") else text


def tables() -> dict[str, Any]:
    """The commands, their classes and styles, as JSON: for `pretty` in JavaScript (`serving/web/latex/pretty.js`)."""
    return {
        "classes": {name: kind.name for name, kind in atom_classes().items()},
        "commands": COMMANDS,
        "environments": ENVIRONMENTS,
        "style_switches": STYLE_SWITCHES,
        "cell_styles": CELL_STYLES,
        "argument_styles": ARGUMENT_STYLES,
        "smaller_arguments": sorted(SMALLER_ARGUMENTS),
        "text_switches": sorted(TEXT_SWITCHES),
        "plain_codes": sorted(PLAIN_CODES),
        "stacked": sorted(_STACKED),
        "limits": sorted(_LIMITS),
        "prefixes": sorted(_PREFIXES),
        "no_words": sorted(_NO_WORDS),
    }


class _Writer:
    """Reads tokens from left to right, one row at a time, and writes each row."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._ends = matching_braces(tokens)

    def row(self, end: int, context: _Context) -> str:
        """Write the tokens up to `end`, a row or the rows of a table."""
        atoms: list[Atom] = []
        around: list[_Context] = []
        while self._at < end:
            token = self._tokens[self._at]
            if context.has_words:
                before = atoms[-1].text if atoms else ""
                words, self._at = read_words(self._tokens, self._ends, self._at, end, before)
                if words:
                    atoms.append(Atom(words))
                    continue
            self._at += 1
            if token in ("^", "_"):
                self._script(token, end, atoms, context)
            elif token in _LIMITS and atoms:
                atoms[-1].text += token
            elif token == "{":
                atoms.append(Atom(self._group(end, context)))
            elif token.startswith("\\begin{"):
                name = token[7:].partition("}")[0]
                atoms.append(Atom(token + self._environment_arguments(name, end), AtomClass.SEPARATOR))
                around.append(context)
                context = context.in_style(CELL_STYLES.get(name, MathStyle.DISPLAY))
            elif token.startswith("\\end{"):
                context = around.pop() if around else context
                atoms.append(Atom(token, AtomClass.SEPARATOR))
            else:
                context = context.in_style(STYLE_SWITCHES[token]) if token in STYLE_SWITCHES else context
                atoms.append(self._atom(token, end, context))
        return join_atoms(atoms, context.is_compact)

    def _next(self, end: int) -> str:
        return self._tokens[self._at] if self._at < end else ""

    def _script(self, mark: str, end: int, atoms: list[Atom], context: _Context) -> None:
        """Read a script and append it to the last atom."""
        atom = atoms[-1] if atoms else Atom("")
        atoms[-1:] = [atom]
        close = self._ends.get(self._at, end)
        if close >= end:  # it has no braces, or is not complete
            atom.text += mark
            return
        self._at += 1
        if mark == "^" and context.has_primes:
            primes = self._at
            while self._tokens[self._at] == "\\prime":
                self._at += 1
            atom.text += "'" * (self._at - primes)
            if primes < self._at == close:
                self._at += 1
                return
        if close == self._at + 1 and _BARE.fullmatch(self._tokens[self._at]):
            atom.text += mark + self._tokens[self._at]
            atom.is_open = True
        else:
            inside = self.row(close, replace(context.in_style(MathStyle.SCRIPT), is_compact=True))
            atom.text += f"{mark}{{{inside}}}"
            atom.is_open = False
        self._at = close + 1

    def _group(self, end: int, context: _Context) -> str:
        """Read the rest of a group; one that is not closed ends with the row."""
        close = self._ends.get(self._at - 1, end)
        inside = self.row(min(close, end), context)
        if close >= end:
            return "{" + inside
        self._at = close + 1
        return f"{{{inside}}}"

    def _raw_group(self, end: int) -> str:
        """Read a group of columns, a length or another argument that is not mathematics."""
        close = min(self._ends.get(self._at, end), end - 1)
        text = ""
        for token in self._tokens[self._at : close + 1]:
            needs_space = _RULE.match(token) or (token[0].isalpha() and ends_in_control_word(text))
            text += f" {token}" if needs_space else token
        self._at = close + 1
        return text

    def _environment_arguments(self, name: str, end: int) -> str:
        arguments = ""
        for kind in ENVIRONMENTS.get(name, ""):
            if kind in "crl" and self._next(end) == "{":
                arguments += self._raw_group(end)
        return arguments

    def _atom(self, token: str, end: int, context: _Context) -> Atom:
        """Read the arguments of a symbol or command."""
        if token == CONTROL_SPACE:
            return Atom("\\ ", AtomClass.THIN_SPACE)
        found = _NAME.match(token)
        if token.startswith("\\\\") or (found is None and len(token) > 1):
            return Atom(token, AtomClass.SEPARATOR)
        name = found[0] if found else token
        kinds = COMMANDS.get(name) or COMMANDS.get(name.rstrip("*"), "")
        if kinds.endswith("t") and "{" in token:
            return Atom(spaced_text(token))
        atom = Atom(token, atom_classes().get(name, AtomClass.ORDINARY))
        if name in _PREFIXES and self._at < end:
            atom.text += self._bare(atom.text)
        if kinds:
            self._arguments(atom, name, kinds, end, context)
        return atom

    def _arguments(self, atom: Atom, name: str, kinds: str, end: int, context: _Context) -> None:
        rows = sum(kind in "mohfu" for kind in kinds)
        context = replace(context, has_words=context.has_words and name not in _NO_WORDS,
                          has_primes=context.has_primes and name not in PLAIN_CODES)  # fmt: skip
        for kind in kinds:
            following = self._next(end)
            if kind in "mohfu":
                inner = context.in_style(_argument_style(name, -rows, context.style))
                rows -= 1
                if kind == "o" and following == "[":
                    atom.text += self._option(end, inner)
                elif kind != "o" and following == "{":
                    if name in _STACKED and not rows and self._ends.get(self._at) == self._at + 2:
                        atom.kind = atom_classes().get(self._tokens[self._at + 1], atom.kind)
                    self._at += 1
                    atom.text += self._group(end, inner)
                elif kind in "fu" and following not in ("", "}"):
                    atom.text += self._bare(atom.text)
            elif kind in "lct" and following == "{":
                atom.text += self._raw_group(end)
            elif kind == "d" and following:
                atom.text += self._bare(atom.text)
            elif (kind in "ngi" and following not in ("", "{", "}")) or (kind == "k" and _RULE.match(following)):
                atom.text += f" {self._bare('')}"
                atom.kind = AtomClass.SEPARATOR

    def _bare(self, before: str) -> str:
        """Read one token behind a text, apart from it where it would become part of a name."""
        token = self._tokens[self._at]
        self._at += 1
        return f" {token}" if token[0].isalpha() and ends_in_control_word(before) else token

    def _option(self, end: int, context: _Context) -> str:
        """Read an optional argument; a bracket that is not closed is a symbol."""
        depth = 0
        for close in range(self._at, end):
            token = self._tokens[close]
            depth += (token == "{") - (token == "}")
            if depth == 0 and token == "]":
                self._at += 1
                inside = self.row(close, replace(context, is_compact=True))
                self._at = close + 1
                return f"[{inside}]"
        return ""


def _argument_style(name: str, place: int, style: MathStyle) -> MathStyle:
    """The math style of an argument, its place counted from the last one, -1."""
    if name in SMALLER_ARGUMENTS:
        return style.in_fraction
    styles = ARGUMENT_STYLES.get(name, ())
    found = styles[place] if -place <= len(styles) else None
    return style if found is None else found
