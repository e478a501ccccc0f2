r"""Removal of comments and verbatim text from TeX source.

Sources: LaTeX's `\verb` and verbatim (The LaTeX2e sources, ltmiscen), and the manuals of url, hyperref, listings,
minted, fancyvrb, comment and alltt. Definitions by these packages are collected from all files of a paper.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import FROZEN, JOIN, read_optional

_NAME = r"\s*\{?\s*\\([A-Za-z@]+)\s*\}?"
_ENVIRONMENTS = [
    "verbatim",
    "verbatim*",
    "Verbatim",
    "Verbatim*",
    "BVerbatim",
    "LVerbatim",
    "SaveVerbatim",
    "lstlisting",
    "comment",
    "filecontents",
    "filecontents*",
    "minted",
    "alltt",
    "spverbatim",
]
_PLAIN = ("verb", "Verb", "lstinline", "spverb")
_URLS = ("url", "nolinkurl", "path", "burl")
_LINKS = ("href",)
_LANGUAGE = ("mintinline", "mint")
_INSIDE = ("verbatim", "Verbatim", "comment", "lstlisting", "minted", "alltt", "VerbatimEnvironment")
_NEW_ENVIRONMENT = re.compile(
    r"\\(?:lstnewenvironment|DefineVerbatimEnvironment|excludecomment|newtcblisting|DeclareTCBListing|newverbatim)"
    r"\s*(?:\[[^]]*\]\s*)?\{([^{}\\]+)\}"
)
_WRAPPED = re.compile(
    r"\\(?:re)?newenvironment\*?\s*\{([^{}\\]+)\}\s*(?:\[[^]]*\]\s*){0,2}\{[^$]{0,300}?\\(?:"
    + "|".join(_INSIDE)
    + r")(?![A-Za-z@])"
)
_MINTED = re.compile(r"\\newminted\s*(?:\[([^]]*)\])?\s*\{([^{}]*)\}")
_MINT = re.compile(r"\\newmint(inline)?\s*(?:\[([^]]*)\])?\s*\{([^{}]*)\}")
_URL_COMMAND = re.compile(r"\\DeclareUrlCommand" + _NAME)
_MARK = r"\s*(?:\[[^]]*\])?\s*\{?\\?([^A-Za-z{\s])\}?"
_SHORT = re.compile(r"\\(?:MakeShortVerb\*?|DefineShortVerb|lstMakeShortInline)" + _MARK)
_SWITCH = (
    r"\\(?:MakeShortVerb\*?|DefineShortVerb|lstMakeShortInline|DeleteShortVerb|UndefineShortVerb|lstDeleteShortInline)"
    + _MARK.replace("([", "(?P<mark>[")
)
r"""A command that makes a character an abbreviation of `\verb`, or ends that."""
_BEING_DEFINED = re.compile(r"\\(?:[a-zA-Z]*[cC]ommandx?\*?|[gex]?def|let|UrlCommand)\s*\{?\s*\Z")
_BRACE = re.compile(r"\\[{}\\]|[{}]")
_MAX_CHARACTERS = 2000
"""Longest address or inline code, in characters."""
_PRINTED = re.compile(r"\\includecomment\s*\{([^{}\\]+)\}")


@dataclass(frozen=True)
class Verbatim:
    r"""Verbatim environments and commands of one paper, names without the backslash.

    `plain` commands take `|...|` or a group after an option, `language` commands a language before it, `urls` no
    option, and `links` keep the text after the address. `short` holds the characters that abbreviate `\verb`.
    """

    environments: frozenset[str] = frozenset(_ENVIRONMENTS)
    plain: frozenset[str] = frozenset(_PLAIN)
    language: frozenset[str] = frozenset(_LANGUAGE)
    urls: frozenset[str] = frozenset(_URLS)
    links: frozenset[str] = frozenset(_LINKS)
    short: frozenset[str] = frozenset()

    def remove(self, source: str) -> str:
        """Return the source without comments and verbatim text; the number of line ends stays."""
        source = normalize_line_ends(source).replace(FROZEN, "").replace(JOIN, "")
        found: list[str] = []
        position = 0
        short = set(self.short - set(_SHORT.findall(STANDARD_COMMENTS.sub("", source)))) if self.short else set()
        while match := self._pattern.search(source, position):
            found.append(source[position : match.start()])
            if match["switch"]:
                (short.discard if match["switch"][1:].startswith("Delete") else short.add)(match["mark"])
            if match["short"] and match["short"][0] not in short:
                text, position = match["short"][0], match.start() + 1
            else:
                text, position = self._replaced(source, match)
            found.append(text)
        return "".join([*found, source[position:]])

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        commands = "|".join(sorted(map(re.escape, {*self.plain, *self.language, *self.urls, *self.links})))
        names = "|".join(sorted(map(re.escape, self.environments), reverse=True))
        short = "|".join(rf"{re.escape(mark)}[^\n{re.escape(mark)}]*{re.escape(mark)}" for mark in sorted(self.short))
        return re.compile(
            rf"""(?P<escape>\\[^A-Za-z\s])
            |(?P<comment>%[^\n]*(?:\n[ \t]*)?)
            |\\begin\s*\{{(?P<name>{names})\}}.*?(?:\\end\s*\{{(?P=name)\}}|\Z)
            |\\(?P<command>{commands})(?![A-Za-z@])"""
            + (rf"|(?P<switch>{_SWITCH})|(?P<short>{short})" if short else "|(?P<switch>(?!))|(?P<short>(?!))"),
            re.DOTALL | re.VERBOSE,
        )

    def _replaced(self, source: str, match: re.Match[str]) -> tuple[str, int]:
        """Return the replacement of a match, and the end of what it covers."""
        if match["escape"] or match["switch"]:
            return match[0], match.end()
        if match["comment"]:
            if source[match.end() : match.end() + 1] == "\n":  # the next line is blank and ends the paragraph
                return "\n", match.end()
            return JOIN if "\n" in match[0] else "", match.end()
        end = match.end()
        if match["name"] and _is_code_of_environment(source, match.start()):
            return match[0][:1], match.start() + 1
        if match["command"]:
            if _BEING_DEFINED.search(source, max(0, match.start() - 40), match.start()):
                return match[0], end
            try:
                end = self._command_end(source, end, match["command"])
            except LatexError:
                return match[0], match.end()
        kept = "\\href" if match["command"] in self.links else " "
        return kept + "\n" * source.count("\n", match.start(), end), end

    def _command_end(self, source: str, position: int, command: str) -> int:
        if source[position : position + 1] == "*":
            position += 1
        if command not in self.urls:
            _, position = read_optional(source, position)
        if command in self.language:
            position = _delimited_end(source, position)
        return _delimited_end(source, position)


def _is_code_of_environment(source: str, position: int) -> bool:
    r"""Whether a `\begin` is in the code of a `\newenvironment`, as after `\VerbatimEnvironment`."""
    start = source.rfind("newenvironment", max(0, position - 300), position)
    return start >= 0 and source.count("{", start, position) > source.count("}", start, position)


def _delimited_end(source: str, position: int) -> int:
    """Return the end of a group, or of text between two equal characters in the same line."""
    while source[position : position + 1] in (" ", "\t"):
        position += 1
    mark = source[position : position + 1]
    if mark == "{":
        return _raw_group_end(source, position)
    delimits = mark and not mark.isspace() and not mark.isalpha() and mark not in "}([\\"
    end = source.find(mark, position + 1) if delimits else -1
    if end < 0 or "\n" in source[position:end]:
        raise LatexError("unbalanced_group", "verbatim text is not closed", position)
    return end + 1


def _raw_group_end(source: str, position: int) -> int:
    """Return the end of a group within the character limit."""
    depth = 0
    for match in _BRACE.finditer(source, position, position + _MAX_CHARACTERS):
        depth += (match[0] == "{") - (match[0] == "}")
        if depth == 0:
            return match.end()
    raise LatexError("unbalanced_group", "verbatim text is not closed", position)


def remove_comments(source: str) -> str:
    """Return the source without comments and the verbatim text of LaTeX and its packages."""
    return Verbatim().remove(source)


def normalize_line_ends(source: str) -> str:
    r"""Convert all line ends to `\n`, also the carriage returns of old Macintosh files."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def find_verbatim(sources: Iterable[str]) -> Verbatim:
    """Collect the verbatim environments and commands of a paper."""
    text = STANDARD_COMMENTS.sub("", "\n".join(map(normalize_line_ends, sources)))
    environments = set(_ENVIRONMENTS) | set(_NEW_ENVIRONMENT.findall(text)) | set(_WRAPPED.findall(text))
    environments |= {name or f"{language}code" for name, language in _MINTED.findall(text)}
    environments -= set(_PRINTED.findall(text))
    plain = set(_PLAIN) | {name or language + inline for inline, name, language in _MINT.findall(text)}
    return Verbatim(
        frozenset(environments),
        frozenset(plain | _aliases(text, plain)),
        frozenset(set(_LANGUAGE) | _aliases(text, _LANGUAGE)),
        frozenset(set(_URLS) | set(_URL_COMMAND.findall(text)) | _aliases(text, _URLS)),
        frozenset(set(_LINKS) | _aliases(text, _LINKS)),
        frozenset(_SHORT.findall(text)),
    )


STANDARD_COMMENTS = re.compile(r"%(?<!\\%)[^\n]*")  # the literal first, which is faster to search


def _aliases(text: str, commands: Iterable[str]) -> set[str]:
    r"""Return names defined by `\let`, or by a definition of nothing but the command and its option."""
    names = "|".join(map(re.escape, commands))
    let = re.findall(rf"\\let\s*\\([A-Za-z@]+)\s*=?\s*\\(?:{names})(?![A-Za-z@])", text)
    new = re.findall(
        rf"\\(?:(?:re|provide)?newcommand\*?|DeclareRobustCommand\*?|providecommand\*?|renewcommand\*?|def){_NAME}"
        rf"\s*\{{\s*\\(?:{names})\s*(?:\[[^]]*\])?\s*\}}",
        text,
    )
    return {*let, *new}
