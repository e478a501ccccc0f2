"""Normalized formulas that rendered to token ids; the vocabulary comes from the training split.

reads   data/normalize/part-NNNNN.parquet     schemas.FORMULAS
        data/render/part-NNNNN.parquet        which of them have an image
writes  data/tokenize/vocabulary.json
        data/tokenize/tokenizer.json          the same for Hugging Face's tokenizers
        data/tokenize/labels.parquet          schemas.LABELS
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.config import Params
from im2latex.dataset.hf_tokenizer import save_tokenizer, tokenizer_path
from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams, count_merges
from im2latex.errors import InputError
from im2latex.io.parquet import TableWriter, read_table
from im2latex.latex.tokens import split as split_tokens
from im2latex.schemas import LABELS
from pipeline.parts import read_images, rendered_parts
from pipeline.stage import Stage, StageRun


class TokenizeParams(Params):
    """Section `tokenize` of params.yaml."""

    vocabulary: VocabularyParams


class _TrainingTokens:
    """The tokens of each rendered formula of the training split; every iteration reads them anew, part by part."""

    def __iter__(self) -> Iterator[list[str]]:
        for part in _rendered_formulas():
            for latex in part.filter(pc.equal(part["split"], "train"))["latex"].to_pylist():
                yield split_tokens(latex)


def _rendered_formulas() -> Iterator[pa.Table]:
    """The formulas of each part that have an image in any style: id, split and normalized formula."""
    for path, images in rendered_parts():
        formulas = read_table(path, ["formula_id", "split", "latex"])
        rendered = read_images(images, ["formula_id"])["formula_id"]
        yield formulas.filter(pc.is_in(formulas["formula_id"], rendered))


def work(run: StageRun[TokenizeParams]) -> None:
    """Fit the vocabulary and encode every label."""
    if next(iter(_TrainingTokens()), None) is None:
        raise InputError(
            "no rendered formula is in the training split; lower the shares in params.yaml: normalize.split"
        )
    vocabulary = Vocabulary.fit(_TrainingTokens(), run.params.vocabulary)
    readable = run.out / "vocabulary.json"
    vocabulary.save(readable)
    save_tokenizer(vocabulary, tokenizer_path(readable))
    merged: Counter[str] = Counter()
    with TableWriter(run.out / "labels.parquet", LABELS) as writer:
        for part in _rendered_formulas():
            tokens = [split_tokens(latex) for latex in part["latex"].to_pylist()]
            ids = [vocabulary.encode(row) for row in tokens]
            unknown = [row.count(vocabulary.unk) for row in ids]
            writer.add(pa.table([part["formula_id"], part["split"], ids, unknown], schema=LABELS))
            merged.update(count_merges(tokens, vocabulary.merges))
            run.ledger.add_seen(part.num_rows)
            run.ledger.add_kept(part.num_rows)
    run.facts["merged"] = {token: merged[token] for token in vocabulary.merges}


STAGE = Stage("tokenize", TokenizeParams, work, ("pyarrow", "tokenizers"), unit="formulas")

if __name__ == "__main__":
    STAGE.main()
