"""Definitions of a file that holds nothing else that matters, such as a team's macros."""

from im2latex.latex.papers.collecting import Collection
from im2latex.latex.papers.file_reader import FileReader
from im2latex.latex.papers.macros import Macros


def read_definitions(source: str) -> Macros:
    """The definitions in force at the end of a source; one that cannot be read defines nothing."""
    macros = Macros()
    FileReader("definitions.sty", source, Collection(None, macros), _NoFiles()).read()
    return macros.copy()


class _NoFiles:
    """A source that stands alone."""

    def follow(self, _command: str, _name: str, _beside: str) -> str | None:
        """No other file is read."""
        return "missing_input"

    def text_of(self, _name: str, _beside: str) -> str | None:
        """No other file is read."""
        return None
