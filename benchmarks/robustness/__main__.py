"""Robustness to image conditions: python -m benchmarks.robustness --help

make    render held-out formulas in every condition
score   predict with a checkpoint and score each condition, compared with clean images
sheet   contact sheet of a few formulas in all conditions
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from benchmarks.harness import save
from benchmarks.robustness.browser import ENGINES
from benchmarks.robustness.conditions import CLEAN, CONDITIONS, Condition
from benchmarks.robustness.dataset import (
    LENGTHS,
    contact_sheet,
    load_summary,
    render_test_set,
    sample_formulas,
    save_summary,
)
from benchmarks.robustness.scoring import (
    compare_images,
    constant_predictions,
    markdown,
    predict_all,
    predict_blank,
    report_summary,
    score_by_condition,
    score_condition,
)
from im2latex.errors import Im2LatexError, UsageError
from im2latex.inference.predictor import load
from im2latex.io.manifest import RELEASED
from im2latex.metrics.baselines import most_frequent
from im2latex.rendering.renderer import TexRenderer

app = typer.Typer(help=__doc__, add_completion=False)
Folder = Annotated[Path, typer.Argument(help="output of the command `make`")]


@app.command("make")
def make_images(
    formulas: Annotated[Path, typer.Argument(help="held-out formulas, in any supported format")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of the images")],
    count: Annotated[int, typer.Option("-n", help="formulas of 3 to 45 tokens")] = 300,
    long: Annotated[int, typer.Option(help="formulas of 46 to 100 tokens")] = 100,
    skip: Annotated[int, typer.Option(help="formulas to skip at the start of the file")] = 14_000,
    seed: Annotated[int, typer.Option(help="seed of the sample and of the effects")] = 0,
    engines: Annotated[Path, typer.Option(help="folder of node_modules with katex and mathjax")] = ENGINES,
    only: Annotated[list[str] | None, typer.Option(help="name of a condition; may be repeated; default all")] = None,
) -> None:
    """Render held-out formulas in every condition."""
    counts, conditions = {"short": count, "long": long}, _select_conditions(only)
    held_out, skipped = sample_formulas(formulas, counts, skip, seed, TexRenderer())
    rendered = render_test_set(held_out, conditions, out, seed, engines)
    save_summary(out, {"formulas": counts, "skip": skip, "seed": seed, "skipped": skipped, "conditions": rendered})
    for name, one in rendered.items():
        print(f"{name}: {one.get('unavailable') or one['rendered']}", one.get("failed") or "")


@app.command("score")
def score_images(
    folder: Folder,
    checkpoint: Annotated[Path | None, typer.Option(help="checkpoint folder; default the released checkpoint")] = None,
    name: Annotated[str, typer.Option(help="name of the result in benchmarks/results")] = "robustness",
    report: Annotated[
        Path | None, typer.Option(help="also write the summary for the report, such as reports/robustness.json")
    ] = None,
) -> None:
    """Predict every image with a checkpoint, and score each condition, compared with clean images."""
    summary, predictor = load_summary(folder), load(checkpoint)
    weights = ((checkpoint or RELEASED) / "model.safetensors").read_bytes()
    predictions, renderer = predict_all(folder, predictor), TexRenderer()
    scores = score_by_condition(compare_images(predictions, renderer), summary["conditions"])
    trivial = {
        "blank": predict_blank(predictions, predictor),
        "most_frequent": constant_predictions(predictions, most_frequent(one.reference for one in predictions)),
    }
    baselines = {baseline: compare_images(rows, renderer) for baseline, rows in trivial.items()}
    result = {"checkpoint": hashlib.sha256(weights).hexdigest()} | {key: summary[key] for key in ("seed", "formulas")}
    result |= scores | {"baselines": {baseline: score_condition(rows, rows) for baseline, rows in baselines.items()}}
    save(name, result)
    if report:
        report.write_text(json.dumps(report_summary(result["checkpoint"], scores["short"]), indent=1) + "\n", "utf-8")
    for length in LENGTHS:
        print(f"\n{length}\n\n{markdown(scores[length])}")


@app.command("sheet")
def sheet(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write")],
    count: Annotated[int, typer.Option("-n", help="formulas, one per column")] = 4,
) -> None:
    """Write a contact sheet of a few formulas, one condition per row."""
    Image.fromarray(contact_sheet(folder, count)).save(out)


def _select_conditions(names: list[str] | None) -> list[Condition]:
    """The conditions with these names, or all; `clean` is always included."""
    known = {condition.name: condition for condition in CONDITIONS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise UsageError(f"{', '.join(unknown)}: unknown condition; known are {', '.join(known)}")
    return [condition for condition in CONDITIONS if not names or condition.name in {CLEAN, *names}]


def main() -> None:
    """Run a command; an error is printed as one sentence."""
    try:
        app()
    except Im2LatexError as error:
        typer.echo(f"robustness: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
