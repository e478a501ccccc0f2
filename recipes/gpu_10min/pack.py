"""Archive of labels, parameters, portable TeX and wheels: python -m recipes.gpu_10min.pack --help

reads   formulas, held-out label files, params.yaml with the overrides of a recipe, this machine's TeX, a package index
writes  an archive: with the tracked files of the repository and an initial state at most 64 MiB

All work that needs no accelerator is done here: formulas are normalized, tokenized, filtered and shuffled, and a sample
is rendered to choose the shapes. No normalized training formula equals a held-out label; images are not compared.
"""

import lzma
import re
import subprocess
import sys
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
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.styles import RenderStyle, all_styles, create_renderer, tex_render_params
from im2latex.training.config import TrainParams
from im2latex.types import RawFormula
from pipeline.paths import ROOT
from pipeline.project_renderer import RenderStageParams
from recipes.gpu_10min.labels import Labels
from recipes.overrides import check_params, parse_assignment
from recipes.portable_tex import collect

MAX_INPUT_BYTES = 64 * 2**20
"""Tracked files, archive and initial state together."""
HERE = Path(__file__).parent
OVERRIDES = (ROOT / "recipes/dataset/overrides.yaml", HERE / "overrides.yaml")
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 64 << 20}]
"""The dictionary spans several TeX formats, which are similar. Preset 1 took 34 s, not 545 s, and a fifth more."""
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_CHUNK = 2000
_MEASURED = 3000
"""Labels that are rendered to choose the shapes, evenly spaced."""
_RECORDED = 1500
"""Formulas that are typeset in every style to find the files that TeX loads."""


def main(
    train: Annotated[list[Path], typer.Argument(help="training formulas: .txt, .jsonl, .csv or .parquet, or .gz")],
    val: Annotated[Path, typer.Option(help="validation formulas")],
    held_out: Annotated[list[Path] | None, typer.Option(help="files of labels to exclude from training")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="archive to write")] = Path("gpu_10min.tar.xz"),
    overrides: Annotated[list[Path] | None, typer.Option(help="overrides of params.yaml, in order")] = None,
    normalized: Annotated[
        bool, typer.Option("--normalized", help="formulas are normalized, as by `recipes.dataset build`")
    ] = False,
    count: Annotated[int, typer.Option(help="first formulas of each training file; 0 for all")] = 0,
    val_count: Annotated[int, typer.Option(help="validation labels")] = 500,
    start: Annotated[Path | None, typer.Option(help="initial state or checkpoint that is transferred too")] = None,
    python: Annotated[str, typer.Option(help="Python version of the other machine")] = "3.12",
    set_value: Annotated[
        list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE, applied after the overrides")
    ] = None,
) -> None:
    """Write the archive and print the sizes of its parts."""
    try:
        params = load_yaml(ROOT / "params.yaml")
        for path in overrides or OVERRIDES:
            params = merge(params, load_yaml(path))
        for text in set_value or []:
            params = merge(params, parse_assignment(text))
        params = check_params(_with_pdfium(params))
        training = [text for path in train for text in islice(_formulas(path), count or None)]
        excluded = [text for path in held_out or [] for text in _formulas(path)]
        labels = prepare_labels(params, training, list(islice(_formulas(val), val_count)), excluded, normalized)
        train_params = check(params["train"], TrainParams, "train")
        limit = MAX_INPUT_BYTES - repository_bytes(start)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            project = folder / "project"
            project.mkdir()
            text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
            (project / "params.yaml").write_text(text, encoding="utf-8")
            labels.save(project / "data")
            styles = _render_styles(params)
            save_shapes(_shapes(labels, params, styles), project / "data" / "buckets.json")
            _download_wheels(folder / "wheels", python)
            latex = [labels.latex(index) for index in _evenly_spaced(len(labels), _RECORDED)]
            collect(folder / "tex", tex_render_params(styles), latex)
            with lzma.open(out, "wb", filters=_FILTERS) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
                for part in sorted(folder.iterdir()):
                    archive.add(part, part.name, filter=_anonymous)
                    size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
                    typer.echo(f"{part.name:8} {size / 1e6:8.1f} MB unpacked")
        if out.stat().st_size > limit:
            raise InputError(
                f"{out}: {out.stat().st_size / 2**20:.1f} MiB; {limit / 2**20:.1f} MiB are left "
                "beside tracked files and state; pack fewer formulas (--count), or remove momentum-* from the state"
            )
    except Im2LatexError as error:
        typer.echo(f"pack: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    state = state_bytes(train_params, labels.vocabulary)
    typer.echo(
        f"{out}: {out.stat().st_size / 2**20:.1f} of {limit / 2**20:.1f} MiB; {len(labels):,} labels, "
        f"{len(labels.vocabulary)} tokens; state of a run {state / 2**20:.1f} MiB"
    )


def prepare_labels(
    params: dict[str, Any],
    train: Sequence[str],
    val: Sequence[str],
    held_out: Sequence[str],
    normalized: bool = False,
) -> Labels:
    """Normalized, filtered and distinct labels, shuffled; the vocabulary is that of the training labels."""
    normalizer = check(params["normalize"]["normalizer"], NormalizerParams, "normalize.normalizer")
    if not normalized:
        train, val = _normalize(normalizer, train), _normalize(normalizer, val)
    excluded = {*_normalize(normalizer, held_out), *val}
    training = [text for text in dict.fromkeys(train) if text and text not in excluded]
    vocabulary = Vocabulary.fit(
        (text.split() for text in training), check(params["tokenize"]["vocabulary"], VocabularyParams, "tokenize")
    )
    filters = check(params["filter"], FilterParams, "filter")
    validation = [text for text in dict.fromkeys(val) if text]
    generator = np.random.default_rng(int(params["train"]["seed"]))
    training = [training[index] for index in generator.permutation(len(training))]
    tokens: list[list[int]] = []
    is_validation: list[bool] = []
    for text, validated in [*((text, False) for text in training), *((text, True) for text in validation)]:
        ids = vocabulary.encode(text.split())
        if filters.min_tokens <= len(ids) <= filters.max_tokens and vocabulary.unk not in ids:
            tokens.append(ids)
            is_validation.append(validated)
    if all(is_validation):
        raise InputError("no training formula is left after filtering; add formulas, or raise filter.max_tokens")
    style_indices = _sample_styles(
        _render_styles(params), len(tokens), int(params["render"]["styles"]["per_formula"]), generator
    )
    style_indices[np.array(is_validation)] = 0
    return Labels.from_lists(tokens, style_indices, is_validation, vocabulary)


def _sample_styles(
    styles: Sequence[RenderStyle], count: int, per_label: int, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Style indices (N, K) of each label, weighted by share and without replacement: the K smallest exponentials."""
    shares = np.array([style.share for style in styles])
    exponentials = -np.log1p(-generator.random((count, len(styles)))) / np.maximum(shares, 1e-9)
    per_label = min(per_label, int((shares > 0).sum()))
    smallest = np.argpartition(exponentials, per_label - 1, axis=1)[:, :per_label]
    order = np.argsort(np.take_along_axis(exponentials, smallest, axis=1), axis=1)
    return np.take_along_axis(smallest, order, axis=1).astype(np.uint8)


def _with_pdfium(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with pdfium for every TeX style: the other machine has no other rasterizer."""
    styles = params["render"]["styles"]
    variants = [
        variant | ({"rasterizer": "pdfium"} if "rasterizer" in variant else {}) for variant in styles["variants"]
    ]
    return merge(params, {"render": {"renderer": {"rasterizer": "pdfium"}, "styles": {"variants": variants}}})


def state_bytes(params: TrainParams, vocabulary: Vocabulary) -> int:
    """Size of weights and momentum in half precision; Adam has two moments for each weight, Muon one."""
    network = Network(params.model, len(vocabulary))
    hidden = sum(int(weight.numel()) for weight in network.hidden_matrices())
    total = sum(int(weight.numel()) for weight in network.state_dict().values())
    hidden_moments = 1 if params.optimizer.hidden == "muon" else 2
    return 2 * (total + hidden * hidden_moments + 2 * (total - hidden))


def repository_bytes(start: Path | None = None) -> int:
    """Size of the tracked files and of `start`, which are transferred beside the archive."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True)
    files = {ROOT / name for name in listed.stdout.decode().split("\0") if name}
    files |= set() if start is None else {path.resolve() for path in start.rglob("*")}
    return sum(path.stat().st_size for path in files if path.is_file())


def _render_styles(params: dict[str, Any]) -> list[RenderStyle]:
    stage = check(params["render"], RenderStageParams, "render")
    return all_styles(stage.renderer, stage.styles)


def _formulas(path: Path) -> Iterator[str]:
    return (row.formula for row in read_file(path) if isinstance(row, RawFormula))


def _download_wheels(folder: Path, python: str) -> None:
    """Download the wheels of requirements.txt for the Python of the other machine."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder)]
    subprocess.run([*command, *(f"{name}=={pins[name]}" for name in lines if name and name[0] != "#")], check=True)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """A tar entry without user names and ids of this machine."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


@dataclass(frozen=True)
class _NormalizeChunk:
    """Task of a worker: normalize one chunk."""

    params: NormalizerParams

    def __call__(self, formulas: Sequence[str]) -> list[str]:
        """Normalized formulas, empty for those that are refused."""
        normalizer, normalized = Normalizer(self.params), []
        for formula in formulas:
            try:
                normalized.append(normalizer.normalize(formula))
            except LatexError:
                normalized.append("")
        return normalized


def _normalize(params: NormalizerParams, formulas: Sequence[str]) -> list[str]:
    chunks = [formulas[start : start + _CHUNK] for start in range(0, len(formulas), _CHUNK)]
    task = _NormalizeChunk(params)
    results = joblib.Parallel(n_jobs=worker_count())(delayed(task)(chunk) for chunk in chunks)
    return [formula for result in results for formula in result]


@dataclass(frozen=True)
class _MeasureChunk:
    """Task of a worker: sizes of the images of some labels."""

    stage: RenderStageParams
    style: RenderStyle

    def __call__(self, latex: Sequence[str]) -> list[tuple[int, int]]:
        """Height and width of each; 0, 0 where rendering fails."""
        renderer, image = create_renderer(self.style.renderer), self.style.image_params(self.stage.image)
        images = [rendering.pixels for rendering in render_dataset_images(renderer, latex, image)]
        return [(0, 0) if pixels is None else (pixels.shape[0], pixels.shape[1]) for pixels in images]


def _shapes(labels: Labels, params: dict[str, Any], styles: Sequence[RenderStyle]) -> NDArray[np.int64]:
    """Shapes for a sample of the labels in their first style, within the limits of `filter`."""
    stage = check(params["render"], RenderStageParams, "render")
    filters = check(params["filter"], FilterParams, "filter")
    sample = _evenly_spaced(len(labels), _MEASURED)
    first = labels.styles[:, 0]
    by_style = {style: [index for index in sample if first[index] == style] for style in range(len(styles))}
    jobs = [(style, indices) for style, indices in by_style.items() if indices]
    measured = joblib.Parallel(n_jobs=worker_count())(
        delayed(_MeasureChunk(stage, styles[style]))([labels.latex(index) for index in indices])
        for style, indices in jobs
    )
    sizes = [
        (height, width, len(labels[index]))
        for (_, indices), image_sizes in zip(jobs, measured, strict=True)
        for index, (height, width) in zip(indices, image_sizes, strict=True)
        if 0 < height <= filters.max_height_px and 0 < width <= filters.max_width_px
    ]
    if not sizes:
        raise InputError("no label could be rendered; run `im2latex doctor` to check TeX")
    return choose_shapes(np.array(sizes, dtype=np.int64), check(params["bucket"], BucketParams, "bucket"))


def _evenly_spaced(size: int, count: int) -> list[int]:
    indices: list[int] = np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int)).tolist()
    return indices


if __name__ == "__main__":
    typer.run(main)
