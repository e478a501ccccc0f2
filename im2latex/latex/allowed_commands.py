"""Allowlist of the control sequences and environments of formulas.

TeX executes a formula, so everything that is not listed is rejected. Allowed are commands with a signature, the symbols
of symbols.txt, and the words of allowed_commands.txt with their sources. The normalizer and the renderer check formulas
here, and add what the user defines. The check splits the source into tokens as TeX does (The TeXbook, chapters 7 and 8)
and looks up every control sequence, also in lengths, colors and texts.
"""

import re
from collections.abc import Collection, Iterable
from functools import cache
from importlib.resources import files

from im2latex.errors import LatexError
from im2latex.latex.parser.quantities import REGISTERS
from im2latex.latex.parser.signatures import (
    COMMANDS,
    DELIMITERS,
    ENVIRONMENTS,
    NO_NUCLEUS,
    PLAIN_TABLES,
    TEXT_ONLY,
    TEXT_SWITCHES,
    UNDELIMITED_BY,
)
from im2latex.latex.parser.symbols import TEXT_ACCENTS, known_symbols

_PACKAGE = "package "
_SPACES = " \t\n\r\xa0"
_BEGIN_AND_END = frozenset(["\\begin", "\\end"])
# A control sequence is a backslash with letters or with one character of any kind. TeX reads ^^ first, also after a
# backslash, and nothing in a comment; `\3 is the code of a character, and no control sequence that is executed.
_SEEN = re.compile(r"\\?\^\^|`\\[^A-Za-z^]|\\(?:[A-Za-z]+|.)|%[^\n]*", re.DOTALL)
_RUNS_NOTHING = frozenset("%`")
_NAME = re.compile(r"(?:\s|%[^\n]*\n)*\{([^{}]*)\}")


def check(formula: str, further: Collection[str] = frozenset()) -> None:
    """Check a formula; raises `LatexError` with reason `not_allowed` and the first word that is not allowed.

    `further` holds additional words: control sequences with their backslash, environments without. The notation `^^` is
    rejected, since it can write any character.
    """
    allowed = words()
    seen = frozenset(_SEEN.findall(formula))
    if seen <= allowed and seen.isdisjoint(_BEGIN_AND_END):  # quicker than the loop, and most formulas pass
        return
    for found in _SEEN.finditer(formula):
        word = found[0]
        if word in _BEGIN_AND_END:
            _check_environment(formula, word, found.start(), further)
        elif word not in allowed and word[0] not in _RUNS_NOTHING and word not in further and word[1] not in _SPACES:
            raise LatexError("not_allowed", "^^ notation" if word.endswith("^^") else word, found.start())


@cache
def words() -> frozenset[str]:
    """Return the control sequences that every formula may contain."""
    tables: list[Iterable[str]] = [
        known_symbols(),
        COMMANDS,
        NO_NUCLEUS,
        TEXT_ONLY,
        TEXT_SWITCHES,
        TEXT_ACCENTS,
        DELIMITERS,
        PLAIN_TABLES,
        UNDELIMITED_BY,
        REGISTERS,
        *(section for name, section in _sections().items() if not name.startswith(_PACKAGE)),
    ]
    return frozenset(word for table in tables for word in table if word[0] == "\\")


@cache
def environments() -> frozenset[str]:
    """Return the environments that every formula may contain."""
    return frozenset(ENVIRONMENTS) | _sections()["size"]


def text_symbols() -> frozenset[str]:
    """Return the symbols that LaTeX accepts in text."""
    return _sections()["text"]


def of_packages(names: Iterable[str]) -> frozenset[str]:
    """Return the commands in the documentation of these packages; none for packages not in allowed_commands.txt."""
    return frozenset().union(*(_sections().get(_PACKAGE + name, frozenset()) for name in names))


def _check_environment(formula: str, word: str, position: int, further: Collection[str]) -> None:
    name = _NAME.match(formula, position + len(word))
    if name is None:
        raise LatexError("not_allowed", f"{word} without a name in braces", position)
    if name[1].strip() not in environments() and name[1].strip() not in further:
        raise LatexError("not_allowed", f"{word}{{{name[1]}}}", position)


@cache
def _sections() -> dict[str, frozenset[str]]:
    """Read the sections of allowed_commands.txt by name."""
    found: dict[str, set[str]] = {}
    members: set[str] = set()
    for line in files("im2latex.latex").joinpath("allowed_commands.txt").read_text(encoding="ascii").splitlines():
        if line.startswith(" "):
            members.update(line.split())
        elif line and not line.startswith("#"):
            members = found.setdefault(line, set())
    return {name: frozenset(entries) for name, entries in found.items()}
