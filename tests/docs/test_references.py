"""Names in the documentation exist: commands, options, parameters, make targets, modules, files and links."""

import importlib.util
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate.committed import ROOT
from docs.generate.hooks import PYTHON_INTERFACE, on_page_markdown
from docs.generate.parameters import parameter_keys
from docs.generate.reference import commands, public_names
from im2latex.config import RENAMED_KEYS
from tests.docs.blocks import CHECKED, PAGES, blocks, hand_written, spans, words

COMMANDS = dict(commands())
KEYS = parameter_keys()
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
TARGETS = set(re.findall(r"^([\w-]+(?: [\w-]+)*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
TARGETS = {name for group in TARGETS for name in group.split()}
FOLDERS = ("im2latex/", "pipeline/", "workflow/", "custom/", "examples/", "recipes/", "benchmarks/", "tests/", "setup/")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def shell(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every command of the page, in blocks and in code spans, with its place."""
    for block in blocks(page):
        if block.language == "bash":
            yield from ((block.place, words(command)) for command in block.commands())
    for line, text in spans(page):
        if re.match(r"(im2latex|make|dvc|python -m) ", text):
            yield f"{page.name}:{line}", words(text)


@pages
def test_languages_are_known(page: Path) -> None:
    found = {block.language for block in blocks(page)}
    assert found <= {*CHECKED, "console", "json", "toml", "latex"}
    assert "sh" not in found, "write bash, so that the block is checked"


@pages
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    silent = [block.place for block in blocks(page) if block.marks.get("not run", "a reason") == ""]
    assert silent == []


@pages
def test_commands_and_options_exist(page: Path) -> None:
    faults = [f"{place}: {fault}" for place, parts in shell(page) if (fault := _fault(parts))]
    assert faults == []


def _fault(parts: list[str]) -> str | None:
    """What is wrong with a command, if anything."""
    match parts:
        case ["im2latex", *rest]:
            return _im2latex(rest)
        case ["make", *rest]:
            unknown = [word for word in rest if re.fullmatch(r"[a-z-]+", word) and word not in TARGETS]
            return f"the Makefile has no target {unknown}" if unknown else None
        case ["dvc", "exp", "run", *rest]:
            settings = [value for flag, value in pairwise(rest) if flag == "-S"]
            return next((fault for setting in settings if (fault := _setting(setting))), None)
        case ["python", "-m", module, *_] if re.fullmatch(r"[a-z0-9_.]+", module):
            return None if importlib.util.find_spec(module) else f"there is no module {module}"
    return None


def _im2latex(rest: list[str]) -> str | None:
    names = [f"im2latex {' '.join(rest[:count])}" for count in (2, 1)]
    name = next((name for name in names if name in COMMANDS), None)
    if name is None:
        group = any(command.startswith(f"im2latex {rest[0]} ") for command in COMMANDS)
        return None if group or rest[0] in ("--help", "COMMAND") else f"there is no command im2latex {rest[0]}"
    known: dict[str, Any] = {}
    for parameter in COMMANDS[name].params:
        for option in [*parameter.opts, *parameter.secondary_opts]:
            known[option] = parameter
    used = [word.partition("=")[0] for word in rest if re.match(r"-{1,2}[a-z]", word)]
    unknown = [word for word in used if word not in known and word != "--help"]
    return f"{name} has no option {unknown}" if unknown else None


@pages
def test_commands_in_blocks_have_all_that_they_need(page: Path) -> None:
    faults = []
    for block in blocks(page):
        for command in map(words, block.commands() if block.language == "bash" else ()):
            name = " ".join(command[:2])
            required = [part.opts for part in COMMANDS[name].params if part.required] if name in COMMANDS else []
            options = [opts for opts in required if opts[0].startswith("-")]
            faults += [f"{block.place}: {opts}" for opts in options if not set(opts) & set(command)]
    assert faults == []


def _setting(setting: str) -> str | None:
    key = setting.lstrip("+").partition("=")[0]
    if key.isupper():
        return None
    if key in KEYS or (setting.startswith("+") and any(key.startswith(f"{known}.") for known in KEYS)):
        return None
    return f"params.yaml has no key {key}"


OPTIONS = {option for command in COMMANDS.values() for part in command.params for option in part.opts}
OPTIONS |= {option for command in COMMANDS.values() for part in command.params for option in part.secondary_opts}
FOREIGN = {
    "--local-addr",
    "--nnodes",
    "--node-rank",
    "--set-resources",
    "--slurm-no-account",
    "--strict",
    "--check",
    "--name",
    "--normalized",
    "--count",
    "--start",
}
"""Options of other programs and of the modules of recipes."""


@pages
def test_options_that_are_named_alone_exist(page: Path) -> None:
    used = [(line, text.split()[0].partition("=")[0]) for line, text in spans(page) if re.match(r"--[a-z]", text)]
    assert [f"{page.name}:{line}: {option}" for line, option in used if option not in OPTIONS | FOREIGN] == []


@pages
def test_parameter_keys_exist(page: Path) -> None:
    sections = "|".join(map(re.escape, PARAMS))
    pattern = re.compile(rf"(?:{sections})(?:\.[a-z_]+)+")
    free = re.compile(r"train\.(model|optimizer|schedule|changes|overrides|start|init_from)\..+")
    suffixes = (".json", ".py", ".txt", ".norm", ".lst", ".matching", ".formulas")
    faults = []
    for line, text in spans(page):
        match = pattern.match(text)
        key = match[0] if match else ""
        if not match or text[match.end() :][:1] not in ("", ":", "=", " ") or key.endswith(suffixes):
            continue
        if key not in KEYS and not free.match(key) and not _is_file(text):
            new = next((RENAMED_KEYS[old] for old in RENAMED_KEYS if key == old or key.startswith(f"{old}.")), None)
            faults.append(f"{page.name}:{line}: {key}" + (f" is now {new}" if new else ""))
    assert faults == []


def _is_file(text: str) -> bool:
    return bool(re.search(r"\.(txt|lst|json|yaml|py|parquet)$", text))


@pages
def test_files_and_modules_exist(page: Path) -> None:
    faults = []
    for line, text in spans(page):
        path = text.split()[0].rstrip("/")
        if text.startswith(FOLDERS) and re.fullmatch(r"[\w./-]+", path) and not (ROOT / path).exists():
            faults.append(f"{page.name}:{line}: {path}")
        if re.fullmatch(r"(im2latex|pipeline|docs)(\.[a-z_0-9]+)+", text) and not _importable(text):
            faults.append(f"{page.name}:{line}: {text}")
    assert faults == []


def _importable(name: str) -> bool:
    try:
        if importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        pass
    module, _, attribute = name.rpartition(".")
    return hasattr(importlib.import_module(module), attribute)


@pages
def test_links_lead_to_files_and_headings(page: Path) -> None:
    faults = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (heading and file.suffix == ".md" and not _has_heading(file, heading)):
            faults.append(target)
    assert faults == []


def _has_heading(file: Path, heading: str) -> bool:
    text = file.read_text(encoding="utf-8")
    if "<!-- insert: " in text:
        return True  # mkdocs --strict checks these
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", name).strip().lower().replace(" ", "-") for name in found}


def test_yaml_blocks_fit_their_section() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language != "yaml":
                continue
            content = yaml.safe_load(block.text)
            section = PARAMS
            for name in filter(None, block.marks.get("params", "").split(".")):
                section = section[name]
            assert set(content) <= set(section), block.place


def test_every_command_is_mentioned_in_the_guides() -> None:
    text = "".join(hand_written(page) for page in PAGES)
    assert [name for name in COMMANDS if name not in text] == []


def test_the_page_of_the_python_interface_shows_every_public_name() -> None:
    inserting = [page for page in PAGES if "<!-- insert: " in page.read_text(encoding="utf-8")]
    assert [page.name for page in inserting] == ["python.md"]
    text = inserting[0].read_text(encoding="utf-8")
    shown = on_page_markdown(text)
    assert PYTHON_INTERFACE not in shown
    assert [name for name in public_names() if f"heading: im2latex.{name}\n" not in shown] == []
    assert [name for name in public_names() if f"`im2latex.{name}`" not in text] == []


def test_paths_of_the_server_exist() -> None:
    page = ROOT / "docs" / "how-to" / "serve.md"
    app = (ROOT / "im2latex" / "serving" / "app.py").read_text(encoding="utf-8")
    paths = [text for _, text in spans(page) if re.fullmatch(r"/[a-z-]*", text)]
    assert len(paths) == 8
    assert [path for path in paths if f'"{path}"' not in app] == []
