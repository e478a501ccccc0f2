"""Cache of TeX formats: a preamble is compiled once, and loaded by every later run.

Loading the packages takes pdflatex longer than typesetting two hundred formulas. The cache key is a hash of the
preamble and the pdfTeX version. A folder is written under a temporary name and moved into place, so that several
processes may build it at once. It also holds the hash of the format and the list of its sources; when one of those has
changed since, or the format is damaged, it is built again. It is stored uncompressed, which TeX reads as well: TeX then
starts in 20 ms, instead of 65 ms with its own compressed format.
"""

import contextlib
import gzip
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from im2latex.errors import ToolError
from im2latex.io.hashing import sha256_of
from im2latex.io.user_cache import user_cache_folder
from im2latex.sandbox import process
from im2latex.sandbox.system_packages import find_program

BUILD_SECONDS = 60
# No program may be started, no file read or written outside the working folder, no font made at run time; lines of
# the log are never wrapped, and the date is constant.
TEX_ENVIRONMENT = {
    "openin_any": "p",
    "openout_any": "p",
    "shell_escape": "f",
    "TEXMFHOME": "/nonexistent",
    "MKTEXPK": "0",
    "MKTEXTFM": "0",
    "MKTEXMF": "0",
    "max_print_line": "100000",
    "error_line": "254",
    "half_error_line": "238",
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
}
_NAME = "im2latex"
_TREES = ("TEXMFMAIN", "TEXMFDIST", "TEXMFLOCAL", "TEXMFSYSVAR", "TEXMFSYSCONFIG", "SELFAUTODIR", "IM2LATEX_TEX")
r"""Variables that name the trees; the last is set by `recipes.portable_tex`."""


@dataclass(frozen=True)
class TexFormat:
    """A compiled preamble: the file to load, and a hash of the contents of all its sources."""

    path: Path
    fingerprint: str

    @property
    def intact(self) -> bool:
        """Whether the file is still the one that was built."""
        _digest.cache_clear()
        return _read(self.path.parent) == self


def tex_trees() -> tuple[Path, ...]:
    """The folders of the files of this TeX installation, as kpathsea names them (kpathsea manual, 4.1)."""
    return _trees(find_program("kpsewhich"))


@cache
def _trees(program: Path) -> tuple[Path, ...]:
    done = process.query_program(str(program), "--expand-var", ":".join(f"${name}" for name in _TREES))
    places = {Path(place.lstrip("!")) for place in done.stdout.decode("utf-8", "replace").strip().split(":") if place}
    return tuple(sorted(place for place in places if place.is_absolute() and not Path.home().is_relative_to(place)))


def font_map_hash() -> str:
    """A hash of the list of outline fonts of this TeX installation: a formula may use any of them."""
    found = process.query_program("kpsewhich", "pdftex.map").stdout.decode("utf-8", "replace").strip()
    return hashlib.sha256(Path(found).read_bytes()).hexdigest() if found else "none"


def load(preamble: str, cache: Path | None = None) -> TexFormat:
    """The format of a preamble, from the cache or newly built; raises `ToolError` where TeX refuses the preamble."""
    version = process.version_line("pdftex", "--version")
    key = hashlib.sha256(f"{version}\0uncompressed\0{preamble}".encode()).hexdigest()[:24]
    folder = (cache or user_cache_folder("formats")) / key
    found = _read(folder)
    if found is None:
        found = _build(preamble, folder)
    return found


def _read(folder: Path) -> TexFormat | None:
    """The cached format, unless it is missing or damaged or one of its sources has changed."""
    path = folder / f"{_NAME}.fmt"
    try:
        metadata = json.loads((folder / "made_of.json").read_text(encoding="utf-8"))
        current = all(_stamp(Path(name)) == stamp for name, stamp in metadata["sources"].items())
        status = path.stat()
        if current and metadata["format"] == _digest(path, status.st_ino, status.st_size, status.st_mtime_ns):
            return TexFormat(path, str(metadata["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


@cache
def _digest(path: Path, *_stamp: int) -> str:
    """The SHA-256 of a file with that stamp; a format is 18 MB, and each part of a dataset loads it."""
    return sha256_of(path)


def _build(preamble: str, folder: Path) -> TexFormat:
    """Run TeX on the preamble and move the result into place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (work / f"{_NAME}.tex").write_text(f"{preamble}\\dump\n", encoding="utf-8")
        done = process.run_process(
            ["pdftex", "-ini", "-recorder", "-interaction=nonstopmode", "-halt-on-error", "&pdflatex", f"{_NAME}.tex"],
            cwd=work,
            timeout_seconds=20 * BUILD_SECONDS,  # a busy machine fails no good preamble
            cpu_seconds=BUILD_SECONDS,
            memory_mb=2048,
            file_mb=256,
            access=None,  # the preamble is the user's own, and may load packages from anywhere
            env=TEX_ENVIRONMENT,
        )
        if done.stalled:
            raise ToolError(process.stalled_message("pdftex"))
        if not done.ok or not (work / f"{_NAME}.fmt").exists():
            raise ToolError(f"TeX refuses the preamble of the template: {_first_error(done.stdout)}")
        content = gzip.decompress((work / f"{_NAME}.fmt").read_bytes())
        (work / f"{_NAME}.fmt").write_bytes(content)
        sources = _sources(work)
        metadata = {
            "fingerprint": _fingerprint(sources),
            "format": hashlib.sha256(content).hexdigest(),
            "sources": {str(path): _stamp(path) for path in sources},
        }
        (work / "made_of.json").write_text(json.dumps(metadata), encoding="utf-8")
        _replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return TexFormat(folder / f"{_NAME}.fmt", str(metadata["fingerprint"]))


def _replace(work: Path, folder: Path) -> None:
    """Move a finished folder into place; where another process was first, its result is used."""
    with contextlib.suppress(OSError):
        work.rename(folder)
        return
    if _read(folder) is None:  # it is outdated: move it aside, then try again
        with contextlib.suppress(OSError):
            folder.rename(work.with_suffix(".old"))
        shutil.rmtree(work.with_suffix(".old"), ignore_errors=True)
        with contextlib.suppress(OSError):
            work.rename(folder)


def _sources(work: Path) -> list[Path]:
    """The files of the TeX installation that were read, in order of name."""
    lines = (work / f"{_NAME}.fls").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {Path(line[6:]) for line in lines if line.startswith("INPUT /")}
    return sorted(path for path in paths if not path.is_relative_to(work))


def _fingerprint(sources: list[Path]) -> str:
    """A hash of names and contents, the same on all machines that have these files, in whatever folder.

    The format that the preamble starts from is left out, since its bytes differ from machine to machine; its sources
    are those of the LaTeX release, which `doctor.tool_versions` names.
    """
    total = hashlib.sha256()
    for path in sorted(sources, key=lambda path: path.name):
        if path.suffix not in (".fmt", ".cnf", ".map"):
            total.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _stamp(path: Path) -> list[int]:
    """Size and modification time of a file, a cheap check for changes; raises `OSError`."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _first_error(stdout: bytes) -> str:
    """The first error of a log, in one line."""
    lines = stdout.decode("utf-8", "replace").splitlines()
    errors = [number for number, line in enumerate(lines) if line.startswith("!")]
    return " ".join(" ".join(lines[errors[0] : errors[0] + 3]).split()) if errors else "it ended without a format"
