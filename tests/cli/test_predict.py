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


def test_a_folder_and_a_pattern_are_predicted_in_order(command: Command, folder: Path) -> None:
    both = command("predict", "--checkpoint", "model", "a.png", "b.png")[1]
    (folder / "images").mkdir()
    for name in ("b.png", "a.png"):
        (folder / "images" / name).write_bytes((folder / name).read_bytes())
    assert command("predict", "--checkpoint", "model", "images")[:2] == (0, both)
    assert command("predict", "--checkpoint", "model", "images/*.png")[:2] == (0, both)


def test_a_bad_file_leaves_a_blank_line_and_a_sentence(command: Command, folder: Path) -> None:
    code, out, err = command("predict", "--checkpoint", "model", "notes.png", "a.png", "blank.png", "none.png")
    assert code == 1
    assert [bool(line) for line in out.split("\n")] == [False, True, False, False, False]
    assert [line.split(": ")[1] for line in err.splitlines() if ": cut: " not in line] == [
        "none.png",  # before the model is loaded
        "notes.png",
        "blank.png",
    ]
    assert "no ink" in err


def test_json_has_every_field(command: Command, folder: Path) -> None:
    code, out, _ = command("predict", "--checkpoint", "model", "--json", "-n", "3", "a.png", "blank.png")
    assert code == 1
    good, bad = (json.loads(line) for line in out.splitlines())
    assert good["image"] == "a.png"
    assert len(good["candidates"]) == 3
    keys = ("latex", "tokens", "formatted", "confidence", "reason")
    assert good["candidates"][0] == {key: good[key] for key in keys}
    assert good["tokens"]
    assert good["latex"] == good["formatted"] == pretty(good["tokens"])
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
        (("--device", "tpu", "a.png"), 2, "tpu: not a device"),
        (("--watch-clipboard", "a.png"), 2, "only the clipboard"),
        (("--copy", "a.png"), 1, "no desktop session"),
        (("--clipboard", "--snip"), 1, "no desktop session"),
    ],
)
def test_wrong_usage_is_one_sentence(
    command: Command, folder: Path, arguments: tuple[str, ...], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    found, out, err = command("predict", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_line_a_candidate(command: Command, folder: Path) -> None:
    code, out, _ = command("predict", "--checkpoint", "model", "-n", "3", "a.png", "none.png", "b.png")
    lines = out.split("\n")[:-1]
    assert code == 1
    assert len(lines) == 9
    assert len(set(lines[:3])) == len(set(lines[6:])) == 3
    assert lines[3:6] == ["", "", ""]


@pytest.mark.parametrize(
    ("format", "start"), [("inline", "$"), ("display", r"\[ "), ("equation", r"\begin{equation} ")]
)
def test_the_formats(command: Command, folder: Path, format: str, start: str) -> None:
    plain = command("predict", "--checkpoint", "model", "a.png")[1].rstrip("\n")
    out = command("predict", "--checkpoint", "model", "-f", format, "a.png")[1]
    assert out.startswith(f"{start}{plain}")
    answer = json.loads(command("predict", "--checkpoint", "model", "-f", format, "--json", "a.png")[1])
    assert (answer["latex"], answer["formatted"]) == (plain, out.rstrip("\n"))


def test_nothing_is_loaded_where_no_file_exists(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.inference.predictor.load", None)
    code, out, err = command("predict", "none.png", "none.pdf#3")
    assert (code, out) == (1, "\n\n")
    assert err.splitlines() == [f"im2latex: {name}: there is no such file" for name in ("none.png", "none.pdf")]


def test_copies_the_best_formulas(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr("im2latex.cli.desktop.check_clipboard_writer", lambda: None)
    monkeypatch.setattr("im2latex.cli.desktop.write_clipboard", copied.append)
    _, out, err = command("predict", "--checkpoint", "model", "--copy", "-n", "2", "a.png", "b.png")
    assert copied == ["\n".join(out.split("\n")[:4:2])]
    assert "copied to the clipboard" in err
    command("predict", "--checkpoint", "model", "--copy", "none.png")
    assert len(copied) == 1


def test_the_clipboard_and_the_screen(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = (folder / "a.png").read_bytes()
    monkeypatch.setattr("im2latex.cli.desktop.read_clipboard", lambda: image)
    monkeypatch.setattr("im2latex.cli.desktop.take_screenshot", lambda: image)
    monkeypatch.setattr("im2latex.cli.desktop.check_clipboard_reader", lambda: None)
    monkeypatch.setattr("im2latex.cli.desktop.watch_clipboard", lambda: iter([image, image, image]))
    expected = command("predict", "--checkpoint", "model", "a.png")[1]
    assert command("predict", "--checkpoint", "model", "--clipboard", "--snip")[1] == 2 * expected
    assert command("predict", "--checkpoint", "model", "--watch-clipboard")[1] == 3 * expected
    copied: list[str] = []
    monkeypatch.setattr("im2latex.cli.desktop.check_clipboard_writer", lambda: None)
    monkeypatch.setattr("im2latex.cli.desktop.write_clipboard", copied.append)
    command("predict", "--checkpoint", "model", "--clipboard", "--copy")
    assert copied == [expected.rstrip("\n")]


def test_attention_of_any_image_is_a_sheet_or_an_animation(command: Command, folder: Path) -> None:
    for name in ("out.png", "out.gif"):
        code, out, _ = command("predict", "--checkpoint", "model", "a.png", "--json", "--attention", name)
        assert code == 0
    tokens = json.loads(out)["tokens"]
    with Image.open("out.gif") as animation, Image.open("out.png") as sheet:
        width, height = animation.size
        assert getattr(animation, "n_frames", 1) == len(tokens)
        columns, rows = sheet.width // width, sheet.height // height
        assert columns * rows >= len(tokens) > columns * (rows - 1)
        panel = np.asarray(sheet.convert("RGB"))[22:height, :width].astype(int)
    assert (panel.max(axis=2) - panel.min(axis=2)).max() > 50, "attention has a colour"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.png", "--attention", "out.txt"], "out.txt: attention is written as .png or .gif"),
        (["a.png", "b.png", "--attention", "out.png"], "--attention out.png is for one image; 2 were named"),
    ],
)
def test_attention_is_of_one_image_in_one_of_two_formats(
    command: Command, folder: Path, arguments: list[str], sentence: str
) -> None:
    code, _, err = command("predict", "--checkpoint", "model", *arguments)
    assert code == 2
    assert sentence in err
