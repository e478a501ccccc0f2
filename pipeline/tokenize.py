"""Normalized formulas that rendered to token ids; the vocabulary comes from the training split.

reads   data/normalize/part-NNNNN.parquet     schemas.FORMULAS
        data/render/part-NNNNN.parquet        which of them have an image
writes  data/tokenize/vocabulary.json
        data/tokenize/tokenizer.json          the same for Hugging Face's tokenizers
        data/tokenize/labels.parquet          schemas.LABELS
"""

import sys

import pyarrow as pa

from im2latex.config import Params
from im2latex.dataset.hf_tokenizer import save_tokenizer, tokenizer_path
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams, count_merges
from im2latex.errors import InputError
from im2latex.io.parquet import read_parts, write_table
from im2latex.latex.tokens import split as split_tokens
from im2latex.schemas import LABELS
from pipeline.paths import DATA
from pipeline.stage import Stage, StageRun


class TokenizeParams(Params):
    """Section `tokenize` of params.yaml."""

    vocabulary: VocabularyParams


def work(run: StageRun[TokenizeParams]) -> None:
    """Fit the vocabulary and encode every label."""
    rendered = set(read_parts(DATA / "render", ["formula_id"])["formula_id"].to_pylist())
    formulas = read_parts(DATA / "normalize", ["formula_id", "split", "latex"])
    labels = formulas.filter(pa.array([name in rendered for name in formulas["formula_id"].to_pylist()]))
    # One string object for all occurrences of a token, which keeps a million formulas within a gigabyte.
    tokens = [list(map(sys.intern, split_tokens(latex))) for latex in labels["latex"].to_pylist()]
    splits = labels["split"].to_pylist()
    training = [row for row, split in zip(tokens, splits, strict=True) if split == "train"]
    if not training:
        raise InputError(
            "no rendered formula is in the training split; lower the shares in params.yaml: normalize.split"
        )
    vocabulary = Vocabulary.fit(training, run.params.vocabulary)
    ids = [vocabulary.encode(row) for row in tokens]
    run.ledger.add_seen(len(rendered))
    run.ledger.add_kept(len(ids))
    run.facts["merged"] = count_merges(tokens, vocabulary.merges)
    readable = run.out / "vocabulary.json"
    vocabulary.save(readable)
    save_tokenizer(vocabulary, tokenizer_path(readable))
    unknown = [row.count(vocabulary.unk) for row in ids]
    write_table(
        pa.table([labels["formula_id"], labels["split"], ids, unknown], schema=LABELS), run.out / "labels.parquet"
    )


STAGE = Stage("tokenize", TokenizeParams, work, ("pyarrow", "tokenizers"), unit="formulas")

if __name__ == "__main__":
    STAGE.main()
