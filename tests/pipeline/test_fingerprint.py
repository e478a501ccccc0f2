"""What a stage does decides its fingerprint: not docstrings, not layout, not code that it never reaches."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.fingerprint import Closure, Sources, changed_names, closure_lines, fingerprint, stage_lines
from pipeline.paths import ROOT
from pipeline.source_index import index_source
from tests.pipeline.test_graph import STAGES

CODE = '''
"""What it does."""
import numpy as np

LIMIT = 3
"""What the limit is."""


def f(x: int) -> int:
    """Add."""
    return x + LIMIT  # because
'''

CONSTRUCTS = ROOT / "tests" / "data" / "constructs.txt"
"""Python with every construct whose syntax tree differs between Python 3.11, 3.12 and 3.13."""
DIGEST = "6bd62e3d4d945ed3b625d67b9c66f255eb74fba6d8d666f13ded6da4253273e2"
"""What the index of CONSTRUCTS hashes to, in each of them."""


def digests(source: str) -> list[str]:
    return [statement.digest for statement in index_source(source, "package")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""What it does."""', '"""Something else."""'),
        ('"""What the limit is."""\n', ""),
        ('    """Add."""\n', ""),
        ("  # because", ""),
        ("x + LIMIT", "(x\n        + LIMIT)"),
    ],
)
def test_words_and_layout_do_not_count(before: str, after: str) -> None:
    assert before in CODE
    assert digests(CODE.replace(before, after)) == digests(CODE)


@pytest.mark.parametrize(
    ("before", "after"),
    [("3", "4"), ("x + LIMIT", "LIMIT + x"), ("def f", "def g"), ("x: int", "x: float"), ("as np", "as numpy")],
)
def test_behaviour_counts(before: str, after: str) -> None:
    assert digests(CODE.replace(before, after)) != digests(CODE)


def test_a_function_of_words_alone_equals_one_that_passes() -> None:
    assert digests('def f():\n    """Nothing."""') == digests("def f():\n    pass")


def test_the_hash_is_the_same_in_every_version_of_python() -> None:
    text = repr(index_source(CONSTRUCTS.read_text(encoding="utf-8"), "package"))
    assert hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() == DIGEST


PACKAGE = {
    "im2latex/__init__.py": "",
    "im2latex/used.py": """
from im2latex.inner import helper as renamed
from im2latex.lazy import later
TABLE = {"a": 1}
UNUSED = {"b": 2}
def entry():
    return renamed(TABLE)
def other():
    return later()
""",
    "im2latex/inner.py": "def helper(x):\n    return x\ndef unused():\n    return 1\nprint('imported')\n",
    "im2latex/lazy.py": "def later():\n    return 3\n",
    "im2latex/worker.py": "def main():\n    return 5\nif __name__ == '__main__':\n    main()\n",
    "im2latex/data.py": "def table():\n    return open('words.txt')\ndef unused(name):\n    return f'{name}.yaml'\n",
    "im2latex/words.txt": "a\n",
    "im2latex/tiny.yaml": "a: 1\n",
    "pipeline/__init__.py": "",
    "pipeline/first.py": """
import im2latex.data
from im2latex import used
def work():
    used.entry()
    if False:
        from im2latex.lazy import later
        later()
        run(["-m", "im2latex.worker"])
    im2latex.data.table()
if __name__ == "__main__":
    work()
""",
    "pipeline/second.py": "from im2latex.used import other\nother()\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def lines(root: Path, stage: str, cache: Path | None = None) -> list[str]:
    sources = Sources(root, cache)
    closure = Closure(sources)
    closure.add_entry(f"pipeline.{stage}")
    sources.save_cache()
    return list(closure.lines())


@pytest.mark.parametrize(
    ("name", "before", "after", "changed"),
    [
        ("im2latex/used.py", '{"a": 1}', '{"a": 2}', {"first": ["im2latex.used"]}),
        ("im2latex/used.py", '{"b": 2}', '{"b": 3}', {}),
        ("im2latex/used.py", "return later()", "return 1 + later()", {"second": ["im2latex.used"]}),
        ("im2latex/used.py", '{"b": 2}', "register()", {"first": ["im2latex.used"], "second": ["im2latex.used"]}),
        ("im2latex/inner.py", "return x", "return -x", {"first": ["im2latex.inner"]}),
        ("im2latex/inner.py", "return 1", "return 2", {}),
        ("im2latex/inner.py", "imported", "more", {"first": ["im2latex.inner"], "second": ["im2latex.inner"]}),
        ("im2latex/lazy.py", "3", "4", {"first": ["im2latex.lazy"], "second": ["im2latex.lazy"]}),
        ("im2latex/worker.py", "5", "6", {"first": ["im2latex.worker"]}),
        ("im2latex/words.txt", "a", "b", {"first": ["im2latex/words.txt"]}),
        ("im2latex/tiny.yaml", "1", "2", {}),
    ],
)
def test_a_change_reaches_the_stages_that_may_run_it(
    package: Path, name: str, before: str, after: str, changed: dict[str, list[str]]
) -> None:
    cache = package / "cache.json"
    was = {stage: lines(package, stage, cache) for stage in ("first", "second")}
    path = package / name
    path.write_text(path.read_text().replace(before, after))
    now = {stage: lines(package, stage, cache) for stage in was}
    assert now == {stage: lines(package, stage) for stage in was}, "the cache decides nothing"
    found = {stage: changed_names(was[stage], now[stage]) for stage in was if was[stage] != now[stage]}
    assert found == changed


def test_a_damaged_cache_is_replaced(package: Path) -> None:
    cache = package / "cache.json"
    expected = lines(package, "first", cache)
    for damage in ("", "{", "[1]", '{"files": 3}'):
        cache.write_text(damage)
        assert lines(package, "first", cache) == expected


def test_data_files_and_worker_processes_of_this_repository_count() -> None:
    names = {stage: {line.split("  ")[1] for line in stage_lines(stage)} for stage in STAGES}
    assert "im2latex/latex/allowed_commands.txt" in names["normalize"]
    assert "im2latex/models/presets/fast-tiny.yaml" in names["train"]
    assert "im2latex/reporting/templates/page.html.j2" in names["report"]
    assert "im2latex.rendering.rasterizers.pdf_library_worker" in names["render"]
    assert "im2latex.dataset.download" not in set().union(*names.values())


def test_a_change_of_a_reader_concerns_normalize_alone() -> None:
    names = {stage: {line.split("  ")[1] for line in stage_lines(stage)} for stage in STAGES}
    assert [stage for stage in STAGES if "im2latex.dataset.readers.files" in names[stage]] == ["normalize"]
    decoders = [stage for stage in STAGES if any("im2latex.models.decoders" in name for name in names[stage])]
    assert decoders == ["train", "predict"]


def test_the_part_cache_is_keyed_without_the_frame_of_the_stage() -> None:
    for entry, module in (
        ("pipeline.normalize:NormalizePart", "im2latex.latex.normalizer"),
        ("im2latex.rendering.dataset_images:DatasetRenderer", "im2latex.rendering.renderer"),
    ):
        names = {line.split("  ")[1] for line in closure_lines([entry])}
        assert module in names
        assert not {"pipeline.stage", "im2latex.ledger", "im2latex.io.manifest"} & names


def test_an_entry_point_must_be_a_module() -> None:
    assert fingerprint("im2latex.errors") != fingerprint("im2latex.errors", "im2latex.config")
    with pytest.raises(ValueError, match="there is no module"):
        fingerprint("im2latex.nothing")


@pytest.mark.parametrize("word", ["__subclasses__", "__init_subclass__", "__import__(", "globals()", "import *"])
def test_the_code_does_nothing_that_the_closure_cannot_follow(word: str) -> None:
    files = {path for folder in ("im2latex", "pipeline") for path in (ROOT / folder).rglob("*.py")}
    files.remove(ROOT / "im2latex" / "__init__.py")  # its `__getattr__` is followed by the names in its table
    assert [path for path in files if word in path.read_text(encoding="utf-8")] == []


def test_computing_it_imports_nothing_heavy() -> None:
    script = "import sys, pipeline.fingerprint as f; f.stage_lines('train'); print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pyarrow", "pydantic", "typer"} & set(done.stdout.split())
