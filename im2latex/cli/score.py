"""Commands that compute scores: `im2latex score` of two files, `im2latex evaluate` of a checkpoint."""

import json
from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.options import renderer_params
from im2latex.types import Split, Tokenizer


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
    """
    from im2latex.config import project_section
    from im2latex.latex.normalizer import Normalizer, NormalizerParams
    from im2latex.metrics.formulas import score_files
    from im2latex.rendering.glyph_boxes.reader import TexGlyphReader
    from im2latex.rendering.parallel import ParallelGlyphReader, ParallelRenderer
    from im2latex.rendering.renderer import TexRenderer

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
    checkpoint: Annotated[Path, typer.Argument(help="folder of a trained model, such as data/train")],
    data: Annotated[Path, typer.Option("--data", help="folder of shards, such as data/bucket; any vocabulary")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="predictions, as .parquet; all hypotheses are written beside it")
    ],
    split: Annotated[Split, typer.Option("--split", help="split to evaluate")] = "test",
    beam: Annotated[int | None, typer.Option("--beam", min=1, help="beam width; default: that of params.yaml")] = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="choose the hypothesis whose rendering matches the image")
    ] = False,
    grammar: Annotated[bool, typer.Option("--grammar", help="restrict the search to formulas that parse")] = False,
    images: Annotated[bool, typer.Option("--images/--no-images", help="compute the image metrics")] = True,
) -> None:
    """Predict a split with any checkpoint and score it.

    Predictions are written to a file, scores printed as JSON.
    """
    from im2latex.config import project_section
    from im2latex.decoding.rerank import RenderReranker
    from im2latex.images.arrays import ImageParams
    from im2latex.inference.predict_split import PredictParams, evaluate_split
    from im2latex.rendering.parallel import ParallelRenderer
    from im2latex.rendering.renderer import TexRenderer

    options = {"beam": beam, "rerank": "render" if rerank else None, "grammar": grammar or None}
    params = project_section(PredictParams, "predict", options=options)
    renderer = ParallelRenderer(TexRenderer(renderer_params()))
    reranker = RenderReranker(renderer, project_section(ImageParams, "render", "image"), progress=True)
    scores = evaluate_split(checkpoint, data, split, out, params, reranker, renderer if images else None)
    typer.echo(json.dumps(scores, indent=1))
