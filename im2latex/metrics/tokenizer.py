"""Tokenizers of the text scores."""

from typing import Literal

from im2latex.latex.tokens import join

Tokenizer = Literal["latex", "whitespace"]
"""What cuts a formula into tokens: the project's lexer (`latex.lexer`), or whitespace alone."""


def tokenized(formula: str, tokenizer: Tokenizer) -> str:
    """The tokens of a formula with one space between them."""
    from im2latex.latex.parser.lexer import lex  # pylatexenc is not needed to import the command line

    return join(lex(formula) if tokenizer == "latex" else formula.split())
