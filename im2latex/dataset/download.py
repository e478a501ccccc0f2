"""Downloader of public datasets: resumes partial downloads and verifies checksums.

writes  <folder>/<file>            after the checks
        <folder>/<file>.partial    during the download
        <folder>/SHA256SUMS        checksums of files that were published without one

A file without a published checksum is accepted once it has the length that the server announced and, if gzipped,
unpacks to its end. Its SHA-256 is written to SHA256SUMS, in the format of `sha256sum`, and verified at later downloads
into that folder; a project that commits SHA256SUMS gets the same bytes everywhere.
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
"""Bytes per read, the most that a broken connection loses."""
MAX_BYTES = 8_000_000_000
"""Largest file that is downloaded."""


@dataclass(frozen=True, slots=True)
class RemoteDataset:
    """Location of a dataset and the checksum of each file: MD5, SHA-256, or None where none was published."""

    title: str
    url: str
    files: Mapping[str, str | None]
    images: Mapping[str, str | None]


DATASETS: Mapping[str, RemoteDataset] = {
    "im2latex-100k": RemoteDataset(
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
    "im2latex-100k-processed": RemoteDataset(
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
    "im2latex-100k-held-out": RemoteDataset(
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


def download(name: str, folder: Path, url: str | None = None, images: bool = False) -> list[Path]:
    """Download the files of a dataset into `folder` and return their paths; verified files are not downloaded again.

    `url` is the folder of a mirror, `images` adds the published images. Raises `UsageError` for an unknown dataset,
    `InputError` for a failed download or a wrong checksum.
    """
    if name not in DATASETS:
        raise UsageError(f"'{name}' is not a known dataset; choose {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    files = {**dataset.files, **(dataset.images if images else {})}
    base = (url or dataset.url).rstrip("/")
    if not base.startswith(_SCHEMES):
        raise UsageError(f"--url {base}: must begin with {' or '.join(_SCHEMES)}")
    folder.mkdir(parents=True, exist_ok=True)
    for file, published in files.items():
        path = folder / file
        expected = published or read_sums(folder / SUMS).get(file)
        if path.is_file() and expected and _digest(path, expected) == expected:
            continue
        _download_file(f"{base}/{file}", path, expected)
        if expected is None:
            with (folder / SUMS).open("a", encoding="utf-8") as sums:
                sums.write(sum_line(path))
    return [folder / file for file in files]


def without_checksum(name: str, images: bool = False) -> list[str]:
    """List the files of a dataset that were published without a checksum."""
    dataset = DATASETS[name]
    files = {**dataset.files, **(dataset.images if images else {})}
    return [file for file, published in files.items() if published is None]


def _download_file(url: str, path: Path, checksum: str | None) -> None:
    """Download one file, resuming an earlier attempt."""
    partial = path.with_name(path.name + ".partial")
    start = partial.stat().st_size if partial.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers=headers) as response:
            _check_redirects(response)
            checked = checksum is not None or path.suffix == ".gz"
            if start and response.status_code == requests.codes.requested_range_not_satisfiable:
                if not checked and response.headers.get("Content-Range") != f"bytes */{start}":
                    partial.unlink()
                    raise requests.RequestException("the server's file has changed since the partial download")
            else:
                response.raise_for_status()
                _receive(response, partial, start, checked)
    except requests.ConnectionError as error:
        reason = str(getattr(next(iter(error.args), None), "reason", error)).rpartition("): ")[2]
        raise InputError(
            f"{url}: download failed, no connection ({reason}); run the same command again to resume it, take a mirror "
            f"with --url, or copy the file to {path}"
        ) from None
    except (requests.RequestException, ValueError) as error:  # urllib3 raises that for a host in a redirect
        raise InputError(f"{url}: download failed ({error}); run the same command again to resume it") from None
    fault = _fault(partial, path.suffix == ".gz", checksum)
    if fault:
        partial.unlink()
        raise InputError(f"{url}: {fault}; the file was deleted; try again, or another --url")
    partial.replace(path)


def _check_redirects(response: requests.Response) -> None:
    """Reject redirects from HTTPS to plain HTTP; requests itself rejects other schemes."""
    urls = [one.url for one in [*response.history, response]]
    if urls[0].startswith(_HTTPS) and not all(url.startswith(_HTTPS) for url in urls):
        raise requests.RequestException(f"it redirects to {urls[-1]}, which is not HTTPS")


def _fault(path: Path, gzipped: bool, checksum: str | None) -> str | None:
    """Describe what is wrong with a downloaded file; None where it passes."""
    if checksum is not None:
        found = _digest(path, checksum)
        return None if found == checksum else f"has {_kind(checksum)} {found}, expected {checksum}"
    if not gzipped:
        return None
    try:
        with open_gzip(path) as stream:
            while stream.read(1 << 20):
                pass
    except (*UNPACK_ERRORS, InputError) as error:
        return f"does not unpack ({error})"
    return None


def _receive(response: requests.Response, partial: Path, start: int, checked: bool) -> None:
    """Append the body to the partial file, or start over where the server does not resume.

    Raises `requests.RequestException` where the response is not that file or ends early; and, unless the file can be
    `checked` afterwards, where the server announces no length, so that an early end would go unnoticed.
    """
    start = _first_byte(response, start)
    expected = _length(response)
    if expected is None and response.headers.get("Transfer-Encoding") != "chunked" and not checked:
        raise requests.RequestException("the server announces no length, and no checksum was published")
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
        for chunk in response.iter_content(CHUNK_BYTES):
            received += len(chunk)
            if received > MAX_BYTES:
                raise requests.RequestException(f"it has more than {MAX_BYTES:,} bytes")
            stream.write(chunk)
            bar.update(len(chunk))
    if expected is not None and received < start + expected:
        raise requests.RequestException(f"the connection closed after {received:,} bytes")


def _first_byte(response: requests.Response, start: int) -> int:
    """Return the position in the file at which the body begins, after a request from `start` on."""
    if response.status_code == requests.codes.ok:
        return 0
    if response.status_code != requests.codes.partial_content:
        raise requests.RequestException(f"the server answered {response.status_code}")
    announced = response.headers.get("Content-Range", f"bytes {start}-")
    if not re.match(rf"bytes {start}-", announced):
        raise requests.RequestException(f"bytes from {start} on were requested, the server sends {announced!r}")
    return start


def _length(response: requests.Response) -> int | None:
    """Return the length of the body in bytes, or None where the server announces none."""
    if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
        raise requests.RequestException(f"it is encoded as {coding}, which was not requested")
    announced = response.headers.get("Content-Length")
    if announced is None:
        return None
    if not (announced.isascii() and announced.isdecimal() and len(announced) <= _MAX_DIGITS):
        raise requests.RequestException(f"Content-Length is {announced!r}, not a number of bytes")
    return int(announced)


def _kind(digest: str) -> str:
    return "MD5" if len(digest) == 32 else "SHA-256"


def _digest(path: Path, like: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _kind(like).replace("-", "").lower()).hexdigest()
