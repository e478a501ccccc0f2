"""Diagrams of the documentation as SVG: the stages of dvc.yaml and the layers of the import contracts."""

import tomllib
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
_STYLE = """<style>
text { font: 14px system-ui, sans-serif; fill: #1b1b1f; text-anchor: middle; }
.small { font-size: 11px; fill: #55555f; }
rect { fill: #eef2ff; stroke: #3f51b5; rx: 6; }
path { stroke: #55555f; fill: none; marker-end: url(#tip); }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8z" style="fill:#55555f;stroke:none;marker-end:none"/></marker></defs>"""

_RESULTS = {
    "normalize": "one spelling",
    "audit": "same image?",
    "render": "images",
    "tokenize": "token ids",
    "filter": "valid samples",
    "bucket": "Parquet shards",
    "train": "checkpoint",
    "predict": "predictions",
    "evaluate": "scores",
    "report": "HTML, Markdown",
}


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    body = "\n".join([f"<title>{escape(title)}</title>", _STYLE, *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'style="background:#fff">\n{body}\n</svg>\n'
    )


def _box(x: int, y: int, width: int, height: int, text: str, below: str = "") -> str:
    middle = x + width // 2
    lines = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>']
    lines.append(f'<text x="{middle}" y="{y + height // 2 + (-1 if below else 5)}">{escape(text)}</text>')
    if below:
        lines.append(f'<text class="small" x="{middle}" y="{y + height // 2 + 15}">{escape(below)}</text>')
    return "\n".join(lines)


def stage_names() -> list[str]:
    """The stages of dvc.yaml that the diagram shows, in order; a stage of code fingerprints has no data."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return [name for name in stages if name in _RESULTS]


def stages() -> str:
    """The data flow: two rows of boxes, from raw formulas to the report."""
    names = [name for name in stage_names() if name != "audit"]
    boxes, arrows = [_box(10, 20, 110, 50, "raw formulas", "data/raw")], []
    width, gap, per_row = 118, 24, 5
    places = [(150 + (width + gap) * (i % per_row), 20 + 110 * (i // per_row)) for i in range(len(names))]
    arrows.append('<path d="M120 45H148"/>')
    for index, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        boxes.append(_box(x, y, width, 50, name, _RESULTS[name]))
        if index + 1 < len(names):
            if (index + 1) % per_row:
                arrows.append(f'<path d="M{x + width} {y + 25}h{gap - 2}"/>')
            else:
                arrows.append(f'<path d="M{x + width // 2} {y + 50}v30H{places[0][0] + width // 2}v28"/>')
    if "audit" in stage_names():
        boxes.append(_box(10, 130, 110, 50, "audit", _RESULTS["audit"]))
        arrows.append('<path d="M180 70L95 128"/>')
    return _svg(150 + per_row * (width + gap), 200, "Stages from raw formulas to the report", boxes + arrows)


def layers() -> str:
    """The layers of the first import contract, the highest at the top."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    parts, height, width = [], 40, 720
    for index, row in enumerate(rows):
        names = [name.strip().strip("()") for name in row.replace(":", "|").split("|")]
        each = width // len(names)
        parts += [_box(10 + each * i, 10 + index * (height + 8), each - 6, height, n) for i, n in enumerate(names)]
    return _svg(width + 14, 12 + len(rows) * (height + 8), "Layers: imports only go down", parts)


DIAGRAMS: dict[str, Callable[[], str]] = {"stages.svg": stages, "layers.svg": layers}
"""File below docs/assets to the function that draws it."""
