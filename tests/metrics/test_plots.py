import csv
from pathlib import Path

import yaml

from im2latex.metrics.plots import write_plots
from pipeline.paths import ROOT

BLOCK = {"n": 3, "exact": 0.5, "image_exact": 0.25, "intervals": {"image_exact": [0.2, 0.3]}}
METRICS = {
    **BLOCK,
    "intervals": {"exact": [0.4, 0.6], "image_exact": [0.2, 0.3]},
    "by_length": {"0-20": BLOCK, "21-40": BLOCK},
    "by_feature": {"matrix": BLOCK},
    "errors": {
        "kinds": {"exact": 2, "one_token": 1},
        "edits": {"replaced": 2, "missing": 5, "extra": 1, "of_spacing": 0},
        "replaced": [["r", "c", 2]],
    },
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_what_goes_wrong_is_counted(tmp_path: Path) -> None:
    write_plots(METRICS, tmp_path)
    assert rows(tmp_path / "confusions.tsv") == [{"confusion": "r → c", "times": "2"}]
    assert rows(tmp_path / "edits.tsv")[1] == {"edit": "missing", "times": "5"}
    assert rows(tmp_path / "kinds.tsv")[1] == {"kind": "one_token", "predictions": "1"}


def test_dvc_draws_columns_that_are_written(tmp_path: Path) -> None:
    write_plots(METRICS, tmp_path)
    plots = [next(iter(plot.values())) for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]]
    drawn = set()
    for plot in plots:
        if plot["template"].startswith("bars"):
            assert (ROOT / ".dvc" / "plots" / f"{plot['template']}.json").is_file()
            ((path, column),) = plot["y"].items()
            columns = {column, plot["x"]} | ({"low", "high"} if plot["template"] != "bars" else set())
            assert columns <= set(rows(tmp_path / Path(path).name)[0])
            drawn.add(Path(path).name)
    assert drawn == {path.name for path in tmp_path.iterdir()}
