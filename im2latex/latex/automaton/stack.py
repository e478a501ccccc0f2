"""What the automaton of `nesting` keeps on its stack, and what it sees of a token."""

from typing import NamedTuple


class Sort(NamedTuple):
    """What the automaton knows of a token or symbol. `kinds` as in signatures, those in the token itself left out."""

    role: str
    kinds: str = ""
    name: str = ""
    delimiter: bool = False
    cells: int | None = None
    """Cells that it adds to a row of a table as a column of its specification; None where it is no column."""
    inside: str = ""
    """What it is in a token that is spelled, where there is no mathematics; see `nested_words.inside`."""
    word: str = ""
    """Of the first symbol of a token that is spelled: the bracket that ends its argument, and the kinds from there."""


class Place(NamedTuple):
    """A row, or what is due. `after` is what stands just before in a row, where that matters."""

    kind: str
    after: str = ""
    name: str = ""
    used: int = 0
    most: int | None = None
    """Cells used in this row of a table, and the most that it may have; None for any number."""
    spelled: bool = False
    """Whether it is inside a token that is spelled, up to whose last symbol nothing stands apart."""
    rest: str | None = None
    """The kinds that follow this argument of a token that is spelled; None where it is none of its own arguments."""
    inner: bool = False
    """Whether `rest` is of a command inside the token, which goes on behind it."""
