"""Public datasets by name: downloaded, resumed where a download broke, and refused unless the checksum is right.

writes  <folder>/<file>            only once it is whole and checked
        <folder>/<file>.partial    while it is on its way
        <folder>/SHA256SUMS        of files that nobody published a checksum of

Such a file is taken as it first comes, once it has the length that the server told and, where it is gzipped, unpacks to
its end. Its SHA-256 is written down, in the form of `sha256sum`, and asked of every later download into that folder:
who keeps SHA256SUMS with a project has the same bytes everywhere.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from im2latex.errors import InputError, UsageError
from im2latex.io.gzip_stream import UNPACK_ERRORS, open_gzip
from im2latex.io.hashing import read_sums, sum_line

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 14
"""Most that a broken connection costs."""
MAX_BYTES = 8_000_000_000
"""The largest file that is downloaded."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where a dataset lies and the checksum of each of its files: MD5, SHA-256, or None where none was published."""

    title: str
    url: str
    files: Mapping[str, str | None]
    images: Mapping[str, str | None]


CORPORA: Mapping[str, Dataset] = {
    "im2latex-100k": Dataset(
        title="im2latex-100k, Zenodo record 56198 (Kanervisto 2016)",
        url="https://zenodo.org/records/56198/files",
        files={
            "im2latex_formulas.lst": "974c0a14f0daa6d91ecd0e625f1ddf52",
            "im2latex_train.lst": "d5607c37aa00576098a9e4bad84a7040",
            "im2latex_validate.lst": "cf6eeee02bc443b1b9557685fbfe7ea5",
            "im2latex_test.lst": "1bc17b865796dca5df15250b4da7804f",
        },
        images={"formula_images.tar.gz": "cf25f2408f1ea09bbd096890a6361533"},
    ),
    "im2latex-100k-processed": Dataset(
        title="im2latex-100k as im2markup normalized and filtered it (Deng et al. 2017), from its author's mirror",
        url="https://im2markup.yuntiandeng.com/data",
        files={
            "im2latex_formulas.norm.lst": None,
            "im2latex_train_filter.lst": None,
            "im2latex_validate_filter.lst": None,
            "im2latex_test_filter.lst": None,
        },
        images={"formula_images_processed.tar.gz": None},
    ),
    "im2latex-100k-held-out": Dataset(
        title="the same normalized formulas, validation and test only, from guillaumegenthial/im2latex (Apache-2.0)",
        url="https://raw.githubusercontent.com/guillaumegenthial/im2latex/8e25d7ec2097e2c6515bbb5b41e8f16b79339967/data",
        files={
            "val.formulas.norm.txt": "edc09f24cc2e200be1cf34ae1c9d5982058897fdef7d2b6377582586eaf5b8fa",
            "test.formulas.norm.txt": "5a6d74eec90b9cb95ca7ca957241ab35eca22d6cf0bd5636fa3c1e3c3754233b",
        },
        images={},
    ),
}

SUMS = "SHA256SUMS"
_HTTPS = "https://"
_SCHEMES = (_HTTPS, "http://")
_MAX_DIGITS = 18  # of a length


def fetch(name: str, folder: Path, url: str | None = None, images: bool = False) -> list[Path]:
    """Bring the files of a dataset into `folder`; a file that is there and right is left alone.

    `url` names a mirror. Raises `UsageError` for an unknown dataset, `InputError` for a failed or wrong download.
    """
    if name not in CORPORA:
        raise UsageError(f"'{name}' is no dataset that can be fetched; known are {', '.join(CORPORA)}")
    dataset = CORPORA[name]
    files = {**dataset.files, **(dataset.images if images else {})}
    base = (url or dataset.url).rstrip("/")
    if not base.startswith(_SCHEMES):
        raise UsageError(f"--url {base}: begins with none of {', '.join(_SCHEMES)}")
    folder.mkdir(parents=True, exist_ok=True)
    for file, published in files.items():
        path = folder / file
        due = published or read_sums(folder / SUMS).get(file)
        if path.is_file() and due and _digest(path, due) == due:
            continue
        _download(f"{base}/{file}", path, due)
        if due is None:
            with (folder / SUMS).open("a", encoding="utf-8") as sums:
                sums.write(sum_line(path))
    return [folder / file for file in files]


def without_checksum(name: str, images: bool = False) -> list[str]:
    """The files of a dataset that nobody published a checksum of."""
    dataset = CORPORA[name]
    files = {**dataset.files, **(dataset.images if images else {})}
    return [file for file, published in files.items() if published is None]


def _download(url: str, path: Path, due: str | None) -> None:
    """Bring one file, going on where an earlier attempt stopped."""
    partial = path.with_name(path.name + ".partial")
    start = partial.stat().st_size if partial.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as answer:
            _check_redirects(answer)
            checked = due is not None or path.suffix == ".gz"
            if start and answer.status_code == requests.codes.requested_range_not_satisfiable:
                if not checked and answer.headers.get("Content-Range") != f"bytes */{start}":
                    partial.unlink()
                    raise requests.RequestException("what had come is not what the server has now")
            else:
                answer.raise_for_status()
                _receive(answer, partial, start, checked)
    except (requests.RequestException, ValueError) as error:  # urllib3 raises that for a host in a redirect
        raise InputError(f"{url}: download failed ({error}); run the same command again to go on with it") from None
    fault = _fault(partial, path.suffix == ".gz", due)
    if fault:
        partial.unlink()
        raise InputError(f"{url}: {fault}; the file was discarded, try again or another --url")
    partial.replace(path)


def _check_redirects(answer: requests.Response) -> None:
    """Refuse an answer that came over plain HTTP where HTTPS was asked; requests itself refuses other schemes."""
    places = [one.url for one in [*answer.history, answer]]
    if places[0].startswith(_HTTPS) and not all(place.startswith(_HTTPS) for place in places):
        raise requests.RequestException(f"it leads to {places[-1]}, which is not HTTPS")


def _fault(path: Path, gzipped: bool, due: str | None) -> str | None:
    """What is wrong with a file that has come, in words."""
    if due is not None:
        found = _digest(path, due)
        return None if found == due else f"has {_kind(due)} {found}, {due} is due"
    if not gzipped:
        return None
    try:
        with open_gzip(path) as stream:
            while stream.read(1 << 20):
                pass
    except (*UNPACK_ERRORS, InputError) as error:
        return f"does not unpack ({error})"
    return None


def _receive(answer: requests.Response, partial: Path, start: int, checked: bool) -> None:
    """Append the body to the partial file, or begin anew where the server does not resume.

    Raises `requests.RequestException` where the answer is not that file, or ends early; and, unless the file can be
    `checked`, where the server does not tell a length, so that an early end would pass for the end.
    """
    start = _first_byte(answer, start)
    expected = _length(answer)
    if expected is None and answer.headers.get("Transfer-Encoding") != "chunked" and not checked:
        raise requests.RequestException("the server tells no length, and no checksum was published")
    if start + (expected or 0) > MAX_BYTES:
        raise requests.RequestException(f"it has more than {MAX_BYTES:,} bytes")
    received = start
    with (
        partial.open("ab" if start else "wb") as stream,
        tqdm(
            total=None if expected is None else start + expected,
            initial=start,
            desc=partial.stem,
            unit="B",
            unit_scale=True,
            disable=None,
        ) as bar,
    ):
        for chunk in answer.iter_content(CHUNK_BYTES):
            received += len(chunk)
            if received > MAX_BYTES:
                raise requests.RequestException(f"it has more than {MAX_BYTES:,} bytes")
            stream.write(chunk)
            bar.update(len(chunk))
    if expected is not None and received < start + expected:
        raise requests.RequestException(f"the connection closed after {received:,} bytes")


def _first_byte(answer: requests.Response, start: int) -> int:
    """Where in the file the body begins, `start` having been asked for."""
    if answer.status_code == requests.codes.ok:
        return 0
    if answer.status_code != requests.codes.partial_content:
        raise requests.RequestException(f"the server answered {answer.status_code}")
    told = answer.headers.get("Content-Range", f"bytes {start}-")
    if not re.match(rf"bytes {start}-", told):
        raise requests.RequestException(f"bytes from {start} on were asked for, the server sends {told!r}")
    return start


def _length(answer: requests.Response) -> int | None:
    """The length of the body in bytes, as far as the server tells it."""
    if (coding := answer.headers.get("Content-Encoding", "identity")) != "identity":
        raise requests.RequestException(f"it comes encoded as {coding}, which was not asked for")
    told = answer.headers.get("Content-Length")
    if told is None:
        return None
    if not (told.isascii() and told.isdecimal() and len(told) <= _MAX_DIGITS):
        raise requests.RequestException(f"Content-Length is {told!r}, which is no number of bytes")
    return int(told)


def _kind(digest: str) -> str:
    return "MD5" if len(digest) == 32 else "SHA-256"


def _digest(path: Path, like: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _kind(like).replace("-", "").lower()).hexdigest()
