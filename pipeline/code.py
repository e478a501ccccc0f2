"""Fingerprint of the code of each stage, after a check of all of params.yaml.

reads   im2latex/, pipeline/, custom/    the code of the stages
        dvc.yaml                         their names
        params.yaml                      every section, checked before the first stage computes
writes  reports/code/<stage>.txt         a line for each module and data file that decides what the stage makes

Every stage depends on its own file only, so DVC runs the stages whose code changed, and no other. A docstring,
a comment or the layout of code is not in it.
"""

import hashlib
import importlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from im2latex.errors import Im2LatexError
from im2latex.io.project_cache import cache_root
from im2latex.io.stage_names import read_stage_names
from pipeline.fingerprint import open_sources, stage_lines
from pipeline.paths import CODE

PARAMS = Path("params.yaml")
CHECKED = "params.sha256"
"""File of the cache: the hash of the last params.yaml, and of the code, that were found right together."""


def main() -> None:
    """Check params.yaml and write the fingerprints; exits with 2 and a line for each fault of params.yaml."""
    if len(sys.argv) > 1:
        _refuse([f"unknown argument {sys.argv[1]}; it takes none"])
    try:
        stages = read_stage_names()
    except Im2LatexError as error:
        _refuse([str(error)])
    sources = open_sources()
    lines = {stage: stage_lines(stage, sources) for stage in stages}
    sources.save_cache()
    key = hashlib.sha256(f"{lines}\0{PARAMS.read_bytes()!r}".encode()).hexdigest()
    checked = cache_root() / CHECKED
    if not checked.is_file() or checked.read_text(encoding="utf-8") != key:
        if faults := list(params_faults(stages)):
            _refuse(faults)
        checked.parent.mkdir(parents=True, exist_ok=True)
        checked.write_text(key, encoding="utf-8")
    shutil.rmtree(CODE, ignore_errors=True)
    CODE.mkdir(parents=True)
    for stage in stages:
        (CODE / f"{stage}.txt").write_text("\n".join(lines[stage]) + "\n", encoding="utf-8")


def params_faults(stages: Iterable[str]) -> Iterator[str]:
    """A sentence for each section of params.yaml that is wrong, unknown or missing."""
    # slow; not needed where params.yaml is as it was
    from im2latex.config import check_keys, check_sections, load_section, load_yaml
    from pipeline.project import dataset_folder

    found = [importlib.import_module(f"pipeline.{name}").STAGE for name in stages]
    kinds = {stage.name: stage.params for stage in found}
    for stage in found:
        kinds |= stage.settings
    try:
        content = load_yaml(PARAMS)
    except Im2LatexError as error:
        yield str(error)
        return
    checks: list[Callable[[], object]] = [partial(check_sections, content, PARAMS, ["dataset", *kinds]), dataset_folder]
    checks += [partial(load_section, name, kind) for name, kind in kinds.items()]
    checks += [partial(check_keys, content.get(name), kind, f"{PARAMS}: {name}") for name, kind in kinds.items()]
    checks += [partial(_check_files, stage) for stage in found]
    for check in checks:
        try:
            check()
        except Im2LatexError as error:
            yield str(error)


def _check_files(stage: Any) -> None:
    """Let a stage check what its parameters name, before DVC removes the outputs of any stage."""
    from im2latex.config import load_section

    if stage.check is None:
        return
    try:
        params = load_section(stage.name, stage.params)
    except Im2LatexError:  # another check says so
        return
    stage.check(params)


def _refuse(sentences: Iterable[str]) -> NoReturn:
    print(*(f"code: {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)  # noqa: T201
    sys.exit(2)


if __name__ == "__main__":
    main()
