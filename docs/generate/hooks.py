"""MkDocs hooks: insert the generated references where a page has the line `<!-- insert: NAME -->`."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs` does not put the current folder on the path

from docs.generate.reference import REFERENCES

_INSERT = re.compile(r"<!-- insert: ([\w-]+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with its references inserted."""
    return _INSERT.sub(lambda match: REFERENCES[match[1]](), markdown)
