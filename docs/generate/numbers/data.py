"""Tables of the data stages: normalizer, extraction, renderer, buckets and vocabulary."""

from docs.generate.numbers.tables import (
    RESULTS,
    format_count,
    format_duration,
    format_percent,
    load_result,
    markdown_table,
    register,
)

RASTERIZERS = ("ghostscript", "pdfium")
"""What the data stages were measured with; the longest run with the second alone."""


@register
def normalizer_images() -> str:
    """Acceptance, equal images and idempotence of the normalizer on real formulas."""
    names = {
        "arxiv-formulas-val": "arXiv",
        "im2latex100k-val": "im2latex-100k validation",
        "wikipedia-math-raw": "Wikipedia",
        "k12-math-109k": "K12",
    }
    rows = []
    for key, label in names.items():
        found = load_result(f"normalizer-image-{key}")
        rows.append(
            [
                label,
                format_count(found["formulas"]),
                format_percent(found["accepted_rate"]),
                f"{format_count(found['same'])} of {format_count(found['same'] + found['changed'])}",
                format_percent(found["idempotent_rate"]),
            ]
        )
    header = ["formulas", "n", "accepted, of those that print", "same image, of the accepted", "idempotent"]
    return markdown_table(header, rows)


@register
def normalizer_respellings() -> str:
    """Share of spellings of one image that the normalizer returns to one string."""
    rows = []
    for key, label in (("arxiv-formulas-val", "arXiv"), ("im2latex100k-val", "im2latex-100k validation")):
        found = load_result(f"normalizer-respell-{key}")
        rows.append(
            [
                f"random respellings of {label}",
                format_count(found["respellings"]),
                format_percent(found["rate"]),
                format_percent(found["identity_rate"]),
            ]
        )
    pairs = load_result("normalizer-pairs")
    rows.append(
        [
            "im2latex-100k, raw and published lines that print alike",
            format_count(pairs["same_image"]),
            format_percent(pairs["rate"]),
            format_percent(pairs["identity_rate"]),
        ]
    )
    return markdown_table(["pairs", "n", "this normalizer", "no normalizer"], rows)


@register
def renderer_speed() -> str:
    """Formulas a second of the renderer, by rasterizer."""
    found = load_result("rendering-speed")
    baseline = found["baseline_per_second"]
    rows = [
        [
            name,
            format_count(found[name]["per_second"]),
            f"{found[name]['speedup']['ghostscript']:.0f}",
            f"{found[name]['speedup']['imagemagick']:.0f}",
            format_percent(found[name]["relative_to_tools_alone"], 0),
            f"{found[name]['cpu_ms']['all']:.2f}",
        ]
        for name in ("ghostscript", "pdfium", "poppler", "imagemagick")
    ]
    header = [
        f"{format_count(found['formulas'])} arXiv formulas, {found['workers']} cores",
        "formulas/s",
        f"times one pdflatex and Ghostscript per formula ({baseline['ghostscript']:.1f}/s)",
        f"times one pdflatex and ImageMagick per formula ({baseline['imagemagick']:.1f}/s)",
        "share of the speed of TeX and rasterizer alone",
        "CPU ms per formula",
    ]
    return markdown_table(header, rows)


@register
def renderer_latency() -> str:
    """Latency of one formula, with and without TeX processes started ahead."""
    found = load_result("rendering-single")
    kinds = {key: value for key, value in found.items() if isinstance(value, dict) and "median_ms" in value}
    rows = [
        [_latency_label(key), f"{value['median_ms']:.0f}", f"{value['p95_ms']:.0f}"] for key, value in kinds.items()
    ]
    return markdown_table(["rasterizer", "median ms", "95th percentile ms"], rows)


def _latency_label(key: str) -> str:
    return key.replace(", pool_size ", ", TeX processes started ahead: ")


@register
def data_stages() -> str:
    """Time and memory from raw formulas to Parquet shards."""
    rows = []
    for count, rasterizers in ((10_000, RASTERIZERS), (100_000, RASTERIZERS), (652_085, ("pdfium",))):
        found = {name: load_result(f"data-stages-chain-{name}-{count}") for name in rasterizers}
        seconds, memory = (
            [show(found[name][key]) if name in found else "" for name in RASTERIZERS]
            for key, show in (("seconds", format_duration), ("peak_process_mb", format_count))
        )
        rows.append([format_count(count), *seconds, *memory])
    return markdown_table(
        ["formulas", "Ghostscript", "pdfium", "largest process, MB", "with pdfium, MB"], rows, words=0
    )


@register
def data_append() -> str:
    """Cost of formulas appended to a finished dataset."""
    found = load_result("data-stages-append")
    before, after = (found[key] for key in ("seconds_before", "seconds_after"))
    rows = [
        [name, f"{before[name]:.1f}", f"{after[name]:.1f}", str(found["new_parts"].get(name, ""))] for name in before
    ]
    rows.append(["all", f"{sum(before.values()):.1f}", f"{sum(after.values()):.1f}", ""])
    header = [
        "stage",
        f"seconds, {format_count(found['formulas'])} formulas",
        f"seconds, after {format_count(found['appended'])} more",
        "new parts",
    ]
    return markdown_table(header, rows)


@register
def data_jobs() -> str:
    """Cost of the parts of normalize and render as jobs of Snakemake on one machine."""
    found = load_result("data-stages-jobs")
    rows = [
        [
            at_once,
            format_count(cost["parts"]),
            format_duration(cost["seconds"]),
            format_duration(cost["cpu_seconds"]),
            f"{cost['input_mb']:.1f}",
            f"{cost['result_mb']:.1f}",
        ]
        for at_once, cost in found["jobs_at_once"].items()
    ]
    count, cores = format_count(found["formulas"]), found["on"]["cores"]
    header = [f"jobs at once, {count} formulas, {cores} cores", "parts", "time", "CPU time"]
    return markdown_table([*header, "inputs, MB", "results, MB"], rows, words=0)


@register
def scale() -> str:
    """Cost of each data stage without drawing, and of what DVC does with the outputs, by the number of formulas."""
    runs = sorted((load_result(path.stem) for path in RESULTS.glob("scale-*.json")), key=lambda run: run["formulas"])
    costs = [
        {f"`{name}`": cost for name, cost in run["stages"].items()}
        | {f"`{name}`": cost for name, cost in run["dvc"].items() if name.endswith("bucket")}
        for run in runs
    ]
    rows = [
        [
            name,
            *(
                cell
                for cost in costs
                for cell in (format_duration(cost[name]["cpu_seconds"]), format_count(cost[name]["main_process_mb"]))
            ),
        ]
        for name in costs[0]
    ]
    counts = [format_count(run["formulas"]) for run in runs]
    header = [f"{count}: {what}" for count in counts for what in ("CPU time", "main process, MB")]
    return markdown_table(["stage or command", *header], rows)


@register
def bucketing() -> str:
    """Share of padded pixels and tokens that carry data, by bucketing method."""
    found = load_result("buckets")
    rows = [
        [
            f"`{name}`",
            str(way["shapes"]),
            f"{way['pixels']:.2f}",
            f"{way['tokens']:.2f}",
            f"{way['tokens_in_batches']:.2f}",
        ]
        for name, way in found["methods"].items()
    ]
    header = ["method and number of shapes", "shapes", "pixels", "tokens, by shape", "tokens, in training batches"]
    return markdown_table(header, rows)


@register
def vocabulary_spelling() -> str:
    """Vocabulary size and lost formulas, with and without spelling of text boxes and lengths."""
    datasets = load_result("vocabulary-spelling")["datasets"]
    found = next(value for name, value in datasets.items() if name.startswith("arxiv"))
    rows = [
        [
            str(count),
            *(str(found[way][str(count)]["entries"]) for way in ("whole", "spelled")),
            *(f"{found[way][str(count)]['lost_percent']:.2f} %" for way in ("whole", "spelled")),
            *(f"{found[way][str(count)]['ids_mean']:.2f}" for way in ("whole", "spelled")),
        ]
        for count in (2, 5, 20)
    ]
    header = [
        "`min_frequency`",
        "entries, whole",
        "entries, by symbols",
        "formulas lost, whole",
        "lost, by symbols",
        "ids per label, whole",
        "ids, by symbols",
    ]
    return markdown_table(header, rows, words=0)


@register
def im2latex100k_style() -> str:
    """How closely a new rendering matches the published images of im2latex-100k."""
    found = load_result("im2latex100k-style")
    rows = [
        [label, str(found["images"]), str(found[key]["size_within_1_px"]), str(found[key]["size_equal"])]
        for key, label in (("amsmath", "base style"), ("im2latex-100k", "style `im2latex-100k`"))
    ]
    return markdown_table(["rendering", "images", "size within 1 pixel", "size equal"], rows)


@register
def extraction() -> str:
    """Macro expansion: formulas set as written in their paper, and expanded."""
    found, speed = load_result("extraction-macros"), load_result("extraction-speed")
    rows = [
        ["papers", format_count(found["papers"])],
        ["formulas", format_count(found["formulas"])],
        ["print both ways, same image", format_count(found["same"])],
        ["print only expanded", format_count(found["only_expanded"])],
        ["print only as written", format_count(found["only_written"])],
        ["print neither way", format_count(found["neither"])],
        ["speed, MB of sources per second", f"{speed['megabytes_per_second']:.1f}"],
    ]
    return markdown_table(["quantity", "value"], rows)
