"""Commands that compute and compare scores.

`score` two files, `evaluate` a checkpoint, list `runs` in one table, `compare` two of them, `gate` a branch.

read   files of formulas; a checkpoint and shards; folders, commits and DVC experiments of the project,
       predictions.parquet and scores.parquet
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from im2latex.cli.options import console, renderer_params
from im2latex.errors import InputError, UsageError
from im2latex.types import Split, Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

RUN = "a commit, an experiment, a folder, or a file of `im2latex evaluate`"


def score(
    references: Annotated[Path, typer.Argument(help="one formula per line")],
    hypotheses: Annotated[
        Path, typer.Argument(help="predicted formulas on the same lines, blank where there is no prediction")
    ],
    images: Annotated[bool, typer.Option("--images", help="also compare rendered images and glyph boxes")] = False,
    baselines: Annotated[bool, typer.Option("--baselines", help="also score trivial predictions")] = False,
    tokenizer: Annotated[
        Tokenizer,
        typer.Option(
            "--tokenizer",
            help="latex: tokens as TeX reads them, independent of spaces and of the braces of arguments; a file "
            "against itself has bleu 1 at any length. whitespace: the published definitions (Moses, sacreBLEU), bleu 0 "
            "where no formula has four tokens",
        ),
    ] = "latex",
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize",
            help="normalize both sides (faithful) for the text metrics; refused formulas are scored as given",
        ),
    ] = False,
) -> None:
    """Score predicted formulas against references, as JSON.

    The text metrics (bleu, edit, token_error_rate, cer, exact) compare tokens; the field `tokenizer` names how formulas
    were split into them.

    Examples:
        im2latex score references.txt predictions.txt
        im2latex score references.txt predictions.txt --images --normalize

    """
    from im2latex.config import project_section
    from im2latex.latex.normalizer import Normalizer, NormalizerParams
    from im2latex.metrics.score_formulas import score_files
    from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader, TexGlyphReader
    from im2latex.rendering.renderer import ParallelRenderer, TexRenderer

    renderer = ParallelRenderer(TexRenderer(renderer_params())) if images else None
    glyph_reader = ParallelGlyphReader(TexGlyphReader(renderer_params())) if images else None
    options = {"profile": "faithful"}
    normalizer = (
        Normalizer(project_section(NormalizerParams, "normalize", "normalizer", options=options)) if normalize else None
    )
    found = score_files(
        references,
        hypotheses,
        renderer=renderer,
        glyph_reader=glyph_reader,
        baselines=baselines,
        progress=True,
        tokenizer=tokenizer,
        normalizer=normalizer,
    )
    typer.echo(json.dumps(found, indent=1))


def evaluate(
    checkpoint: Annotated[
        Path, typer.Argument(help="folder of a trained model, such as data/train, or a name of `im2latex snapshots`")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="folder of shards; any vocabulary")] = Path(
        "data/bucket"
    ),
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            help="predictions, as .parquet or .csv; replaced if there; all hypotheses go beside it",
        ),
    ] = Path("predictions.parquet"),
    split: Annotated[Split, typer.Option("--split", help="split to evaluate")] = "test",
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam", metavar="WIDTH", min=1, help="beam width; default: that of params.yaml, else of the preset"
        ),
    ] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="choose the hypothesis whose rendering matches the image")
    ] = False,
    grammar: Annotated[bool, typer.Option("--grammar", help="restrict the search to formulas that parse")] = False,
    images: Annotated[bool, typer.Option("--images/--no-images", help="compute the image metrics")] = True,
) -> None:
    """Predict a split with any checkpoint, and score it.

    Predictions are written to a file, scores printed as JSON.

    Examples:
        im2latex evaluate data/train
        im2latex evaluate models/theirs --data data/bucket -o theirs.parquet --split val --beam 5
        im2latex evaluate 20000 -o after-20000.parquet

    """
    from im2latex.config import project_section
    from im2latex.decoding.rerank import RenderReranker
    from im2latex.images.arrays import ImageParams
    from im2latex.inference.predict_split import PredictParams, evaluate_split
    from im2latex.rendering.renderer import ParallelRenderer, TexRenderer
    from im2latex.training.checkpoint import read_recipe
    from im2latex.training.run_folders import find_checkpoint

    if not checkpoint.is_dir() and (saved := find_checkpoint(str(checkpoint))):
        checkpoint = saved.folder
    options = {"beam": beam, "rerank": "render" if rerank else None, "grammar": grammar or None}
    params = project_section(PredictParams, "predict", options=options)
    params = params.for_preset(read_recipe(checkpoint).get("preset"))
    renderer = ParallelRenderer(TexRenderer(renderer_params()))
    reranker = RenderReranker(renderer, project_section(ImageParams, "render", "image"), progress=True)
    scores = evaluate_split(checkpoint, data, split, out, params, reranker, renderer if images else None)
    typer.echo(json.dumps(scores, indent=1))


def runs(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="checkpoints or projects; without, the runs of this project")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="score to show; the first one sorts, best first")] = None,
    commits: Annotated[int, typer.Option("-n", "--commits", min=1, help="number of last commits to read")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="print all scores as JSON")] = False,
) -> None:
    """List runs with their scores and the parameters that differ.

    Examples:
        im2latex runs
        im2latex runs --metric bleu --metric image_exact -n 20

    """
    from im2latex.reporting import runs as run_table

    found = (
        run_table.read_folders(folders, partial(typer.echo, err=True)) if folders else run_table.read_project(commits)
    )
    if metric:
        found = run_table.sort_runs(found, metric[0])
    if as_json:
        typer.echo(json.dumps(run_table.as_json(found), indent=1, ensure_ascii=False))
        return
    console().print(run_table.as_table(found, run_table.shown_scores(found, metric or ())))


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=RUN)],
    b: Annotated[str, typer.Argument(metavar="B", help="run to compare with it, of any of these kinds")] = "workspace",
    score: Annotated[list[str] | None, typer.Option("--score", help="score to show; default: all")] = None,
    split: Annotated[Split, typer.Option("--split", help="split whose samples are compared")] = "test",
    examples: Annotated[
        int | None,
        typer.Option("-n", "--examples", min=0, help="formulas that became better or worse; 3, or 12 in HTML"),
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="bootstrap resamples")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the bootstrap")] = 0,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="compute image metrics of prediction files")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="write a page with images, as .html")] = None,
) -> None:
    """Compare two runs: scores, significance, changed formulas.

    Examples:
        im2latex compare main
        im2latex compare main exp-1a2b3 --out comparison.html

    """
    from im2latex.reporting import compare as comparison
    from im2latex.reporting import comparison_output
    from im2latex.reporting.run_data import read_run_data

    first, second = (read_run_data(name, split, lambda table: _score_run(table, images)) for name in (a, b))
    found = comparison.compare(first, second, resamples, seed)
    shown = comparison.select_scores(found, score or ())
    if out:
        from im2latex.rendering.renderer import TexRenderer

        count = 12 if examples is None else examples
        size = comparison_output.write_page(found, shown, count, TexRenderer(renderer_params()), out)
        typer.echo(f"{out}: {size / 1000:,.0f} kB", err=True)
    count = 3 if examples is None else examples
    if as_json:
        typer.echo(json.dumps(comparison_output.as_json(found, count), indent=1, ensure_ascii=False))
    elif not out:
        console().print(comparison_output.as_text(found, shown, count))


def _score_run(predictions: pa.Table, images: bool = True) -> pa.Table:
    """Score predictions with the renderer of this project."""
    from im2latex.metrics.score_predictions import score_predictions
    from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader, TexGlyphReader
    from im2latex.rendering.renderer import ParallelRenderer, TexRenderer

    if not images:
        return score_predictions(predictions, progress=True)
    params = renderer_params()
    renderer, glyph_reader = ParallelRenderer(TexRenderer(params)), ParallelGlyphReader(TexGlyphReader(params))
    return score_predictions(predictions, renderer, glyph_reader, progress=True)


def gate(
    base: Annotated[
        str | None, typer.Argument(metavar="BASE", help="run to compare with; default: origin/main, or main")
    ] = None,
    score: Annotated[
        list[str] | None, typer.Option("--score", help="score to check; default: the primary metrics")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="split whose samples are compared")] = "test",
    ledger: Annotated[
        float | None,
        typer.Option(
            "--ledger",
            metavar="SHARE",
            min=0,
            max=1,
            help="largest allowed decrease of a stage's share of kept records",
        ),
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="bootstrap resamples")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the bootstrap")] = 0,
    markdown: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", help="write the table as Markdown; - is standard output")
    ] = None,
) -> None:
    """Fail where a score is significantly worse than in BASE.

    Compares the run in the current folder with BASE; the exit code is 1 where it fails, 2 where the two cannot be
    compared.

    Examples:
        im2latex gate origin/main
        im2latex gate main --score bleu --markdown comment.md

    """
    from im2latex.reporting import gate as gates
    from im2latex.reporting.run_data import read_run_data
    from im2latex.reporting.runs import WORKSPACE

    try:
        first = read_run_data(base or gates.default_base(), split, _score_run)
    except InputError as error:
        raise UsageError(f"no base to compare with: {error}") from None
    found = gates.gate(first, read_run_data(WORKSPACE, split, _score_run), score or (), ledger, resamples, seed)
    if markdown == "-":
        typer.echo(gates.as_markdown(found), nl=False)
    else:
        if markdown:
            Path(markdown).write_text(gates.as_markdown(found), encoding="utf-8")
        console().print(gates.as_table(found))
        for sentence in found.notes:
            typer.echo(f"note: {sentence}")
    typer.echo(f"im2latex gate: {found.sentence}", err=True)
    sys.exit(1 if found.failed else 0)
