"""The committed tables and diagrams are what the generators make of the committed results."""

from docs.generate.committed import ROOT, TABLES, outdated
from tests.docs.blocks import PAGES


def test_generated_parts_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path in outdated()]
    assert not stale, f"run `python -m docs.generate`; out of date: {stale}"


def test_every_table_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in [*PAGES, ROOT / "CHANGELOG.md"])
    assert [name for name in TABLES if f"<!-- generated: {name} -->" not in text] == []
