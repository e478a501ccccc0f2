"""Images of formulas to LaTeX. The version; imports nothing."""

__version__ = "0.2.0"
