"""Classic formulas of mathematics and physics; reads classics.txt beside this file."""

from importlib.resources import files


def classics() -> list[str]:
    """The formulas in the order of the file, plain amsmath, all different."""
    text = files("im2latex.latex").joinpath("classics.txt").read_text(encoding="ascii")
    return [line for line in text.splitlines() if line and not line.startswith("%")]
