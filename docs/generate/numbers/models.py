"""Tables of the trained models: scores, robustness, presets, decoding and training speed."""

import re
from collections.abc import Mapping

from docs.generate.numbers.tables import (
    format_count,
    format_interval,
    format_percent,
    format_share,
    load_json,
    load_result,
    markdown_table,
    register,
)

_SCORES = ("bleu", "image_exact", "exact", "edit", "cdm", "cdm_strict", "compiles")


@register
def sample_scores() -> str:
    """Scores of `make repro` on the test split, beside trivial predictions."""
    scores = load_json("reports/metrics.json")
    beside = load_json("reports/evaluation.json")
    others = [beside["blank"], beside["baselines"]["most_frequent"], beside["baselines"]["one_changed"]]
    header = [
        "score",
        f"model (n = {scores['n']})",
        "95 % interval",
        "blank image",
        "most frequent",
        "one token changed",
    ]
    rows = [
        [
            f"`{name}`",
            format_share(scores[name]),
            format_interval(scores["intervals"][name]),
            *(format_share(o[name]) for o in others),
        ]
        for name in _SCORES
    ]
    return markdown_table(header, rows)


def describe_condition(name: str) -> str:
    """How the images of a condition are made, in words."""
    from benchmarks.robustness.browser import BrowserRenderer
    from benchmarks.robustness.conditions import CONDITIONS, MathtextCondition

    condition = next(one for one in CONDITIONS if one.name == name)
    source = condition.source
    if isinstance(source, MathtextCondition):
        parts = [f"mathtext of matplotlib, fonts {source.fonts}, 12 pt at 150 dpi"]
    elif isinstance(source, BrowserRenderer):
        parts = [f"{source.engine} in a browser, device pixel ratio {source.scale}"]
        parts += [f"ink {source.ink} on {source.paper}"] if source.ink != "#000000" else []
    else:
        changes = (("fonts", source.fonts), ("type size", source.size), ("dpi", source.dpi))
        parts = ["TeX, " + (", ".join(f"{key} {value}" for key, value in changes if value) or "as in the dataset")]
    return "; ".join([*parts, *map(_describe_effect, condition.effects)])


def _describe_effect(effect: object) -> str:
    """An effect with its values: `blur, sigma 1`."""
    values = ", ".join(
        f"{key.replace('_', ' ')} {value if value is not None else 'none'}" for key, value in vars(effect).items()
    )
    return f"{_words(type(effect).__name__)} ({values})"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


@register
def robustness() -> str:
    """`image_exact` in every image condition, beside the clean images of the same formulas."""
    found = load_result("robustness")["short"]
    rows = [
        [
            name,
            describe_condition(name),
            str(condition["n"]),
            format_share(condition["image_exact"]),
            format_interval(condition["intervals"]["image_exact"]),
            f"**{condition['of_clean']:.2f}**" if condition["of_clean"] < 2 / 3 else f"{condition['of_clean']:.2f}",
        ]
        for name, condition in found.items()
    ]
    return markdown_table(["condition", "images", "n", "`image_exact`", "95 % interval", "of clean"], rows, words=2)


@register
def model_families() -> str:
    """Trainable weights of every preset, and how fast the small ones learn."""
    sizes = load_result("presets-table")["presets"]
    overfit = load_result("presets-overfit")["presets"]
    scores = load_result("presets-scores")["presets"]
    rows = []
    for name, preset in sorted(sizes.items()):
        score = scores.get(name, {})
        rows.append(
            [
                f"`{name}`",
                f"{preset['weights'] / 1e6:.1f} M",
                format_count(preset["samples_per_cpu_second"]) if "samples_per_cpu_second" in preset else "",
                format_count(overfit[name]["samples"]) if name in overfit else "",
                format_share(score["bleu"][0]) if score else "",
                format_share(score["image_exact"][0]) if score else "",
                format_share(score["val_bleu_blank"]) if score else "",
                f"{score['image_nats']:.2f}" if score else "",
                format_count(score["cpu_seconds"]) if score else "",
            ]
        )
    header = [
        "preset",
        "weights",
        "samples/s, one core",
        "samples until 50 formulas are learned",
        "`bleu` after 37,000 samples of `sample`",
        "`image_exact`",
        "`bleu` on blank paper (val)",
        "nats per token from the image",
        "CPU seconds",
    ]
    return markdown_table(header, rows)


@register
def model_families_short() -> str:
    """Scores of small presets after 100,000 samples of short arXiv formulas, the best first."""
    sizes = load_result("presets-table")["presets"]
    scores = load_result("presets-scores-short")["presets"]
    rows = [
        [
            f"`{name}`",
            f"{sizes[name]['weights'] / 1e6:.1f} M",
            format_share(score["bleu"][0]),
            format_interval(score["bleu"][1:]),
            format_share(score["image_exact"][0]),
            format_interval(score["image_exact"][1:]),
            format_share(score["val_bleu_blank"]),
            f"{score['image_nats']:.2f}",
            format_count(score["cpu_seconds"]),
        ]
        for name, score in sorted(scores.items(), key=lambda item: -item[1]["bleu"][0])
    ]
    header = ["preset", "weights", "`bleu`", "95 % interval", "`image_exact`", "95 % interval"]
    header += ["`bleu` on blank paper (val)", "nats per token from the image", "CPU seconds"]
    return markdown_table(header, rows)


@register
def ablation() -> str:
    """Mean `edit` of each condition of the ablation over its seeds, with its range, and the difference from `full`."""
    runs: dict[str, list[dict[str, float]]] = {}
    result = load_result("ablation")
    for run in result["runs"]:
        runs.setdefault(run["condition"], []).append(run)
    columns = ("labels_edit", "images_edit")
    rows = [
        [name, str(len(several))]
        + [
            cell
            for column in columns
            for cell in (_with_range(several, column), f"{_mean(several, column) - _mean(runs['full'], column):+.3f}")
        ]
        for name, several in runs.items()
    ]
    header = [f"{format_count(result['samples'])} samples", "seeds"]
    header += [f"`edit`, {result['n_labels']} labels", "change", f"`edit`, {result['n_images']} images", "change"]
    return markdown_table(header, rows)


def _mean(runs: list[dict[str, float]], column: str) -> float:
    return sum(run[column] for run in runs) / len(runs)


def _with_range(runs: list[dict[str, float]], column: str) -> str:
    values = [run[column] for run in runs]
    return f"{_mean(runs, column):.3f} ({min(values):.3f} – {max(values):.3f})"


@register
def decoding() -> str:
    """Time and accuracy of the search methods."""
    found = load_result("decoding-search")
    ways = {key: value for key, value in found.items() if isinstance(value, Mapping) and "relative_to_greedy" in value}
    rows = [
        [
            name.replace("constrained", "grammar constraint"),
            f"{way['ms_per_image']:.2f}",
            f"{way['relative_to_greedy']:.2f}",
            format_share(way["exact"]),
            format_share(way["exact_in_any_candidate"]),
            format_share(way["parse"]),
            format_share(way["render"]),
        ]
        for name, way in ways.items()
    ]
    header = ["search", "ms per image", "times greedy", "`exact`", "exact among all hypotheses", "parse", "render"]
    return markdown_table(header, rows)


EFFORT_SETS = {
    "im2latex100k-test-all": "im2latex-100k test, all, drawn in the base style",
    "im2latex100k-test": "im2latex-100k test, a sample",
    "im2latex100k-pages": "original pages of im2latex-100k",
    "held-out-papers": "formulas of held-out arXiv papers, drawn in the base style",
    "other-programs": "images that other programs drew",
}
"""Result of `benchmarks.effort` to the words for its images."""


@register
def efforts() -> str:
    """Scores of the released model with each effort."""
    header = ["images", "n", "effort", "`image_exact`", "1–12", "13–45", "46–100", "101–200", "parse", "s per image"]
    rows = []
    for name, words in EFFORT_SETS.items():
        result = load_result(f"effort-{name}")
        for effort, scores in result["efforts"].items():
            by_length = [scores["by_length"].get(key) for key in ("1-12", "13-45", "46-100", "101-200")]
            rows.append(
                [
                    words,
                    format_count(result["images"]),
                    effort,
                    format_share(scores["image_exact"]),
                    *(format_share(one and one["image_exact"]) for one in by_length),
                    format_share(scores["parse"]),
                    f"{scores['cpu_seconds_per_image']:.2f}",
                ]
            )
    return markdown_table(header, rows)


@register
def confidence() -> str:
    """Calibration of the confidence of the released model."""
    header = ["images", "n", "effort", "calibration error", "AUROC", "confidence above 0.9", "of these right"]
    rows = [
        [
            words,
            format_count(result["images"]),
            effort,
            format_share(scores["expected_calibration_error"]),
            format_share(scores["auroc"]),
            format_percent(scores["above_0.9"], 0),
            format_percent(scores["right_above_0.9"], 0),
        ]
        for name, words in EFFORT_SETS.items()
        for result in [load_result(f"effort-{name}")]
        for effort, scores in result["efforts"].items()
    ]
    return markdown_table(header, rows)


@register
def reranking() -> str:
    """The choice of the hypothesis whose rendering equals the input image."""
    found = load_result("decoding-rerank")
    header = [
        "images",
        "beam",
        "first hypothesis has the same image",
        "some hypothesis has the same image",
        "CPU ms per image",
    ]
    row = [
        format_count(found["images"]),
        str(found["beam"]),
        format_share(found["same_image_in_first_candidate"]),
        format_share(found["same_image_in_any_candidate"]),
        f"{found['cpu_ms_per_image']:.1f}",
    ]
    return markdown_table(header, [row], words=0)


@register
def loader_speed() -> str:
    """Samples per second of each part of the data loader."""
    rates = load_result("training-loader")["per_second"]
    parts = {
        "decode": "decode a PNG",
        "load_a_split": "load a split for the first time",
        "load_it_again": "load it again",
        "collate": "collate",
        "epoch_host": "an epoch, `host`",
        "epoch_device": "an epoch, `device`",
        "epoch_segments": "an epoch, `segments`",
    }
    return markdown_table(["part", "samples/s"], [[text, format_count(rates[name])] for name, text in parts.items()])


@register
def loader_memory() -> str:
    """Memory of a process that reads splits of several sizes."""
    names = ("pixels_mb", "before_mb", "decoding_peak_mb", "epoch_peak_mb", "epoch_samples_per_second")
    header = [
        "samples",
        "pixels, MiB",
        "memory before, MiB",
        "most while decoding, MiB",
        "most in an epoch, MiB",
        "samples/s in an epoch",
    ]
    rows = [
        [format_count(row[name]) for name in ("samples", *names)] for row in load_result("training-memory")["splits"]
    ]
    return markdown_table(header, rows, words=0)


@register
def training_speed() -> str:
    """Training and inference speed of the preset fast-tiny on two cores."""
    found = load_result("training-throughput-cpu")
    rows = [
        [
            f"`{precision}`",
            f"{found[precision]['training_samples_per_second']:.0f}",
            format_percent(found[precision]["share_of_peak"], 0),
            format_count(found[precision]["training_peak_mb"]),
            " / ".join(f"{speed:.0f}" for speed in found[precision]["inference_images_per_second"].values()),
        ]
        for precision in ("32-true", "bf16-mixed")
    ]
    header = [
        "precision",
        "samples/s, training",
        "share of the matrix-product peak",
        "memory, MB",
        "images/s, inference in batches of 1 / 8 / 64",
    ]
    return markdown_table(header, rows)
