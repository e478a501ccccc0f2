"""Whatever a user brings, as a stream of formulas.

reads   .txt    one formula a line
        .jsonl  one object a line      )  column `formula`,
        .csv    with a header          )  optional `id`, `group` or `paper`, `split`,
        .parquet                       )  and `image`: a path inside the corpus, in Parquet also the picture itself
        a folder of these, or im2latex-100k's formula file with its index lists, or NAME2ID.json (picture to number)
        with ID2FORMULA.json (number to formula); these two with the pictures in formula_images/ or images/
Text may be gzipped and may start with a UTF-8 byte-order mark; its lines end at \\n, \\r\\n or \\r. A row that cannot
be read becomes a `BadRow`, so that every line of a file is accounted for; a file that cannot be read raises
`InputError`.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.records import BadRow, RawFormula, Split

Row = RawFormula | BadRow

MAX_LINE_BYTES = 1_000_000
"""A longer line is no formula; it is refused without being held in memory."""

_ANY_LINE_END = re.compile(rb"\r\n|\n|\r")
_LISTED_LINE_END = re.compile(rb"\r?\n")
"""The index lists of im2latex-100k count the lines of its formula file so, and some of its formulas hold returns."""

FORMATS = (".txt", ".jsonl", ".csv", ".parquet")

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}

LISTS_FORMULAS = "im2latex_formulas.lst"
LISTS: Mapping[str, Split] = {
    "im2latex_train.lst": "train",
    "im2latex_validate.lst": "val",
    "im2latex_test.lst": "test",
}


NAME_TO_ID, ID_TO_FORMULA = "NAME2ID.json", "ID2FORMULA.json"
PICTURE_FOLDERS = ("formula_images", "images")


def read_corpus(path: Path) -> Iterator[Row]:
    """All formulas of a file or folder; the files of a folder in the order of their names."""
    if not path.exists():
        raise InputError(f"{path}: no such corpus; put your formulas there, or see `im2latex fetch --help`")
    if path.is_file():
        yield from read_file(path)
        return
    if (path / LISTS_FORMULAS).is_file():
        yield from _lists(path)
        return
    if (path / NAME_TO_ID).is_file() and (path / ID_TO_FORMULA).is_file():
        yield from _pairs(path)
        return
    files = sorted(file for file in path.iterdir() if file.is_file() and file_format(file) in FORMATS)
    if not files:
        raise InputError(f"{path}: holds no {', '.join(FORMATS)} file; put one formula a line into formulas.txt")
    for file in files:
        yield from read_file(file)


def read_file(path: Path) -> Iterator[Row]:
    """All formulas of one file; the format goes by the extension, `.gz` may follow it."""
    kind = file_format(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder where a file is due; name one of its files")
    if kind not in FORMATS:
        raise InputError(f"{path}: unknown format '{kind}'; rename it to one of {', '.join(FORMATS)}")
    try:
        if kind == ".parquet":
            yield from _parquet(path)
            return
        with cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as stream:
            yield from {".txt": read_lines, ".jsonl": _jsonl, ".csv": _csv}[kind](stream, path.name)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def file_format(path: Path) -> str:
    """The extension that names the format, without a trailing `.gz`."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_lines(stream: IO[bytes], name: str, line_end: re.Pattern[bytes] | None = None) -> Iterator[Row]:
    """One formula a line; an empty line is a row with an empty formula. `line_end` defaults to that of any system."""
    for place, line in _lines(stream, name, line_end or _ANY_LINE_END):
        yield line if isinstance(line, BadRow) else RawFormula(line, place)


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Row]:
    for place, line in _lines(stream, name):
        if isinstance(line, BadRow):
            yield line
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadRow(place, "malformed_json", str(error))
            continue
        if isinstance(values, dict):
            yield _row(values, place)
        else:
            yield BadRow(place, "malformed_json", f"an object is due, found {type(values).__name__}")


def _csv(stream: IO[bytes], name: str) -> Iterator[Row]:
    """CSV with a header. Quoted fields may span lines, so a broken quote ends the file, with its line named."""

    def lines() -> Iterator[str]:
        for place, line in _lines(stream, name, decode_strictly=False):
            if isinstance(line, BadRow):
                raise InputError(f"{place}: {line.detail}; split or remove the line")
            yield line.replace("\0", "\N{REPLACEMENT CHARACTER}") + "\n"

    reader = csv.reader(lines(), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        if "formula" not in header:
            raise InputError(f"{name}:1: no column 'formula'; the columns are {', '.join(header)}")
        for fields in reader:
            place = f"{name}:{reader.line_num}"
            if not fields:
                continue
            if len(fields) != len(header):
                yield BadRow(place, "malformed_csv", f"{len(fields)} fields where the header has {len(header)}")
            else:
                yield _row(dict(zip(header, fields, strict=True)), place)
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: {error}; check the quotes") from None


def _parquet(path: Path) -> Iterator[Row]:
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if "formula" not in names:
            raise InputError(f"{path}: no column 'formula'; the columns are {', '.join(names)}")
        columns = [name for name in ("formula", "id", "group", "paper", "split") if name in names]
        columns += ["image"] if "image" in names else []
        number = 0
        for batch in file.iter_batches(batch_size=1024, columns=columns):
            for values in batch.to_pylist():
                image = _cell(values.get("image"), f"{path.name}#{number}")
                number += 1
                yield _row(values | {"image": image}, f"{path.name}:{number}")
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None


def _cell(value: object, place: str) -> object:
    """The place of the picture in a cell: the cell itself where it holds bytes, else the path that it holds."""
    if isinstance(value, dict):
        return place if value.get("bytes") is not None else value.get("path")
    return place if isinstance(value, bytes) else value


def _row(values: Mapping[str, object], place: str) -> Row:
    """One row of a table, its optional columns checked."""
    source_id = _text(values.get("id"))
    formula = values.get("formula")
    if not isinstance(formula, str):
        return BadRow(place, "missing_formula", f"`formula` is {type(formula).__name__}", source_id)
    if (broken := _broken_text(formula)) is not None:
        return BadRow(place, "not_utf8", broken, source_id)
    group = _text(values.get("group")) or _text(values.get("paper"))
    name = _text(values.get("split"))
    if name is not None and name not in SPLIT_NAMES:
        return BadRow(place, "unknown_split", f"'{name}' is none of {', '.join(SPLIT_NAMES)}", source_id)
    return RawFormula(formula, place, source_id, group, SPLIT_NAMES[name] if name else None, _text(values.get("image")))


def _text(value: object) -> str | None:
    """An optional cell as text; empty cells count as absent, bytes that are not UTF-8 are made visible."""
    if value is None or value == "":
        return None
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _lists(folder: Path) -> Iterator[Row]:
    """im2latex-100k as published: lists of `index image_name kind` rows point at lines of the formula file."""
    with (folder / LISTS_FORMULAS).open("rb") as stream:
        formulas = list(read_lines(stream, LISTS_FORMULAS, _LISTED_LINE_END))
    listed = [False] * len(formulas)
    pictures = _picture_folder(folder)
    present = {name: split for name, split in LISTS.items() if (folder / name).is_file()}
    if not present:
        raise InputError(f"{folder}: {LISTS_FORMULAS} has no index list beside it; add {', '.join(LISTS)}")
    for name, split in present.items():
        with (folder / name).open("rb") as stream:
            for place, line in _lines(stream, name):
                index, image = _list_entry(line, place, len(formulas))
                listed[index] = True
                row = formulas[index]
                if isinstance(row, RawFormula):
                    picture = pictures and _picture_file(pictures, image)
                    yield RawFormula(row.formula, row.place, source_id=image, split=split, image=picture)
                else:
                    yield BadRow(row.place, row.reason, row.detail, source_id=image)
    for row, found in zip(formulas, listed, strict=True):
        if not found:
            yield BadRow(row.place, "unlisted", "no index list names this line")


def _pairs(folder: Path) -> Iterator[Row]:
    """Two JSON objects: from the name of a picture to a number, and from the number to the formula."""
    names, formulas = (_json_object(folder / name) for name in (NAME_TO_ID, ID_TO_FORMULA))
    pictures = _picture_folder(folder)
    for name, number in names.items():
        values = {"formula": formulas.get(str(number)), "id": name}
        yield _row(values | {"image": pictures and _picture_file(pictures, name)}, f"{NAME_TO_ID}:{name}")


def _json_object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: an object is due, found {type(content).__name__}")
    return content


def _picture_folder(folder: Path) -> str | None:
    """The folder that holds the pictures of a corpus, if there is one."""
    return next((name for name in PICTURE_FOLDERS if (folder / name).is_dir()), None)


def _picture_file(folder: str, name: str) -> str:
    """A picture's path inside the corpus; the lists leave the usual extension out."""
    return f"{folder}/{name}" if Path(name).suffix else f"{folder}/{name}.png"


def _list_entry(line: str | BadRow, place: str, count: int) -> tuple[int, str]:
    """Line number (from 0) and picture name of one entry of an index list."""
    fields = line.split() if isinstance(line, str) else []
    if len(fields) < 2 or not fields[0].isdecimal():
        raise InputError(f"{place}: an entry is `index image_name kind`; correct the line")
    if int(fields[0]) >= count:
        raise InputError(
            f"{place}: line {fields[0]} is asked for, {LISTS_FORMULAS} has {count}; the files do not match"
        )
    return int(fields[0]), fields[1]


def _lines(
    stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END, decode_strictly: bool = True
) -> Iterator[tuple[str, str | BadRow]]:
    """Place and text of every line, with bad lines as `BadRow`; memory is bounded by the longest good line."""
    for number, line in enumerate(_byte_lines(stream, line_end), 1):
        place = f"{name}:{number}"
        if number == 1:
            if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise InputError(f"{name}: is UTF-16; save it as UTF-8")
            line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) > MAX_LINE_BYTES:
            yield place, BadRow(place, "line_too_long", f"more than {MAX_LINE_BYTES:,} bytes")
            continue
        text = line.decode("utf-8", "surrogateescape")
        broken = _broken_text(text) if decode_strictly else None
        yield place, text if broken is None else BadRow(place, "not_utf8", broken)


def _byte_lines(stream: IO[bytes], line_end: re.Pattern[bytes]) -> Iterator[bytes]:
    """Lines without their ends; of an overlong one only the first `MAX_LINE_BYTES` + 1 bytes."""
    rest = b""
    ended_in_return = False
    while part := stream.readline(MAX_LINE_BYTES + 2):
        text = part[1:] if ended_in_return and part.startswith(b"\n") else part
        *lines, rest = line_end.split(rest + text)
        ended_in_return = part.endswith(b"\r") and not rest
        yield from (line[: MAX_LINE_BYTES + 1] for line in lines)
        rest = rest[: MAX_LINE_BYTES + 1]
    if rest:
        yield rest.removesuffix(b"\r")


def _broken_text(text: str) -> str | None:
    """Say where text decoded with `surrogateescape` was not UTF-8, or None where all of it was."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"not Unicode at character {error.start} (0x{ord(text[error.start]) & 0xFF:02X}); save the file as UTF-8"
    return None
