import json
import shutil
from pathlib import Path

import pytest

from im2latex.cli.inspect import Setting, resolve
from im2latex.config import load_yaml
from im2latex.errors import ParamsError
from pipeline.paths import ROOT
from tests.cli.test_cli import Command, command

__all__ = ["command"]

CONTENT = load_yaml(ROOT / "params.yaml")


def test_each_setting_has_its_origin() -> None:
    found = resolve(CONTENT)
    assert found["dataset"] == Setting("sample", "params.yaml")
    assert found["train.seed"] == Setting(CONTENT["train"]["seed"], "params.yaml")
    assert found["train.model.decoder.layers"] == Setting(2, "preset fast-tiny")
    assert resolve(CONTENT | {"evaluate": {"seed": 7}})["evaluate.resamples"] == Setting(1000, "default")
    assert found["normalize.part_rows"] == Setting(2000, "params.yaml")


def test_every_key_of_the_file_is_shown() -> None:
    found = resolve(CONTENT)
    for section, values in CONTENT.items():
        keys = [key for key, value in values.items() if value is not None] if isinstance(values, dict) else []
        for key in keys:
            assert any(name == f"{section}.{key}" or name.startswith(f"{section}.{key}.") for name in found), key


def test_a_preset_of_the_command_line_replaces_that_of_the_file() -> None:
    found = resolve(CONTENT, "wygiwys-small")
    assert found["train.preset"] == Setting("wygiwys-small", "command line")
    assert found["train.model.encoder.name"].origin == "preset wygiwys-small"
    assert found["train.seed"].origin == "params.yaml"


def test_a_section_of_a_new_stage_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = CONTENT | {"deduplicate": {"threshold": 0.9}}
    with pytest.raises(ParamsError, match="deduplicate is not a known section"):
        resolve(content)
    (tmp_path / "dvc.yaml").write_text("stages: {code: {}, deduplicate: {}}")
    assert resolve(content)["deduplicate.threshold"] == Setting(0.9, "params.yaml")


def test_a_wrong_value_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"evaluate\.resamples = 0"):
        resolve(CONTENT | {"evaluate": {"resamples": 0}})


def test_the_command_prints_lines_and_json(command: Command) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    code, lines, _ = command("params")
    assert code == 0
    assert ["train.seed", str(CONTENT["train"]["seed"]), "params.yaml"] in [line.split() for line in lines.splitlines()]
    code, content, _ = command("params", "fast-base", "--json")
    assert code == 0
    assert json.loads(content)["train.preset"] == {"value": "fast-base", "origin": "command line"}
    assert command("params", "no-such-preset")[0] == 2
