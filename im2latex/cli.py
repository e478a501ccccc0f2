"""The command line: one command per verb, each a few lines over the room that does the work.

Exit codes: 0 ok, 1 the work failed, 2 wrong usage. Errors are one sentence on stderr, never a traceback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from im2latex import vocab
from im2latex.errors import FULL_DISK, Im2LatexError, LatexError, is_full
from im2latex.params import project_section
from im2latex.records import BadRow, RawFormula, Split
from im2latex.runs import runs

if TYPE_CHECKING:
    from im2latex.rendering.engine import RenderParams

app = typer.Typer(
    help="Pictures of formulas to LaTeX: a reproducible data pipeline, models and honest scores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(vocab.app, name="vocab")
app.command()(runs)

Formulas = Annotated[
    str, typer.Argument(metavar="[FILE|-]", help="formulas (.txt .jsonl .csv .parquet, .gz); - reads lines from stdin")
]


def main() -> None:
    """Run the command line; what `im2latex` calls."""
    try:
        app()
    except Im2LatexError as error:
        typer.echo(f"im2latex: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nothing more can be said to it.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if not is_full(error):
            raise
        typer.echo(f"im2latex: {FULL_DISK}", err=True)
        sys.exit(1)


@app.command()
def generate(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="formulas to generate")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="the same seed, the same formulas")] = 0,
    classics: Annotated[bool, typer.Option("--classics", help="put the list of classic formulas in front")] = False,
) -> None:
    """Write formulas from the grammar, one a line."""
    from im2latex.latex.classics import load_classics
    from im2latex.latex.grammar import generate as from_grammar

    for formula in [*(load_classics() if classics else []), *from_grammar(count, seed)]:
        typer.echo(formula)


@app.command()
def fetch(
    corpus: Annotated[
        str, typer.Argument(help="im2latex-100k; or wandb:ENTITY/PROJECT/RUN, the checkpoint of a run there")
    ],
    into: Annotated[
        Path | None, typer.Option("--into", help="folder; if not given data/raw/CORPUS, or models/RUN for a checkpoint")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="folder of a mirror")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="the published pictures too")] = False,
) -> None:
    """Download a public corpus, going on where a download broke; checksums are checked. Or a trained checkpoint."""
    if corpus.startswith("wandb:"):
        from im2latex.learning.logs import download_checkpoint

        run = corpus.removeprefix("wandb:")
        typer.echo(download_checkpoint(run, into or Path("models") / Path(run).name))
        return
    from im2latex.dataset.fetch import fetch as bring

    for path in bring(corpus, into or Path("data/raw") / corpus, url, pictures):
        typer.echo(path)


@app.command()
def extract(
    papers: Annotated[list[Path], typer.Argument(help=".tex files, folders, .tar.gz, .gz")],
    out: Annotated[Path, typer.Option("-o", "--out", help="JSON lines, one formula a line")],
    min_inline: Annotated[int, typer.Option("--min-inline", min=1, help="shortest inline formula, in characters")] = 25,
    inline: Annotated[bool, typer.Option("--inline/--no-inline", help="keep inline formulas")] = True,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="list what was not kept, with its reason")] = None,
    macros: Annotated[Path | None, typer.Option("--macros", help="TeX definitions known before each paper")] = None,
) -> None:
    """Take the formulas out of papers, their macros expanded: paper, file, line and environment of each."""
    from im2latex.latex.papers.extract import extract as take

    account = take(papers, out, min_inline if inline else None, rejects, macros)
    for sentence in account.unreadable:
        typer.echo(f"im2latex: {sentence}", err=True)
    typer.echo(f"{out}: {account.line()}", err=True)
    if not account.kept:
        typer.echo("im2latex: no formula was found; --min-inline sets how short an inline one may be", err=True)
    sys.exit(1 if account.unreadable else 0)


@app.command()
def normalize(
    file: Formulas = "-",
    profile: Annotated[
        str | None, typer.Option("--profile", help="faithful, compact or none; that of params.yaml if not given")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='{"id", "latex" or null, "reason"} a line')] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="show each rule that changed a formula, with the tokens after it")
    ] = False,
) -> None:
    """Normalize formulas line by line: as many lines out as in, blank where a formula is refused."""
    from im2latex.latex.normalize import Normalizer, NormalizerParams

    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer", {"profile": profile}))
    for row in _rows(file):
        latex, reason, steps = None, None, []
        if isinstance(row, BadRow):
            reason = f"{row.reason}: {row.detail}"
        else:
            try:
                steps = normalizer.explain(row.formula) if explain else []
                latex = steps[-1][1] if explain else normalizer.normalize(row.formula)
            except LatexError as error:
                reason = error.sentence
        if as_json:
            answer = {"id": row.source_id, "latex": latex, "reason": reason} | ({"steps": steps} if explain else {})
            typer.echo(json.dumps(answer, ensure_ascii=False))
        elif explain:
            typer.echo("".join(f"{rule:<18}{tokens}\n" for rule, tokens in steps or [("refused", reason or "")]))
        else:
            typer.echo(latex or "")


@app.command()
def audit(
    file: Formulas = "-",
    count: Annotated[int, typer.Option("-n", "--count", min=0, help="formulas, drawn by hash; 0 for all")] = 0,
) -> None:
    """Render formulas as given and as normalized and compare the pictures; exit 1 where one changed. JSON on stdout."""
    from im2latex.latex.normalize import Normalizer, NormalizerParams
    from im2latex.rendering.engine import TexRenderer
    from im2latex.rendering.pool import PooledRenderer
    from im2latex.scoring.audit import Tally, sample
    from im2latex.scoring.audit import audit as compare

    formulas = sample([row.formula for row in _rows(file) if isinstance(row, RawFormula)], count, 0)
    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer"))
    tally, faults = Tally(), 0
    for finding in compare(formulas, normalizer, PooledRenderer(TexRenderer(_renderer_params()))):
        tally.add(finding)
        if finding.is_fault:
            faults += 1
            typer.echo(f"{finding.outcome}: {finding.raw}", err=True)
    typer.echo(json.dumps(tally.summary(), indent=1))
    sys.exit(1 if faults else 0)


@app.command()
def render(
    out: Annotated[Path, typer.Option("-o", "--out", help="a .parquet file, or a folder for id.png and render.jsonl")],
    file: Formulas = "-",
    look: Annotated[str, typer.Option("--look", help="a look of params.yaml: render.looks.variants")] = "base",
) -> None:
    """Render formulas as given, with the renderer of params.yaml: one row a formula, in input order."""
    from im2latex.rendering.export import render_rows, write_folder, write_parquet
    from im2latex.rendering.looks import LooksParams, all_looks, find_look

    looks = all_looks(_renderer_params(), project_section(LooksParams, "render", "looks"))
    rows = render_rows(_rows(file), find_look(look, looks).renderer)
    count, failed = (write_parquet if out.suffix == ".parquet" else write_folder)(rows, out)
    typer.echo(f"{out}: {count:,} formulas, {failed:,} without a picture", err=True)


@app.command()
def score(
    references: Annotated[Path, typer.Argument(help="one formula a line")],
    hypotheses: Annotated[Path, typer.Argument(help="as many lines; blank where there is no prediction")],
    images: Annotated[bool, typer.Option("--images", help="typeset both sides, compare pictures and symbols")] = False,
    baselines: Annotated[bool, typer.Option("--baselines", help="score trivial predictions too")] = False,
) -> None:
    """Judge one file of formulas by another; JSON on stdout."""
    from im2latex.rendering.engine import TexRenderer
    from im2latex.rendering.glyphs import TexGlyphs
    from im2latex.rendering.pool import PooledGlyphs, PooledRenderer
    from im2latex.scoring.files import score_files

    renderer = PooledRenderer(TexRenderer(_renderer_params())) if images else None
    reader = PooledGlyphs(TexGlyphs(_renderer_params())) if images else None
    found = score_files(references, hypotheses, renderer, reader, baselines=baselines, progress=True)
    typer.echo(json.dumps(found, indent=1))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="folder of a trained model, as data/train")],
    data: Annotated[Path, typer.Option("--data", help="folder of shards, as data/bucket; any vocabulary")],
    out: Annotated[Path, typer.Option("-o", "--out", help="all predictions, as .parquet; others found beside them")],
    split: Annotated[Split, typer.Option("--split", help="which part of the shards")] = "test",
    beam: Annotated[
        int | None, typer.Option("--beam", min=1, help="hypotheses kept; params.yaml's if not given")
    ] = None,
    rerank: Annotated[bool, typer.Option("--rerank", help="take the hypothesis that looks like the picture")] = False,
    constrain: Annotated[bool, typer.Option("--constrain", help="write only what parses")] = False,
    images: Annotated[bool, typer.Option("--images/--no-images", help="render both sides and compare them")] = True,
) -> None:
    """Read a split with any checkpoint: all predictions to a file, scores as JSON on stdout."""
    from im2latex.evaluation import evaluate as read_and_judge
    from im2latex.evaluation import readout_params
    from im2latex.imaging.raster import PictureParams
    from im2latex.rendering.engine import TexRenderer
    from im2latex.rendering.pool import PooledRenderer
    from im2latex.scoring.rerank import Redrawing

    params = readout_params(beam, rerank, constrain)
    renderer = PooledRenderer(TexRenderer(_renderer_params()))
    redrawing = Redrawing(renderer, project_section(PictureParams, "render", "picture"), progress=True)
    scores = read_and_judge(checkpoint, data, split, out, params, redrawing, renderer if images else None)
    typer.echo(json.dumps(scores, indent=1))


@app.command()
def verify() -> None:
    """Re-hash every artifact against the manifests; exit 1 on any difference."""
    from im2latex.dataset.manifest import verify as check_artifacts

    checked, faults = check_artifacts(Path("reports/manifest"))
    for fault in faults:
        typer.echo(fault)
    typer.echo(f"{checked:,} artifacts checked, {len(faults):,} faults")
    sys.exit(1 if faults else 0)


@app.command()
def doctor(
    lock: Annotated[
        Path | None, typer.Option("--lock", help="write the versions that decide bytes to this file")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="name every tool that differs from this file")
    ] = None,
) -> None:
    """Look for TeX, Ghostscript, ImageMagick, Poppler and a GPU: found, version, self-test, remedy."""
    from im2latex.rendering import doctor as examination

    if lock:
        lock.write_text(json.dumps(examination.versions(_renderer_params()), indent=1) + "\n", encoding="utf-8")
        typer.echo(f"{lock}: written")
        return
    if against:
        for difference in examination.differences(against, _renderer_params()):
            typer.echo(difference, err=True)
        return
    from im2latex.learning.devices import describe_devices

    findings = examination.examine(_renderer_params())
    for finding in findings:
        typer.echo(examination.line(finding))
    typer.echo(f"{'':8}{describe_devices()}")
    sys.exit(0 if all(finding.works for finding in findings) else 1)


def _rows(file: str) -> Iterator[RawFormula | BadRow]:
    """The rows of a file, or the lines of standard input."""
    from im2latex.dataset.sources import read_file, read_lines

    return read_lines(sys.stdin.buffer, "stdin") if file == "-" else read_file(Path(file))


def _renderer_params() -> RenderParams:
    """The renderer of ./params.yaml, or the default one where there is no such file."""
    from im2latex.rendering.engine import RenderParams

    return project_section(RenderParams, "render", "renderer")


if __name__ == "__main__":
    main()
