"""Export of the page and a model to a static folder: it reads images in the browser alone, without a server program.

writes  <folder>/index.html, page/   the page of `im2latex serve`; its api.js is `web/api.js`
        <folder>/reader/             preprocessing and search in JavaScript, from `web/`
        <folder>/model/              the graphs and weights (`engines.onnx_export`); config.json: vocabulary, shapes and
                                     coefficients; grammar.safetensors: the tables of `decoding.grammar_tables`
        <folder>/packages/           onnxruntime-web, which computes the graphs, and Temml, which writes MathML

Browsers load modules only over HTTP, so that any static server is needed, but none that computes.
"""

import json
import re
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.grammar_tables import load_grammar_tables
from im2latex.engines.config import read_config
from im2latex.errors import ArtifactError, ToolError
from im2latex.images.font_size import WEIGHTS_PATH
from im2latex.inference.confidence import load_confidence_model
from im2latex.inference.inputs import input_image_spec
from im2latex.latex.parser.signatures import MAX_DEPTH
from im2latex.latex.pretty import tables
from im2latex.sandbox.process import run_process

PACKAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "onnxruntime-web": ("1.30.0", ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")),
    "temml": ("0.13.5", ("temml.mjs",)),
}
"""Packages of npm: their version, and the files of their folder dist."""
_SOURCES = Path(str(files("im2latex.serving")))
_SERVER_ONLY = re.compile(r"<(\w+)[^>]* data-server[^>]*>.*?</\1>", re.DOTALL)
_GRAPHS = ("encoder.onnx", "decoder.onnx", "model.safetensors")
_NPM_SECONDS = 300


def export_page(graphs: Path, folder: Path, packages: Path | None = None) -> None:
    """Write the folder for a checkpoint with ONNX graphs.

    `packages` is a folder node_modules that has `PACKAGES`; by default npm fetches them. Raises `ToolError` where npm
    is missing or fails, `ArtifactError` where a package lacks a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        _copy_packages(_fetch_packages(Path(temporary)) if packages is None else packages, folder / "packages")
    _write_page(folder)
    model = folder / "model"
    model.mkdir(exist_ok=True)
    for name in _GRAPHS:
        shutil.copyfile(graphs / name, model / name)
    _write_grammar(read_config(graphs).vocabulary, model / "grammar.safetensors")
    (model / "config.json").write_text(json.dumps(config_content(graphs)), encoding="utf-8")


def _write_page(folder: Path) -> None:
    """The page without what needs a server, and the modules that replace the server."""
    page = folder / "page"
    shutil.copytree(_SOURCES / "page", page, dirs_exist_ok=True)
    html = (page / "index.html").read_text(encoding="utf-8")
    (page / "index.html").unlink()
    html = _SERVER_ONLY.sub("", html).replace('"/page/', '"page/')
    (folder / "index.html").write_text(html, encoding="utf-8")
    shutil.copytree(_SOURCES / "web", folder / "reader", dirs_exist_ok=True)
    (folder / "reader" / "api.js").replace(page / "api.js")


def config_content(checkpoint: Path) -> dict[str, Any]:
    """What the modules need to know of the model of a checkpoint."""
    config, confidence = read_config(checkpoint), load_confidence_model(checkpoint)
    network = json.loads(WEIGHTS_PATH.read_text(encoding="utf-8"))
    return {
        "vocabulary": config.vocabulary.tokens,
        "max_tokens": config.max_tokens,
        "max_depth": MAX_DEPTH,
        "shapes": [{"height": shape.height, "width": shape.width} for shape in config.shapes],
        "input": asdict(input_image_spec(config)) | {"font_size": network},
        "spelling": tables(),
        "coefficients": None if confidence is None else confidence.greedy.model_dump(),
    }


def _write_grammar(vocabulary: Vocabulary, path: Path) -> None:
    from safetensors.numpy import save

    grammar = load_grammar_tables(vocabulary)
    names = ("push", "count", "rest", "change", "ids", "start", "cost")
    path.write_bytes(save({name: np.atleast_1d(getattr(grammar, name)).astype(np.int16) for name in names}))


def package_names() -> list[str]:
    """The packages with their versions, as npm names them."""
    return [f"{name}@{version}" for name, (version, _) in PACKAGES.items()]


def _fetch_packages(folder: Path) -> Path:
    """Fetch the packages with npm, which checks their hashes, into folders of their names."""
    if shutil.which("npm") is None:
        raise ToolError(
            "npm is not installed, and the page needs packages of it; install Node.js, or name a folder node_modules "
            f"that has {' and '.join(package_names())} with --packages"
        )
    wanted = package_names()
    done = run_process(
        ["npm", "pack", "--silent", *wanted],
        cwd=folder,
        timeout_seconds=_NPM_SECONDS,
        memory_mb=16_384,
        file_mb=200,
        access=None,
    )
    if not done.ok:
        message = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise ToolError(f"npm cannot fetch {' and '.join(wanted)}: {message or 'it gives no reason'}; try again")
    for name, (version, _) in PACKAGES.items():
        with tarfile.open(folder / f"{name}-{version}.tgz") as archive:
            archive.extractall(folder, filter="data")
        (folder / "package").replace(folder / name)
    return folder


def _copy_packages(source: Path, folder: Path) -> None:
    for name, (version, names) in PACKAGES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        found = [source / name / "dist" / one for one in names] + sorted((source / name).glob("LICENSE*"))
        for path in [*found, source / name / "package.json"]:
            if not path.is_file():
                raise ArtifactError(f"{path}: there is no such file; run npm install {name}@{version}")
            shutil.copyfile(path, folder / name / path.name)
