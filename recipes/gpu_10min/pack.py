"""Archive of labels, parameters, portable TeX and wheels: python -m recipes.gpu_10min.pack --help

reads   formulas, held-out label files, params.yaml with the overrides of a recipe, this machine's TeX, a package index
writes  an archive, which with the tracked files of the repository and a state to go on from is at most 64 MiB

All that needs no accelerator is done here: formulas are normalized, tokenized, filtered and shuffled, and some are
drawn to choose the shapes. No training formula equals a held-out label in its normal form; images are not compared.
"""

import lzma
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
import typer
import yaml
from numpy.typing import NDArray

from im2latex.config import check, load_yaml, merge
from im2latex.dataset.buckets import BucketParams, choose_shapes, save_shapes
from im2latex.dataset.filters import FilterParams
from im2latex.dataset.readers.files import read_file
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams
from im2latex.errors import Im2LatexError, InputError, LatexError
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.models.model import Network
from im2latex.parallel.process_guard import delayed
from im2latex.parallel.workers import worker_count
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.styles import RenderStyle, all_styles, create_renderer, tex_render_params
from im2latex.training.config import TrainParams
from im2latex.types import RawFormula
from pipeline.paths import ROOT
from pipeline.project_renderer import RenderStageParams
from recipes.archive import plain, size_of, wheels
from recipes.gpu_10min.labels import Labels
from recipes.overrides import assignment
from recipes.portable_tex import collect

CARRIED_BYTES = 64 * 2**20
"""Tracked files, archive and state together."""
HERE = Path(__file__).parent
OVERRIDES = (ROOT / "recipes/dataset/overrides.yaml", HERE / "overrides.yaml")
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 64 << 20}]
"""A window over several formats of TeX, which are much alike. Preset 1 took 34 instead of 545 s, for a fifth more."""
_CHUNK = 2000
_DRAWN = 3000
"""Labels that are drawn to choose the shapes, at even distances."""
_RECORDED = 1500
"""Formulas that are set in every style to find the files that TeX asks for."""


def main(
    train: Annotated[list[Path], typer.Argument(help="formulas to train on: .txt, .jsonl, .csv or .parquet, or .gz")],
    val: Annotated[Path, typer.Option(help="formulas to validate on")],
    held_out: Annotated[list[Path] | None, typer.Option(help="labels that no training formula may equal")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="the archive")] = Path("gpu_10min.tar.xz"),
    overrides: Annotated[list[Path] | None, typer.Option(help="overrides of params.yaml, in order")] = None,
    normalized: Annotated[
        bool, typer.Option("--normalized", help="formulas come from `recipes.dataset build`")
    ] = False,
    count: Annotated[int, typer.Option(help="training formulas of each file, the first ones; 0 for all")] = 0,
    val_count: Annotated[int, typer.Option(help="labels to validate on")] = 500,
    start: Annotated[Path | None, typer.Option(help="folder that will go along and be gone on from")] = None,
    python: Annotated[str, typer.Option(help="Python version of the other machine")] = "3.12",
    set_value: Annotated[list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE, after the overrides")] = None,
) -> None:
    """Write the archive and say how large its parts are."""
    try:
        params = load_yaml(ROOT / "params.yaml")
        for path in overrides or OVERRIDES:
            params = merge(params, load_yaml(path))
        for text in set_value or []:
            params = merge(params, assignment(text))
        params = _with_pdfium(params)
        chosen = [text for path in train for text in islice(_formulas(path), count or None)]
        labels = packed(params, chosen, list(islice(_formulas(val), val_count)), _all(held_out or []), normalized)
        train_params = check(params["train"], TrainParams, "train")
        room = CARRIED_BYTES - carried_bytes(start)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project = folder / "project"
            project.mkdir()
            text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
            (project / "params.yaml").write_text(text, encoding="utf-8")
            labels.save(project / "data")
            styles = _render_styles(params)
            save_shapes(_shapes(labels, params, styles), project / "data" / "buckets.json")
            wheels(folder / "wheels", python, HERE / "requirements.txt")
            texts = [labels.text(number) for number in _spread(len(labels), _RECORDED)]
            collect(folder / "tex", tex_render_params(styles), texts)
            with lzma.open(out, "wb", filters=_FILTERS) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
                for part in sorted(folder.iterdir()):
                    archive.add(part, part.name, filter=plain)
                    typer.echo(f"{part.name:8} {size_of(part) / 1e6:8.1f} MB unpacked")
        if out.stat().st_size > room:
            raise InputError(
                f"{out}: {out.stat().st_size / 2**20:.1f} MiB; of {CARRIED_BYTES >> 20} MiB {room / 2**20:.1f} are "
                "left beside tracked files and state: pack fewer formulas (--count), or remove the state's momentum-*"
            )
    except Im2LatexError as error:
        typer.echo(f"pack: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    state = state_bytes(train_params, labels.vocabulary)
    typer.echo(
        f"{out}: {out.stat().st_size / 2**20:.1f} of {room / 2**20:.1f} MiB; {len(labels):,} labels, "
        f"{len(labels.vocabulary)} tokens; state of a run {state / 2**20:.1f} MiB"
    )


def packed(
    params: dict[str, Any],
    train: Sequence[str],
    val: Sequence[str],
    held_out: Sequence[str],
    normalized: bool = False,
) -> Labels:
    """Normalized and filtered labels in random order, each once; the vocabulary is that of those to train on."""
    normalizer = check(params["normalize"]["normalizer"], NormalizerParams, "normalize.normalizer")
    if not normalized:
        train, val = _normal_forms(normalizer, train), _normal_forms(normalizer, val)
    forbidden = {*_normal_forms(normalizer, held_out), *val}
    training = [text for text in dict.fromkeys(train) if text and text not in forbidden]
    vocabulary = Vocabulary.fit(
        (text.split() for text in training), check(params["tokenize"]["vocabulary"], VocabularyParams, "tokenize")
    )
    filters = check(params["filter"], FilterParams, "filter")
    validating = [text for text in dict.fromkeys(val) if text]
    generator = np.random.default_rng(int(params["train"]["seed"]))
    training = [training[place] for place in generator.permutation(len(training))]
    tokens: list[list[int]] = []
    held: list[bool] = []
    for text, validated in [*((text, False) for text in training), *((text, True) for text in validating)]:
        ids = vocabulary.encode(text.split())
        if filters.min_tokens <= len(ids) <= filters.max_tokens and vocabulary.unk not in ids:
            tokens.append(ids)
            held.append(validated)
    if not any(not one for one in held):
        raise InputError("no formula to train on is left; give more, or widen filter.max_tokens")
    numbers = _sampled(_render_styles(params), len(tokens), int(params["render"]["styles"]["per_formula"]), generator)
    numbers[np.array(held)] = 0
    return Labels.of(tokens, numbers, held, vocabulary)


def _sampled(
    styles: Sequence[RenderStyle], count: int, passes: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """For each label so many of the styles (N, K), by their shares and without repeats, as `styles.chosen` does it."""
    shares = np.array([style.share for style in styles])
    lots = -np.log1p(-generator.random((count, len(styles)))) / np.maximum(shares, 1e-9)
    passes = min(passes, int((shares > 0).sum()))
    nearest = np.argpartition(lots, passes - 1, axis=1)[:, :passes]
    order = np.argsort(np.take_along_axis(lots, nearest, axis=1), axis=1)
    return np.take_along_axis(nearest, order, axis=1).astype(np.uint8)


def _with_pdfium(params: dict[str, Any]) -> dict[str, Any]:
    """The same where pdfium draws every style of TeX: the other machine has no other rasterizer."""
    styles = params["render"]["styles"]
    variants = [
        variant | ({"rasterizer": "pdfium"} if "rasterizer" in variant else {}) for variant in styles["variants"]
    ]
    return merge(params, {"render": {"renderer": {"rasterizer": "pdfium"}, "styles": {"variants": variants}}})


def state_bytes(params: TrainParams, vocabulary: Vocabulary) -> int:
    """What weights and momentum take in half precision; with Adam a weight has two numbers, with Muon one."""
    network = Network(params.model, len(vocabulary))
    hidden = sum(int(weight.numel()) for weight in network.hidden_matrices())
    total = sum(int(weight.numel()) for weight in network.state_dict().values())
    both = params.optimizer.hidden == "muon"
    return 2 * (total + hidden * (1 if both else 2) + 2 * (total - hidden))


def carried_bytes(start: Path | None = None) -> int:
    """The size of what travels beside the archive: the files of the repository, and those of `start` beside them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True)
    files = {ROOT / name for name in listed.stdout.decode().split("\0") if name}
    files |= set() if start is None else {path.resolve() for path in start.rglob("*")}
    return sum(path.stat().st_size for path in files if path.is_file())


def _render_styles(params: dict[str, Any]) -> list[RenderStyle]:
    stage = check(params["render"], RenderStageParams, "render")
    return all_styles(stage.renderer, stage.styles)


def _formulas(path: Path) -> Iterator[str]:
    return (row.formula for row in read_file(path) if isinstance(row, RawFormula))


def _all(paths: Sequence[Path]) -> list[str]:
    return [text for path in paths for text in _formulas(path)]


@dataclass(frozen=True)
class _Normalizing:
    """The work on one chunk."""

    params: NormalizerParams

    def __call__(self, formulas: Sequence[str]) -> list[str]:
        """Normal forms; blank where there is none."""
        normalizer, forms = Normalizer(self.params), []
        for formula in formulas:
            try:
                forms.append(normalizer.normalize(formula))
            except LatexError:
                forms.append("")
        return forms


def _normal_forms(params: NormalizerParams, formulas: Sequence[str]) -> list[str]:
    chunks = [formulas[start : start + _CHUNK] for start in range(0, len(formulas), _CHUNK)]
    work = _Normalizing(params)
    return [
        form for part in joblib.Parallel(n_jobs=worker_count())(delayed(work)(one) for one in chunks) for form in part
    ]


@dataclass(frozen=True)
class _Measuring:
    """The work on one chunk: how large the images of some labels are."""

    stage: RenderStageParams
    style: RenderStyle

    def __call__(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """Height and width; 0, 0 where it cannot be drawn."""
        renderer, image = create_renderer(self.style.renderer), self.style.image_params(self.stage.image)
        images = [rendering.pixels for rendering in render_dataset_images(renderer, texts, image)]
        return [(0, 0) if pixels is None else (pixels.shape[0], pixels.shape[1]) for pixels in images]


def _shapes(labels: Labels, params: dict[str, Any], styles: Sequence[RenderStyle]) -> NDArray[np.int64]:
    """Shapes around some labels in their styles, within the limits of `filter`; others of their sizes fit them."""
    stage = check(params["render"], RenderStageParams, "render")
    filters = check(params["filter"], FilterParams, "filter")
    numbers = _spread(len(labels), _DRAWN)
    first = labels.styles[:, 0]
    by_style = {place: [number for number in numbers if first[number] == place] for place in range(len(styles))}
    jobs = [(place, part) for place, part in by_style.items() if part]
    drawn = joblib.Parallel(n_jobs=worker_count())(
        delayed(_Measuring(stage, styles[place]))([labels.text(number) for number in part]) for place, part in jobs
    )
    sizes = [
        (height, width, len(labels[number]))
        for (_, part), found in zip(jobs, drawn, strict=True)
        for number, (height, width) in zip(part, found, strict=True)
        if 0 < height <= filters.max_height_px and 0 < width <= filters.max_width_px
    ]
    if not sizes:
        raise InputError("no label could be drawn; `im2latex doctor` says whether TeX works")
    return choose_shapes(np.array(sizes, dtype=np.int64), check(params["bucket"], BucketParams, "bucket"))


def _spread(size: int, count: int) -> list[int]:
    places: list[int] = np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int)).tolist()
    return places


if __name__ == "__main__":
    typer.run(main)
