import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.reference import commands
from im2latex import __version__
from im2latex.cli.commands import RENAMED_COMMANDS, RENAMED_OPTIONS, STAGES
from tests.cli.test_cli import Command, command

__all__ = ["command"]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("old", "new"), RENAMED_COMMANDS.items())
def test_the_old_name_of_a_command_names_the_new_one(command: Command, old: str, new: str) -> None:
    code, out, error = command(*old.split(), "--help")
    assert (code, out) == (2, "")
    assert error == f"im2latex: the command {old} is named {new} now; run: im2latex {new}\n"


@pytest.mark.parametrize(
    ("verb", "old", "new"),
    [(verb, old, new) for verb, options in RENAMED_OPTIONS.items() for old, new in options.items()],
)
def test_the_old_name_of_an_option_names_the_new_one(command: Command, verb: str, old: str, new: str) -> None:
    for arguments in ([old], [f"{old}=x"]):
        code, out, error = command(*(["vocab"] if verb == "build" else []), verb, *arguments)
        assert (code, out) == (2, "")
        assert error == f"im2latex: the option {old} is named {new} now; use {new}\n"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_the_name_of_a_stage_names_the_command_to_run(command: Command, stage: str) -> None:
    code, out, error = command(stage)
    assert (code, out) == (2, "")
    assert error.endswith(f"run: dvc repro {stage}\n")
    assert (ROOT / "pipeline" / f"{stage}.py").is_file()


@pytest.mark.parametrize(
    ("verb", "usage"),
    [
        ("compare", "[OPTIONS] A [B]"),
        ("predict", "[OPTIONS] [IMAGE]..."),
        ("extract", "[OPTIONS] PAPERS..."),
        ("score", "[OPTIONS] REFERENCES HYPOTHESES"),
    ],
)
def test_usage_lines(command: Command, verb: str, usage: str) -> None:
    code, out, _ = command(verb, "-h")
    assert code == 0
    assert out.splitlines()[0].endswith(f" {verb} {usage}")
    assert not re.search(r"<[a-z]+>", out)


def test_every_command_has_a_summary_and_examples() -> None:
    for name, one in commands():
        assert one.help.partition("\n")[0].endswith("."), name
        assert one.examples, name
        assert name in one.examples[0], name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("predict --beam 0 x", "invalid value for '--beam': it should be greater than or equal to 1"),
        ("predict -f word x", "invalid value for '--format' / '-f': 'word' is not one of"),
        ("predict --device tpu x", "tpu: not a device"),
        ("serve --port 99999", "invalid value for '--port'"),
        ("normalize --frob", "no such option: --frob"),
        ("generate", "missing option '-n' / '--count'"),
        ("frob", "no such command 'frob'"),
        ("vocab frob", "no such command 'frob'"),
    ],
)
def test_wrong_usage_is_one_sentence(command: Command, arguments: str, sentence: str) -> None:
    code, out, err = command(*arguments.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"im2latex: {sentence}")


def test_a_file_in_place_of_a_command(command: Command) -> None:
    Path("a.png").touch()
    assert command("a.png") == (2, "", "im2latex: a.png is a file and not a command; run: im2latex predict a.png\n")


def test_the_values_of_options_are_named(command: Command) -> None:
    for name, _ in commands():
        out = command(*name.split()[1:], "--help")[1]
        assert not re.findall(r"INTEGER|FLOAT|TEXT|PATH", out), name
        assert out.rstrip().splitlines()[-1].strip().startswith(("im2latex ", "echo ")), name


def test_the_help_lists_commands_in_sections(command: Command) -> None:
    out = command("--help")[1]
    assert out.index("Read images:") < out.index("  predict ") < out.index("  serve ") < out.index("Prepare formulas:")
    assert "..." not in out.partition("Read images:")[2]


def test_completion() -> None:
    """By the variable, since `--show-completion` asks for the shell that the tests were started from."""
    command = [sys.executable, "-m", "im2latex"]
    environment = os.environ | {"_IM2LATEX_COMPLETE": "source_bash"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert "_im2latex_completion" in done.stdout


def test_the_version(command: Command) -> None:
    assert command("--version")[:2] == (0, f"im2latex {__version__}\n")


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "im2latex", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"im2latex {__version__}\n"


def test_after_two_dashes_an_old_name_is_an_argument(command: Command) -> None:
    assert "is named" not in command("predict", "--", "--constrain")[2]


def test_help_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys; sys.argv = ['im2latex', '--help']\n"
        "from im2latex.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'torch', 'pydantic', 'yaml', 'rich', 'PIL', 'importlib.metadata'}\n"
        "heavy &= sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
