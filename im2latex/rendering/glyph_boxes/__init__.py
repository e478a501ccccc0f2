"""Glyph boxes of typeset formulas, read from DVI and TFM files."""
