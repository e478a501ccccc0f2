"""`im2latex predict`: the LaTeX of formula images.

reads   images, the clipboard, the screen, a checkpoint folder
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Annotated, TextIO, TypedDict

import typer

from im2latex.cli.options import Checkpoint, Device, Engine
from im2latex.errors import ArtifactError, ImageError, UsageError
from im2latex.inference.effort import Effort
from im2latex.latex.formats import Format
from im2latex.types import EngineName

if TYPE_CHECKING:
    from im2latex.cli.image_sources import Source
    from im2latex.inference.predictor import Predictor
    from im2latex.types import Candidate, Prediction

MAX_BEAM = 1000
CHUNK_SIZE = 64
"""Images in memory at one time."""
SINGLE_THREAD_IMAGES = 4
"""Up to so many images are predicted by one thread, since threads wait for each other at every token."""
_REASONS = {
    "cut": "the formula is longer than the model writes; this is its beginning",
    "loop": "the model repeats itself; the formula is probably wrong",
    "unsure": "the formula is probably not quite right",
    "several_formulas": "the image shows several formulas; crop one",
    "text": "the image shows text; crop a formula",
    "no_formula": "the image probably shows no formula",
}
"""Warnings by the reason of a prediction."""


class _Search(TypedDict):
    """Options of `Predictor.predict`."""

    candidates: int
    beam: int | None
    grammar: bool
    effort: Effort
    attention: bool


@dataclass(frozen=True)
class _Output:
    """How predictions are printed."""

    format: Format
    count: int
    as_json: bool
    copy: bool
    quiet: bool
    attention: Path | None = None


def predict(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="images of one formula each: PNG, JPEG, WebP, ...; folders, patterns; - is standard input; "
            "all pages of FILE.pdf, or one: FILE.pdf#2",
        ),
    ] = None,
    clipboard: Annotated[bool, typer.Option("--clipboard", help="read the image on the clipboard")] = False,
    watch_clipboard: Annotated[
        bool, typer.Option("--watch-clipboard", help="read each image that is copied, until Ctrl-C")
    ] = False,
    snip: Annotated[
        bool, typer.Option("--snip", help="select an area of the screen with the mouse, and read it")
    ] = False,
    page: Annotated[
        int | None, typer.Option("--page", metavar="N", min=1, help="page of each PDF to read; default: all")
    ] = None,
    format: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            help="latex: to paste, without delimiters; inline: $...$; display: \\[...\\]; equation: with a number; "
            "mathml: for web pages and word processors; tokens: separated by spaces, as datasets have them",
        ),
    ] = "latex",
    copy: Annotated[
        bool, typer.Option("--copy", "-c", help="also copy the formulas to the clipboard, the best one of each image")
    ] = False,
    candidates: Annotated[
        int,
        typer.Option(
            "--candidates", "-n", metavar="N", min=1, max=MAX_BEAM, help="candidates per image, each on a line"
        ),
    ] = 1,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="print one JSON object per image: latex or null, tokens, confidence, candidates, ..."
        ),
    ] = False,
    effort: Annotated[
        Effort,
        typer.Option(
            "--effort",
            help="fast: the choice of the search; normal: where it is not sure, candidates are rendered with TeX and "
            "compared with the image; best: always, with more candidates and repairs",
        ),
    ] = "normal",
    attention: Annotated[
        Path | None,
        typer.Option(
            "--attention",
            metavar="FILE",
            help="write where the model attends for each token of the one image: .png, a panel each; .gif, animated",
        ),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam", metavar="WIDTH", min=1, max=MAX_BEAM, help="beam width; default: the number of candidates"
        ),
    ] = None,
    grammar: Annotated[
        bool, typer.Option("--grammar/--no-grammar", help="restrict the search to formulas that parse")
    ] = True,
    checkpoint: Checkpoint = None,
    engine: Engine = "auto",
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="show no progress bar")] = False,
) -> None:
    r"""Convert formula images to LaTeX, one line per image.

    Lines are in the order of the images. Where an image cannot be read, its line is blank and the exit code 1.

    Examples:
        im2latex predict formula.png
        im2latex predict --clipboard --copy
        im2latex predict --snip --copy --format display
        im2latex predict formula.png --attention attention.gif
        im2latex predict scans/ paper.pdf#2 --json > formulas.jsonl

    """
    if sum([bool(images), clipboard, snip, watch_clipboard]) == 0:
        raise UsageError(
            "predict: no input; name images, - for standard input, --clipboard, --watch-clipboard or --snip"
        )
    if watch_clipboard and (images or clipboard or snip or attention):
        raise UsageError(
            "predict: --watch-clipboard reads only the clipboard, and writes no attention; run another command for that"
        )
    if checkpoint is not None and not checkpoint.is_dir():
        raise ArtifactError(f"{checkpoint}: no such folder")
    if format == "mathml":
        import latex2mathml  # noqa: F401 before the model is loaded
    from im2latex.cli import desktop

    if copy:
        desktop.check_clipboard_writer()
    if attention:
        from im2latex.inference.attention_images import check_suffix

        check_suffix(attention)
    output = _Output(format, candidates, as_json, copy, quiet, attention)
    search: _Search = {
        "candidates": candidates,
        "beam": beam,
        "grammar": grammar,
        "effort": effort,
        "attention": attention is not None,
    }
    predictor: Predictor | None = None
    if watch_clipboard:
        from im2latex.cli.image_sources import from_bytes

        desktop.check_clipboard_reader()
        predictor, search = _load(checkpoint, engine, device, search, 1)
        if not quiet:
            typer.echo("im2latex: copy an image of a formula; Ctrl-C stops", err=True)
        for data in desktop.watch_clipboard():
            _print_all(predictor, search, [*from_bytes("clipboard", data, 1)], output)
        return
    sources = [*_sources(images or [], clipboard, snip, page)]
    if attention and len(sources) > 1:
        raise UsageError(f"predict: --attention {attention} is for one image; {len(sources)} were named")
    for source in sources:
        if source.error is not None:
            typer.echo(f"im2latex: {source.name}: {source.error.detail}", err=True)
    readable = sum(source.error is None for source in sources)
    if readable:
        predictor, search = _load(checkpoint, engine, device, search, readable)
    sys.exit(1 if _print_all(predictor, search, sources, output) else 0)


def _sources(images: list[str], clipboard: bool, snip: bool, page: int | None) -> Iterator[Source]:
    from im2latex.cli import desktop
    from im2latex.cli.image_sources import Source, find_sources, from_bytes

    for name, read in (("clipboard", desktop.read_clipboard), ("screen", desktop.take_screenshot)):
        if clipboard if name == "clipboard" else snip:
            try:
                yield from from_bytes(name, read(), page)
            except ImageError as error:
                yield Source(name, error=error)
    yield from find_sources(images, page)


def _load(
    checkpoint: Path | None, engine: EngineName, device: str, search: _Search, images: int
) -> tuple[Predictor, _Search]:
    """The predictor, and the options of the search that are possible here."""
    from im2latex.images.sandboxed_decoder import borrow_decoder

    with borrow_decoder() as decoder:
        decoder.start()  # while the model is loaded
    from im2latex.inference.predictor import load

    threads = 1 if images <= SINGLE_THREAD_IMAGES else None
    predictor = load(checkpoint, engine=engine, device=device, threads=threads)
    if problem := predictor.unavailable_reason(search["effort"]):
        typer.echo(f"im2latex: {problem}; going on with --effort fast", err=True)
        search = {**search, "effort": "fast"}
    return predictor, search


def _print_all(predictor: Predictor | None, search: _Search, sources: Sequence[Source], output: _Output) -> bool:
    """Predict and print all sources; returns whether one of them failed."""
    failed, copied = False, []
    with _progress(len(sources), output.quiet) as (write, advance):
        remaining = iter(sources)
        while chunk := [*islice(remaining, CHUNK_SIZE)]:
            for source, prediction in zip(chunk, _predict(predictor, chunk, search), strict=True):
                error = prediction.error
                failed = failed or error is not None
                if error is not None and error is not source.error:
                    write(f"im2latex: {source.name}: {error.detail}", sys.stderr)
                elif prediction.reason is not None:
                    warning = f"{_REASONS[prediction.reason]} (confidence {prediction.confidence:.2f})"
                    write(f"im2latex: {source.name}: {prediction.reason}: {warning}", sys.stderr)
                if output.attention and error is None:
                    from im2latex.inference.attention_images import save_attention

                    save_attention(prediction, output.attention)
                lines = [_formatted(one, output.format) for one in prediction.candidates[: output.count]]
                copied += lines[:1]
                if output.as_json:
                    text = _as_json(source.name, prediction, output.format)
                else:
                    text = "\n".join([*lines, *[""] * (output.count - len(lines))])
                write(text, sys.stdout)
                sys.stdout.flush()
                advance()
    if output.copy and copied:
        from im2latex.cli import desktop

        desktop.write_clipboard("\n".join(copied))
        if not output.quiet:
            typer.echo("im2latex: copied to the clipboard", err=True)
    return failed


@contextmanager
def _progress(images: int, quiet: bool) -> Iterator[tuple[Callable[[str, TextIO], None], Callable[[], object]]]:
    """What writes a line, and what is called after each image; of several images there is a progress bar."""
    if images == 1:
        yield lambda text, stream: print(text, file=stream), lambda: None
        return
    from tqdm import tqdm

    tqdm.set_lock(RLock())  # that of its own would import multiprocessing, which takes longer than an image
    with tqdm(total=images, desc="read", unit="image", disable=True if quiet else None, delay=2) as bar:
        yield tqdm.write, bar.update


def _predict(predictor: Predictor | None, sources: Sequence[Source], search: _Search) -> list[Prediction]:
    """One prediction per source, with an error where the image cannot be loaded or used."""
    from im2latex.types import Prediction

    answers: list[Prediction | None] = []
    images = []
    for source in sources:
        try:
            images.append(source.load())
            answers.append(None)
        except ImageError as error:
            answers.append(Prediction(error=error))
    found = iter(predictor.predict(images, **search) if predictor else ())
    return [answer or next(found) for answer in answers]


def _formatted(candidate: Candidate, format: Format) -> str:
    from im2latex.latex.formats import format_formula

    return candidate.latex if format == "latex" else format_formula(candidate.tokens, format)


def _as_json(name: str, prediction: Prediction, format: Format) -> str:
    error = prediction.error
    several = [
        {
            "latex": one.latex,
            "tokens": one.tokens,
            "formatted": _formatted(one, format),
            "confidence": round(one.confidence, 4),
            "reason": one.reason,
        }
        for one in prediction.candidates
    ]
    best = several[0] if several else dict.fromkeys(("latex", "tokens", "formatted", "confidence", "reason"))
    answer = {
        **{"image": name, **best, "candidates": several},
        "seconds": None if error else round(prediction.seconds, 4),
        "reason": error.reason if error else prediction.reason,
        "detail": error and error.detail,
        "boxes": prediction.boxes,
    }
    return json.dumps(answer, ensure_ascii=False)
