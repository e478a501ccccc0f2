"""Checks of the tools that rendering needs: installed, version, self-test, remedy.

Writes nothing but the cache of formats. `check_tools` is for people; `tool_versions` names what decides the bytes of
the dataset, for the tracked lock file and for the check that each stage makes against it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from im2latex.errors import InputError, ToolError
from im2latex.extras import extra_of, missing_distributions
from im2latex.extras import install_command as pip_command
from im2latex.rendering import document
from im2latex.rendering.fonts import FONTS, RECOMMENDED
from im2latex.rendering.rasterizers.registry import RASTERIZERS, RasterizerName, create_rasterizer
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.sandbox import process, sandbox, scratch
from im2latex.sandbox.system_packages import install_command, tex_packages

WHEELS = ("deflate", "numpy", "pillow", "pyarrow", "pypdfium2", "pylatexenc", "tokenizers")
"""Python packages that decide bytes; pypdfium2 also inspects the pages that other rasterizers draw."""
_FONTS = ("cmr12.pfb", "cmmi12.pfb", "cmsy10.pfb", "cmex10.pfb", "msam10.pfb", "msbm10.pfb", "eufm10.pfb", "rsfs10.pfb")
_CORE = ("latex.ltx", "amsopn.sty", "amsfonts.sty")
_PROVIDES = re.compile(rb"\\(?:ProvidesPackage|ProvidesClass|ProvidesExplPackage)\s*\{[^}]*\}\s*\[([^\]\n]*)")
_RELEASE = re.compile(rb"\\edef\\fmtversion\s*\{?([0-9/-]+)")
_STYLES_COMMAND = "make styles"


@dataclass(frozen=True)
class ToolCheck:
    """One tool: whether it is installed, its version, whether its self-test passed, the remedy, and a note.

    A tool that is not `required` may be missing: it is only for styles that params.yaml does not name, or, as the
    sandbox, for untrusted formulas.
    """

    tool: str
    installed: bool
    version: str
    works: bool
    remedy: str = ""
    note: str = ""
    required: bool = True


def check_tools(params: RenderParams | None = None, styles: Sequence[RenderParams] = ()) -> list[ToolCheck]:
    """Check every tool of rendering and of the styles, and the optional rasterizers, each with one formula."""
    params = params or RenderParams()
    every = (params, *styles)
    checks = [_check_tex(params), _check_sandbox()]
    checks += [_check_file(name) for name in dict.fromkeys(file for one in every for file in _template_files(one))]
    used = {one.rasterizer for one in every}
    for name, rasterizer in RASTERIZERS.items():
        check = _check_rasterizer(name, params)
        checks.append(replace(check, required=name in used or (check.required and not rasterizer.optional)))
    return [*checks, _check_style_fonts()]


def check_extras() -> list[ToolCheck]:
    """Check whether the Python packages of the extras are installed; none of them is required."""
    return [_check_extra(extra, missing) for extra, missing in missing_distributions().items()]


def tool_versions(params: RenderParams | None = None) -> dict[str, str]:
    """Name and version of all that decides bytes, in a fixed order; raises `ToolError` where a tool is missing."""
    params = params or RenderParams()
    versions = {"pdftex": process.version_line("pdftex", "--version")}
    for name, path in _locate((*_CORE, *_template_files(params))).items():
        versions[name] = _file_version(path)
    fonts = hashlib.sha256(b"".join(path.read_bytes() for path in _locate(_FONTS).values() if path))
    versions["fonts"] = f"sha256 {fonts.hexdigest()[:16]}"
    rasterizer = create_rasterizer(params.rasterizer, params)
    versions["rasterizer"] = rasterizer.identity()
    return versions | {wheel: metadata.version(wheel) for wheel in dict.fromkeys((*WHEELS, *rasterizer.wheels))}


def version_mismatches(lock: Path, params: RenderParams | None = None) -> list[str]:
    """One sentence for each tool whose version here is not the one in the lock file: pixels and bytes may differ."""
    try:
        locked: dict[str, str] = json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{lock}: no such file; `im2latex doctor --lock {lock}` writes it") from None
    except (ValueError, RecursionError):
        raise InputError(f"{lock}: damaged; `im2latex doctor --lock {lock}` writes it again") from None
    here = tool_versions(params)
    return [
        f"{name}: {here.get(name, 'missing')} here, {locked.get(name, 'nothing')} in {lock}; bytes may differ"
        for name in {**locked, **here}
        if here.get(name) != locked.get(name)
    ]


def format_check(check: ToolCheck) -> str:
    """A check as one line: verdict, tool, version, note, remedy."""
    verdict = "ok" if check.works else "FAILS" if check.installed else "MISSING" if check.required else "none"
    parts = [f"{verdict:8}{check.tool}", check.version, check.note, check.remedy and f"remedy: {check.remedy}"]
    return "  ".join(part for part in parts if part)


def _template_files(params: RenderParams) -> list[str]:
    """The class and package files that the template names."""
    return [f"{params.template.document_class}.cls", *map(_package_file, document.packages(params.template))]


def _package_file(package: str) -> str:
    """The file of a package that is named as \\usepackage takes it."""
    return re.sub(r"^\[.*\]|[{}]", "", package) + ".sty"


def _locate(names: tuple[str, ...]) -> dict[str, Path | None]:
    """Paths of files as TeX finds them, by one call of kpsewhich."""
    done = process.query_program("kpsewhich", *names)
    paths = {path.name: path for path in map(Path, done.stdout.decode().splitlines())}
    return {name: paths.get(name) for name in names}


def _file_version(path: Path | None) -> str:
    """The version that a TeX file declares, and a hash of its content."""
    if path is None:
        return "missing"
    content = path.read_bytes()
    declared = _RELEASE.search(content) if path.name == "latex.ltx" else _PROVIDES.search(content)
    version = " ".join(declared[1].decode("ascii", "replace").split()[:2]) if declared else "no version"
    return f"{version}, sha256 {hashlib.sha256(content).hexdigest()[:16]}"


def _check_tex(params: RenderParams) -> ToolCheck:
    """pdfTeX with the packages of the template: the preamble must compile."""
    remedy = install_command(*tex_packages())
    try:
        version = process.version_line("pdftex", "--version")
    except ToolError as error:
        return ToolCheck("pdftex", installed=False, version="", works=False, remedy=remedy, note=str(error))
    return _self_tested("pdftex", version, remedy, lambda: TexRenderer(params).prepare())


def _check_sandbox() -> ToolCheck:
    """The restrictions of child processes: a restricted one must not read a file outside its `FileAccess`."""
    support = sandbox.support()
    if not support.complete:
        return ToolCheck(
            "sandbox",
            installed=False,
            version=support.names,
            works=False,
            remedy=sandbox.REMEDY,
            note=sandbox.UNRESTRICTED,
            required=False,
        )

    def read() -> None:
        with scratch.temporary_folder() as elsewhere, scratch.temporary_folder() as folder:
            (elsewhere / "file").write_text("read")
            done = process.run_process(
                ["/bin/cat", str(elsewhere / "file")],
                cwd=folder,
                timeout_seconds=20,
                memory_mb=2048,
                file_mb=1,
                access=sandbox.FileAccess(),
            )
        if done.stdout:
            raise ToolError(sandbox.UNRESTRICTED)

    return _self_tested("sandbox", support.names, sandbox.REMEDY, read)


def _check_file(name: str) -> ToolCheck:
    """A class or package of the template."""
    try:
        path = _locate((name,))[name]
    except ToolError:
        path = None
    optional = any(name in map(_package_file, fonts.packages) for key, fonts in FONTS.items() if key not in RECOMMENDED)
    install = _STYLES_COMMAND if optional else install_command(*tex_packages())
    remedy = "" if path else f"{install}, or take it out of the template"
    return ToolCheck(
        name, installed=path is not None, version=_file_version(path), works=path is not None, remedy=remedy
    )


def _check_style_fonts() -> ToolCheck:
    """The packages of the font sets that `make styles` installs: all must be there."""
    optional = [fonts for name, fonts in FONTS.items() if name not in RECOMMENDED]
    files = tuple(dict.fromkeys(_package_file(package) for fonts in optional for package in fonts.packages))
    try:
        missing = [name for name, path in _locate(files).items() if path is None]
    except ToolError:
        missing = list(files)
    if not missing:
        return ToolCheck("style fonts", installed=True, version=f"{len(files)} packages", works=True, required=False)
    note = f"for styles of more fonts: {', '.join(missing)} missing"
    return ToolCheck(
        "style fonts", installed=False, version="", works=False, remedy=_STYLES_COMMAND, note=note, required=False
    )


def _check_extra(extra: str, missing: Sequence[str]) -> ToolCheck:
    """The Python packages of an extra, of which some may be missing."""
    return ToolCheck(
        f"extra {extra}",
        installed=not missing,
        version="",
        works=not missing,
        remedy=pip_command(extra) if missing else "",
        note=f"{', '.join(missing)} missing" if missing else "",
        required=False,
    )


def _check_rasterizer(name: RasterizerName, params: RenderParams) -> ToolCheck:
    """One rasterizer, on one letter."""
    params = params.model_copy(update={"rasterizer": name})
    rasterizer = create_rasterizer(name, params)
    remedy = rasterizer.remedy()
    try:
        version = rasterizer.identity()
    except metadata.PackageNotFoundError as error:
        package = str(error.name)
        remedy, note = pip_command(extra_of(package) or "pipeline"), f"{package} is not installed"
        return ToolCheck(name, installed=False, version="", works=False, remedy=remedy, note=note, required=False)
    except ToolError as error:
        return ToolCheck(name, installed=False, version="", works=False, remedy=remedy, note=str(error))
    check = _self_tested(name, version, remedy, TexRenderer(params).self_test)
    return replace(check, note=check.note or rasterizer.note())


def _self_tested(tool: str, version: str, remedy: str, self_test: Callable[[], object]) -> ToolCheck:
    """The check of an installed tool, after its self-test."""
    try:
        self_test()
    except ToolError as error:
        return ToolCheck(tool, installed=True, version=version, works=False, remedy=remedy, note=str(error))
    return ToolCheck(tool, installed=True, version=version, works=True)
