"""Cost of the data stages without drawing, for up to tens of millions of formulas."""
