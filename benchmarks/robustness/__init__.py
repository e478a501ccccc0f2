"""Robustness test set: held-out formulas by other renderers, screens and image conditions, scored by condition.

    conditions.py   all conditions by name: renderer and effects
    browser.py      screenshots of KaTeX and MathJax in headless Chromium
    effects.py      colours, JPEG, blur, rotation, padding, noise
    dataset.py       sample of held-out formulas, their images in all conditions, contact sheet
    scoring.py      predictions and scores by condition, tables

`python -m benchmarks.robustness --help` lists the commands.
"""
