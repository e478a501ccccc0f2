"""Readers of formula files, one per format. A new format is one entry of `READERS`.

reads   .txt    one formula per line
        .jsonl  one object per line    )  column `formula`,
        .csv    with a header          )  optional `id`, `group` or `paper`, `split`,
        .parquet                       )  and `image`: a path inside the dataset, in Parquet also the image itself
        other   one formula per line
Text may be gzipped and may start with a UTF-8 byte-order mark; lines end at \\n, \\r\\n or \\r. A row that cannot be
read becomes a `BadRow`, so that every line is accounted for; a file that cannot be read to its end raises `InputError`.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.io.gzip_stream import UNPACK_ERRORS, open_gzip
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.types import BadRow, RawFormula, Split

FormulaRow = RawFormula | BadRow

MAX_LINE_BYTES = 1_000_000
"""Longest line; a longer one is a `BadRow` and is not held in memory."""

_ANY_LINE_END = re.compile(rb"\r\n|\n|\r")
LISTED_LINE_END = re.compile(rb"\r?\n")
"""Line end of the formula file of im2latex-100k, whose formulas may hold carriage returns."""
_TOO_LONG = "\0"
"""Placeholder of a CSV record that is too long; other lines hold no NUL."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SPREADSHEETS = frozenset((".xlsx", ".xls", ".ods"))
_SNIFFED = 8192
"""Bytes of a file of unknown format that are searched for a NUL, which no text holds."""

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


def read_file(path: Path) -> Iterator[FormulaRow]:
    """Yield all formulas of one file; the extension gives the format, and `.gz` may follow it.

    A file of another extension is read as lines, see `read_as_lines`. Raises `InputError` where the file cannot be read
    or is no text.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a file; name one of its files")
    try:
        yield from READERS.get(file_format(path), _read_unknown)(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except UNPACK_ERRORS as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def read_as_lines(path: Path) -> str | None:
    """Return the notice that a file of unknown format is read as lines of text, or None for a known format."""
    kind = file_format(path)
    if kind in FORMATS or kind in _SPREADSHEETS or not path.is_file():
        return None
    what = f"the suffix '{kind}' names no format" if kind else "the name has no suffix"
    return f"{path}: {what}; read as text, one formula per line"


def refuse_spreadsheet(path: Path) -> None:
    """Raise `InputError` where a file is a spreadsheet, with the next step."""
    if file_format(path).lower() in _SPREADSHEETS:
        raise InputError(f"{path}: is a spreadsheet; export it as CSV with commas and a column 'formula'")


def file_format(path: Path) -> str:
    """Return the extension that gives the format, without a trailing `.gz`."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_lines(stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END) -> Iterator[FormulaRow]:
    """Yield one formula per line; an empty line is an empty formula. `line_end` defaults to that of any system."""
    for place, line in numbered_lines(stream, name, line_end):
        yield line if isinstance(line, BadRow) else RawFormula(line, place)


def _open(path: Path) -> AbstractContextManager[BufferedReader]:
    return open_gzip(path) if path.suffix == ".gz" else path.open("rb")


def _read_txt(path: Path) -> Iterator[FormulaRow]:
    with _open(path) as stream:
        yield from read_lines(stream, printable(path.name))


def _read_unknown(path: Path) -> Iterator[FormulaRow]:
    """Read lines of a file of unknown format; raises `InputError` where it is binary."""
    refuse_spreadsheet(path)
    with _open(path) as stream:
        head = stream.peek(_SNIFFED)[:_SNIFFED]
        if b"\0" in head and not head.startswith(_UTF16):
            raise InputError(f"{path}: is not text; formulas come as {', '.join(FORMATS)}")
        yield from read_lines(stream, printable(path.name))


def _read_jsonl(path: Path) -> Iterator[FormulaRow]:
    with _open(path) as stream:
        for place, line in numbered_lines(stream, printable(path.name)):
            yield line if isinstance(line, BadRow) else _json_row(line, place)


def _json_row(line: str, place: str) -> FormulaRow:
    try:
        values = json.loads(line)
        if isinstance(values, dict):
            return table_row(values, place)
    except (ValueError, RecursionError) as error:
        return BadRow(place, "malformed_json", str(error))
    return BadRow(place, "malformed_json", f"expected an object, found {type(values).__name__}")


def _read_csv(path: Path) -> Iterator[FormulaRow]:
    with _open(path) as stream:
        yield from _csv_rows(stream, printable(path.name))


def _csv_rows(stream: IO[bytes], name: str) -> Iterator[FormulaRow]:
    """Yield the rows of a CSV file with a header.

    Quoted fields may span lines, so an unbalanced quote is an error of the whole file. So is a line that is too long,
    unless it is a whole record: then only that record is bad.
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
            separator = next((one for one in _OTHER_SEPARATORS if "formula" in "".join(header).split(one)), None)
            if separator:
                raise InputError(
                    f"{name}:1: columns are separated by {_OTHER_SEPARATORS[separator]}; save the file with commas"
                )
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


def _read_parquet(path: Path) -> Iterator[FormulaRow]:
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
    """Convert like `to_pylist`, with bytes that are not UTF-8 escaped as in `numbered_lines`."""
    if pa.types.is_struct(column.type):
        names = [field.name for field in column.type]
        rows = zip(*map(_values, column.flatten()), strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    texts = column.cast(pa.large_binary()).to_pylist()
    return [text if text is None else text.decode("utf-8", "surrogateescape") for text in texts]


def _cell(value: object, place: str) -> object:
    """Return the location of an image: `place` of the cell where it holds bytes, else the path in it."""
    if isinstance(value, dict):
        return place if value.get("bytes") is not None else value.get("path")
    return place if isinstance(value, bytes) else value


def table_row(values: Mapping[str, object], place: str) -> FormulaRow:
    """Build a row from the columns of a table, and validate the optional ones."""
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
    """Convert an optional cell to text; an empty cell is None, bytes that are not UTF-8 become `?`."""
    if value is None or value == "":
        return None
    return str(value).encode("utf-8", "replace").decode("utf-8")


def numbered_lines(
    stream: IO[bytes], name: str, line_end: re.Pattern[bytes] = _ANY_LINE_END
) -> Iterator[tuple[str, str | BadRow]]:
    """Yield place (`NAME:LINE`) and text of every line; memory is bounded by `MAX_LINE_BYTES`."""
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
    """Yield place and bytes of every line, the first without its byte-order mark."""
    for number, line in enumerate(_byte_lines(stream, line_end), 1):
        if number == 1 and line.startswith(_UTF16):
            raise InputError(f"{name}: is UTF-16; save it as UTF-8")
        yield f"{name}:{number}", line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _byte_lines(stream: IO[bytes], line_end: re.Pattern[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; one that is too long is truncated to just above `MAX_LINE_BYTES`."""
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
    """Truncate a long line; keeps the parity of its quotes, which the CSV reader counts."""
    cut = MAX_LINE_BYTES + 1
    return line if len(line) <= cut else line[:cut] + b'"' * (line.count(b'"', cut) % 2)


def printable(name: str) -> str:
    r"""Convert a file name to text; bytes that are not UTF-8 become escapes such as `\udc80`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _broken_text(text: str) -> str | None:
    """Locate the first byte that was not UTF-8 in text decoded with `surrogateescape`; None where there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"not Unicode at character {error.start} (0x{ord(text[error.start]) & 0xFF:02X}); save the file as UTF-8"
    return None


READERS: Mapping[str, Callable[[Path], Iterator[FormulaRow]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
"""Reader of each format, by its extension."""

FORMATS = tuple(READERS)
