"""Generated parts of the documentation.

Tables of numbers and references (command line, parameters, artifacts and more) are committed between markers and
checked by a test:

    <!-- generated: NAME -->
    ...
    <!-- end generated -->

`python -m docs.generate` rewrites them, `--check` only compares. Only the details of the Python interface are inserted
when the site is built; see `hooks.py`.
"""
