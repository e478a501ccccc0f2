"""Tables of the released checkpoint and of the dataset that it was trained on."""

from typing import Any

from docs.generate.numbers.tables import (
    format_count,
    format_interval,
    format_percent,
    format_share,
    load_json,
    markdown_table,
    register,
)


def _released() -> Any:
    return load_json("recipes/gpu_10min/results.json")


@register
def released_scores() -> str:
    """Scores of the released checkpoint, greedy search."""
    results = _released()
    pages = results["original pages of im2latex-100k"]
    other = results["images of other programs"]["now"]["all"]
    base = results["base style"]["now"]
    names = {
        "im2latex_test": "im2latex-100k test, drawn in the base style",
        "im2latex_val": "im2latex-100k validation, drawn in the base style",
        "arxiv_val": "formulas of held-out arXiv papers, drawn in the base style",
    }
    rows = [
        [
            names[key],
            str(base[key]["n"]),
            format_share(base[key]["image_exact"]),
            format_interval(base[key]["image_exact_interval"]),
            format_share(base[key]["bleu_normal_form"]),
        ]
        for key in names
    ]
    rows.append(["original pages of im2latex-100k", str(pages["n"]), format_share(pages["now"]["image_exact"]), "", ""])
    rows.append(
        [
            "images that other programs drew",
            str(other["n"]),
            format_share(other["image_exact"]),
            "",
            format_share(other["bleu"]),
        ]
    )
    return markdown_table(["images", "n", "`image_exact`", "95 % interval", "`bleu`"], rows)


@register
def released_other_programs() -> str:
    """Images that other programs drew: the released checkpoint and the one before it."""
    both = _released()["images of other programs"]
    rows = []
    for name, now in both["now"].items():
        before = both["before"].get(name) or both["before"].get(f"  {name.strip()}") or {}
        label = "**all**" if name == "all" else name.strip()
        rows.append(
            [
                label,
                str(now["n"]),
                format_share(before.get("image_exact")),
                format_share(now["image_exact"]),
                format_share(now["cdm"]),
                format_share(now["bleu"]),
                format_share(now["bold_invented"]),
            ]
        )
    header = [
        "images of",
        "n",
        "`image_exact` before",
        "`image_exact`",
        "`cdm`",
        "`bleu`",
        "bold in predictions of labels without bold",
    ]
    return markdown_table(header, rows)


@register
def released_by_length() -> str:
    """`image_exact` of the released checkpoint by length of the label in tokens."""
    base = _released()["base style"]["now"]
    names = {"arxiv_val": "held-out arXiv papers", "im2latex_test": "im2latex-100k test"}
    rows = []
    for key, label in names.items():
        for length, scores in base[key]["by_length"].items():
            tokens = f"{length}{'' if length[-1].isdigit() else '200'}".replace("-", "–")
            rows.append([label, tokens, str(scores["samples"]), format_share(scores["image_exact"])])
    return markdown_table(["labels", "tokens", "n", "`image_exact`"], rows, words=2)


@register
def gpu_run() -> str:
    """Speed and memory of the training of the released checkpoint."""
    run = _released()["run"]
    seconds = _released()["curve"][-1]["seconds"]
    rows = [
        ["device", run["devices"]],
        ["seconds", f"{seconds:.0f}"],
        ["samples", format_count(run["samples"])],
        ["steps", format_count(run["steps"])],
        ["samples per second", format_count(run["samples_per_second"])],
        ["images that were rendered in time", format_count(run["images"])],
        ["renderings that failed or fit no shape", format_count(run["rejected"])],
        ["memory, MB", format_count(run["peak_mb"])],
        ["training loss at the end", f"{run['train_loss']:.2f}"],
    ]
    return markdown_table(["quantity", "value"], rows)


@register
def dataset_sources() -> str:
    """Labels of the training set by source."""
    sources = load_json("recipes/dataset/mixture_statistics.json")["sources"]
    rows = [
        [f"`{name}`", format_count(found["labels"]), format_percent(found["share"], 1)]
        for name, found in sources.items()
    ]
    return markdown_table(["source", "labels", "share"], rows)


@register
def dataset_lengths() -> str:
    """Lengths, bold letters and frequent tokens of the training set, and of whole arXiv formulas alone."""
    both = [load_json("recipes/dataset/mixture_statistics.json")[key] for key in ("before", "after")]
    rows = [["labels", *(format_count(found["labels"]) for found in both)]]
    for length in both[1]["lengths"]:
        shares = (format_percent(found["lengths"].get(length, 0), 1) for found in both)
        rows.append([f"{length.replace('-', '–')} tokens", *shares])
    rows.append(["of several lines", *(format_percent(found["multiline"], 1) for found in both)])
    rows.append(["with bold, of those with 4–12 tokens", *(format_percent(found["bold"]["4-12"], 1) for found in both)])
    rows.append(
        ["tokens in 200 labels or more", *(format_count(found["tokens in 200 labels or more"]) for found in both)]
    )
    return markdown_table(["labels", "before", "after"], rows)
