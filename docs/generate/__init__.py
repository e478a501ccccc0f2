"""Generated parts of the documentation.

Tables of numbers are committed between markers and checked by a test:

    <!-- generated: NAME -->
    ...
    <!-- end generated -->

`python -m docs.generate` rewrites them, `--check` only compares. References (command line, parameters, artifacts) are
inserted when the site is built, where a page has the line `<!-- insert: NAME -->`; see `hooks.py`.
"""
