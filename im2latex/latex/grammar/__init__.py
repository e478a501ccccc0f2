"""Random formulas, and variations of a formula."""
