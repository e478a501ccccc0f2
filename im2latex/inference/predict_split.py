"""Predictions of a checkpoint on a split of the dataset, with optional reranking by rendering.

reads   a checkpoint folder and <shards>/<split>/shard-*.parquet
        params.yaml: predict
writes  tables of schemas.PREDICTIONS and schemas.HYPOTHESES, for `im2latex evaluate`
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, model_validator
from tqdm import tqdm

from im2latex.config import check
from im2latex.decoding.beam import SearchParams, search
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.greedy import Hypothesis
from im2latex.decoding.rerank import RenderMatch, RenderReranker, best_match
from im2latex.engines.torch_engine import TorchEngine, choose_device
from im2latex.images.arrays import PAPER
from im2latex.io.parquet import check_table_suffix, write_by_suffix
from im2latex.metrics.baselines import IMAGE, SEARCH_ALONE
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize
from im2latex.models.presets import load_preset, preset_names, without_nulls
from im2latex.rendering.renderer import Renderer
from im2latex.schemas import HYPOTHESES, PREDICTIONS
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.collate import collate
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BatchParams, bucket_batches, padded_shape
from im2latex.types import Split


class PredictParams(SearchParams):
    """Parameters of prediction: search, constraint, reranking, batches and device.

    A key that is null has the value of the checkpoint's preset, else its default.
    """

    batches: BatchParams = Field(
        default=BatchParams(max_images=64, max_pixels=1_000_000, max_tokens=4096),
        description="size of a batch; changes speed, not results",
    )
    grammar: bool = Field(default=False, description="restrict the search to formulas that parse")
    device: str = Field(default="auto", description="where to compute, as torch names it: cpu, cuda, or auto")
    rerank: Literal["none", "render"] = Field(
        default="none", description="use the search's choice; or the hypothesis whose rendering equals the image"
    )
    attention: int = Field(
        default=6, ge=0, le=24, description="test samples, drawn by seed, whose attention maps are stored"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, values: Any) -> Any:
        return without_nulls(values) if isinstance(values, dict) else values

    def for_preset(self, name: str | None) -> "PredictParams":
        """These parameters with the values of a preset, where it is known, for the keys that are not set."""
        values = load_preset(name, "predict") if name in preset_names() else {}
        explicit = {key: getattr(self, key) for key in self.model_fields_set}
        return check(values | explicit, PredictParams, f"predict, with preset {name}")

    @model_validator(mode="after")
    def _rerank_has_a_choice(self) -> "PredictParams":
        if self.rerank == "render" and self.beam == 1:
            raise ValueError("rerank = render chooses among hypotheses; beam = 1 gives only one: raise beam")
        return self


@dataclass(frozen=True, slots=True)
class SamplePrediction:
    """Hypotheses of one sample as LaTeX, best first, and the sample: `image` (H, W) is that of the dataset."""

    formula_id: str
    reference: str
    image: NDArray[np.uint8]
    hypotheses: list[tuple[str, Hypothesis]]

    def row(self, split: Split, shown: str, rank: int = 0) -> dict[str, object]:
        """One of the hypotheses as a row of schemas.PREDICTIONS; `shown` names the kind of input image."""
        latex, hypothesis = self.hypotheses[rank]
        return {
            "formula_id": self.formula_id,
            "split": split,
            "input": shown,
            "reference": self.reference,
            "hypothesis": latex,
            "log_probability": hypothesis.log_probability,
        }


@dataclass(frozen=True)
class SplitPredictions:
    """Predictions on one split: a table of schemas.PREDICTIONS, and the schemas.HYPOTHESES they were chosen from."""

    predictions: pa.Table
    hypotheses: pa.Table

    @property
    def num_images(self) -> int:
        """The number of images."""
        return int(pc.sum(pc.equal(self.predictions["input"], IMAGE)).as_py() or 0)


def predict_samples(
    checkpoint: Path, shards: Path, split: Split, params: PredictParams, blank: bool = False
) -> Iterator[SamplePrediction]:
    """Predict every sample of a split by the search alone; with `blank` from an empty image of the same size.

    A sample is identified by its text, never by the token ids of the shards, so that any checkpoint can be used with
    any shards.
    """
    loaded = load_checkpoint(checkpoint)
    engine = TorchEngine(loaded.network.to(choose_device(params.device)))
    constraint = GrammarConstraint(loaded.vocabulary) if params.grammar else None
    samples = MemoryMappedDataset(shards, split)
    for indices in bucket_batches(samples, params.batches):
        shape = padded_shape(samples, indices, params.batches)
        images = collate(samples, indices, shape=shape).images[:, 0].numpy()
        images = np.full_like(images, PAPER) if blank else images
        found = search(engine, images, loaded.max_tokens, params, constraint)
        for index, several in zip(indices, found, strict=True):
            hypotheses = [(" ".join(loaded.vocabulary.decode(one.tokens)), one) for one in several]
            yield SamplePrediction(samples.ids[index], samples.latex[index], samples.array(index), hypotheses)


def predict_split(
    checkpoint: Path, shards: Path, split: Split, params: PredictParams, reranker: RenderReranker | None = None
) -> SplitPredictions:
    """Predict every sample of a split; a `reranker` is needed where `params.rerank` is render.

    With reranking, the search's own choices follow as rows of the input `search_alone`.
    """
    samples = list(tqdm(predict_samples(checkpoint, shards, split, params), "predict", disable=None, delay=2))
    if params.rerank == "none" or reranker is None:
        matches: list[list[RenderMatch] | None] = [None] * len(samples)
    else:
        texts = [[latex for latex, _ in sample.hypotheses] for sample in samples]
        matches = [*reranker.compare([sample.image for sample in samples], texts)]
    chosen = [0 if one is None else best_match(one) for one in matches]
    rows = [sample.row(split, IMAGE, rank) for sample, rank in zip(samples, chosen, strict=True)]
    if params.rerank == "render":
        rows += [sample.row(split, SEARCH_ALONE) for sample in samples]
    hypotheses = [
        row
        for sample, match, rank in zip(samples, matches, chosen, strict=True)
        for row in _hypothesis_rows(sample, split, match, rank)
    ]
    return SplitPredictions(
        pa.Table.from_pylist(rows, schema=PREDICTIONS), pa.Table.from_pylist(hypotheses, schema=HYPOTHESES)
    )


def _hypothesis_rows(
    sample: SamplePrediction, split: Split, matches: list[RenderMatch] | None, chosen: int
) -> list[dict[str, Any]]:
    return [
        {
            "formula_id": sample.formula_id,
            "split": split,
            "rank": rank,
            "hypothesis": latex,
            "log_probability": one.log_probability,
            "finished": one.finished,
            "same_image": matches[rank].same if matches else None,
            "column_edits": matches[rank].column_edits if matches else None,
            "chosen": rank == chosen,
        }
        for rank, (latex, one) in enumerate(sample.hypotheses)
    ]


def evaluate_split(
    checkpoint: Path,
    shards: Path,
    split: Split,
    out: Path,
    params: PredictParams,
    reranker: RenderReranker,
    renderer: Renderer | None,
) -> dict[str, Any]:
    """Write the predictions on a split to `out` and return their scores; image scores need a `renderer`.

    `out` ends in .parquet or .csv. With a beam, the hypotheses are written beside it, to `<stem>.hypotheses<suffix>`.
    The scores are those of `metrics.summary` over the split; with reranking, those of the search's own choices are
    nested under `search_alone`.
    """
    check_table_suffix(out)
    found = predict_split(checkpoint, shards, split, params, reranker)
    write_by_suffix(found.predictions, out)
    if params.beam > 1:
        write_by_suffix(found.hypotheses, out.with_suffix(f".hypotheses{out.suffix}"))
    scores = score_predictions(found.predictions, renderer, progress=True)
    chosen, alone = (scores.filter(pc.equal(scores["input"], name)) for name in (IMAGE, SEARCH_ALONE))
    nested = {SEARCH_ALONE: summarize(alone, EvaluateParams())} if alone.num_rows else {}
    return summarize(chosen, EvaluateParams()) | nested
