"""A file of formulas that a user brings, as a stream of rows.

reads   .txt    one formula a line
        .jsonl  one object a line      )  column `formula`,
        .csv    with a header          )  optional `id`, `group` or `paper`, `split`,
        .parquet                       )  and `image`: a path inside the dataset, in Parquet also the image itself
        other   one formula a line
Text may be gzipped and may start with a UTF-8 byte-order mark; its lines end at \\n, \\r\\n or \\r. A row that cannot
be read becomes a `BadRow`, so that every line of a file is accounted for; a file that cannot be read, or not to its
end, raises `InputError`.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.io.gzip_stream import UNPACK_ERRORS, open_gzip
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.types import BadRow, RawFormula, Split

Row = RawFormula | BadRow

MAX_LINE_BYTES = 1_000_000
"""A longer line is no formula; it is refused without being held in memory."""

_ANY_LINE_END = re.compile(rb"\r\n|\n|\r")
LISTED_LINE_END = re.compile(rb"\r?\n")
"""The index lists of im2latex-100k count the lines of its formula file so, and some of its formulas hold returns."""
_TOO_LONG = "\0"
"""What stands for a record of a CSV file that is too long; other lines hold no NUL."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SNIFFED = 8192
"""Bytes of a file of unknown format in which a NUL says that it is no text."""

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


def read_file(path: Path) -> Iterator[Row]:
    """All formulas of one file; the format goes by the extension, `.gz` may follow it.

    A file of another extension is read as lines, see `read_as_lines`; raises `InputError` where it is no text.
    """
    kind = file_format(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder where a file is due; name one of its files")
    try:
        if kind == ".parquet":
            yield from _parquet(path)
            return
        with open_gzip(path) if path.suffix == ".gz" else path.open("rb") as stream:
            head = b"" if kind in FORMATS else stream.peek(_SNIFFED)[:_SNIFFED]
            if b"\0" in head and not head.startswith(_UTF16):
                raise InputError(f"{path}: is no text; formulas come as {', '.join(FORMATS)}")
            yield from {".jsonl": _jsonl, ".csv": _csv}.get(kind, read_lines)(stream, printable(path.name))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except UNPACK_ERRORS as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def read_as_lines(path: Path) -> str | None:
    """Say that a file will be read as lines of text since its extension names no format; None where it names one."""
    kind = file_format(path)
    if kind in FORMATS or not path.is_file():
        return None
    what = f"the suffix '{kind}' names no format" if kind else "the name has no suffix"
    return f"{path}: {what}; read as text, one formula a line"


def file_format(path: Path) -> str:
    """The extension that names the format, without a trailing `.gz`."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_lines(stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END) -> Iterator[Row]:
    """One formula a line; an empty line is a row with an empty formula. `line_end` defaults to that of any system."""
    for place, line in numbered_lines(stream, name, line_end):
        yield line if isinstance(line, BadRow) else RawFormula(line, place)


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Row]:
    for place, line in numbered_lines(stream, name):
        if isinstance(line, BadRow):
            yield line
            continue
        yield _json_row(line, place)


def _json_row(line: str, place: str) -> Row:
    try:
        values = json.loads(line)
        if isinstance(values, dict):
            return table_row(values, place)
    except (ValueError, RecursionError) as error:
        return BadRow(place, "malformed_json", str(error))
    return BadRow(place, "malformed_json", f"an object is due, found {type(values).__name__}")


def _csv(stream: IO[bytes], name: str) -> Iterator[Row]:
    """CSV with a header. Quoted fields may span lines, so a broken quote ends the file, with its line named.

    So does a line that is too long, unless it holds a whole record: then only that is refused.
    """
    csv.field_size_limit(MAX_LINE_BYTES)  # of this process; 128 KB otherwise, less than a line may have
    begins_record = True

    def lines() -> Iterator[str]:
        nonlocal begins_record
        for place, line in _numbered_bytes(stream, name):
            whole_record = begins_record and line.count(b'"') % 2 == 0
            begins_record = False
            if len(line) <= MAX_LINE_BYTES:
                yield line.decode("utf-8", "surrogateescape").replace("\0", "\N{REPLACEMENT CHARACTER}") + "\n"
            elif whole_record:
                yield _TOO_LONG
            else:
                raise InputError(f"{place}: {_too_long(place).detail}, in a quoted field; split or remove the line")

    reader = csv.reader(lines(), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        if "formula" not in header:
            raise InputError(f"{name}:1: no column 'formula'; the columns are {', '.join(header)}")
        begins_record = True
        for fields in reader:
            place = f"{name}:{reader.line_num}"
            begins_record = True
            if fields == [_TOO_LONG]:
                yield _too_long(place)
            elif len(fields) == len(header):
                yield table_row(dict(zip(header, fields, strict=True)), place)
            elif fields:
                yield BadRow(place, "malformed_csv", f"{len(fields)} fields where the header has {len(header)}")
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: {error}; check the quotes") from None


def _parquet(path: Path) -> Iterator[Row]:
    try:
        with path.open("rb") as stream, pq.ParquetFile(stream) as file:
            names = file.schema_arrow.names
            if "formula" not in names:
                raise InputError(f"{path}: no column 'formula'; the columns are {', '.join(names)}")
            columns = [name for name in ("formula", "id", "group", "paper", "split", "image") if name in names]
            number = 0
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for row in zip(*map(_values, batch.columns), strict=True):
                    values = dict(zip(batch.schema.names, row, strict=True))
                    image = _cell(values.get("image"), f"{printable(path.name)}#{number}")
                    number += 1
                    yield table_row(values | {"image": image}, f"{printable(path.name)}:{number}")
    except PARQUET_ERRORS as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None


def _values(column: pa.Array) -> list[Any]:
    """As `to_pylist`, but for text that is not UTF-8, whose bytes are escaped as in lines."""
    if pa.types.is_struct(column.type):
        names = [field.name for field in column.type]
        rows = zip(*map(_values, column.flatten()), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    texts = column.cast(pa.large_binary()).to_pylist()
    return [text if text is None else text.decode("utf-8", "surrogateescape") for text in texts]


def _cell(value: object, place: str) -> object:
    """The place of the image in a cell: the cell itself where it holds bytes, else the path that it holds."""
    if isinstance(value, dict):
        return place if value.get("bytes") is not None else value.get("path")
    return place if isinstance(value, bytes) else value


def table_row(values: Mapping[str, object], place: str) -> Row:
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


def numbered_lines(
    stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END
) -> Iterator[tuple[str, str | BadRow]]:
    """Place and text of every line, with bad lines as `BadRow`; memory is bounded by the longest good line."""
    for place, line in _numbered_bytes(stream, name, line_end):
        if len(line) > MAX_LINE_BYTES:
            yield place, _too_long(place)
            continue
        text = line.decode("utf-8", "surrogateescape")
        broken = _broken_text(text)
        yield place, text if broken is None else BadRow(place, "not_utf8", broken)


def _too_long(place: str) -> BadRow:
    return BadRow(place, "line_too_long", f"more than {MAX_LINE_BYTES:,} bytes")


def _numbered_bytes(
    stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END
) -> Iterator[tuple[str, bytes]]:
    """Place and bytes of every line, the first without its byte-order mark."""
    for number, line in enumerate(_byte_lines(stream, line_end), 1):
        if number == 1 and line.startswith(_UTF16):
            raise InputError(f"{name}: is UTF-16; save it as UTF-8")
        yield f"{name}:{number}", line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _byte_lines(stream: IO[bytes], line_end: re.Pattern[bytes]) -> Iterator[bytes]:
    """Lines without their ends; an overlong one is cut, and has more than `MAX_LINE_BYTES` bytes still."""
    rest = b""
    ended_in_return = False
    while part := stream.readline(MAX_LINE_BYTES + 2):
        text = part[1:] if ended_in_return and part.startswith(b"\n") else part
        *lines, rest = line_end.split(rest + text)
        ended_in_return = part.endswith(b"\r") and not rest
        yield from map(_cut, lines)
        rest = _cut(rest)
    if rest:
        yield rest.removesuffix(b"\r")


def _cut(line: bytes) -> bytes:
    """The first bytes of a long line, and a quote where the others hold an odd number of them: CSV counts them."""
    cut = MAX_LINE_BYTES + 1
    return line if len(line) <= cut else line[:cut] + b'"' * (line.count(b'"', cut) % 2)


def printable(name: str) -> str:
    r"""A file's name as text: bytes of it that are not UTF-8 become `\udc80` and its like."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _broken_text(text: str) -> str | None:
    """Say where text decoded with `surrogateescape` was not UTF-8, or None where all of it was."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"not Unicode at character {error.start} (0x{ord(text[error.start]) & 0xFF:02X}); save the file as UTF-8"
    return None
