"""Robustness test set: held-out formulas by other renderers, screens and image conditions, scored by condition.

    conditions.py   the table: every condition by name, what draws it and what then happens to it
    typeset.py      drawn by TeX in other letters, sizes and resolutions
    browser.py      drawn by KaTeX or MathJax in headless Chromium, as a screenshot
    effects.py      colours, JPEG, blur, rotation, padding, noise
    sample.py       the held-out formulas
    making.py       all of them in all conditions, on disk
    scoring.py      read by a checkpoint, and scored
    table.py        all scores as one result, and as a table
    sheet.py        a few of them in all conditions, for the eye

`python -m benchmarks.robustness --help` names the verbs.
"""
