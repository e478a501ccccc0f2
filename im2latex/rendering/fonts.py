r"""Font sets for formulas: the packages that load them, and TeX code after these.

Every set but `times` distinguishes bold letters and symbols (`\mathbf`, `\boldsymbol`) from regular ones, and
none needs a font that exists only as bitmaps. The package of `times` has no bold mathematics; `mathptmx` adds it.
The sets of `RECOMMENDED` come with the Debian packages of `make setup`, the others with those of `make styles`.
"""

from dataclasses import dataclass
from typing import Literal

FontSet = Literal[
    "computer-modern",
    "times",
    "mathptmx",
    "txfonts",
    "palatino",
    "pxfonts",
    "euler",
    "sans",
    "helvetica",
    "mlmodern",
    "newtx",
    "stix2",
    "libertine",
    "kpfonts",
    "charter",
    "utopia",
    "fourier",
    "new-century",
    "antykwa",
    "euler-virtual",
    "bright",
    "arev",
]


@dataclass(frozen=True)
class FontPackages:
    """The TeX code of a font set: `packages` in order of loading, then `code`."""

    packages: tuple[str, ...] = ()
    code: str = ""


# Letters, digits and names of functions are those of the sans serif text font, as in slides; Greek ones stay Computer
# Modern, since fonts of text have none.
_SLIDES = r"""\renewcommand\familydefault{\sfdefault}
\DeclareSymbolFont{sansletters}{OT1}{\sfdefault}{m}{sl}
\SetSymbolFont{sansletters}{bold}{OT1}{\sfdefault}{bx}{sl}
\SetSymbolFont{operators}{normal}{OT1}{\sfdefault}{m}{n}
\SetSymbolFont{operators}{bold}{OT1}{\sfdefault}{bx}{n}
\DeclareMathAlphabet\mathrm{OT1}{\sfdefault}{m}{n}
\DeclareMathAlphabet\mathbf{OT1}{\sfdefault}{bx}{n}
\DeclareMathAlphabet\mathit{OT1}{\sfdefault}{m}{sl}
\makeatletter
\AtBeginDocument{\@tfor\im@letter:=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\do{%
  \mathcode\expandafter`\im@letter=\numexpr"7000+\symsansletters*256+\expandafter`\im@letter\relax}}
\makeatother
"""
# The packages choose an encoding in which Computer Modern, which sans serif text would be in, is there as bitmaps only.
_LATIN = "\\renewcommand\\sfdefault{lmss}\\renewcommand\\ttdefault{lmtt}\n"

# Where the fonts have no bold Greek capitals or nabla, bold symbols are printed several times, slightly apart.
_POOR = "\\let\\boldsymbol\\pmb\n"

FONTS: dict[FontSet, FontPackages] = {
    "computer-modern": FontPackages(),
    "times": FontPackages(("mathptmx",)),
    "mathptmx": FontPackages(("mathptmx",), _POOR),
    "txfonts": FontPackages(("txfonts",)),
    "palatino": FontPackages(("mathpazo",)),
    "pxfonts": FontPackages(("pxfonts",)),
    "euler": FontPackages(("euler",)),
    "sans": FontPackages((), _SLIDES + _POOR),
    "helvetica": FontPackages(("helvet",), _SLIDES + _POOR),
    "mlmodern": FontPackages(("mlmodern",)),
    "newtx": FontPackages(("newtxtext", "newtxmath")),
    "stix2": FontPackages(("stix2",), _LATIN),
    "libertine": FontPackages(("libertine", "libertinust1math")),
    "kpfonts": FontPackages(("kpfonts",)),
    "charter": FontPackages(("[charter]{mathdesign}",), _LATIN),
    "utopia": FontPackages(("[utopia]{mathdesign}",), _LATIN),
    "fourier": FontPackages(("fourier",), _LATIN + _POOR),
    "new-century": FontPackages(("fouriernc",), _LATIN + _POOR),
    "antykwa": FontPackages(("[math]{anttor}",)),
    "euler-virtual": FontPackages(("eulervm",)),
    "bright": FontPackages(("cmbright",), _POOR),
    "arev": FontPackages(("arev",), _POOR),
}
RECOMMENDED: tuple[FontSet, ...] = (
    "computer-modern",
    "times",
    "mathptmx",
    "txfonts",
    "palatino",
    "pxfonts",
    "euler",
    "sans",
    "helvetica",
)
