"""Parser: LaTeX source to a syntax tree; and the lexer."""
