import gzip
import io
import tarfile
from pathlib import Path

import pytest

from im2latex.errors import InputError
from im2latex.latex.papers import archive
from im2latex.latex.papers.archive import read_papers


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_a_file_a_folder_and_an_archive(tmp_path: Path) -> None:
    (tmp_path / "p" / "sub").mkdir(parents=True)
    (tmp_path / "p" / "a.tex").write_bytes(b"caf\xe9")
    (tmp_path / "p" / "sub" / "b.tex").write_text("é")
    (tmp_path / "p" / "figure.png").write_bytes(b"\x89")
    [paper] = read_papers(tmp_path / "p")
    assert (paper.name, paper.files) == ("p", {"a.tex": "café", "sub/b.tex": "é"})
    [paper] = read_papers(tmp_path / "p" / "a.tex")
    assert (paper.name, paper.files) == ("a", {"a.tex": "café"})
    [paper] = read_papers(packed(tmp_path / "0704.0001.tar.gz", {"x.tex": b"x", "y.sty": b"y"}))
    assert (paper.name, sorted(paper.files)) == ("0704.0001", ["x.tex", "y.sty"])


def test_folders_of_papers(tmp_path: Path) -> None:
    many = packed(tmp_path / "all.tgz", {"papers/q/a.tex": b"1", "papers/p/a.tex": b"2", "papers/p/s/b.tex": b"3"})
    assert [(paper.name, sorted(paper.files)) for paper in read_papers(many)] == [
        ("p", ["a.tex", "s/b.tex"]),
        ("q", ["a.tex"]),
    ]


def test_a_single_packed_file(tmp_path: Path) -> None:
    (tmp_path / "9901.gz").write_bytes(gzip.compress(b"$x$"))
    [paper] = read_papers(tmp_path / "9901.gz")
    assert paper.files == {"9901.tex": "$x$"}


def test_nothing_leads_out(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tar.gz", {"../evil.tex": b"1", "/abs.tex": b"2", "good.tex": b"3"})
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        link = tarfile.TarInfo("link.tex")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.add(path, "nested.tar.gz")
    assert [list(paper.files) for paper in read_papers(path)] == [["good.tex"]]
    with pytest.raises(InputError, match=r"holds no \.tex file"):
        list(read_papers(tmp_path / "b.tar"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret.tex").write_text("$s$")
    (tmp_path / "folder" / "link.tex").symlink_to(tmp_path / "secret.tex")
    with pytest.raises(InputError, match=r"holds no \.tex file"):
        list(read_papers(tmp_path / "folder"))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILE_BYTES", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 100_000))
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        list(read_papers(tmp_path / "a.gz"))


@pytest.mark.parametrize("content", [b"", b"plain", b"\x1f\x8b broken", gzip.compress(b"x" * 5000, mtime=0)[:20]])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InputError):
        list(read_papers(tmp_path / "a.tar.gz"))
    with pytest.raises(InputError, match="no such file"):
        list(read_papers(tmp_path / "missing"))


def test_a_style_beside_the_folder_of_the_only_paper_belongs_to_it(tmp_path: Path) -> None:
    path = packed(tmp_path / "0704.0001.tar.gz", {"my.sty": b"1", "src/main.tex": b"2", "src/parts/a.tex": b"3"})
    [paper] = read_papers(path)
    assert (paper.name, sorted(paper.files)) == ("0704.0001", ["my.sty", "src/main.tex", "src/parts/a.tex"])


def test_papers_in_folders_of_one_name_keep_their_whole_path(tmp_path: Path) -> None:
    path = packed(tmp_path / "all.tar.gz", {"q/src/a.tex": b"1", "p/src/a.tex": b"2", "note.sty": b"3"})
    assert [paper.name for paper in read_papers(path)] == ["p/src", "q/src"]


def test_styles_alone_are_no_paper_and_depth_is_no_limit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.tex file"):
        list(read_papers(packed(tmp_path / "a.tar.gz", {"a/b.sty": b"1"})))
    [paper] = read_papers(packed(tmp_path / "b.tar.gz", {"d/" * 1200 + "a.tex": b"1"}))
    assert list(paper.files) == ["a.tex"]


def test_what_is_too_large_or_a_link_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILE_BYTES", 5)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.tex").write_text("x")
    (tmp_path / "p" / "b.tex").write_text("xxxxxx")
    (tmp_path / "p" / "c.tex").symlink_to("/etc/passwd")
    assert [(paper.left_out, list(paper.files)) for paper in read_papers(tmp_path / "p")] == [(2, ["a.tex"])]
    monkeypatch.setattr(archive, "MOST_PAPER_BYTES", 0)
    with pytest.raises(InputError, match="in one paper"):
        list(read_papers(tmp_path / "p"))
    monkeypatch.setattr(archive, "MOST_ARCHIVE_BYTES", 0)
    with pytest.raises(InputError, match="unpack it to a folder"):
        list(read_papers(packed(tmp_path / "a.tar.gz", {"a.tex": b"1"})))


def test_a_binary_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match="NUL bytes"):
        list(read_papers(tmp_path / "a.tex"))
