import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from im2latex.errors import ToolError
from im2latex.rendering import tex_format

SMALL = "\\documentclass{article}\n\\nofiles\n\\begin{document}\n"


@pytest.mark.needs_tex
def test_a_format_is_built_once_and_found_again(tmp_path: Path) -> None:
    first = tex_format.load(SMALL, tmp_path)
    made = first.path.stat().st_mtime_ns
    assert tex_format.load(SMALL, tmp_path) == first
    assert first.path.stat().st_mtime_ns == made
    assert tex_format.load(SMALL + "% another\n", tmp_path).path != first.path
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.needs_tex
def test_a_changed_source_makes_a_new_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mine.sty"
    package.write_text("\\def\\mine{1}")
    monkeypatch.setitem(tex_format.TEX_ENVIRONMENT, "TEXINPUTS", f"{tmp_path}:")
    monkeypatch.setitem(tex_format.TEX_ENVIRONMENT, "openin_any", "a")
    preamble = SMALL.replace("\\nofiles", "\\usepackage{mine}\\nofiles")
    first = tex_format.load(preamble, tmp_path / "cache")
    package.write_text("\\def\\mine{2}")
    os.utime(package, (1, 1))
    second = tex_format.load(preamble, tmp_path / "cache")
    assert second.path == first.path
    assert second.fingerprint != first.fingerprint
    assert tex_format.load(preamble, tmp_path / "cache") == second


@pytest.mark.needs_tex
def test_several_may_build_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: tex_format.load(SMALL, tmp_path), range(3)))
    assert len(set(found)) == 1
    assert found[0].path.exists()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.needs_tex
def test_a_bad_preamble_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"refuses the preamble.*nosuchpackage"):
        tex_format.load("\\documentclass{article}\\usepackage{nosuchpackage}\n", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs_tex
def test_the_format_is_kept_uncompressed(tmp_path: Path) -> None:
    made = tex_format.load(SMALL, tmp_path).path.read_bytes()
    assert not made.startswith(b"\x1f\x8b")
    assert len(made) > 4_000_000


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    changed = {"empty": b"", "cut": content[:-1], "flipped": bytes(flipped), "other": b"[]", "lacking": b"{}"}
    path.unlink()
    if kind != "missing":
        path.write_bytes(changed[kind])


@pytest.mark.needs_tex
def test_a_damaged_format_is_made_anew(tmp_path: Path) -> None:
    made = tex_format.load(SMALL, tmp_path)
    whole = made.path.read_bytes()
    kinds = {
        made.path: ("empty", "flipped", "missing"),
        made.path.with_name("made_of.json"): ("empty", "other", "lacking"),
    }
    for path, names in kinds.items():
        for kind in names:
            damage(path, kind)
            assert not made.intact
            assert tex_format.load(SMALL, tmp_path) == made
            assert made.path.read_bytes() == whole, (path, kind)
            assert made.intact


@pytest.mark.needs_tex
def test_the_map_of_fonts_is_found() -> None:
    assert len(tex_format.font_map_hash()) == 64
