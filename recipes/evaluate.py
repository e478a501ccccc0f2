"""Scores of a checkpoint on held-out sets of labels: python -m recipes.evaluate OUT

reads   params.yaml, data/train/ or --checkpoint, sets/NAME.txt
writes  OUT/results.json              scores of each set
        OUT/predictions.parquet       every label with its prediction

Each label is rendered as given. Its prediction is scored twice: against the normalized label, which the model was
trained to predict, and against the label as given, there with image metrics. A label that does not render counts as
wrong. `blank` scores the same model on blank images. `by_length` groups by the length of the normalized label in tokens
and adds the rate of bold predictions for labels without bold (`bold_invented`) and with bold (`bold_recall`).
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import LatexError
from im2latex.inference.predict_split import PredictParams, predict_samples
from im2latex.io.parquet import write_table
from im2latex.latex.normalizer import Normalizer
from im2latex.metrics.score_formulas import score_files
from im2latex.rendering.renderer import Renderer
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.devices import describe_devices
from pipeline.paths import DATA
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams, project_renderer
from pipeline.rendered_shards import Label, write_rendered_shards

CHECKPOINT = DATA / "train"
LENGTHS = ((1, 3), (4, 12), (13, 45), (46, 100), (101, None))
"""Length bins in tokens, both ends included."""
BOLD = frozenset(["\\mathbf", "\\boldsymbol", "\\bm", "\\pmb"])


def main(
    out: Annotated[Path, typer.Argument(help="folder of the results; created if missing")],
    checkpoint_folder: Annotated[Path, typer.Option("--checkpoint", help="folder of a checkpoint")] = CHECKPOINT,
) -> None:
    """Score a checkpoint on every set of labels."""
    checkpoint = load_checkpoint(checkpoint_folder)
    out.mkdir(parents=True, exist_ok=True)
    renderer = project_renderer()
    scores: dict[str, Any] = {}
    tables: list[pa.Table] = []
    for path in sorted(Path("sets").glob("*.txt")):
        scores[path.stem], table = _evaluate_set(path, checkpoint_folder, checkpoint.vocabulary, renderer)
        tables.append(table)
        for kind in ("normal_form", "as_given"):
            values = {key: value for key, value in scores[path.stem][kind].items() if isinstance(value, float | int)}
            typer.echo(f"{path.stem}, {kind}: {values}")
    write_table(pa.concat_tables(tables), out / "predictions.parquet")
    results = {
        "scores": scores,
        "counts": checkpoint.counts,
        "devices": describe_devices(),
    }
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (out / "results.json").write_text(text, encoding="utf-8")


def _evaluate_set(
    path: Path, checkpoint: Path, vocabulary: Vocabulary, renderer: Renderer
) -> tuple[dict[str, Any], pa.Table]:
    """Return the scores of one set, and its table: label, normalized label, prediction."""
    labels = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    normalized = _normalize(labels)
    pairs = [Label(label, reference) for label, reference in zip(labels, normalized, strict=True)]
    shards = DATA / "sets" / path.stem
    failures = write_rendered_shards(
        pairs,
        vocabulary,
        shards,
        "test",
        load_section("render", RenderStageParams),
        load_section("bucket", BucketParams),
    )
    predicted, on_blank = (_predict(checkpoint, shards, len(labels), blank) for blank in (False, True))
    score = {
        "normal_form": _score(normalized, predicted, None),
        "as_given": _score(labels, predicted, renderer),
        "blank": _score(normalized, on_blank, None),
        "by_length": _score_by_length(normalized, predicted, renderer),
        "not_drawn": len(failures),
    }
    columns = {"set": [path.stem] * len(labels), "label": labels, "reference": normalized, "hypothesis": predicted}
    return score, pa.table(columns)


def _score_by_length(
    references: Sequence[str], hypotheses: Sequence[str], renderer: Renderer
) -> dict[str, dict[str, Any]]:
    """Scores of each length bin; a rate over no labels is None."""
    scores_by_bin = {}
    for shortest, longest in LENGTHS:
        pairs = [
            pair
            for pair in zip(references, hypotheses, strict=True)
            if shortest <= len(pair[0].split()) <= (longest or len(pair[0]))
        ]
        if not pairs:
            continue
        scores = _score([reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs], renderer)
        regular = [_is_bold(hypothesis) for reference, hypothesis in pairs if not _is_bold(reference)]
        bold = [_is_bold(hypothesis) for reference, hypothesis in pairs if _is_bold(reference)]
        scores_by_bin[f"{shortest}-{longest or ''}"] = {
            "samples": len(pairs),
            **{name: scores[name] for name in ("bleu", "exact", "image_exact")},
            "bold_invented": sum(regular) / len(regular) if regular else None,
            "bold_recall": sum(bold) / len(bold) if bold else None,
            "bold_labels": len(bold),
        }
    return scores_by_bin


def _is_bold(label: str) -> bool:
    return not BOLD.isdisjoint(label.split())


def _predict(checkpoint: Path, shards: Path, count: int, blank: bool) -> list[str]:
    """Predictions by label, for its image or a blank image of the same size; empty without an image."""
    predictions = [""] * count
    for sample in predict_samples(checkpoint, shards, "test", load_section("predict", PredictParams), blank):
        predictions[int(sample.formula_id)] = sample.hypotheses[0][0]
    return predictions


def _normalize(labels: Sequence[str]) -> list[str]:
    """Normalized labels; a label that the normalizer refuses stays as it is."""
    normalizer = Normalizer(load_section("normalize", NormalizeParams).normalizer)
    forms = []
    for label in labels:
        try:
            forms.append(normalizer.normalize(label))
        except LatexError:
            forms.append(label)
    return forms


def _score(references: Sequence[str], hypotheses: Sequence[str], renderer: Renderer | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        files = []
        for kind, lines in (("references", references), ("hypotheses", hypotheses)):
            files.append(Path(name) / f"{kind}.txt")
            files[-1].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return dict(score_files(files[0], files[1], renderer=renderer))


if __name__ == "__main__":
    typer.run(main)
