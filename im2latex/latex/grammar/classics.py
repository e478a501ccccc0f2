"""Classic formulas of mathematics and physics, each at home in plain LaTeX with amsmath.

reads  classics.txt beside this file, one formula a line
"""

from importlib.resources import files


def load_classics() -> list[str]:
    """The formulas in the order of the file."""
    return (files("im2latex.latex.grammar") / "classics.txt").read_text(encoding="utf-8").splitlines()
