"""Example formulas of one symbol: a relation between two sides, an accent over a letter, an environment with cells.

They let a dataset contain every symbol of a vocabulary with a minimum frequency.
"""

import random
import re

from im2latex.latex.grammar.expressions import NEVER_ALONE, flat_symbols
from im2latex.latex.grammar.generator import FormulaGrammar
from im2latex.latex.grammar.symbol_substitution import CAPITALS_ONLY, LETTER_FONTS
from im2latex.latex.parser.signatures import BOLD, COMMANDS, ENVIRONMENTS, SPACES
from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.rules.atoms import ACCENTS
from im2latex.latex.tokens import split

_OPENERS = split(r"( [ \{ \langle \lfloor \lceil \lgroup \lmoustache \ulcorner \llcorner \lvert \lVert")
_CLOSERS = split(r") ] \} \rangle \rfloor \rceil \rgroup \rmoustache \urcorner \lrcorner \rvert \rVert")
_BIG = re.compile(r"\\([bB]igg?)([lrm]?)")
_TWO_CELLS = frozenset(split("cases dcases rcases drcases aligned split alignedat"))
_ONE_CELL = frozenset(split("gathered subarray multlined lgathered rgathered"))
_CHARACTER = re.compile(r"[A-Za-z0-9+\-=<>/|!.,;:?*@]")
_UNUSABLE = NEVER_ALONE | frozenset(
    split(r"""\& \- \/ \And \Huge \LARGE \Large \allowbreak \boldmath \centering \cr \crcr \displaylimits \dotfill
    \empty \footnotesize \hfil \hfill \hline \hrulefill \hss \huge \ignorespaces \large \leavevmode \limits \linebreak
    \mathstrut \newline \nobreak \nobreakspace \noindent \nolimits \nolinebreak \nonscript \nonumber \normalfont
    \normalsize \notag \null \ordinarycolon \protect \relax \sc \scriptsize \selectfont \sl \small \space \strut \tiny
    \unboldmath \unskip \vline \ensuremath \tag \label \lefteqn \MakeUppercase \MakeLowercase \uppercase \lowercase
    \hphantom \vphantom \phantom \smash \cramped \mathclap \mathllap \mathrlap \smashoperator \mathchoice \splitfrac
    \splitdfrac \sideset \mathord \mathop \mathbin \mathrel \mathopen \mathclose \mathpunct \mathinner \substack
    \middle""")
)
"""Symbols that print nothing themselves, or depend on their context."""


def symbol_example(symbol: str, generator: random.Random) -> str | None:
    """Return LaTeX source that uses the symbol; None for an argument, a text, or a part of structure."""
    if symbol in _UNUSABLE:
        return None
    return _SymbolExampleGrammar(generator, flat_symbols()).of(symbol)


class _SymbolExampleGrammar(FormulaGrammar):
    """Productions of the context of a symbol."""

    def of(self, symbol: str) -> str | None:
        """Return a formula that contains the symbol, or None."""
        if found := re.fullmatch(r"\\begin\{([a-zA-Z]+)\}", symbol):
            return self._environment(found[1])
        if symbol in COMMANDS:
            command = self._applied(symbol, COMMANDS[symbol])
            return command and self._beside(command)
        known = (
            _CHARACTER.fullmatch(symbol)
            or symbol in SPACES
            or any(symbol in names for names in symbol_classes().values())
        )
        return self._plain(symbol) if known or symbol in _OPENERS + _CLOSERS else None

    def _plain(self, symbol: str) -> str:
        kinds = symbol_classes()
        if symbol in _OPENERS or symbol in _CLOSERS:
            place = (_OPENERS if symbol in _OPENERS else _CLOSERS).index(symbol)
            return f"{self._beside('')} {_OPENERS[place]} {self.expression(1)} {_CLOSERS[place]}"
        if symbol in kinds["rel"] | kinds["bin"] | kinds["other"] | kinds["punct"] or not symbol[-1].isalnum():
            return f"{self.term(1)} {symbol} {self.term(1)}"
        if symbol in kinds["op"]:
            low = f"_{{{self._script_content()}}}" if self._chance(0.6) else ""
            high = f"^{{{self._script_content()}}}" if self._chance(0.4) else ""
            return f"{symbol}{low}{high} {self.term(1)}"
        if symbol in kinds["function"]:
            return f"{symbol} {self.term(1)}"
        return self._beside(self._choice([symbol, f"{symbol}_{{{self.atom()}}}", f"{{{symbol}}}^{{{self.atom()}}}"]))

    def _script_content(self) -> str:
        return self._choice([self.atom(), f"{self.atom()} {self._relation()} {self.atom()}"])

    def _beside(self, text: str) -> str:
        """Return the text alone, or next to an operator and an atom."""
        before = f"{self.atom()} {self._choice([self._sum(), self._relation(), ''])} " if self._chance(0.5) else ""
        after = f" {self._choice([self._sum(), self._relation(), ''])} {self.atom()}" if self._chance(0.5) else ""
        return f"{before}{text}{after}"

    def _applied(self, name: str, kinds: str) -> str | None:
        """Return the command with arguments of its kinds; None where one is not mathematics."""
        if big := _BIG.fullmatch(name):
            return self._big(big[1], big[2])
        if not set(kinds) <= set("mo*"):
            return None
        written = name
        for kind in kinds:
            if kind == "m":
                written += f"{{{self._argument_of(name)}}}"
            elif kind == "o" and self._chance(0.3):
                written += f"[{self.atom()}]"
        return written

    def _argument_of(self, name: str) -> str:
        if name in CAPITALS_ONLY:
            return self._capital()
        if name in LETTER_FONTS:
            return self._choice([self._letter(), self._capital()])
        if name in ACCENTS or name in BOLD:
            return self._choice([self._letter(), self._capital(), self._greek()])
        return self._choice([self.atom(), self.expression(0)])

    def _big(self, size: str, side: str) -> str:
        place = self._random.randrange(len(_OPENERS) - 6)
        if side in ("l", "r"):
            return rf"\{size}l{_OPENERS[place]} {self.expression(1)} \{size}r{_CLOSERS[place]}"
        return rf"{self.term(1)} \{size}{side}{self._choice(['|', '/', chr(92) + '|', '('])} {self.term(1)}"

    def _environment(self, name: str) -> str | None:
        if name not in ENVIRONMENTS:
            return None
        rows = self._random.randint(2, 3)
        columns = 2 if name in _TWO_CELLS else 1 if name in _ONE_CELL else self._random.randint(1, 4)
        given = {"array": "{" + self._choice("lcr") * columns + "}", "alignedat": "{1}", "subarray": "{c}"}.get(
            name, ""
        )
        lines = [" & ".join(self._cell() for _ in range(columns)) for _ in range(rows)]
        return self._beside(rf"\begin{{{name}}}{given} " + r" \\ ".join(lines) + rf" \end{{{name}}}")
