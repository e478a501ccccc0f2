"""Public corpora by name: downloaded, resumed where a download broke, and refused unless the checksum is right.

writes  <folder>/<file>            only once it is whole and checked
        <folder>/<file>.partial    while it is on its way
        <folder>/SHA256SUMS        of files that nobody published a checksum of

Such a file is taken as it first comes, once it has the length that the server told and, where it is gzipped, unpacks to
its end. Its SHA-256 is written down, in the form of `sha256sum`, and asked of every later download into that folder:
who keeps SHA256SUMS with a project has the same bytes everywhere.
"""

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from im2latex.errors import InputError, UsageError

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 14
"""Most that a broken connection costs."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where a corpus lies and the checksum of each of its files: MD5, SHA-256, or None where none was published."""

    title: str
    url: str
    files: Mapping[str, str | None]
    pictures: Mapping[str, str | None]


CORPORA: Mapping[str, Corpus] = {
    "im2latex-100k": Corpus(
        title="im2latex-100k, Zenodo record 56198 (Kanervisto 2016)",
        url="https://zenodo.org/records/56198/files",
        files={
            "im2latex_formulas.lst": "974c0a14f0daa6d91ecd0e625f1ddf52",
            "im2latex_train.lst": "d5607c37aa00576098a9e4bad84a7040",
            "im2latex_validate.lst": "cf6eeee02bc443b1b9557685fbfe7ea5",
            "im2latex_test.lst": "1bc17b865796dca5df15250b4da7804f",
        },
        pictures={"formula_images.tar.gz": "cf25f2408f1ea09bbd096890a6361533"},
    ),
    "im2latex-100k-processed": Corpus(
        title="im2latex-100k as im2markup normalized and filtered it (Deng et al. 2017), from its author's mirror",
        url="https://im2markup.yuntiandeng.com/data",
        files={
            "im2latex_formulas.norm.lst": None,
            "im2latex_train_filter.lst": None,
            "im2latex_validate_filter.lst": None,
            "im2latex_test_filter.lst": None,
        },
        pictures={"formula_images_processed.tar.gz": None},
    ),
    "im2latex-100k-held-out": Corpus(
        title="the same normalized formulas, validation and test only, from guillaumegenthial/im2latex (Apache-2.0)",
        url="https://raw.githubusercontent.com/guillaumegenthial/im2latex/8e25d7ec2097e2c6515bbb5b41e8f16b79339967/data",
        files={
            "val.formulas.norm.txt": "edc09f24cc2e200be1cf34ae1c9d5982058897fdef7d2b6377582586eaf5b8fa",
            "test.formulas.norm.txt": "5a6d74eec90b9cb95ca7ca957241ab35eca22d6cf0bd5636fa3c1e3c3754233b",
        },
        pictures={},
    ),
}

SUMS = "SHA256SUMS"


def fetch(name: str, folder: Path, url: str | None = None, pictures: bool = False) -> list[Path]:
    """Bring the files of a corpus into `folder`; a file that is there and right is left alone.

    `url` names a mirror. Raises `UsageError` for an unknown corpus, `InputError` for a failed or wrong download.
    """
    if name not in CORPORA:
        raise UsageError(f"'{name}' is no corpus that can be fetched; known are {', '.join(CORPORA)}")
    corpus = CORPORA[name]
    files = {**corpus.files, **(corpus.pictures if pictures else {})}
    folder.mkdir(parents=True, exist_ok=True)
    base = (url or corpus.url).rstrip("/")
    for file, published in files.items():
        path = folder / file
        due = published or _recorded(folder).get(file)
        if path.is_file() and due and _digest(path, due) == due:
            continue
        _download(f"{base}/{file}", path, due)
        if due is None:
            with (folder / SUMS).open("a", encoding="utf-8") as sums:
                sums.write(f"{_sha256(path)}  {file}\n")
    return [folder / file for file in files]


def without_checksum(name: str, pictures: bool = False) -> list[str]:
    """The files of a corpus that nobody published a checksum of."""
    corpus = CORPORA[name]
    files = {**corpus.files, **(corpus.pictures if pictures else {})}
    return [file for file, published in files.items() if published is None]


def _recorded(folder: Path) -> dict[str, str]:
    """What SHA256SUMS says; raises `InputError` where it says nothing that can be understood."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    rows = [line.split(maxsplit=1) for line in lines if line.strip()]
    if any(len(row) != 2 or len(row[0]) != 64 for row in rows):
        raise InputError(f"{path}: a line is `SHA-256  file`; correct or remove the file")
    return {file.removeprefix("*"): digest for digest, file in rows}


def _download(url: str, path: Path, due: str | None) -> None:
    """Bring one file, going on where an earlier attempt stopped."""
    partial = path.with_name(path.name + ".partial")
    start = partial.stat().st_size if partial.is_file() else 0
    try:
        with requests.get(
            url, stream=True, timeout=TIMEOUT_SECONDS, headers={"Range": f"bytes={start}-"} if start else {}
        ) as answer:
            if answer.status_code != requests.codes.requested_range_not_satisfiable:
                answer.raise_for_status()
                _receive(answer, partial, start if answer.status_code == requests.codes.partial_content else 0)
    except requests.RequestException as error:
        raise InputError(f"{url}: download failed ({error}); run the same command again to go on with it") from None
    fault = _fault(partial, path.suffix == ".gz", due)
    if fault:
        partial.unlink()
        raise InputError(f"{url}: {fault}; the file was discarded, try again or another --url")
    partial.replace(path)


def _fault(path: Path, gzipped: bool, due: str | None) -> str | None:
    """What is wrong with a file that has come, in words."""
    if due is not None:
        found = _digest(path, due)
        return None if found == due else f"has {_kind(due)} {found}, {due} is due"
    if not gzipped:
        return None
    try:
        with gzip.open(path) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return f"does not unpack ({error})"
    return None


def _receive(answer: requests.Response, partial: Path, start: int) -> None:
    """Append the body to the partial file, or begin anew where the server does not resume."""
    expected = int(answer.headers.get("Content-Length", 0))
    with (
        partial.open("ab" if start else "wb") as stream,
        tqdm(total=start + expected, initial=start, desc=partial.stem, unit="B", unit_scale=True, disable=None) as bar,
    ):
        for chunk in answer.iter_content(CHUNK_BYTES):
            stream.write(chunk)
            bar.update(len(chunk))
    if expected and partial.stat().st_size < start + expected:
        raise requests.ConnectionError(f"the connection closed after {partial.stat().st_size:,} bytes")


def _kind(digest: str) -> str:
    return "MD5" if len(digest) == 32 else "SHA-256"


def _digest(path: Path, like: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _kind(like).replace("-", "").lower()).hexdigest()


def _sha256(path: Path) -> str:
    return _digest(path, "0" * 64)
