"""A dataset from small inputs: shares, held-out labels, counts, bytes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.errors import InputError, ParamsError
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.types import RawFormula
from recipes.dataset.held_out import is_reserved, label_key
from tests.recipes.dataset.conftest import CONFIG, PAPERS, Build, rows


def ledger(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "ledger.json").read_text(encoding="utf-8")))


def labels(folder: Path, split: str = "train") -> list[dict[str, str]]:
    return [row for path in sorted(folder.glob("*.jsonl.gz")) for row in rows(path) if row["split"] == split]


def test_the_same_bytes_for_any_number_of_workers(dataset: Path, build: Build) -> None:
    first, second = dataset, build("second", 2)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (build("third", seed=2) / "whole.jsonl.gz").read_bytes() != (first / "whole.jsonl.gz").read_bytes()


def test_shares_and_lengths(dataset: Path) -> None:
    folder = dataset
    for name, source in CONFIG["sources"].items():
        found = rows(folder / f"{name}.jsonl.gz")
        assert {row["source"] for row in found} == {name}
        for text, share in source["shares"].items():
            least, most = map(int, text.split("-"))
            count = sum(least <= len(row["formula"].split()) <= most for row in found)
            chosen, quota = ledger(folder)["train"]["sources"][name]["ranges"][text]
            assert chosen == count <= quota == round(share * 200)
        assert len(found) > 0.5 * 200 * sum(source["shares"].values())
    lines = rows(folder / "lines.jsonl.gz") + rows(folder / "tables.jsonl.gz")
    assert all("\\\\" in row["formula"] and "\\begin{" in row["formula"] for row in lines)


def test_every_candidate_is_chosen_or_dropped(dataset: Path) -> None:
    account = ledger(dataset)
    for split in ("train", "val"):
        for source in account[split]["sources"].values():
            assert source["candidates"] == source["chosen"] + sum(source["dropped"].values())
            assert min(source["dropped"].values(), default=0) >= 0
    papers = account["inputs"]["papers"]["train formulas"]
    assert papers.pop("rows") == sum(papers.values()) == 300
    assert account["inputs"]["school"]["train formulas"]["rows"] == 102


def test_labels_are_distinct_and_normalized(dataset: Path) -> None:
    folder = dataset
    found = Counter(row["formula"] for row in labels(folder))
    assert max(found.values()) == 1
    for text in found:
        assert normalize(text, NormalizerParams()) == text
    assert len({row["id"] for row in labels(folder)}) == len(labels(folder))


def test_held_out_papers_and_labels_are_never_used(dataset: Path, build: Build) -> None:
    folder = dataset
    groups = {row["group"] for row in labels(folder) if "group" in row}
    assert groups <= set(PAPERS)
    assert not any(map(is_reserved, groups))
    assert any(map(is_reserved, PAPERS))
    assert ledger(folder)["inputs"]["papers"]["train formulas"]["reserved_paper"] > 0
    lines = (dataset.parent / "inputs" / "images.jsonl").read_text(encoding="utf-8").splitlines()
    images = [json.loads(line).get("latex") for line in lines]
    held_out = {label_key(normalize(text, NormalizerParams())) for text in images if text}
    common = set(ledger(folder)["train"]["common_held_out_labels"])
    assert common
    for split in ("train", "val"):
        kept = {row["formula"] for row in labels(folder, split) if label_key(row["formula"]) in held_out}
        assert kept <= common
        assert all(len(label.split()) < 5 for label in kept)
    strict = build("strict", held_out=CONFIG["held_out"] | {"common_below": 1})
    assert not {row["formula"] for row in labels(strict) if label_key(row["formula"]) in held_out}


def test_validation_shares_no_paper_and_no_label_with_training(dataset: Path) -> None:
    folder = dataset
    val = rows(folder / "val.jsonl.gz")
    assert 10 <= len(val) <= 20
    assert {row.get("group") for row in val} <= {"other-1", "other-2", None}
    assert not {row["formula"] for row in val} & {row["formula"] for row in labels(folder)}
    assert len({row["source"] for row in val}) > 4


def test_rare_symbols_get_labels(dataset: Path, monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    assert rows(dataset / "coverage.jsonl.gz") == []
    rare = frozenset([r"\succnsim", r"\daleth", r"\bigsqcup", r"\lgroup", r"\leq"])
    monkeypatch.setattr("recipes.dataset.candidates.known_symbols", lambda: rare)
    folder = build("rare", coverage={"min_labels": 4, "min_frequency": 1000})
    counts = Counter(token for row in labels(folder) for token in set(row["formula"].split()))
    assert all(counts[symbol] >= 4 for symbol in rare - {r"\leq"})
    assert counts[r"\leq"] == 0
    assert ledger(folder)["coverage"]["still_missing"] == {}


def test_short_labels_respect_the_font_limits(build: Build) -> None:
    folder = build(fonts={"tokens": 12, "bold": 0.05, "any": 0.2})
    for name in ("pieces", "mixed-pieces"):
        short = rows(folder / f"{name}.jsonl.gz")
        assert sum("\\mathbf" in row["formula"] for row in short) <= 0.1 * len(short)
        assert sum("\\math" in row["formula"] for row in short) <= 0.25 * len(short)


def test_the_pipeline_reads_it(tmp_path: Path, build: Build) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.jsonl.gz").write_bytes(b"of a source that is no more")
    folder = build(test=[{"input": "school", "count": 3}])
    found = list(read_raw_formulas(folder))
    assert all(isinstance(row, RawFormula) for row in found)
    splits = Counter(row.split for row in found if isinstance(row, RawFormula))
    assert splits["train"] >= 170
    assert splits["test"] == 3
    assert splits["val"] > 0


def test_a_missing_or_different_input_is_an_error(build: Build, inputs: Path) -> None:
    wrong = CONFIG["inputs"] | {"school": {"file": "school.txt", "sha256": "0" * 64}}
    with pytest.raises(InputError, match="not the input school"):
        build("wrong", inputs=wrong)
    (inputs / "school.txt").unlink()
    with pytest.raises(InputError, match="cannot read the input school"):
        build("missing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sources": {"a": {"kind": "grammar", "shares": {"1-9": 0.5}}}}, "must add up to 1"),
        ({"sources": {"a": {"kind": "grammar", "shares": {"9-1": 1}}}}, "not a range of lengths"),
        ({"sources": {"a": {"kind": "grammar", "input": "papers", "shares": {"1-9": 1}}}}, "null for the kind grammar"),
        ({"sources": {"A_": {"kind": "grammar", "shares": {"1-9": 1}}}}, "lower-case letters"),
        ({"sources": {"a": {"kind": "whole", "input": "no", "shares": {"1-9": 1}}}}, "not an input"),
        ({"held_out": {"labels": ["no"]}}, "not an input"),
        ({"fontz": 1}, "not a known key"),
    ],
)
def test_an_invalid_configuration_is_an_error(build: Build, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        build("bad", **change)
