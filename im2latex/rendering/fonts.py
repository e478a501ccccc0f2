r"""Sets of fonts for formulas: the packages that bring them, and TeX code after these."""

from dataclasses import dataclass
from typing import Literal

FontSet = Literal["computer-modern", "times", "txfonts", "palatino", "pxfonts", "euler"]


@dataclass(frozen=True)
class Fonts:
    """How a set is chosen: `packages` in order of loading, then `code`; `debian` is the package that has them."""

    packages: tuple[str, ...] = ()
    code: str = ""
    debian: str = "texlive-fonts-recommended"


FONTS: dict[FontSet, Fonts] = {
    "computer-modern": Fonts(),
    "times": Fonts(("mathptmx",)),
    "txfonts": Fonts(("txfonts",)),
    "palatino": Fonts(("mathpazo",)),
    "pxfonts": Fonts(("pxfonts",)),
    "euler": Fonts(("euler",)),
}
