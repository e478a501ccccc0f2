"""Pushdown automaton over the tokens of normalized formulas."""
