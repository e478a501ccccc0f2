r"""Portable TeX for machines without one: the program, compiled formats, and the files that formulas need.

reads   the TeX installation of this machine
writes  <folder>/bin/{pdftex,kpsewhich}     wrappers that set the search paths by their own place
        <folder>/lib/                       the programs and the shared libraries they load
        <folder>/files/                     all TeX files, flat: fonts, their map, packages
        <folder>/web2c/0..n/texmf.cnf       our paths first, then the installation's settings
        <folder>/cache/im2latex/formats/    the format of each look, as `texformat` looks for it

Which files a format needs at run time is found by setting formulas with TeX's recorder on. Fonts come with all their
neighbours, so that a formula that was not among them finds the other sizes of a family too.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from im2latex.errors import ToolError
from im2latex.rendering import document, tex_format
from im2latex.rendering.renderer import RenderParams
from im2latex.sandbox import process
from im2latex.sandbox.restrictions import FileAccess

_PROGRAMS = ("pdftex", "kpsewhich")
_MAP = "pdftex.map"
_OWN = (".tfm", ".pfb", ".vf", ".fd", ".enc")
"""Files whose neighbours come along: the other sizes and shapes of a font."""
_BATCH = 250
_MOST_BYTES = 24_000_000
_ASKED = ("latex.ltx", "amsopn.sty", "amsfonts.sty", "rsfs10.pfb", "eufm10.pfb", "msam10.pfb", "msbm10.pfb")
"""What `im2latex doctor` names versions of."""
_SYSTEM = re.compile(r"^(linux-vdso|ld-linux|libc\.|libm\.|libdl\.|libpthread\.)")
"""Libraries that belong to the C library of the machine, which must be as new as the one here, or newer."""

_WRAPPER = """#!/bin/sh
IM2LATEX_TEX=$(dirname "$(dirname "$(readlink -f "$0")")")
export IM2LATEX_TEX
export TEXMFCNF={settings}
LD_LIBRARY_PATH=$IM2LATEX_TEX/lib exec "$IM2LATEX_TEX/lib/{name}" "$@"
"""
_VARIABLES = ("TEXINPUTS", "TFMFONTS", "T1FONTS", "VFFONTS", "ENCFONTS", "TEXFONTMAPS", "TEXMFSCRIPTS", "AFMFONTS")


def collect(folder: Path, renderers: Sequence[RenderParams], formulas: Sequence[str]) -> int:
    """Write a TeX for these renderers that sets all of `formulas`; returns its size in bytes.

    Raises `ToolError` where it would be larger than any set of mathematical fonts has reason to be.
    """
    if any(renderer.rasterizer == "dvipng" for renderer in renderers):
        raise ToolError("dvipng cannot be carried along: take looks with `rasterizer: dvipng` out of render.looks")
    files: set[Path] = set(_located(_ASKED))
    for renderer in renderers:
        preamble = document.preamble(renderer.template, renderer)
        made = tex_format.load(preamble)
        files |= _sources(made.path)
        files |= _recorded(made, renderer, formulas)
        _keep_format(made, folder / "cache" / "im2latex" / "formats")
    kept = {path.name: path for path in sorted(_with_neighbours(files), reverse=True)}
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for name, path in kept.items():
        if name == _MAP:
            (folder / "files" / name).write_text(_map_of(path, kept), encoding="utf-8")
        elif path.suffix not in (".fmt", ".cnf"):
            shutil.copyfile(path, folder / "files" / name)
    _programs(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    fonts = sum(path.stat().st_size for path in (folder / "files").iterdir())
    if fonts > _MOST_BYTES:
        raise ToolError(f"{folder}: {fonts / 1e6:.0f} MB of TeX files; a formula asked for a folder that is no font's")
    return size


def _recorded(made: tex_format.TexFormat, renderer: RenderParams, formulas: Sequence[str]) -> set[Path]:
    """What TeX opens while it sets the formulas; a batch that dies tells what it opened until then."""
    found: set[Path] = set()
    command = [
        "pdftex",
        f"-fmt={made.path.name}",
        "-recorder",
        "-no-shell-escape",
        "-interaction=nonstopmode",
        "batch.tex",
    ]
    for start in range(0, len(formulas), _BATCH):
        source, _ = document.body(formulas[start : start + _BATCH], renderer.template, renderer.template.margin_px)
        # On a disk: TeX leaves no record in a folder that lives in memory.
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            (work / "batch.tex").write_text(source, encoding="utf-8")
            shutil.copyfile(made.path, work / made.path.name)  # TeX begins its record beside the format
            process.run_process(
                command,
                cwd=work,
                timeout_seconds=60,
                memory_mb=2048,
                file_mb=64,
                access=FileAccess(read=tex_format.tex_trees()),
                env=tex_format.TEX_ENVIRONMENT,
            )
            found |= _inputs(work / "batch.fls", work)
    return found


def _inputs(record: Path, work: Path) -> set[Path]:
    """The files of the installation that a record names."""
    if not record.is_file():
        return set()
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {Path(line.removeprefix("INPUT ")) for line in lines if line.startswith("INPUT /")}
    return {path for path in paths if path.is_file() and not path.is_relative_to(work)}


def _sources(made: Path) -> set[Path]:
    """What a format was made of."""
    return {Path(name) for name in json.loads(made.with_name("made_of.json").read_text(encoding="utf-8"))["sources"]}


def _keep_format(made: tex_format.TexFormat, cache: Path) -> None:
    """Copy a format, so that it is found although none of its sources lies where it lay here."""
    folder = cache / made.path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made.path, folder / made.path.name)
    digest = hashlib.sha256(made.path.read_bytes()).hexdigest()
    note = {"fingerprint": made.fingerprint, "format": digest, "sources": {}}
    (folder / "made_of.json").write_text(json.dumps(note), encoding="utf-8")


def _with_neighbours(files: Iterable[Path]) -> set[Path]:
    """The files, and for each file of a font all of its kind that lie beside it."""
    places = {(path.parent, path.suffix) for path in files if path.suffix in _OWN}
    beside = {path for folder, suffix in places for path in folder.glob(f"*{suffix}")}
    return {*files, *beside}


def _map_of(path: Path, kept: dict[str, Path]) -> str:
    """The lines of a font map whose fonts are all there."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "".join(f"{line}\n" for line in lines if _all_there(re.findall(r"<\[?([^\s<\[]+)", line), kept))


def _all_there(names: list[str], kept: dict[str, Path]) -> bool:
    return bool(names) and all(name in kept for name in names)


def _located(names: Sequence[str]) -> list[Path]:
    """Where the installation keeps files, as far as it has them."""
    done = process.query_program("kpsewhich", *names)
    return [Path(line) for line in done.stdout.decode().splitlines()]


def _programs(folder: Path) -> None:
    """Programs, their libraries, wrappers and settings."""
    for name in ("bin", "lib", "web2c/0"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    told = process.query_program("kpsewhich", "-a", "texmf.cnf")
    settings = [Path(line) for line in told.stdout.decode().splitlines()]
    own = "".join(f"{name} = .:$IM2LATEX_TEX/files//\n" for name in _VARIABLES)
    (folder / "web2c/0/texmf.cnf").write_text(f"TEXMFDBS = /nonexistent\n{own}", encoding="utf-8")
    for number, path in enumerate(settings, 1):
        (folder / f"web2c/{number}").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / f"web2c/{number}/texmf.cnf")
    places = ":".join(f"$IM2LATEX_TEX/web2c/{number}" for number in range(len(settings) + 1))
    for name in _PROGRAMS:
        program = process.find_program(name).resolve()
        shutil.copy(program, folder / "lib" / name)
        for library in _libraries(program):
            shutil.copy(library, folder / "lib" / library.name)
        wrapper = folder / "bin" / name
        wrapper.write_text(_WRAPPER.format(settings=places, name=name), encoding="utf-8")
        wrapper.chmod(0o755)


def _libraries(program: Path) -> list[Path]:
    """The shared libraries that a program loads and a bare machine may lack."""
    told = process.query_program("ldd", str(program))
    found = re.findall(r"(\S+) => (/\S+)", told.stdout.decode())
    return [Path(path) for name, path in found if not _SYSTEM.match(name)]
