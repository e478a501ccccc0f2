"""Tables of the metrics: trivial predictions, damaged formulas, time and memory."""

from docs.generate.numbers.tables import format_count, format_share, load_result, markdown_table, register


@register
def scoring_speed() -> str:
    """Time to score prediction pairs."""
    found = load_result("metrics-speed-ghostscript")
    rows = [[kind, f"{found[kind]['seconds']:.1f}", f"{found[kind]['cpu_seconds']:.1f}"] for kind in _SCORE_KINDS]
    return markdown_table([f"scores of {format_count(found['pairs'])} pairs", "seconds", "CPU seconds"], rows)


_SCORE_KINDS = ("text", "images", "symbols")


@register
def scoring_memory() -> str:
    """Memory that scoring and summarizing predictions needs beside the program."""
    names = {
        "predictions": "predictions",
        "rows": "rows, baselines included",
        "table_mb": "table of scores, MiB",
        "before_mb": "memory before, MiB",
        "score_peak_mb": "most while scoring, MiB",
        "summary_peak_mb": "most while summarizing, MiB",
    }
    runs = load_result("evaluation-memory")["runs"]
    return markdown_table(names.values(), [[format_count(run[name]) for name in names] for run in runs], words=0)


@register
def trivial_baselines() -> str:
    """Scores of trivial predictions on im2latex-100k: what a score is worth without a model."""
    found = load_result("baselines")
    names = ("image_exact", "exact", "bleu", "edit", "image_match", "cdm", "compiles")
    rows = [
        [name.replace("_", " "), *(format_share(scores[key]) for key in names)]
        for name, scores in found["scores"].items()
    ]
    return markdown_table(["prediction", *(f"`{name}`" for name in names)], rows)


@register
def corruptions() -> str:
    """Scores of formulas with known damage."""
    return "\n".join(load_result("metrics-corruptions")["table"])
