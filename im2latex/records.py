"""The nouns that flow between stages, with the Parquet schema of each and the one way they are written.

    RawFormula ─normalize─▶ FORMULAS ─render─▶ PICTURES ─tokenize─▶ LABELS ─filter─▶ KEPT ─bucket─▶ SAMPLES
    SAMPLES ─predict─▶ PREDICTIONS ─evaluate─▶ SCORES;     every stage ─▶ REJECTS

Identity is by content: a `formula_id` is a hash of the raw text, never a line number.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from im2latex.errors import ArtifactError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for a damaged Parquet file; `UnicodeDecodeError` is a `ValueError`."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""A picture as the `datasets` library expects it: PNG bytes and an optional path."""


def formula_id(raw: str) -> str:
    """Name a formula by its raw text: the first 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class RawFormula:
    """One row of a user's file. `place` says where it stood, for messages only; `image` where its picture lies."""

    formula: str
    place: str
    source_id: str | None = None
    group: str | None = None
    split: Split | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row of a user's file that holds no readable formula."""

    place: str
    reason: str
    detail: str
    source_id: str | None = None


FORMULAS = pa.schema(
    [
        ("formula_id", pa.string()),
        ("source_id", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("raw", pa.string()),
        ("latex", pa.string()),
        ("image", pa.string()),
    ]
)
"""`latex` is the normalized formula: tokens separated by one space. `image` is the place, inside the corpus, of the
picture that the corpus brings; null where it is to be drawn."""

PICTURES = pa.schema(
    [
        ("formula_id", pa.string()),
        ("look", pa.string()),
        ("image_id", pa.string()),
        ("pixel_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image", IMAGE),
    ]
)
"""A formula has one row for each `look` it was drawn in. `image_id` names what was asked for (text and renderer);
`pixel_hash` what came out. Sizes in pixels."""

LABELS = pa.schema(
    [
        ("formula_id", pa.string()),
        ("split", pa.string()),
        ("tokens", pa.list_(pa.int32())),
        ("unknown", pa.int32()),
    ]
)
"""`tokens` are vocabulary ids without begin and end marks; `unknown` counts those that are `<unk>`."""

KEPT = pa.schema(
    [
        ("formula_id", pa.string()),
        ("look", pa.string()),
        ("split", pa.string()),
        ("length", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)
"""What the filters let through; `length` in ids, sizes in pixels."""

SAMPLES = pa.schema(
    [
        ("formula_id", pa.string()),
        ("source_id", pa.string()),
        ("group", pa.string()),
        ("look", pa.string()),
        ("latex", pa.string()),
        ("tokens", pa.list_(pa.int32())),
        ("bucket", pa.int16()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image", IMAGE),
    ]
)
"""A row of a shard. `bucket` is the index of its shape in buckets.json."""

PREDICTIONS = pa.schema(
    [
        ("formula_id", pa.string()),
        ("split", pa.string()),
        ("input", pa.string()),
        ("reference", pa.string()),
        ("hypothesis", pa.string()),
        ("log_probability", pa.float32()),
    ]
)
"""`input` is "picture", or "blank" where the model was shown empty paper of the same size, or "search_alone" for what
the search would have chosen where its hypotheses were ranked anew. `log_probability` is the model's own, in nats, for
all tokens and the end mark, however the hypothesis was found or chosen; null where no model was asked."""

HYPOTHESES = pa.schema(
    [
        ("formula_id", pa.string()),
        ("split", pa.string()),
        ("rank", pa.int16()),
        ("hypothesis", pa.string()),
        ("log_probability", pa.float32()),
        ("finished", pa.bool_()),
        ("same_picture", pa.bool_()),
        ("column_edits", pa.int32()),
        ("chosen", pa.bool_()),
    ]
)
"""All that a beam search found in a picture, rank 0 its own choice. `same_picture` and `column_edits` compare the
hypothesis, rendered, with the picture that was read: null where that was not asked, the edits also where it does not
render. `chosen` is the one in PREDICTIONS."""

ATTENTION = pa.schema(
    [
        ("formula_id", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("maps", pa.list_(pa.float32())),
        ("page", IMAGE),
    ]
)
"""Where a model looked. `tokens` are the T entries of the vocabulary that it wrote; `maps` the T * rows * columns
shares of attention, token by token and row by row, that fell on equal parts of `page`: the paper as it was read."""

SCORES = pa.schema(
    [
        ("formula_id", pa.string()),
        ("split", pa.string()),
        ("input", pa.string()),
        ("reference", pa.string()),
        ("hypothesis", pa.string()),
        ("edits", pa.int32()),
        ("exact", pa.bool_()),
        ("compiles", pa.bool_()),
        ("reference_renders", pa.bool_()),
        ("image_exact", pa.bool_()),
        ("image_match", pa.bool_()),
        ("image_match_nospace", pa.bool_()),
        ("image_edits", pa.int32()),
        ("image_columns", pa.int32()),
        ("cdm", pa.float64()),
        ("cdm_exact", pa.bool_()),
        ("cdm_strict", pa.float64()),
        ("failure", pa.string()),
        ("reference_failure", pa.string()),
    ]
)
"""One prediction judged; `edits` in tokens, `image_edits` of `image_columns` in pixel columns.

`input` as in PREDICTIONS, or the name of a trivial baseline. The columns from `compiles` on are null where pictures
were not judged, those of `cdm` also where symbols were not; `failure` and `reference_failure` name why a side
has no picture.
"""

REJECTS = pa.schema(
    [
        ("formula_id", pa.string()),
        ("source_id", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""What a stage dropped. `source_id` falls back to the place in the file where the user gave no id."""

ROW_GROUP = 1000
"""Rows of a Parquet row group: a reader of pictures holds about 2 MB at a time."""


def image_schema(schema: pa.Schema) -> pa.Schema:
    """Declare the column `image` to the `datasets` library, which then shows pictures without code."""
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    return schema.with_metadata({"huggingface": json.dumps(features)})


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet with settings that fix every byte for one pyarrow version; PNG bytes stay as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [name for name in table.schema.names if name != "image"]
    compression = dict.fromkeys(columns, "ZSTD") | {"tokens.list.element": "ZSTD"}
    if "image" in table.schema.names:
        compression |= {"image.bytes": "NONE", "image.path": "NONE"}
    pq.write_table(
        table.combine_chunks(),
        path,
        row_group_size=ROW_GROUP,
        compression=compression,
        compression_level=None,
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
        version="2.6",
        data_page_version="1.0",
    )


def read_json(path: Path, command: str = "dvc repro") -> dict[str, Any]:
    """Read a JSON object that a stage wrote; raises `ArtifactError`, naming the command that makes it anew."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `{command}`") from None
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: damaged; remove it and run `{command}`") from None
    return parse_json(text, str(path), command)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one a line; raises `ArtifactError` as `read_json`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise ArtifactError(f"{path}: damaged; remove it and run `dvc repro`") from None
    return [parse_json(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line]


def parse_json(text: str, name: str, command: str = "dvc repro") -> dict[str, Any]:
    """The JSON object in a text from the artifact `name`; raises `ArtifactError` as `read_json`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ArtifactError(f"{name}: damaged; remove it and run `{command}`") from None
    if not isinstance(content, dict):
        raise ArtifactError(f"{name}: holds no JSON object; remove it and run `{command}`")
    return content


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file whole; raises `ArtifactError` where it is missing or damaged."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None, page_checksum_verification=True)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro`") from None
    except PARQUET_ERRORS as error:
        raise ArtifactError(f"{path}: damaged ({error}); remove it and run `dvc repro`") from None


def part_paths(folder: Path, pattern: str = "part-*.parquet") -> list[Path]:
    """The parts of a table in order; raises `ArtifactError` where there is none."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise ArtifactError(f"{folder}: holds no {pattern}; run `dvc repro`")
    return paths


def read_parts(folder: Path, columns: list[str] | None = None, pattern: str = "part-*.parquet") -> pa.Table:
    """Read all parts of a table as one; ask for columns without pixels where the corpus is large."""
    return pa.concat_tables(read_table(path, columns) for path in part_paths(folder, pattern))
