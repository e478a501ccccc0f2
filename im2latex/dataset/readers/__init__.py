"""Readers of raw formulas: single files and whole datasets."""
