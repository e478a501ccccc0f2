r"""Sets of fonts for formulas: the packages that bring them, and TeX code after these.

Every set but `times` keeps bold letters and symbols (`\mathbf`, `\boldsymbol`) apart from regular ones, and none needs
a font that is there as bitmaps only. The package of `times` has no bold mathematics; `mathptmx` is the same with it. The
sets of `RECOMMENDED` come with the Debian packages of `make setup`, the others with those of `make styles`.
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
    "iwona",
    "kurier",
]


@dataclass(frozen=True)
class Fonts:
    """How a set is chosen: `packages` in order of loading, then `code`."""

    packages: tuple[str, ...] = ()
    code: str = ""


# Text in a formula is sans serif too, as in slides; Greek letters stay Computer Modern.
_SLIDES = "\\renewcommand\\familydefault{\\sfdefault}\\AtBeginDocument{\\sansmath}\n"
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
    "sans": Fonts(("sansmath",), _SLIDES + _POOR),
    "helvetica": Fonts(("helvet", "sansmath"), _SLIDES + _POOR),
    "mlmodern": Fonts(("mlmodern",)),
    "newtx": Fonts(("newtxtext", "newtxmath")),
    "stix2": Fonts(("stix2",)),
    "libertine": Fonts(("libertine", "libertinust1math")),
    "kpfonts": Fonts(("kpfonts",)),
    "charter": Fonts(("[charter]{mathdesign}",)),
    "utopia": Fonts(("[utopia]{mathdesign}",)),
    "fourier": Fonts(("fourier",), _POOR),
    "new-century": Fonts(("fouriernc",), _POOR),
    "antykwa": Fonts(("[math]{anttor}",)),
    "euler-virtual": Fonts(("eulervm",)),
    "bright": Fonts(("cmbright",), _POOR),
    "arev": Fonts(("arev",), _POOR),
    "iwona": Fonts(("[math]{iwona}",)),
    "kurier": Fonts(("[math]{kurier}",)),
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
