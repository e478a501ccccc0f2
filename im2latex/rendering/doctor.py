"""Look at the tools that rendering needs: are they there, which versions, do they work, what to do if not.

Reads the machine, writes nothing but the format cache. `examine` is for people; `versions` names what decides the
bytes of the data set, for the tracked lock file and for the check that each stage makes against it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import get_args

from im2latex.errors import InputError, ToolError
from im2latex.rendering import document, rasterizers
from im2latex.rendering.fonts import FONTS, RECOMMENDED
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.sandbox import process, restrictions

WHEELS = ("numpy", "pillow", "pyarrow", "pypdfium2", "pylatexenc", "tokenizers")
_FONTS = ("cmr12.pfb", "cmmi12.pfb", "cmsy10.pfb", "cmex10.pfb", "msam10.pfb", "msbm10.pfb", "eufm10.pfb", "rsfs10.pfb")
_CORE = ("latex.ltx", "amsopn.sty", "amsfonts.sty")
_PROVIDES = re.compile(rb"\\(?:ProvidesPackage|ProvidesClass|ProvidesExplPackage)\s*\{[^}]*\}\s*\[([^\]\n]*)")
_RELEASE = re.compile(rb"\\edef\\fmtversion\s*\{?([0-9/-]+)")
_POLICIES = Path("/etc")
_TEST_FORMULA = r"\frac{a}{b}"
_TEX_PACKAGES = "texlive-latex-base texlive-latex-recommended texlive-fonts-recommended"
_PACKAGES: dict[rasterizers.Name, str] = {
    "ghostscript": "ghostscript",
    "pdfium": "",
    "poppler": "poppler-utils",
    "imagemagick": "imagemagick ghostscript",
    "dvipng": "dvipng",
}
_OPTIONAL: tuple[rasterizers.Name, ...] = ("dvipng",)
_STYLES = "make styles"


@dataclass(frozen=True)
class ToolCheck:
    """One tool: whether it is there, which version, whether its self-test passed, what to do, what else to know.

    One that is not `needed` may be missing: only styles that params.yaml does not have, or formulas of strangers, would
    use it.
    """

    tool: str
    found: bool
    version: str
    works: bool
    remedy: str = ""
    note: str = ""
    needed: bool = True


def examine(params: RenderParams | None = None, looks: Sequence[RenderParams] = ()) -> list[ToolCheck]:
    """Every tool of rendering and of the looks, the optional rasterizers too, each tested with one formula."""
    params = params or RenderParams()
    findings = [_examine_tex(params), _examine_sandbox()]
    findings += [
        _examine_file(name) for name in dict.fromkeys(file for one in (params, *looks) for file in _template_files(one))
    ]
    used = {look.rasterizer for look in (params, *looks)}
    for name in get_args(rasterizers.Name):
        finding = _examine_rasterizer(name, params)
        findings.append(replace(finding, needed=name in used or name not in _OPTIONAL))
    return [*findings, _examine_fonts()]


def versions(params: RenderParams | None = None) -> dict[str, str]:
    """Name and version of all that decides bytes, in a fixed order; raises `ToolError` where a tool is missing."""
    params = params or RenderParams()
    found = {"pdftex": process.version_line("pdftex", "--version")}
    for name, path in _locate((*_CORE, *_template_files(params))).items():
        found[name] = _file_version(path)
    fonts = hashlib.sha256(b"".join(path.read_bytes() for path in _locate(_FONTS).values() if path))
    found["fonts"] = f"sha256 {fonts.hexdigest()[:16]}"
    found["rasterizer"] = rasterizers.create(params.rasterizer, params).identity()
    return found | {wheel: metadata.version(wheel) for wheel in WHEELS}


def differences(lock: Path, params: RenderParams | None = None) -> list[str]:
    """One sentence for each tool here that is not the one in the lock file: pixels and bytes may then differ."""
    try:
        locked: dict[str, str] = json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{lock}: no such file; `im2latex doctor --lock {lock}` writes it") from None
    except (ValueError, RecursionError):
        raise InputError(f"{lock}: damaged; `im2latex doctor --lock {lock}` writes it anew") from None
    here = versions(params)
    return [
        f"{name}: {here.get(name, 'missing')} here, {locked.get(name, 'nothing')} in {lock}; bytes may differ"
        for name in {**locked, **here}
        if here.get(name) != locked.get(name)
    ]


def line(finding: ToolCheck) -> str:
    """A finding for a person: verdict, tool, version; then what to do and what else to know."""
    verdict = "ok" if finding.works else "FAILS" if finding.found else "MISSING" if finding.needed else "none"
    told = [f"{verdict:8}{finding.tool}", finding.version, finding.note, finding.remedy and f"remedy: {finding.remedy}"]
    return "  ".join(part for part in told if part)


def _template_files(params: RenderParams) -> list[str]:
    """The class and package files that the template names."""
    return [f"{params.template.document_class}.cls", *map(_package_file, document.packages(params.template))]


def _package_file(package: str) -> str:
    """The file of a package that is named as \\usepackage takes it."""
    return re.sub(r"^\[.*\]|[{}]", "", package) + ".sty"


def _locate(names: tuple[str, ...]) -> dict[str, Path | None]:
    """Where TeX finds each file, in one question to it."""
    done = process.query_program("kpsewhich", *names)
    paths = {path.name: path for path in map(Path, done.stdout.decode().splitlines())}
    return {name: paths.get(name) for name in names}


def _file_version(path: Path | None) -> str:
    """What a TeX file says of itself, and a hash over what it is."""
    if path is None:
        return "missing"
    content = path.read_bytes()
    told = _RELEASE.search(content) if path.name == "latex.ltx" else _PROVIDES.search(content)
    said = " ".join(told[1].decode("ascii", "replace").split()[:2]) if told else "no version"
    return f"{said}, sha256 {hashlib.sha256(content).hexdigest()[:16]}"


def _examine_tex(params: RenderParams) -> ToolCheck:
    """pdfTeX with the packages of the template: can the preamble be compiled?"""
    remedy = f"sudo apt-get install {_TEX_PACKAGES}"
    try:
        version = process.version_line("pdftex", "--version")
    except ToolError as error:
        return ToolCheck("pdftex", found=False, version="", works=False, remedy=remedy, note=str(error))
    return _tested("pdftex", version, remedy, lambda: TexRenderer(params).prepare())


def _examine_sandbox() -> ToolCheck:
    """The restrictions of child processes: can a restricted one read a file that it was not given?"""
    found = restrictions.support()
    if not found.complete:
        return ToolCheck(
            "sandbox",
            found=False,
            version=found.names,
            works=False,
            remedy=restrictions.REMEDY,
            note=restrictions.UNRESTRICTED,
            needed=False,
        )

    def read() -> None:
        with process.temporary_folder() as elsewhere, process.temporary_folder() as folder:
            (elsewhere / "file").write_text("read")
            done = process.run_process(
                ["/bin/cat", str(elsewhere / "file")],
                cwd=folder,
                timeout_seconds=20,
                memory_mb=2048,
                file_mb=1,
                access=restrictions.FileAccess(),
            )
        if done.stdout:
            raise ToolError(restrictions.UNRESTRICTED)

    return _tested("sandbox", found.names, restrictions.REMEDY, read)


def _examine_file(name: str) -> ToolCheck:
    """A class or package of the template."""
    try:
        path = _locate((name,))[name]
    except ToolError:
        path = None
    optional = any(name in map(_package_file, fonts.packages) for key, fonts in FONTS.items() if key not in RECOMMENDED)
    install = _STYLES if optional else f"sudo apt-get install {_TEX_PACKAGES}"
    remedy = "" if path else f"{install}, or take it out of the template"
    return ToolCheck(name, found=path is not None, version=_file_version(path), works=path is not None, remedy=remedy)


def _examine_fonts() -> ToolCheck:
    """The packages of the further sets of fonts, all or nothing."""
    further = [fonts for name, fonts in FONTS.items() if name not in RECOMMENDED]
    files = tuple(dict.fromkeys(_package_file(package) for fonts in further for package in fonts.packages))
    try:
        missing = [name for name, path in _locate(files).items() if path is None]
    except ToolError:
        missing = list(files)
    if not missing:
        return ToolCheck("further fonts", found=True, version=f"{len(files)} packages", works=True, needed=False)
    note = f"for looks of further fonts: {', '.join(missing)} missing"
    return ToolCheck("further fonts", found=False, version="", works=False, remedy=_STYLES, note=note, needed=False)


def _examine_rasterizer(name: rasterizers.Name, params: RenderParams) -> ToolCheck:
    """One rasterizer, on one formula."""
    package = _PACKAGES[name]
    remedy = f"sudo apt-get install {package}" if package else "reinstall the Python package pypdfium2"
    chosen = params.model_copy(update={"rasterizer": name})
    try:
        version = rasterizers.create(name, chosen).identity()
    except ToolError as error:
        return ToolCheck(name, found=False, version="", works=False, remedy=remedy, note=str(error))

    def draw() -> None:
        [rendering] = TexRenderer(chosen).render([_TEST_FORMULA])
        if rendering.pixels is None:
            raise ToolError(f"{rendering.reason}: {rendering.detail}")

    finding = _tested(name, version, remedy, draw)
    note = _pdf_policy() if name == "imagemagick" else ""
    return finding if finding.note or not note else replace(finding, note=note)


def _tested(tool: str, version: str, remedy: str, test: Callable[[], object]) -> ToolCheck:
    """The finding of a tool that is there, after its self-test."""
    try:
        test()
    except ToolError as error:
        return ToolCheck(tool, found=True, version=version, works=False, remedy=remedy, note=str(error))
    return ToolCheck(tool, found=True, version=version, works=True)


def _pdf_policy() -> str:
    """What the system's ImageMagick policy says of PDF, in words."""
    for path in sorted(_POLICIES.glob("ImageMagick-*/policy.xml")):
        if re.search(
            r'^\s*<policy[^>]*rights="none"[^>]*pattern="PDF"', path.read_text(errors="replace"), re.MULTILINE
        ):
            return f"{path} forbids PDF, as Debian ships it; our child process has its own policy and needs no change"
    return ""
