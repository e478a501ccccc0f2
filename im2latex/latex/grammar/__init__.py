"""Random formulas from a grammar, and random variations of formulas."""
