import shutil
from pathlib import Path

import pytest

from im2latex.rendering import doctor
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams
from im2latex.sandbox import process, restrictions


@pytest.mark.needs_tex
def test_examine_tests_each_tool() -> None:
    findings = {finding.tool: finding for finding in doctor.examine()}
    assert {"pdftex", "amsmath.sty", "ghostscript", "pdfium", "poppler", "imagemagick"} <= set(findings)
    assert findings["pdftex"].works
    assert findings["ghostscript"].works
    assert "pdfTeX" in findings["pdftex"].version


@pytest.mark.needs_tex
def test_versions_repeat() -> None:
    first = doctor.versions()
    assert doctor.versions() == first
    assert first["latex.ltx"].startswith("20")
    assert "sha256" in first["amsmath.sty"]
    assert set(doctor.WHEELS) <= set(first)


@pytest.mark.needs_tex
def test_versions_name_the_chosen_rasterizer() -> None:
    assert doctor.versions(RenderParams(rasterizer="pdfium"))["rasterizer"].startswith("pdfium")


@pytest.mark.needs_tex
def test_a_missing_package_is_found_missing() -> None:
    params = RenderParams(template=TemplateParams(packages=("amsmath", "[x]{nosuchpackage}")))
    findings = {finding.tool: finding for finding in doctor.examine(params)}
    assert not findings["nosuchpackage.sty"].found
    assert not findings["pdftex"].works
    assert "nosuchpackage" in findings["pdftex"].note


@pytest.mark.needs_tex
def test_what_only_other_looks_would_need_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, which=shutil.which: None if name == "dvipng" else which(name))
    process.output_lines.cache_clear()
    usual = {finding.tool: finding for finding in doctor.examine()}
    assert all(finding.works for finding in usual.values() if finding.needed)
    assert not usual["dvipng"].found
    assert not usual["dvipng"].needed
    assert not usual["further fonts"].needed
    look = RenderParams(rasterizer="dvipng", template=TemplateParams(fonts="stix2"))
    named = {finding.tool: finding for finding in doctor.examine(looks=[look])}
    assert named["dvipng"].needed
    assert named["stix2.sty"].needed
    assert named["stix2.sty"].found or "make styles" in named["stix2.sty"].remedy


def test_missing_programs_are_findings_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    process.output_lines.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    for finding in doctor.examine():
        if finding.tool == "sandbox":
            continue
        if finding.tool != "pdfium":
            assert not finding.found
        assert not finding.works
        assert finding.remedy


def test_debians_policy_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ImageMagick-6"
    folder.mkdir()
    (folder / "policy.xml").write_text('<policymap>\n  <policy domain="coder" rights="none" pattern="PDF" />\n')
    monkeypatch.setattr(doctor, "_POLICIES", tmp_path)
    assert "forbids PDF" in doctor._pdf_policy()
    (folder / "policy.xml").write_text("<policymap/>")
    assert doctor._pdf_policy() == ""


def test_the_sandbox_is_tested_and_its_absence_said(monkeypatch: pytest.MonkeyPatch) -> None:
    if restrictions.support().complete:
        assert doctor._examine_sandbox().works
    monkeypatch.setattr(restrictions, "support", lambda: restrictions.Support(7, seccomp=True, bubblewrap=None))
    monkeypatch.setattr(
        process, "run_process", lambda *_, **__: process.CompletedProcess(0, b"read", b"", timed_out=False)
    )
    leaking = doctor._examine_sandbox()
    assert (leaking.works, leaking.version, leaking.needed) == (False, "Landlock ABI 7, seccomp", True)
    monkeypatch.setattr(restrictions, "support", lambda: restrictions.Support(0, seccomp=True, bubblewrap=None))
    absent = doctor.line(doctor._examine_sandbox())
    assert absent.startswith("none    sandbox  seccomp  ")
    assert restrictions.UNRESTRICTED in absent
    assert "bubblewrap" in absent
