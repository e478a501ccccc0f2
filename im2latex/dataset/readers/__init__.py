"""Readers of raw formulas: formula files and whole datasets."""
