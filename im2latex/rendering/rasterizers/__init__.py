"""Rasterizers: one class for each tool that converts pages to pixels, listed in `registry`."""
