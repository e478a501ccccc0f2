import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from im2latex.errors import InputError
from im2latex.io import gzip_stream
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
    with pytest.raises(InputError, match=r"contains no \.tex file"):
        list(read_papers(tmp_path / "b.tar"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret.tex").write_text("$s$")
    (tmp_path / "folder" / "link.tex").symlink_to(tmp_path / "secret.tex")
    with pytest.raises(InputError, match=r"contains no \.tex file"):
        list(read_papers(tmp_path / "folder"))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1000)
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
    with pytest.raises(InputError, match=r"contains no \.tex file"):
        list(read_papers(packed(tmp_path / "a.tar.gz", {"a/b.sty": b"1"})))
    [paper] = read_papers(packed(tmp_path / "b.tar.gz", {"d/" * 1200 + "a.tex": b"1"}))
    assert list(paper.files) == ["a.tex"]


def test_what_is_too_large_or_a_link_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 5)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.tex").write_text("x")
    (tmp_path / "p" / "b.tex").write_text("xxxxxx")
    (tmp_path / "p" / "c.tex").symlink_to("/etc/passwd")
    assert [(paper.left_out, list(paper.files)) for paper in read_papers(tmp_path / "p")] == [(2, ["a.tex"])]
    monkeypatch.setattr(archive, "MAX_PAPER_BYTES", 0)
    with pytest.raises(InputError, match="in one paper"):
        list(read_papers(tmp_path / "p"))
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 0)
    with pytest.raises(InputError, match="unpack it to a folder"):
        list(read_papers(packed(tmp_path / "a.tar.gz", {"a.tex": b"1"})))


def test_a_binary_file_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match="NUL bytes"):
        list(read_papers(tmp_path / "a.tex"))


def tar(path: Path, *members: tuple[str, int, bytes, bytes]) -> Path:
    """An archive of members of a name, a declared size, a type and a content, without a check of any."""
    blocks = []
    for name, size, kind, content in members:
        info = tarfile.TarInfo(name)
        info.size, info.type = size, kind
        blocks += [info.tobuf(tarfile.GNU_FORMAT), content, bytes(-len(content) % tarfile.BLOCKSIZE)]
    path.write_bytes(gzip.compress(b"".join(blocks) + bytes(2 * tarfile.BLOCKSIZE)))
    return path


FILE = tarfile.REGTYPE
GOOD = ("good.tex", 3, FILE, b"$x$")


def test_members_that_unpack_to_far_more_are_refused_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip_stream, "UNLIMITED_BYTES", 1_000_000)
    for suffix in ("tex", "png"):
        bomb = tar(tmp_path / "a.tar.gz", *[(f"{name}.{suffix}", 10**6, FILE, bytes(10**6)) for name in range(5)])
        with pytest.raises(InputError, match="unpacks to more than"):
            list(read_papers(bomb))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"x" * 5_000_000))
    with pytest.raises(InputError, match="unpacks to more than"):
        list(read_papers(tmp_path / "b.gz"))


def test_sparse_members_are_left_out(tmp_path: Path) -> None:
    """A header of 512 bytes that declares 19 million zeros."""
    sparse = tarfile.TarInfo("sparse.tex")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (19_000_000, 0)  # position of the only piece of data, and its length
    header[483:495] = b"%011o\0" % 19_000_000
    header[148:156] = b"%06o\0 " % (256 + sum(header) - sum(header[148:156]))
    good = tar(tmp_path / "a.tar.gz", GOOD)
    good.write_bytes(gzip.compress(bytes(header) * 100 + gzip.decompress(good.read_bytes())))
    [paper] = read_papers(good)
    assert (paper.left_out, paper.files) == (100, {"good.tex": "$x$"})


@pytest.mark.parametrize(
    "members",
    [
        [("p", 10**9, tarfile.XHDTYPE, b"")],
        [("p", 10**9, tarfile.XGLTYPE, b"")],
        [("p", 10**9, tarfile.GNUTYPE_LONGNAME, b"")],
        [("p", 4, tarfile.GNUTYPE_LONGNAME, b"name")] * 3000,
        [("p", 4, tarfile.XHDTYPE, b"x\0\0\0")],
        [("p", 20, tarfile.XHDTYPE, b"99999999999999 path=x\n")],
        [("p", 44, tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"), ("s.tex", 10, FILE, b"1")],
        [("s.tex", 10, tarfile.GNUTYPE_SPARSE, b"")],
        [("a.tex", 10**6, FILE, b"x")],
    ],
)
def test_false_headers_are_one_sentence(tmp_path: Path, members: list[tuple[str, int, bytes, bytes]]) -> None:
    with pytest.raises(InputError):
        list(read_papers(tar(tmp_path / "a.tar.gz", *members)))


def test_an_archive_has_at_most_so_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InputError, match="more than 3 members"):
        list(read_papers(tar(tmp_path / "a.tar.gz", *[("x.png", 0, FILE, b"")] * 3, GOOD)))


def test_what_cannot_be_read_in_an_archive_or_folder_is_counted(tmp_path: Path) -> None:
    deep = ("d/" * 20_000 + "a.tex").encode()
    members = [("l", len(deep), tarfile.GNUTYPE_LONGNAME, deep), GOOD, ("b.tex", 3, FILE, b"a\0b"), GOOD]
    assert [(paper.left_out, list(paper.files)) for paper in read_papers(tar(tmp_path / "a.tar.gz", *members))] == [
        (2, ["good.tex"])
    ]
    (tmp_path / "p").mkdir()
    for name, content in (("a.tex", b"x"), ("b.tex", "y".encode("utf-16"))):
        (tmp_path / "p" / name).write_bytes(content)
    os.mkfifo(tmp_path / "p" / "c.tex")
    [paper] = read_papers(tmp_path / "p")
    assert (paper.left_out, paper.files) == (2, {"a.tex": "x"})


def test_lines_may_end_in_returns(tmp_path: Path) -> None:
    """A comment ends with its line."""
    (tmp_path / "a.tex").write_bytes(b"\xef\xbb\xbf% comment\r$x$\r\n$y$\n")
    [paper] = read_papers(tmp_path / "a.tex")
    assert paper.files == {"a.tex": "% comment\n$x$\n$y$\n"}
