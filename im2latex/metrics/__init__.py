"""Metrics of predicted formulas: text, rendered images and glyph boxes, with intervals and significance tests."""
