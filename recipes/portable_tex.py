r"""Portable TeX for machines without one: the program, compiled formats, and the files that formulas need.

reads   the TeX installation of this machine
writes  <folder>/bin/{pdftex,kpsewhich}     wrappers that set search paths relative to their location
        <folder>/lib/                       the programs and their shared libraries
        <folder>/files/                     all TeX files in one folder: fonts, font map, packages
        <folder>/web2c/0..n/texmf.cnf       our search paths, then the settings of the installation
        <folder>/cache/im2latex/formats/    the format of each style, in the layout of rendering.tex_format

The files that a format needs at run time are found by typesetting formulas with `pdftex -recorder`. All files in the
folder of a font are copied too, so that other formulas find the other sizes of the family.
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
from im2latex.sandbox.sandbox import FileAccess
from im2latex.sandbox.system_packages import find_program

_PROGRAMS = ("pdftex", "kpsewhich")
_MAP = "pdftex.map"
_FONT_SUFFIXES = (".tfm", ".pfb", ".vf", ".fd", ".enc")
"""Files of fonts; all files of the same kind in their folder are copied too."""
_BATCH_SIZE = 250
_MAX_BYTES = 24_000_000
_PROBED_FILES = ("latex.ltx", "amsopn.sty", "amsfonts.sty", "rsfs10.pfb", "eufm10.pfb", "msam10.pfb", "msbm10.pfb")
"""Files whose versions `im2latex doctor` reports."""
_SYSTEM_LIBRARIES = re.compile(r"^(linux-vdso|ld-linux|libc\.|libm\.|libdl\.|libpthread\.)")
"""Parts of the C library, which are not copied: the other machine needs the version of this one or a newer one."""

_WRAPPER = """#!/bin/sh
IM2LATEX_TEX=$(dirname "$(dirname "$(readlink -f "$0")")")
export IM2LATEX_TEX
export TEXMFCNF={settings}
LD_LIBRARY_PATH=$IM2LATEX_TEX/lib exec "$IM2LATEX_TEX/lib/{name}" "$@"
"""
_VARIABLES = ("TEXINPUTS", "TFMFONTS", "T1FONTS", "VFFONTS", "ENCFONTS", "TEXFONTMAPS", "TEXMFSCRIPTS", "AFMFONTS")


def collect(folder: Path, renderers: Sequence[RenderParams], formulas: Sequence[str]) -> int:
    """Write a portable TeX for these renderers that typesets `formulas`; returns its size in bytes.

    Raises `ToolError` for a style that needs dvipng, or where the TeX files exceed 24 MB, far more than the fonts need.
    """
    if any(renderer.rasterizer == "dvipng" for renderer in renderers):
        raise ToolError(
            "dvipng is not portable; remove the variants with `rasterizer: dvipng` from render.styles.variants"
        )
    files: set[Path] = set(_kpsewhich(_PROBED_FILES))
    for renderer in renderers:
        preamble = document.preamble(renderer.template, renderer)
        compiled = tex_format.load(preamble)
        files |= _format_sources(compiled.path)
        files |= _recorded_inputs(compiled, renderer, formulas)
        _copy_format(compiled, folder / "cache" / "im2latex" / "formats")
    by_name = {path.name: path for path in sorted(_with_siblings(files), reverse=True)}
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for name, path in by_name.items():
        if name == _MAP:
            (folder / "files" / name).write_text(_filter_font_map(path, by_name), encoding="utf-8")
        elif path.suffix not in (".fmt", ".cnf"):
            shutil.copyfile(path, folder / "files" / name)
    _copy_programs(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    fonts = sum(path.stat().st_size for path in (folder / "files").iterdir())
    if fonts > _MAX_BYTES:
        raise ToolError(
            f"{folder}: {fonts / 1e6:.0f} MB of TeX files; at most {_MAX_BYTES / 1e6:.0f} MB are expected: a formula "
            "loaded files from a folder that holds more than fonts"
        )
    return size


def _recorded_inputs(compiled: tex_format.TexFormat, renderer: RenderParams, formulas: Sequence[str]) -> set[Path]:
    """Files that TeX opens to typeset the formulas; those of a failed batch up to its failure."""
    found: set[Path] = set()
    command = [
        "pdftex",
        f"-fmt={compiled.path.name}",
        "-recorder",
        "-no-shell-escape",
        "-interaction=nonstopmode",
        "batch.tex",
    ]
    for start in range(0, len(formulas), _BATCH_SIZE):
        source, _ = document.body(formulas[start : start + _BATCH_SIZE], renderer.template, renderer.template.margin_px)
        # A folder on disk: in the scratch folder in memory TeX writes no record.
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            (work / "batch.tex").write_text(source, encoding="utf-8")
            shutil.copyfile(compiled.path, work / compiled.path.name)  # TeX writes its record beside the format
            process.run_process(
                command,
                cwd=work,
                timeout_seconds=60,
                memory_mb=2048,
                file_mb=64,
                access=FileAccess(read=tex_format.tex_trees()),
                env=tex_format.TEX_ENVIRONMENT,
            )
            found |= _read_record(work / "batch.fls", work)
    return found


def _read_record(record: Path, work: Path) -> set[Path]:
    """Files of the installation in a .fls record."""
    if not record.is_file():
        return set()
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {Path(line.removeprefix("INPUT ")) for line in lines if line.startswith("INPUT /")}
    return {path for path in paths if path.is_file() and not path.is_relative_to(work)}


def _format_sources(path: Path) -> set[Path]:
    """Files from which a format was compiled."""
    return {Path(name) for name in json.loads(path.with_name("made_of.json").read_text(encoding="utf-8"))["sources"]}


def _copy_format(compiled: tex_format.TexFormat, cache: Path) -> None:
    """Copy a format without its list of sources: their paths do not exist on the other machine."""
    folder = cache / compiled.path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(compiled.path, folder / compiled.path.name)
    digest = hashlib.sha256(compiled.path.read_bytes()).hexdigest()
    note = {"fingerprint": compiled.fingerprint, "format": digest, "sources": {}}
    (folder / "made_of.json").write_text(json.dumps(note), encoding="utf-8")


def _with_siblings(files: Iterable[Path]) -> set[Path]:
    """The files, and for each font file all files of its kind in its folder."""
    folders = {(path.parent, path.suffix) for path in files if path.suffix in _FONT_SUFFIXES}
    siblings = {path for folder, suffix in folders for path in folder.glob(f"*{suffix}")}
    return {*files, *siblings}


def _filter_font_map(path: Path, files: dict[str, Path]) -> str:
    """The lines of a font map whose font files are all in `files`."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    fonts = [(line, set(re.findall(r"<\[?([^\s<\[]+)", line))) for line in lines]
    return "".join(f"{line}\n" for line, names in fonts if names and names <= files.keys())


def _kpsewhich(names: Sequence[str]) -> list[Path]:
    """Paths of the files that are installed."""
    done = process.query_program("kpsewhich", *names)
    return [Path(line) for line in done.stdout.decode().splitlines()]


def _copy_programs(folder: Path) -> None:
    """Copy programs, libraries and settings, and write the wrappers."""
    for name in ("bin", "lib", "web2c/0"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    located = process.query_program("kpsewhich", "-a", "texmf.cnf")
    settings = [Path(line) for line in located.stdout.decode().splitlines()]
    search_paths = "".join(f"{name} = .:$IM2LATEX_TEX/files//\n" for name in _VARIABLES)
    (folder / "web2c/0/texmf.cnf").write_text(f"TEXMFDBS = /nonexistent\n{search_paths}", encoding="utf-8")
    for number, path in enumerate(settings, 1):
        (folder / f"web2c/{number}").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / f"web2c/{number}/texmf.cnf")
    configs = ":".join(f"$IM2LATEX_TEX/web2c/{number}" for number in range(len(settings) + 1))
    for name in _PROGRAMS:
        program = find_program(name).resolve()
        shutil.copy(program, folder / "lib" / name)
        for library in _libraries(program):
            shutil.copy(library, folder / "lib" / library.name)
        wrapper = folder / "bin" / name
        wrapper.write_text(_WRAPPER.format(settings=configs, name=name), encoding="utf-8")
        wrapper.chmod(0o755)


def _libraries(program: Path) -> list[Path]:
    """Shared libraries of a program that the other machine may lack."""
    linked = process.query_program("ldd", str(program))
    found = re.findall(r"(\S+) => (/\S+)", linked.stdout.decode())
    return [Path(path) for name, path in found if not _SYSTEM_LIBRARIES.match(name)]
