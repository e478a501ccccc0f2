"""Pack a whole run into one archive, for a machine with no TeX and no network: python -m recipes.pack --help

reads   formulas, label files, params.yaml with the changes of a recipe, this machine's TeX, a package index
writes  an archive for `recipes/run.sh`: wheels, a portable TeX, the code, params.yaml, the dataset and the label files

The dataset holds the formulas to train on as split train, others of the same kind as split val, and all label files as
split test: so the filters keep every label out of training, by text and by image.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from im2latex.config import Params, check, load_yaml
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.filters import FilterParams
from im2latex.dataset.readers.files import read_file
from im2latex.errors import Im2LatexError, InputError
from im2latex.inference.predict_split import ReadoutParams
from im2latex.rendering.styles import all_styles, tex_renderers
from im2latex.schemas import RawFormula
from im2latex.training.config import TrainParams
from pipeline.fingerprint import ROOT
from pipeline.normalizer import NormalizeParams
from pipeline.renderer import RenderStageParams
from recipes.overrides import assignment, merged
from recipes.portable_tex import collect

CODE = ("im2latex", "pipeline", "benchmarks", "recipes", "custom")
REQUIREMENTS = ROOT / "recipes" / "requirements.txt"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_RECORDED = 20_000
"""Formulas that are set, at even distances, to find the files that TeX asks for."""

Row = dict[str, str]


def main(
    train: Annotated[Path, typer.Argument(help="formulas to train on: .txt, .jsonl, .csv or .parquet")],
    val: Annotated[Path, typer.Argument(help="formulas to validate on")],
    labels: Annotated[list[str], typer.Option(help="NAME=FILE or NAME=FILE:COUNT, a held-out set")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the archive")] = Path("recipe.tar.xz"),
    changes: Annotated[Path, typer.Option(help="what the recipe changes in params.yaml")] = Path(
        "recipes/two_cores/changes.yaml"
    ),
    count: Annotated[int, typer.Option(help="formulas to train on, the first ones; 0 for all")] = 0,
    val_count: Annotated[int, typer.Option(help="formulas to validate on")] = 4000,
    python: Annotated[str, typer.Option(help="Python version of the other machine")] = "3.12",
    set_value: Annotated[list[str] | None, typer.Option("--set", "-S", help="a.b.c=VALUE, after the changes")] = None,
) -> None:
    """Write the archive and say how large its parts are."""
    try:
        sets = dict(map(_labels, labels))
        held_out = {label for lines in sets.values() for label in lines}
        params = merged(load_yaml(ROOT / "params.yaml"), load_yaml(changes))
        for text in set_value or []:
            params = merged(params, assignment(text))
        checked(params)
        rows = list(islice(_rows(train, "train"), count or None))
        rows += islice((row for row in _rows(val, "val") if row["formula"] not in held_out), val_count)
        for name, lines in sets.items():
            rows += [{"id": f"{name}-{line}", "formula": text, "split": "test"} for line, text in enumerate(lines)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            wheels(folder / "wheels", python)
            _project(folder / "project", params, rows, sets)
            stage = check(params["render"], RenderStageParams, "render")
            styles = all_styles(stage.renderer, stage.styles)
            formulas = [row["formula"] for row in rows]
            collect(folder / "tex", tex_renderers(styles), formulas[:: max(1, len(formulas) // _RECORDED)])
            with tarfile.open(out, "w:xz") as archive:
                for part in sorted(folder.iterdir()):
                    archive.add(part, part.name, filter=plain)
                    typer.echo(f"{part.name:8} {size_of(part) / 1e6:8.1f} MB unpacked")
    except Im2LatexError as error:
        typer.echo(f"pack: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(rows):,} formulas")


def checked(params: dict[str, Any]) -> dict[str, Any]:
    """The same, if the sections that recipes change are valid; raises `ParamsError` naming the key that is not."""
    kinds: dict[str, type[Params]] = {
        "normalize": NormalizeParams,
        "render": RenderStageParams,
        "filter": FilterParams,
        "bucket": BucketParams,
        "train": TrainParams,
        "predict": ReadoutParams,
    }
    for section, kind in kinds.items():
        check(params[section], kind, section)
    return params


def _rows(file: Path, split: str) -> Iterator[Row]:
    """The formulas of a file as rows of a dataset."""
    for row in read_file(file):
        if isinstance(row, RawFormula):
            named = {"id": row.source_id, "group": row.group, "formula": row.formula, "split": split}
            yield {key: value for key, value in named.items() if value is not None}


def _labels(text: str) -> tuple[str, list[str]]:
    """The name and the labels of a held-out set, each in one line."""
    found = re.fullmatch(r"([\w.-]+)=(.+?)(?::(\d+))?", text)
    if found is None:
        raise InputError(f"{text}: a held-out set is written as NAME=FILE or NAME=FILE:COUNT")
    name, file, count = found.groups()
    rows = islice(_rows(Path(file), "test"), int(count) if count else None)
    return name, [row["formula"].replace("\n", " ") for row in rows]


def _project(folder: Path, params: dict[str, Any], rows: list[Row], sets: Mapping[str, list[str]]) -> None:
    """The code with its params.yaml, the dataset and the label files."""
    code(folder)
    start = params["train"].get("start")
    if start:
        place = str(start).partition("@")[0]
        shutil.copytree(ROOT / place, folder / place)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False, allow_unicode=True), encoding="utf-8")
    dataset = folder / "data" / "raw" / str(params["dataset"])
    dataset.mkdir(parents=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (dataset / "formulas.jsonl").write_text(text, encoding="utf-8")
    (folder / "sets").mkdir()
    for name, lines in sets.items():
        (folder / "sets" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def code(folder: Path) -> None:
    """Copy the packages of the project, without the checkpoint that comes with them."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results", "released"))


def wheels(folder: Path, python: str, requirements: Path = REQUIREMENTS) -> None:
    """Download what the other machine lacks, for its Python."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    names = [line for line in requirements.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms]
    command += ["--implementation", "cp", "--python-version", python, "--dest", str(folder)]
    subprocess.run([*command, *(f"{name}=={pins[name]}" for name in names)], check=True)


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without names and numbers of this machine's users."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def size_of(folder: Path) -> int:
    """The bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    typer.run(main)
