"""Unusual responses to a download: each is one sentence, and no incomplete file is accepted."""

import gzip
import hashlib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from im2latex.dataset import download as fetching
from im2latex.dataset.download import RemoteDataset, download
from im2latex.errors import InputError, UsageError
from im2latex.io import gzip_stream

BODY = b"x = y\n" * 100


class Server(socketserver.ThreadingTCPServer):
    """Sends one answer, byte by byte as given, to every request."""

    answer = b""
    allow_reuse_address = True
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(self.server.answer)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "published": RemoteDataset("", "http://unused", {"a.lst": hashlib.sha256(BODY).hexdigest()}, {}),
        "unpublished": RemoteDataset("", "http://unused", {"a.lst": None}, {}),
        "packed": RemoteDataset("", "http://unused", {"a.gz": None}, {}),
    }
    monkeypatch.setattr(fetching, "DATASETS", known)


def response(body: bytes = BODY, status: str = "200 OK", **headers: object) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items()), "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


ODD = {
    "416 without a partial file": response(b"", "416 Range Not Satisfiable"),
    "Content-Length that is no number": response(Content_Length="many"),
    "negative Content-Length": response(Content_Length=-5),
    "Content-Length of 5,000 digits": response(Content_Length="9" * 5000),
    "two Content-Lengths": response(Content_Length="5, 6"),
    "too large": response(Content_Length=9_000_000_000),
    "early end": response(Content_Length=len(BODY) + 1),
    "early end of chunks": response(b"10\r\nabc", Transfer_Encoding="chunked"),
    "chunk without a length": response(b"zz\r\nabc\r\n", Transfer_Encoding="chunked"),
    "no content": response(b"", "204 No Content"),
    "not modified": response(b"", "304 Not Modified"),
    "bytes from elsewhere": response(status="206 Partial Content", Content_Range="bytes 7-20/99", Content_Length=600),
    "another coding": response(gzip.compress(BODY), Content_Encoding="gzip"),
    "redirect to a file": response(b"", "302 Found", Location="file:///etc/passwd"),
    "redirect to ftp": response(b"", "302 Found", Location="ftp://127.0.0.1/a.lst"),
    "redirect to no host": response(b"", "302 Found", Location="http://"),
    "redirect to an impossible host": response(b"", "302 Found", Location=f"http://{'a' * 70}.{'b' * 70}/"),
    "redirect to an odd port": response(b"", "302 Found", Location="http://127.0.0.1:99999/"),
    "no HTTP": b"\0\1\2\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("dataset", ["published", "unpublished"])
@pytest.mark.parametrize("answer", ODD.values(), ids=ODD.keys())
def test_an_odd_answer_is_one_sentence(server: Server, tmp_path: Path, answer: bytes, dataset: str) -> None:
    server.answer = answer
    with pytest.raises(InputError, match=r"a\.lst: download failed"):
        download(dataset, tmp_path, server.url)
    assert not (tmp_path / "a.lst").exists()
    assert not (tmp_path / "SHA256SUMS").exists()


def test_without_length_and_checksum_nothing_is_accepted(server: Server, tmp_path: Path) -> None:
    server.answer = response()
    with pytest.raises(InputError, match="announces no length, and no checksum was published"):
        download("unpublished", tmp_path / "1", server.url)
    download("published", tmp_path / "1", server.url)
    assert (tmp_path / "1" / "a.lst").read_bytes() == BODY
    server.answer = response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), Transfer_Encoding="chunked")
    download("unpublished", tmp_path / "2", server.url)
    assert (tmp_path / "2" / "a.lst").read_bytes() == BODY


@pytest.mark.parametrize(
    ("content_range", "accepted"), [(f"bytes */{len(BODY)}", True), ("bytes */7", False), ("", False)]
)
def test_a_complete_partial_file_is_accepted_only_with_its_length(
    server: Server, tmp_path: Path, content_range: str, accepted: bool
) -> None:
    (tmp_path / "a.lst.partial").write_bytes(BODY)
    server.answer = response(b"", "416 Range Not Satisfiable", Content_Range=content_range)
    if accepted:
        assert download("unpublished", tmp_path, server.url)[0].read_bytes() == BODY
    else:
        with pytest.raises(InputError, match="file has changed since the partial download"):
            download("unpublished", tmp_path, server.url)
        assert list(tmp_path.iterdir()) == []


def test_an_endless_body_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 500)
    server.answer = response()
    with pytest.raises(InputError, match="more than 500 bytes"):
        download("published", tmp_path, server.url)


def test_an_archive_that_unpacks_to_far_more_is_discarded(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip_stream, "UNLIMITED_BYTES", 10_000)
    body = gzip.compress(bytes(3_000_000))
    server.answer = response(body, Content_Length=len(body))
    with pytest.raises(InputError, match="unpacks to more than"):
        download("packed", tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_https_is_not_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request, which would need a certificate, is answered here by a redirect to HTTP."""
    get = requests.get

    def redirected(url: str, **options: object) -> object:
        answer = get(server.url, stream=True)
        first = requests.Response()
        first.url = "https://example.org/a.lst"
        answer.history = [first]
        return answer

    monkeypatch.setattr(requests, "get", redirected)
    server.answer = response(Content_Length=len(BODY))
    with pytest.raises(InputError, match="which is not HTTPS"):
        download("published", tmp_path, "https://example.org")


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/x", "/data", "httpx://h"])
def test_a_mirror_is_http(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="must begin with https:// or http://"):
        download("published", tmp_path, url)


@pytest.mark.parametrize("name", ["..", "../published", "/etc", "published/..", ""])
def test_a_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a known dataset"):
        download(name, tmp_path / "into")
    assert list(tmp_path.iterdir()) == []
