"""Tables of all benchmarks together: checks that count faults, and the result files."""

from typing import Any

from docs.generate.numbers.tables import RESULTS, ROOT, format_count, load_result, markdown_table, register


@register
def invariants() -> str:
    """Checks that count faults: zero is right."""
    damage, kill, ways = (
        load_result("damaged-artifacts-files"),
        load_result("data-stages-kill"),
        load_result("data-stages-executors"),
    )
    durability, fuzz = load_result("durability"), load_result("normalizer-fuzz")
    parts, state = load_result("damaged-artifacts-parts"), load_result("damaged-artifacts-state")
    rows = [
        [
            "damaged input files that end in a traceback",
            format_count(damage["damages"]),
            str(len(damage["tracebacks"])),
        ],
        ["damaged cache parts that are accepted", format_count(parts["damages"]), str(parts["accepted"])],
        ["damaged training states that are accepted", format_count(state["damages"]), str(state["accepted"])],
        ["artifacts that differ after 20 kills of data stages", str(kill["artifacts"]), str(len(kill["differing"]))],
        [
            "artifacts that differ between one worker, two, and Snakemake",
            str(ways["artifacts"]),
            str(sum(map(len, ways["differing"].values()))),
        ],
        [
            f"artifacts that differ after {durability['kills']} kills of a training",
            str(durability["artifacts"]),
            str(durability["differing"]),
        ],
        ["random inputs that raise anything but a refusal", format_count(_fuzz_inputs(fuzz)), str(fuzz["exceptions"])],
    ]
    for rasterizer in ("ghostscript", "pdfium"):
        found = load_result(f"rendering-isolation-{rasterizer}")
        label = f"images that depend on their neighbours, {len(found['differing'])} orders, {rasterizer}"
        rows.append([label, format_count(found["formulas"]), str(sum(found["differing"].values()))])
    return markdown_table(["check", "tried", "faults"], rows)


def _fuzz_inputs(fuzz: Any) -> int:
    return sum(value["inputs"] for value in fuzz.values() if isinstance(value, dict) and "inputs" in value)


@register
def quick() -> str:
    """CPU time of each part, by processor."""
    processors = load_result("quick")["processors"]
    parts = dict.fromkeys(part for figures in processors.values() for part in figures)
    rows = [
        [part, *(f"{figures[part]:,.1f}" if part in figures else "" for figures in processors.values())]
        for part in parts
    ]
    return markdown_table(["part", *processors], rows)


@register
def result_files() -> str:
    """Every committed result file."""
    files = [*RESULTS.glob("*.json"), *(ROOT / "recipes").glob("*/results.json")]
    return "\n".join(f"- `{path.relative_to(ROOT).as_posix()}`" for path in sorted(files))
