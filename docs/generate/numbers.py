"""Tables of measured numbers, each read from a committed result file; nothing is typed by hand."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
TABLES: dict[str, Callable[[], str]] = {}
"""Name in a marker to the function that makes the table."""


def _table(function: Callable[[], str]) -> Callable[[], str]:
    TABLES[function.__name__.replace("_", "-")] = function
    return function


def _read(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def _result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _markdown(header: Iterable[str], rows: Iterable[Iterable[str]], words: int = 1) -> str:
    """A Markdown table whose first `words` columns are text and the others numbers."""
    names = list(header)
    rule = [":--"] * words + ["--:"] * (len(names) - words)
    return "\n".join("| " + " | ".join(row) + " |" for row in (names, rule, *map(list, rows)))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{100 * value:.{digits}f} %"


def _interval(bounds: Iterable[float] | None) -> str:
    return "" if bounds is None else " – ".join(f"{bound:.3f}" for bound in bounds)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 300 else f"{seconds / 60:.1f} min"


_SCORES = ("bleu", "image_exact", "exact", "edit", "cdm", "cdm_strict", "compiles")


@_table
def sample_scores() -> str:
    """Scores of `make repro` on the test split, beside trivial predictions."""
    scores = _read("reports/metrics.json")
    beside = _read("reports/evaluation.json")
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
        [f"`{name}`", _share(scores[name]), _interval(scores["intervals"][name]), *(_share(o[name]) for o in others)]
        for name in _SCORES
    ]
    return _markdown(header, rows)


def _released() -> Any:
    return _read("recipes/gpu_10min/results.json")


@_table
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
            _share(base[key]["image_exact"]),
            _interval(base[key]["image_exact_interval"]),
            _share(base[key]["bleu_normal_form"]),
        ]
        for key in names
    ]
    rows.append(["original pages of im2latex-100k", str(pages["n"]), _share(pages["now"]["image_exact"]), "", ""])
    rows.append(
        [
            "images that other programs drew",
            str(other["n"]),
            _share(other["image_exact"]),
            "",
            _share(other["bleu"]),
        ]
    )
    return _markdown(["images", "n", "`image_exact`", "95 % interval", "`bleu`"], rows)


@_table
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
                _share(before.get("image_exact")),
                _share(now["image_exact"]),
                _share(now["cdm"]),
                _share(now["bleu"]),
                _share(now["bold_invented"]),
            ]
        )
    header = ["images of", "n", "`image_exact` before", "`image_exact`", "`cdm`", "`bleu`", "bold where there is none"]
    return _markdown(header, rows)


@_table
def released_by_length() -> str:
    """`image_exact` of the released checkpoint by length of the label in tokens."""
    base = _released()["base style"]["now"]
    names = {"arxiv_val": "held-out arXiv papers", "im2latex_test": "im2latex-100k test"}
    rows = []
    for key, label in names.items():
        for length, scores in base[key]["by_length"].items():
            tokens = f"{length}{'' if length[-1].isdigit() else '200'}".replace("-", "–")
            rows.append([label, tokens, str(scores["samples"]), _share(scores["image_exact"])])
    return _markdown(["labels", "tokens", "n", "`image_exact`"], rows, words=2)


@_table
def gpu_run() -> str:
    """Speed and memory of the training of the released checkpoint."""
    run = _released()["run"]
    seconds = _released()["curve"][-1]["seconds"]
    rows = [
        ["device", run["devices"]],
        ["seconds", f"{seconds:.0f}"],
        ["samples", _count(run["samples"])],
        ["steps", _count(run["steps"])],
        ["samples per second", _count(run["samples_per_second"])],
        ["images that were rendered in time", _count(run["images"])],
        ["renderings that failed or fit no shape", _count(run["rejected"])],
        ["memory, MB", _count(run["peak_mb"])],
        ["training loss at the end", f"{run['train_loss']:.2f}"],
    ]
    return _markdown(["quantity", "value"], rows)


@_table
def dataset_sources() -> str:
    """Labels of the training set by source."""
    sources = _read("recipes/dataset/mixture_statistics.json")["sources"]
    rows = [[f"`{name}`", _count(found["labels"]), _percent(found["share"], 1)] for name, found in sources.items()]
    return _markdown(["source", "labels", "share"], rows)


@_table
def dataset_lengths() -> str:
    """Lengths, bold letters and frequent tokens of the training set, and of whole arXiv formulas alone."""
    both = [_read("recipes/dataset/mixture_statistics.json")[key] for key in ("before", "after")]
    rows = [["labels", *(_count(found["labels"]) for found in both)]]
    for length in both[1]["lengths"]:
        shares = (_percent(found["lengths"].get(length, 0), 1) for found in both)
        rows.append([f"{length.replace('-', '–')} tokens", *shares])
    rows.append(["of several lines", *(_percent(found["multiline"], 1) for found in both)])
    rows.append(["with bold, of those with 4–12 tokens", *(_percent(found["bold"]["4-12"], 1) for found in both)])
    rows.append(["tokens in 200 labels or more", *(_count(found["tokens in 200 labels or more"]) for found in both)])
    return _markdown(["labels", "before", "after"], rows)


@_table
def robustness() -> str:
    """`image_exact` in every image condition, beside the clean images of the same formulas."""
    found = _result("robustness")["short"]
    rows = [
        [
            name,
            condition["kind"],
            str(condition["n"]),
            _share(condition["image_exact"]),
            _interval(condition["intervals"]["image_exact"]),
            f"**{condition['of_clean']:.2f}**" if condition["of_clean"] < 2 / 3 else f"{condition['of_clean']:.2f}",
        ]
        for name, condition in found.items()
    ]
    return _markdown(["condition", "kind", "n", "`image_exact`", "95 % interval", "of clean"], rows, words=2)


@_table
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
        found = _result(f"normalizer-image-{key}")
        rows.append(
            [
                label,
                _count(found["formulas"]),
                _percent(found["accepted_rate"]),
                f"{_count(found['same'])} of {_count(found['same'] + found['changed'])}",
                _percent(found["idempotent_rate"]),
            ]
        )
    header = ["formulas", "n", "accepted, of those that print", "same image, of the accepted", "idempotent"]
    return _markdown(header, rows)


@_table
def normalizer_respellings() -> str:
    """Share of spellings of one image that the normalizer returns to one string."""
    rows = []
    for key, label in (("arxiv-formulas-val", "arXiv"), ("im2latex100k-val", "im2latex-100k validation")):
        found = _result(f"normalizer-respell-{key}")
        rows.append(
            [
                f"random respellings of {label}",
                _count(found["respellings"]),
                _percent(found["rate"]),
                _percent(found["identity_rate"]),
            ]
        )
    pairs = _result("normalizer-pairs")
    rows.append(
        [
            "im2latex-100k, raw and published lines that print alike",
            _count(pairs["same_image"]),
            _percent(pairs["rate"]),
            _percent(pairs["identity_rate"]),
        ]
    )
    return _markdown(["pairs", "n", "this normalizer", "no normalizer"], rows)


@_table
def renderer_speed() -> str:
    """Formulas a second of the renderer, by rasterizer."""
    found = _result("rendering-speed")
    baseline = found["baseline_per_second"]
    rows = [
        [
            name,
            _count(found[name]["per_second"]),
            f"{found[name]['speedup']['ghostscript']:.0f}",
            f"{found[name]['speedup']['imagemagick']:.0f}",
            _percent(found[name]["relative_to_tools_alone"], 0),
            f"{found[name]['cpu_ms']['all']:.2f}",
        ]
        for name in ("ghostscript", "pdfium", "poppler", "imagemagick")
    ]
    header = [
        f"{_count(found['formulas'])} arXiv formulas, {found['workers']} cores",
        "formulas/s",
        f"times one pdflatex and Ghostscript per formula ({baseline['ghostscript']:.1f}/s)",
        f"times one pdflatex and ImageMagick per formula ({baseline['imagemagick']:.1f}/s)",
        "share of the speed of TeX and rasterizer alone",
        "processor ms per formula",
    ]
    return _markdown(header, rows)


@_table
def renderer_latency() -> str:
    """Latency of one formula, with and without TeX processes started ahead."""
    found = _result("rendering-single")
    kinds = {key: value for key, value in found.items() if isinstance(value, dict) and "median_ms" in value}
    rows = [
        [_latency_label(key), f"{value['median_ms']:.0f}", f"{value['p95_ms']:.0f}"] for key, value in kinds.items()
    ]
    return _markdown(["rasterizer", "median ms", "95th percentile ms"], rows)


def _latency_label(key: str) -> str:
    return key.replace(", pool_size ", ", TeX processes started ahead: ")


@_table
def data_stages() -> str:
    """Time and memory from raw formulas to Parquet shards."""
    rows = []
    for count in (10_000, 100_000, 652_085):
        both = [_result(f"data-stages-chain-{rasterizer}-{count}") for rasterizer in ("ghostscript", "pdfium")]
        rows.append(
            [
                _count(count),
                *(_duration(found["seconds"]) for found in both),
                *(_count(found["peak_process_mb"]) for found in both),
            ]
        )
    return _markdown(["formulas", "Ghostscript", "pdfium", "largest process, MB", "with pdfium, MB"], rows, words=0)


@_table
def data_append() -> str:
    """Cost of formulas appended to a finished data set."""
    found = _result("data-stages-append")
    before, after = (found[key] for key in ("seconds_before", "seconds_after"))
    rows = [
        [name, f"{before[name]:.1f}", f"{after[name]:.1f}", str(found["new_parts"].get(name, ""))] for name in before
    ]
    rows.append(["all", f"{sum(before.values()):.1f}", f"{sum(after.values()):.1f}", ""])
    header = [
        "stage",
        f"seconds, {_count(found['formulas'])} formulas",
        f"seconds, after {_count(found['appended'])} more",
        "new parts",
    ]
    return _markdown(header, rows)


@_table
def bucketing() -> str:
    """Share of padded pixels and tokens that carry data, by bucketing method."""
    found = _result("buckets")
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
    return _markdown(header, rows)


@_table
def vocabulary_spelling() -> str:
    """Vocabulary size and lost formulas, with and without spelling of text boxes and lengths."""
    datasets = _result("vocabulary-spelling")["datasets"]
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
        "entries, spelled",
        "formulas lost, whole",
        "lost, spelled",
        "ids per label, whole",
        "ids, spelled",
    ]
    return _markdown(header, rows, words=0)


@_table
def model_families() -> str:
    """Trainable weights of every preset, and how fast the small ones learn."""
    sizes = _result("presets-table")["presets"]
    overfit = _result("presets-overfit")["presets"]
    scores = _result("presets-scores")["presets"]
    rows = []
    for name, preset in sorted(sizes.items()):
        score = scores.get(name, {})
        rows.append(
            [
                f"`{name}`",
                f"{preset['weights'] / 1e6:.1f} M",
                _count(preset["samples_per_cpu_second"]) if "samples_per_cpu_second" in preset else "",
                _count(overfit[name]["samples"]) if name in overfit else "",
                _share(score["bleu"][0]) if score else "",
                _share(score["image_exact"][0]) if score else "",
            ]
        )
    header = [
        "preset",
        "weights",
        "samples/s, one core",
        "samples until 50 formulas are learned",
        "`bleu` after 37,000 samples of `sample`",
        "`image_exact`",
    ]
    return _markdown(header, rows)


@_table
def decoding() -> str:
    """Time and accuracy of the search methods."""
    found = _result("decoding-search")
    ways = {key: value for key, value in found.items() if isinstance(value, Mapping) and "relative_to_greedy" in value}
    rows = [
        [
            name,
            f"{way['ms_per_image']:.2f}",
            f"{way['relative_to_greedy']:.2f}",
            _share(way["exact"]),
            _share(way["exact_in_any_candidate"]),
            _share(way["parse"]),
            _share(way["render"]),
        ]
        for name, way in ways.items()
    ]
    header = ["search", "ms per image", "times greedy", "`exact`", "exact among all hypotheses", "parse", "render"]
    return _markdown(header, rows)


@_table
def reranking() -> str:
    """The choice of the hypothesis whose rendering equals the input image."""
    found = _result("decoding-rerank")
    header = [
        "images",
        "beam",
        "first hypothesis has the same image",
        "some hypothesis has the same image",
        "processor ms per image",
    ]
    row = [
        _count(found["images"]),
        str(found["beam"]),
        _share(found["same_image_in_first_candidate"]),
        _share(found["same_image_in_any_candidate"]),
        f"{found['cpu_ms_per_image']:.1f}",
    ]
    return _markdown(header, [row], words=0)


@_table
def training_speed() -> str:
    """Training and inference speed of the preset fast-tiny on two cores."""
    found = _result("training-throughput-cpu")
    rows = [
        [
            f"`{precision}`",
            f"{found[precision]['training_samples_per_second']:.0f}",
            _percent(found[precision]["share_of_peak"], 0),
            _count(found[precision]["training_peak_mb"]),
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
    return _markdown(header, rows)


@_table
def scoring_speed() -> str:
    """Time to score prediction pairs."""
    found = _result("metrics-speed-ghostscript")
    rows = [[kind, f"{found[kind]['seconds']:.1f}", f"{found[kind]['cpu_seconds']:.1f}"] for kind in _SCORE_KINDS]
    return _markdown([f"scores of {_count(found['pairs'])} pairs", "seconds", "processor seconds"], rows)


_SCORE_KINDS = ("text", "images", "symbols")


@_table
def trivial_baselines() -> str:
    """Scores of trivial predictions on im2latex-100k: what a score is worth without a model."""
    found = _result("baselines")
    names = ("image_exact", "exact", "bleu", "edit", "image_match", "cdm", "compiles")
    rows = [
        [name.replace("_", " "), *(_share(scores[key]) for key in names)] for name, scores in found["scores"].items()
    ]
    return _markdown(["prediction", *(f"`{name}`" for name in names)], rows)


@_table
def corruptions() -> str:
    """Scores of formulas with known damage."""
    return "\n".join(_result("metrics-corruptions")["table"])


@_table
def serving_load() -> str:
    """Latency of the server under load."""
    found = _result("serving")
    rows = [
        [label, str(load["requests"]), f"{load['per_second']:.1f}"]
        + [f"{load[key] / 1000:.2f}" for key in ("median_ms", "p95_ms", "max_ms")]
        + [str(sum(load["errors"].values()))]
        for label, load in (("1 client", found["one_client"]), (f"{found['clients']} clients", found["all_clients"]))
    ]
    header = ["load", "requests", "requests/s", "median s", "95th percentile s", "largest s", "errors"]
    return _markdown(header, rows)


@_table
def serving_attacks() -> str:
    """Latency of honest requests while others attack the server."""
    found = _result("attacks")
    names = {
        "nested": "deeply nested formulas",
        "slow": "slow formulas",
        "idle": "idle connections",
        "jpeg": "large JPEG images",
    }
    rows = [
        [label, f"{found[key]['predict_ratio']:.2f}", f"{found[key]['render_ratio']:.2f}"]
        for key, label in names.items()
        if key in found
    ]
    return _markdown(["attack", "predict: latency, times without attack", "render"], rows)


@_table
def im2latex100k_style() -> str:
    """How closely a new rendering matches the published images of im2latex-100k."""
    found = _result("im2latex100k-style")
    rows = [
        [label, str(found["images"]), str(found[key]["size_within_1_px"]), str(found[key]["size_equal"])]
        for key, label in (("amsmath", "base style"), ("im2latex-100k", "style `im2latex-100k`"))
    ]
    return _markdown(["rendering", "images", "size within 1 pixel", "size equal"], rows)


@_table
def extraction() -> str:
    """Macro expansion: formulas set as written in their paper, and expanded."""
    found, speed = _result("extraction-macros"), _result("extraction-speed")
    rows = [
        ["papers", _count(found["papers"])],
        ["formulas", _count(found["formulas"])],
        ["print both ways, same image", _count(found["same"])],
        ["print only expanded", _count(found["only_expanded"])],
        ["print only as written", _count(found["only_written"])],
        ["print neither way", _count(found["neither"])],
        ["speed, MB of sources per second", f"{speed['megabytes_per_second']:.1f}"],
    ]
    return _markdown(["quantity", "value"], rows)


@_table
def invariants() -> str:
    """Checks that count faults: zero is right."""
    damage, kill, ways = (
        _result("damaged-artifacts-files"),
        _result("data-stages-kill"),
        _result("data-stages-executors"),
    )
    durability, fuzz = _result("durability"), _result("normalizer-fuzz")
    parts, state = _result("damaged-artifacts-parts"), _result("damaged-artifacts-state")
    rows = [
        ["damaged input files that end in a traceback", _count(damage["damages"]), str(len(damage["tracebacks"]))],
        ["damaged cache parts that are accepted", _count(parts["damages"]), str(parts["accepted"])],
        ["damaged training states that are accepted", _count(state["damages"]), str(state["accepted"])],
        ["artifacts that differ after 20 kills of data stages", str(kill["artifacts"]), str(len(kill["differing"]))],
        [
            "artifacts that differ between one worker, two, and Snakemake",
            str(ways["artifacts"]),
            str(sum(map(len, ways["differing"].values()))),
        ],
        [
            f"artifacts that differ after {durability['kills']} kills of a training",
            str(durability["artifacts"]),
            str(durability["differing"]),
        ],
        ["random inputs that raise anything but a refusal", _count(_fuzz_inputs(fuzz)), str(fuzz["exceptions"])],
    ]
    for rasterizer in ("ghostscript", "pdfium"):
        found = _result(f"rendering-isolation-{rasterizer}")
        label = f"images that depend on their neighbours, {len(found['differing'])} orders, {rasterizer}"
        rows.append([label, _count(found["formulas"]), str(sum(found["differing"].values()))])
    return _markdown(["check", "tried", "faults"], rows)


def _fuzz_inputs(fuzz: Any) -> int:
    return sum(value["inputs"] for value in fuzz.values() if isinstance(value, dict) and "inputs" in value)


@_table
def result_files() -> str:
    """Every committed result file."""
    files = [*RESULTS.glob("*.json"), *(ROOT / "recipes").glob("*/results.json")]
    return "\n".join(f"- `{path.relative_to(ROOT).as_posix()}`" for path in sorted(files))
