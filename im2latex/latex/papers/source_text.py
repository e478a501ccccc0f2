"""Source text of one file with in-place replacement that keeps line numbers."""

from im2latex.latex.papers.lexer import JOIN


class SourceText:
    """`text` changes only after `position`; calls of `line_of` must have increasing positions."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._counted = 0
        self._line = 1
        self._behind = -1
        """Number of characters after the last replacement, or -1; the whole replacement has the line `_line`."""
        self._line_behind = 1

    def line_of(self, position: int) -> int:
        """Return the line of the original file, from 1, of a position."""
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
        """Replace `text[start:end]`; reading continues at `start` at the latest."""
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
