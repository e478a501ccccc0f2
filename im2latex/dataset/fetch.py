"""Public corpora by name: downloaded, resumed where a download broke, and refused unless the checksum is right.

writes  <folder>/<file>            only once it is whole and checked
        <folder>/<file>.partial    while it is on its way
"""

import hashlib
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
    """Where a corpus lies and the MD5 of each of its files."""

    title: str
    url: str
    files: Mapping[str, str]
    pictures: Mapping[str, str]


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
    )
}


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
    for file, md5 in files.items():
        path = folder / file
        if not (path.is_file() and _md5(path) == md5):
            _download(f"{base}/{file}", path, md5)
    return [folder / file for file in files]


def _download(url: str, path: Path, md5: str) -> None:
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
    found = _md5(partial)
    if found != md5:
        partial.unlink()
        raise InputError(f"{url}: has MD5 {found}, {md5} is due; the file was discarded, try again or another --url")
    partial.replace(path)


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


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
