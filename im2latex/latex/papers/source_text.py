"""The text of one file, read from the front; what is replaced ahead keeps the line where it was written."""

from im2latex.latex.papers.lexer import JOIN


class SourceText:
    """`text` changes from `position` on only; `line_of` is asked for places in their order."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._counted = 0
        self._line = 1
        self._behind = -1
        """Characters of `text` behind what was replaced last, or -1; all of the replacement has the line `_line`."""
        self._line_behind = 1

    def line_of(self, position: int) -> int:
        """The line, from 1, on which a position was written."""
        if self._behind >= 0:
            end = len(self.text) - self._behind
            if position < end:
                return self._line
            self._counted, self._line, self._behind = end, self._line_behind, -1
        if position > self._counted:
            self._line += self._lines(self._counted, position)
            self._counted = position
        return self._line

    def replace(self, start: int, end: int, replacement: str) -> None:
        """Put other text in the place of `text[start:end]`; reading goes on at its start at the latest."""
        self.line_of(start)
        behind = len(self.text) - end
        if self._behind < 0:
            self._line_behind = self._line + self._lines(start, end)
            self._behind = behind
        elif behind < self._behind:
            self._line_behind += self._lines(len(self.text) - self._behind, end)
            self._behind = behind
        self.text = f"{self.text[:start]}{replacement}{self.text[end:]}"
        self._counted = start
        self.position = min(self.position, start)

    def _lines(self, start: int, end: int) -> int:
        return self.text.count("\n", start, end) + self.text.count(JOIN, start, end)
