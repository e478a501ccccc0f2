r"""Sets of fonts for formulas: the packages that bring them, and TeX code after these.

Every set but `times` keeps bold letters and symbols (`\mathbf`, `\boldsymbol`) apart from regular ones, and none needs
a font that is there as bitmaps only. The package of `times` has no bold mathematics; `mathptmx` is the same with it.
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
class Fonts:
    """How a set is chosen: `packages` in order of loading, then `code`."""

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

FONTS: dict[FontSet, Fonts] = {
    "computer-modern": Fonts(),
    "times": Fonts(("mathptmx",)),
    "mathptmx": Fonts(("mathptmx",), _POOR),
    "txfonts": Fonts(("txfonts",)),
    "palatino": Fonts(("mathpazo",)),
    "pxfonts": Fonts(("pxfonts",)),
    "euler": Fonts(("euler",)),
    "sans": Fonts((), _SLIDES + _POOR),
    "helvetica": Fonts(("helvet",), _SLIDES + _POOR),
    "mlmodern": Fonts(("mlmodern",)),
    "newtx": Fonts(("newtxtext", "newtxmath")),
    "stix2": Fonts(("stix2",), _LATIN),
    "libertine": Fonts(("libertine", "libertinust1math")),
    "kpfonts": Fonts(("kpfonts",)),
    "charter": Fonts(("[charter]{mathdesign}",), _LATIN),
    "utopia": Fonts(("[utopia]{mathdesign}",), _LATIN),
    "fourier": Fonts(("fourier",), _LATIN + _POOR),
    "new-century": Fonts(("fouriernc",), _LATIN + _POOR),
    "antykwa": Fonts(("[math]{anttor}",)),
    "euler-virtual": Fonts(("eulervm",)),
    "bright": Fonts(("cmbright",), _POOR),
    "arev": Fonts(("arev",), _POOR),
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
