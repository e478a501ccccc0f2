"""MkDocs hook: the mkdocstrings blocks of the Python interface, in place of `<!-- insert: python-interface -->`."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs` does not put the current folder on the path

from docs.generate.reference import python_interface

PYTHON_INTERFACE = "<!-- insert: python-interface -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with the blocks inserted."""
    return markdown.replace(PYTHON_INTERFACE, python_interface()) if PYTHON_INTERFACE in markdown else markdown
