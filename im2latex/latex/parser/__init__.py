"""LaTeX source to a syntax tree."""
