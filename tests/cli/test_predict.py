"""`im2latex predict` with fresh weights: what is asked of it around the reading."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex.latex.pretty import pretty
from im2latex.training.checkpoint import save_checkpoint
from tests.cli.test_cli import Command, command
from tests.images.typed import typed
from tests.inference.test_predictor import fresh

__all__ = ["command"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint, two images and what is none."""
    save_checkpoint(fresh(), tmp_path / "model")
    for name, text in (("a", "x = 1"), ("b", "a + b")):
        Image.fromarray(typed(text)).save(tmp_path / f"{name}.png")
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save(tmp_path / "blank.png")
    (tmp_path / "notes.png").write_text("no image")
    return tmp_path


def test_a_line_of_latex_a_image(command: Command, folder: Path) -> None:
    code, out, err = command("predict", "--checkpoint", "model", "b.png", "a.png", "b.png")
    assert code == 0
    assert len(err.splitlines()) == err.count(": cut: "), "fresh weights find no end"
    first, second, third = out.split("\n")[:-1]
    assert first == third
    assert first
    assert second


def test_a_bad_file_leaves_a_blank_line_and_a_sentence(command: Command, folder: Path) -> None:
    code, out, err = command("predict", "--checkpoint", "model", "notes.png", "a.png", "blank.png", "none.png")
    assert code == 1
    assert [bool(line) for line in out.split("\n")] == [False, True, False, False, False]
    assert [line.split(": ")[1] for line in err.splitlines() if ": cut: " not in line] == [
        "notes.png",
        "blank.png",
        "none.png",
    ]
    assert "no ink" in err


def test_json_has_every_field(command: Command, folder: Path) -> None:
    code, out, _ = command("predict", "--checkpoint", "model", "--json", "-n", "3", "a.png", "blank.png")
    assert code == 1
    good, bad = (json.loads(line) for line in out.splitlines())
    assert good["image"] == "a.png"
    assert len(good["candidates"]) == 3
    assert good["candidates"][0] == {
        "latex": good["latex"],
        "confidence": good["confidence"],
        "reason": good["reason"],
        "tokens": good["tokens"],
    }
    assert good["tokens"]
    assert good["latex"] == pretty(good["tokens"])
    assert good["seconds"] > 0
    assert good["reason"] == good["candidates"][0]["reason"]
    assert good["reason"] in (None, "cut")
    assert (bad["image"], bad["latex"], bad["reason"]) == ("blank.png", None, "blank")
    assert good.keys() == bad.keys()


def test_standard_input(command: Command, folder: Path) -> None:
    given = (folder / "a.png").read_bytes()
    code, out, _ = command("predict", "--checkpoint", "model", "-", stdin=given)
    assert code == 0
    assert out == command("predict", "--checkpoint", "model", "a.png")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "no input"),
        (("--checkpoint", "nowhere", "a.png"), 1, "nowhere: no such folder"),
    ],
)
def test_wrong_usage_is_one_sentence(
    command: Command, folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = command("predict", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1
