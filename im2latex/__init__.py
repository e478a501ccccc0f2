"""Images of formulas to LaTeX. The version; imports nothing."""

__version__ = "0.1.0"
