"""Parquet schemas of the pipeline's artifacts.

    RawFormula ─normalize─▶ FORMULAS ─render─▶ IMAGES ─tokenize─▶ LABELS ─filter─▶ KEPT ─bucket─▶ SAMPLES
    SAMPLES ─predict─▶ PREDICTIONS ─evaluate─▶ SCORES;     every stage ─▶ REJECTS

Identity is by content: a `formula_id` is a hash of the raw text, never a line number.
"""

import hashlib
import json

import pyarrow as pa

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An image as the `datasets` library expects it: PNG bytes and an optional path."""


def formula_id(raw: str) -> str:
    """Name a formula by its raw text: the first 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:32]


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
"""`latex` is the normalized formula: tokens separated by one space. `image` is the path, inside the dataset, of the
image that the dataset brings; null where it is to be drawn."""

IMAGES = pa.schema(
    [
        ("formula_id", pa.string()),
        ("style", pa.string()),
        ("image_id", pa.string()),
        ("pixel_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("image", IMAGE),
    ]
)
"""A formula has one row for each `style` it was rendered in. `image_id` names what was asked for (text and renderer);
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
        ("style", pa.string()),
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
        ("style", pa.string()),
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
"""`input` is "image", or "blank" where the model was shown empty paper of the same size, or "search_alone" for what
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
        ("same_image", pa.bool_()),
        ("column_edits", pa.int32()),
        ("chosen", pa.bool_()),
    ]
)
"""All that a beam search found in an image, rank 0 its own choice. `same_image` and `column_edits` compare the
hypothesis, rendered, with the image that was read: null where that was not asked, the edits also where it does not
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
"""Attention maps. `tokens` are the T vocabulary entries of the prediction; `maps` the T * rows * columns
shares of attention, token by token and row by row, that fell on equal parts of `page`: the preprocessed image."""

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
"""One scored prediction; `edits` in tokens, `image_edits` of `image_columns` in pixel columns.

`input` as in PREDICTIONS, or the name of a trivial baseline. The columns from `compiles` on are null where images
were not scored, those of `cdm` also where symbols were not; `failure` and `reference_failure` name why a side
has no image.
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


def image_schema(schema: pa.Schema) -> pa.Schema:
    """Declare the column `image` to the `datasets` library, which then shows images without code."""
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    return schema.with_metadata({"huggingface": json.dumps(features)})
