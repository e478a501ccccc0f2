import shutil

import pytest

from im2latex.rendering import doctor
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams
from im2latex.sandbox import process, sandbox


@pytest.mark.needs_tex
def test_each_tool_is_checked() -> None:
    checks = {check.tool: check for check in doctor.check_tools()}
    assert {"pdftex", "amsmath.sty", "ghostscript", "pdfium", "poppler", "imagemagick"} <= set(checks)
    assert checks["pdftex"].works
    assert checks["ghostscript"].works
    assert "pdfTeX" in checks["pdftex"].version


@pytest.mark.needs_tex
def test_versions_repeat() -> None:
    first = doctor.tool_versions()
    assert doctor.tool_versions() == first
    assert first["latex.ltx"].startswith("20")
    assert "sha256" in first["amsmath.sty"]
    assert set(doctor.WHEELS) <= set(first)


@pytest.mark.needs_tex
def test_versions_name_the_chosen_rasterizer() -> None:
    assert doctor.tool_versions(RenderParams(rasterizer="pdfium"))["rasterizer"].startswith("pdfium")


@pytest.mark.needs_tex
def test_a_missing_package_is_found_missing() -> None:
    params = RenderParams(template=TemplateParams(packages=("amsmath", "[x]{nosuchpackage}")))
    checks = {check.tool: check for check in doctor.check_tools(params)}
    assert not checks["nosuchpackage.sty"].installed
    assert not checks["pdftex"].works
    assert "nosuchpackage" in checks["pdftex"].note


@pytest.mark.needs_tex
def test_what_only_other_styles_would_need_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, which=shutil.which: None if name == "dvipng" else which(name))
    process.output_lines.cache_clear()
    usual = {check.tool: check for check in doctor.check_tools()}
    assert all(check.works for check in usual.values() if check.required)
    assert not usual["dvipng"].installed
    assert not usual["dvipng"].required
    assert not usual["style fonts"].required
    style = RenderParams(rasterizer="dvipng", template=TemplateParams(fonts="stix2"))
    named = {check.tool: check for check in doctor.check_tools(styles=[style])}
    assert named["dvipng"].required
    assert named["stix2.sty"].required
    assert named["stix2.sty"].installed or "make styles" in named["stix2.sty"].remedy


def test_missing_programs_are_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    process.output_lines.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    for check in doctor.check_tools():
        if check.tool == "sandbox":
            continue
        if check.tool != "pdfium":
            assert not check.installed
        assert not check.works
        assert check.remedy


def test_the_sandbox_is_tested_and_its_absence_said(monkeypatch: pytest.MonkeyPatch) -> None:
    if sandbox.support().complete:
        assert doctor._check_sandbox().works
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(7, seccomp=True, bubblewrap=None))
    monkeypatch.setattr(
        process, "run_process", lambda *_, **__: process.CompletedProcess(0, b"read", b"", timed_out=False)
    )
    leaking = doctor._check_sandbox()
    assert (leaking.works, leaking.version, leaking.required) == (False, "Landlock ABI 7, seccomp", True)
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(0, seccomp=True, bubblewrap=None))
    absent = doctor.format_check(doctor._check_sandbox())
    assert absent.startswith("none    sandbox  seccomp  ")
    assert sandbox.UNRESTRICTED in absent
    assert "bubblewrap" in absent
