"""Random tables from given cells: matrices, arrays, case distinctions, aligned lines."""

import random
from collections.abc import Callable, Sequence

from im2latex.latex.tokens import split

_MATRICES = split("matrix pmatrix bmatrix vmatrix Bmatrix Vmatrix smallmatrix")
_ALIGNED = split("aligned aligned aligned gathered split")
_CASES = split("cases cases cases dcases rcases")
MAX_ROWS, MAX_COLUMNS = 5, 5


def random_table(cells: Sequence[str], generator: random.Random) -> str:
    """Return LaTeX source of a random table of two rows or more.

    Cells that start with a bracket or a star are excluded: a row break would read them.
    """
    cells = [cell for cell in cells if not cell.startswith(("[", "*"))] or ["0", "1"]
    make = generator.choices([_matrix, _array, _aligned, _cases], [40, 20, 25, 15])[0]
    return make(lambda: generator.choice(cells), generator)


def _matrix(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_MATRICES)
    return _written(name, "", cell, generator.randint(2, MAX_ROWS), generator.randint(1, MAX_COLUMNS))


def _array(cell: Callable[[], str], generator: random.Random) -> str:
    columns = generator.randint(1, MAX_COLUMNS)
    bar = generator.random() < 0.2
    kinds = [generator.choice("lcr") for _ in range(columns)]
    given = "|".join(kinds) if bar else "".join(kinds)
    inside = _written("array", f"{{{given}}}", cell, generator.randint(2, MAX_ROWS), columns)
    left, right = generator.choice([("(", ")"), ("[", "]"), (r"\{", "."), ("|", "|"), ("", "")])
    return rf"\left{left} {inside} \right{right}" if left else inside


def _aligned(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_ALIGNED)
    columns = 1 if name == "gathered" else 2
    return _written(name, "", cell, generator.randint(2, MAX_ROWS), columns)


def _cases(cell: Callable[[], str], generator: random.Random) -> str:
    name = generator.choice(_CASES)
    return _written(name, "", cell, generator.randint(2, 4), generator.choice([1, 2, 2, 2]))


def _written(name: str, given: str, cell: Callable[[], str], rows: int, columns: int) -> str:
    lines = (" & ".join(cell() for _ in range(columns)) for _ in range(rows))
    return rf"\begin{{{name}}}{given} " + r" \\ ".join(lines) + rf" \end{{{name}}}"
