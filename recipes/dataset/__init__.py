"""Labels of a training set from formulas of several sources, by one file of shares."""
