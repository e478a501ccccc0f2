"""Symbol sets of the grammar: the frequent symbols of papers, or all of symbols.txt."""

from collections.abc import Iterable
from dataclasses import dataclass

from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.tokens import split

LETTERS = "x a n k y b t f z i c m p u v r s g d j"
CAPITALS = "A X B F P M V S T E G K N H"
GREEK = r"\alpha \beta \lambda \theta \mu \pi \gamma \phi \sigma \epsilon \omega \delta \rho \tau \psi \xi"
GREEK_CAPITALS = r"\Omega \Gamma \Delta \Phi \Lambda"
DIGITS = "1 2 0 3 4 5 6 8 7 9"
CONSTANTS = r"\infty \hbar \ell"
SUMS = r"+ - + - \cdot \times \pm \otimes \oplus \circ \cup \wedge"
RELATIONS = r"= = = < > \leq \geq \neq \approx \equiv \sim \in \subset \to \mapsto \propto \notin"
FUNCTIONS = r"\sin \cos \log \exp \ln \max \det \min \ker"
ACCENTS = r"\hat \bar \tilde \vec \dot \overline \widehat"
FONTS = (
    (r"\mathbf", "A x v B u"),
    (r"\mathcal", "L F H M A"),
    (r"\mathbb", "R N C Z E"),
    (r"\mathrm", "d T e i"),
    (r"\mathfrak", "g a m"),
)

NEVER_ALONE = frozenset(split(r"\not \lhook \rhook \prime \arrowvert \Arrowvert \bracevert"))
"""Parts of other symbols."""
_GREEK_NAMES = frozenset(
    split("""alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
    psi omega digamma""")
)


@dataclass(frozen=True)
class Symbols:
    """Terminal symbols by kind, as words by falling frequency; with `flat`, all are equally frequent.

    The defaults are the most frequent symbols of papers.
    """

    letters: str = LETTERS
    capitals: str = CAPITALS
    greek: str = GREEK
    greek_capitals: str = GREEK_CAPITALS
    digits: str = DIGITS
    constants: str = CONSTANTS
    sums: str = SUMS
    relations: str = RELATIONS
    functions: str = FUNCTIONS
    accents: str = ACCENTS
    fonts: tuple[tuple[str, str], ...] = FONTS
    flat: bool = False


def flat_symbols() -> Symbols:
    """Return all symbols of each kind, equally frequent, without bold fonts."""
    kinds = symbol_classes()
    greek = small_greek()
    upper = " ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    letters = f"{upper} {upper.lower()}"
    return Symbols(
        letters=upper.lower(),
        capitals=upper,
        greek=_listed(greek),
        greek_capitals=_listed(kinds["alpha"]),
        digits="0 1 2 3 4 5 6 7 8 9",
        constants=_listed(kinds["ord"] - greek - NEVER_ALONE),
        sums=f"+ - {_listed(kinds['bin'])}",
        relations=f"= < > {_listed(kinds['rel'] - NEVER_ALONE)}",
        functions=_listed(kinds["function"]),
        accents=ACCENTS + r" \ddot \check \acute \grave \breve \mathring \widetilde \underline \overrightarrow",
        fonts=tuple((f"\\{name}", upper) for name in ("mathcal", "mathbb", "mathscr"))
        + tuple((f"\\{name}", letters) for name in ("mathrm", "mathfrak", "mathsf", "mathit", "mathtt")),
        flat=True,
    )


def small_greek() -> frozenset[str]:
    """Return the small Greek letters and their variants."""
    return frozenset(
        name for name in symbol_classes()["ord"] if name.removeprefix("\\").removeprefix("var") in _GREEK_NAMES
    )


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(names))
