"""Downloads from a real server on loopback."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.dataset import download as fetching
from im2latex.dataset.download import CHUNK_BYTES, RemoteDataset, download
from im2latex.errors import InputError, UsageError

BODY = bytes(range(256)) * 4096


class Server(ThreadingHTTPServer):
    """Serves BODY under any name; counts bytes, can break off and can ignore ranges."""

    sent = 0
    break_after: int | None = None
    resumes = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range") if self.server.resumes else None
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if "missing" in self.path:
            self.send_error(404)
            return
        body = BODY[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        part = body[: self.server.break_after]
        self.wfile.write(part)
        self.server.sent += len(part)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = hashlib.md5(BODY).hexdigest(), "0" * 32
    monkeypatch.setattr(
        fetching,
        "DATASETS",
        {
            "good": RemoteDataset("", "http://unused", {"a.lst": right}, {}),
            "bad": RemoteDataset("", "http://unused", {"a.lst": wrong}, {}),
            "gone": RemoteDataset("", "http://unused", {"missing.lst": right}, {}),
            "sha256": RemoteDataset("", "http://unused", {"a.lst": hashlib.sha256(BODY).hexdigest()}, {}),
            "unpublished": RemoteDataset("", "http://unused", {"a.lst": None, "b.lst": None}, {"c.tar.gz": None}),
        },
    )


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_brings_a_file_once(server: Server, tmp_path: Path) -> None:
    assert download("good", tmp_path, url(server)) == [tmp_path / "a.lst"]
    assert (tmp_path / "a.lst").read_bytes() == BODY
    download("good", tmp_path, url(server))
    assert server.sent == len(BODY)


def test_goes_on_where_a_download_broke(server: Server, tmp_path: Path) -> None:
    server.break_after = 100_000
    with pytest.raises(InputError, match="run the same command again"):
        download("good", tmp_path, url(server))
    assert not (tmp_path / "a.lst").exists()
    assert 100_000 - CHUNK_BYTES < (tmp_path / "a.lst.partial").stat().st_size <= 100_000
    server.break_after = None
    download("good", tmp_path, url(server))
    assert (tmp_path / "a.lst").read_bytes() == BODY
    assert server.sent < len(BODY) + CHUNK_BYTES, "what had arrived was not asked for again"


def test_begins_anew_where_the_server_does_not_resume(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.lst.partial").write_bytes(b"old")
    server.resumes = False
    download("good", tmp_path, url(server))
    assert (tmp_path / "a.lst").read_bytes() == BODY


def test_refuses_a_wrong_checksum(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has MD5 .* expected"):
        download("bad", tmp_path, url(server))
    assert list(tmp_path.iterdir()) == []


def test_the_command_downloads_into_a_folder(server: Server, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["download", "good", "--url", url(server), "--into", str(tmp_path / "raw")])
    assert (found.exit_code, found.output) == (0, f"{tmp_path / 'raw' / 'a.lst'}\n")
    assert (tmp_path / "raw" / "a.lst").read_bytes() == BODY


def test_names_what_failed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing.lst: download failed"):
        download("gone", tmp_path, url(server))
    with pytest.raises(UsageError, match="choose good, bad, gone, sha256, unpublished"):
        download("im2latex-1k", tmp_path, url(server))


def test_no_connection_is_one_sentence_with_what_else_to_do(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no connection \(.+\); .* or copy the file to .*a\.lst$") as caught:
        download("good", tmp_path, "http://127.0.0.1:1")
    assert "HTTPConnectionPool" not in str(caught.value)


def test_a_checksum_may_be_sha256(server: Server, tmp_path: Path) -> None:
    download("sha256", tmp_path, url(server))
    assert [path.name for path in tmp_path.iterdir()] == ["a.lst"]
    (tmp_path / "a.lst").write_bytes(b"other")
    download("sha256", tmp_path, url(server))
    assert (tmp_path / "a.lst").read_bytes() == BODY


def test_without_a_published_checksum_the_first_download_is_written_down(server: Server, tmp_path: Path) -> None:
    assert fetching.without_checksum("good") == []
    assert fetching.without_checksum("unpublished", images=True) == ["a.lst", "b.lst", "c.tar.gz"]
    download("unpublished", tmp_path, url(server))
    digest = hashlib.sha256(BODY).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  a.lst\n{digest}  b.lst\n"
    download("unpublished", tmp_path, url(server))
    assert server.sent == 2 * len(BODY), "what is there and right is left alone"
    (tmp_path / "a.lst").write_bytes(b"changed")
    download("unpublished", tmp_path, url(server))
    assert (tmp_path / "a.lst").read_bytes() == BODY
    (tmp_path / "a.lst").unlink()
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a.lst\n")
    with pytest.raises(InputError, match="has SHA-256 .* expected"):
        download("unpublished", tmp_path, url(server))
    (tmp_path / "SHA256SUMS").write_text("nonsense\n")
    with pytest.raises(InputError, match="SHA256SUMS: a line is"):
        download("unpublished", tmp_path, url(server))


def test_an_archive_without_a_checksum_must_unpack(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"c\.tar\.gz: does not unpack"):
        download("unpublished", tmp_path, url(server), images=True)
    assert not (tmp_path / "c.tar.gz").exists()
