"""The committed files of the recipe are consistent with each other, params.yaml and the results."""

import json

import pytest
import yaml

from im2latex.config import check, load_yaml, merge
from im2latex.dataset.vocabulary import VocabularyParams
from recipes.dataset.config import load
from recipes.overrides import check_params
from tests.recipes.dataset.conftest import ROOT

FOLDER = ROOT / "recipes" / "dataset"


def test_the_overrides_are_valid() -> None:
    params = merge(load_yaml(ROOT / "params.yaml"), load_yaml(FOLDER / "overrides.yaml"))
    check_params(params)
    check(params["tokenize"]["vocabulary"], VocabularyParams, "vocabulary")


def test_merged_tokens_are_indistinguishable() -> None:
    same = json.loads((ROOT / "benchmarks/results/indistinguishable.json").read_text(encoding="utf-8"))["same"]
    _, _, merges = load(FOLDER / "mixture.yaml", ROOT)
    assert len(merges) > 20
    for token, written in merges.items():
        assert any({token, written} <= set(group) for group in same)


@pytest.mark.parametrize("name", ["mixture", "mixture_tiny"])
def test_the_shares(name: str) -> None:
    params, _, _ = load(FOLDER / f"{name}.yaml", ROOT)
    shares = {(least, most): 0.0 for source in params.sources.values() for least, most, _ in source.ranges}
    for source in params.sources.values():
        for least, most, share in source.ranges:
            shares[least, most] += share
    short = sum(share for (_, most), share in shares.items() if most <= 12)
    multiline = sum(
        sum(source.shares.values()) for source in params.sources.values() if source.multiline or source.kind == "tables"
    )
    others = sum(sum(params.sources[source].shares.values()) for source in ("k12", "wikipedia"))
    assert 0.2 <= short <= 1 / 3
    assert multiline >= 0.1
    assert 0.05 <= others <= 0.1
    assert params.max_tokens == 200


def test_both_configurations_have_the_same_shares() -> None:
    large, small = (
        yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("mixture", "mixture_tiny")
    )
    for key in ("sources", "fonts", "held_out", "max_tokens", "overrides", "seed"):
        assert large[key] == small[key]
    assert {name: its["sha256"] for name, its in large["inputs"].items()} == {
        name: its["sha256"] for name, its in small["inputs"].items()
    }
