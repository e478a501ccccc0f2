"""Tables of the metrics: trivial predictions, damaged formulas, time."""

from docs.generate.numbers.tables import format_count, format_share, load_result, markdown_table, register


@register
def scoring_speed() -> str:
    """Time to score prediction pairs."""
    found = load_result("metrics-speed-ghostscript")
    rows = [[kind, f"{found[kind]['seconds']:.1f}", f"{found[kind]['cpu_seconds']:.1f}"] for kind in _SCORE_KINDS]
    return markdown_table([f"scores of {format_count(found['pairs'])} pairs", "seconds", "CPU seconds"], rows)


_SCORE_KINDS = ("text", "images", "symbols")


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
