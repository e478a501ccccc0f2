"""Robustness to image conditions: python -m benchmarks.robustness --help

make    draw held-out formulas in every condition
score   read them with a checkpoint and score each condition beside the clean one
sheet   an image of a few of them in all conditions
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
from benchmarks.robustness.making import load_made, make, save_made
from benchmarks.robustness.sample import LENGTHS, sample
from benchmarks.robustness.scoring import blank, constant, describe, judged, read_all
from benchmarks.robustness.sheet import draw_sheet
from benchmarks.robustness.table import by_condition, for_report, markdown
from im2latex.errors import Im2LatexError, UsageError
from im2latex.inference.predictor import load
from im2latex.io.manifest import RELEASED
from im2latex.metrics.baselines import most_frequent
from im2latex.rendering.renderer import TexRenderer

app = typer.Typer(help=__doc__, add_completion=False)
Folder = Annotated[Path, typer.Argument(help="what `make` wrote")]


@app.command("make")
def make_images(
    formulas: Annotated[Path, typer.Argument(help="held-out formulas, in any format that the toolkit reads")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of the images")],
    count: Annotated[int, typer.Option("-n", help="formulas of 3 to 45 tokens")] = 300,
    long: Annotated[int, typer.Option(help="formulas of 46 to 100 tokens")] = 100,
    skip: Annotated[int, typer.Option(help="formulas at the beginning of the file that are left out")] = 14_000,
    seed: Annotated[int, typer.Option(help="decides which formulas, and what noise")] = 0,
    engines: Annotated[Path, typer.Option(help="folder whose node_modules holds katex and mathjax")] = ENGINES,
    only: Annotated[list[str] | None, typer.Option(help="a condition to make; may be repeated; default all")] = None,
) -> None:
    """Draw held-out formulas in every condition."""
    wanted, chosen = {"short": count, "long": long}, _named(only)
    held_out, passed = sample(formulas, wanted, skip, seed, TexRenderer())
    made = make(held_out, chosen, out, seed, engines)
    save_made(out, {"formulas": wanted, "skip": skip, "seed": seed, "passed_over": passed, "conditions": made})
    for name, one in made.items():
        print(f"{name}: {one.get('unavailable') or one['drawn']}", one.get("not_drawn") or "")


@app.command("score")
def score_images(
    folder: Folder,
    checkpoint: Annotated[Path | None, typer.Option(help="folder of a checkpoint; default the released one")] = None,
    name: Annotated[str, typer.Option(help="the result is benchmarks/results/NAME.json")] = "wild",
    report: Annotated[Path | None, typer.Option(help="write the few numbers that the report shows here too")] = None,
) -> None:
    """Read every image with a checkpoint, and score each condition beside the clean one."""
    made, predictor = load_made(folder), load(checkpoint)
    weights = ((checkpoint or RELEASED) / "model.safetensors").read_bytes()
    reads, renderer = read_all(folder, predictor), TexRenderer()
    scores = by_condition(judged(reads, renderer), made["conditions"])
    guesses = {
        "blank": blank(reads, predictor),
        "most_frequent": constant(reads, most_frequent(r.reference for r in reads)),
    }
    baselines = {guess: judged(rows, renderer) for guess, rows in guesses.items()}
    result = {"checkpoint": hashlib.sha256(weights).hexdigest()} | {key: made[key] for key in ("seed", "formulas")}
    result |= scores | {"baselines": {guess: describe(rows, rows) for guess, rows in baselines.items()}}
    save(name, result)
    if report:
        report.write_text(json.dumps(for_report(result["checkpoint"], scores["short"]), indent=1) + "\n", "utf-8")
    for length in LENGTHS:
        print(f"\n{length}\n\n{markdown(scores[length])}")


@app.command("sheet")
def sheet(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write")],
    count: Annotated[int, typer.Option("-n", help="formulas, one a column")] = 4,
) -> None:
    """Draw a few formulas in all conditions, one a row."""
    Image.fromarray(draw_sheet(folder, count)).save(out)


def _named(names: list[str] | None) -> list[Condition]:
    """The conditions of these names, or all; `clean` is always among them."""
    known = {condition.name: condition for condition in CONDITIONS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise UsageError(f"{', '.join(unknown)}: no such condition; there are {', '.join(known)}")
    return [condition for condition in CONDITIONS if not names or condition.name in {CLEAN, *names}]


def main() -> None:
    """Run a verb; a mistake is told in one sentence."""
    try:
        app()
    except Im2LatexError as error:
        typer.echo(f"wild: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
