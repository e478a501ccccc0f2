"""Generated parts that are committed: tables of numbers, references, and the diagrams."""

import re
from pathlib import Path

from docs.generate import diagrams, numbers, reference

ROOT = Path(__file__).parents[2]
_OUTSIDE = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "examples/README.md",
    "recipes/README.md",
    "recipes/dataset/DATASHEET.md",
    "im2latex/pretrained/README.md",
)
"""Pages outside of docs/ that are checked like those inside."""
_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end generated -->)", re.DOTALL)


def pages() -> list[Path]:
    """All Markdown files of the documentation, README first."""
    top = [ROOT / name for name in _OUTSIDE]
    return [page for page in top if page.is_file()] + sorted((ROOT / "docs").rglob("*.md"))


TABLES = {**numbers.TABLES, **reference.REFERENCES}
"""Name in a marker to the function that makes the content."""


def filled(text: str) -> str:
    """Return the Markdown with every generated block replaced by its present content."""
    return _BLOCK.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]().rstrip()}\n\n{match[4]}", text)


def outdated() -> dict[Path, str]:
    """Return the files that differ from what the generators make, with their new content."""
    made = {page: filled(page.read_text(encoding="utf-8")) for page in [*pages(), ROOT / "CHANGELOG.md"]}
    made |= {ROOT / "docs" / "assets" / name: draw() for name, draw in diagrams.DIAGRAMS.items()}
    return {path: text for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text}


def write(files: dict[Path, str]) -> None:
    """Write the new contents."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
