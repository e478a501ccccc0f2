"""Fingerprint of the code that a stage runs: the same for the same behaviour, whatever the docstrings and layout.

A fingerprint covers the definitions that are reachable from an entry point, across the modules of this repository:
statements that run at import count whenever their module is imported; a function, class or constant counts when a
name that counts refers to it; a data file of a package counts when its name is in code that counts. Where a
reference cannot be followed, more counts rather than less: a module that is used as a value, or named in a string,
counts as a whole.

reads, writes  <cache>/code.json     the index of each source file, by its SHA-256; saves parsing files anew
"""

import fnmatch
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple
from functools import cached_property
from pathlib import Path
from typing import Any

from im2latex.io.project_cache import cache_root
from pipeline import source_index
from pipeline.paths import ROOT
from pipeline.source_index import Statement, index_source

PACKAGES = ("im2latex", "pipeline")
LOADS_RULES = Path("latex/rules/custom.py")
"""The end of the path of the module that loads the rules of a team from the folder custom/."""
_NO_DATA = frozenset([".py", ".pyc"])


class Sources:
    """The indexed modules of a repository, parsed when they are first needed."""

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        self.root = root
        self._cache_path = cache
        self._cache = _load_cache(cache)
        self._before = len(self._cache)
        self._modules: dict[str, list[Statement]] = {}
        self._bindings: dict[str, dict[str, list[int]]] = {}
        self._data_files: dict[str, dict[str, Path]] = {}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """The file of each module."""
        files = (path for package in PACKAGES for path in sorted((self.root / package).rglob("*.py")))
        return {self._name(path): path for path in files}

    def statements(self, module: str) -> list[Statement]:
        """The top-level statements of a module; none of one that is not of this repository."""
        if module not in self._modules:
            path = self.paths.get(module)
            self._modules[module] = self.index(path, self.package(module)) if path else []
        return self._modules[module]

    def bindings(self, module: str) -> dict[str, list[int]]:
        """The numbers of the statements that bind each name of a module."""
        if module not in self._bindings:
            found: dict[str, list[int]] = {}
            for number, statement in enumerate(self.statements(module)):
                for name in statement.names:
                    found.setdefault(name, []).append(number)
            self._bindings[module] = found
        return self._bindings[module]

    def index(self, path: Path, package: str = "") -> list[Statement]:
        """The top-level statements of a file."""
        source = path.read_bytes()
        key = f"{package} {hashlib.sha256(source).hexdigest()}"
        if key not in self._cache:
            self._cache[key] = [list(astuple(one)) for one in index_source(source.decode("utf-8"), package)]
        return [Statement(*values) for values in self._cache[key]]

    def package(self, module: str) -> str:
        """The package that a module is in, or is."""
        return module if self.paths[module].name == "__init__.py" else module.rpartition(".")[0]

    def data_files(self, package: str) -> dict[str, Path]:
        """The files of a package that are no code, by their path from its folder; those of inner packages are not."""
        if package not in self._data_files:
            folder = self.paths[package].parent
            files = (path for path in folder.rglob("*") if path.suffix not in _NO_DATA and path.is_file())
            self._data_files[package] = {
                path.relative_to(folder).as_posix(): path
                for path in files
                if not any((inner / "__init__.py").exists() for inner in path.parents if folder in inner.parents)
            }
        return self._data_files[package]

    def save_cache(self) -> None:
        """Write the index for the next process, where something was added; a folder that cannot be written is left."""
        if self._cache_path is None or len(self._cache) == self._before:
            return
        draft = self._cache_path.with_name(f".{self._cache_path.name}.{os.getpid()}")
        with suppress(OSError):
            self._cache_path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"version": _cache_version(), "files": self._cache}), encoding="utf-8")
            draft.replace(self._cache_path)

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Closure:
    """Definitions and data files that are reachable from entry points."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._imported: set[str] = set()
        self._whole: set[str] = set()
        self._resolved: set[tuple[str, str]] = set()
        self._reached: dict[str, dict[int, Statement]] = {}
        self._waiting: list[tuple[str, Statement]] = []
        self.data_files: set[Path] = set()

    def add_entry(self, entry: str) -> None:
        """Reach all that a module may run, or, of MODULE:NAME, all that using the name may run."""
        module, _, name = entry.partition(":")
        if module not in self._sources.paths:
            raise ValueError(f"{entry}: there is no module {module}")
        if name:
            self._import_parents(module)
            self._resolve(module, name)
        else:
            self._reach_whole(module)
        self._follow_all()

    def add_file(self, path: Path) -> None:
        """Reach all that a Python file outside of the packages may run; the file itself is not in the closure."""
        for statement in self._sources.index(path):
            self._follow("", statement)
            for module, name, _ in statement.imports:
                self._import_target(module, name)
                self._resolve_target(module, name, [])
        self._follow_all()

    def lines(self) -> Iterator[str]:
        """A line for each module and data file: hash and name, in order of the names."""
        for module in sorted(self._reached):
            statements = self._reached[module]
            text = "".join(statements[number].digest for number in sorted(statements))
            yield f"{hashlib.sha256(text.encode()).hexdigest()[:16]}  {module}"
        for path in sorted(self.data_files):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            yield f"{digest}  {path.relative_to(self._sources.root).as_posix()}"

    def imports(self, end: Path) -> bool:
        """Whether a module whose path ends so is imported."""
        return any(self._sources.paths[module].match(str(end)) for module in self._imported)

    def names(self, module: str) -> set[str]:
        """The names of the reached definitions of a module."""
        return {name for statement in self._reached.get(module, {}).values() for name in statement.names}

    def _import(self, module: str) -> None:
        """Execute a module as an import does, its parents first."""
        if module in self._imported or module not in self._sources.paths:
            return
        self._imported.add(module)
        self._import_parents(module)
        self._reach(module, "import")
        for statement in self._sources.statements(module):
            if statement.when == "bind":
                for target, name, _ in statement.imports:
                    self._import_target(target, name)

    def _import_parents(self, module: str) -> None:
        parent = module.rpartition(".")[0]
        if parent:
            self._import(parent)

    def _import_target(self, module: str, name: str | None) -> None:
        self._import(module)
        if name:
            self._import(f"{module}.{name}")

    def _reach(self, module: str, when: str) -> None:
        for number, statement in enumerate(self._sources.statements(module)):
            if statement.when == when:
                self._add(module, number, statement)

    def _add(self, module: str, number: int, statement: Statement) -> None:
        reached = self._reached.setdefault(module, {})
        if number not in reached:
            reached[number] = statement
            self._waiting.append((module, statement))

    def _follow_all(self) -> None:
        while self._waiting:
            self._follow(*self._waiting.pop())

    def _follow(self, module: str, statement: Statement) -> None:
        """Reach what a statement refers to."""
        if statement.when != "bind":
            for target, name, _ in statement.imports:
                self._import_target(target, name)
        for use in statement.uses:
            self._resolve(module, use)
            for target, name, local in statement.imports:  # of imports inside of a function
                if local == use.partition(".")[0]:
                    self._resolve_target(target, name, use.split(".")[1:])
        modules = [text for text in statement.strings if text in self._sources.paths]
        for text in modules:
            if text not in PACKAGES:
                self._reach_whole(text)
        if module:
            packages = {self._sources.package(one) for one in [module, *modules]}
            self._add_data(packages, statement.strings)

    def _resolve(self, module: str, name: str) -> bool:
        """Reach what a dotted name refers to in a module; whether its first part is bound there."""
        head, _, rest = name.partition(".")
        numbers = self._sources.bindings(module).get(head, ())
        if numbers and (module, name) not in self._resolved:
            self._resolved.add((module, name))
            for number in numbers:
                statement = self._sources.statements(module)[number]
                self._add(module, number, statement)
                for target, attribute, local in statement.imports:
                    if local == head:
                        self._import_target(target, attribute)
                        self._resolve_target(target, attribute, rest.split(".") if rest else [])
        return bool(numbers)

    def _resolve_target(self, module: str, name: str | None, rest: list[str]) -> None:
        """Reach `name` of a module, or the module itself, and the attributes `rest` of it."""
        if module not in self._sources.paths:
            return
        steps = [name, *rest] if name else rest
        if not steps:
            if module not in PACKAGES:
                self._reach_whole(module)
            return
        inner = f"{module}.{steps[0]}"
        found = self._resolve(module, ".".join(steps))
        if inner in self._sources.paths:
            self._import(inner)
            self._resolve_target(inner, None, steps[1:])
        elif not found and not steps[0].startswith("__"):  # an attribute that the module makes when it is used
            self._resolve(module, "__getattr__")

    def _reach_whole(self, module: str) -> None:
        if module not in self._whole:
            self._whole.add(module)
            self._import(module)
            for when in ("import", "name", "main"):
                self._reach(module, when)
            for statement in self._sources.statements(module):
                if statement.when == "bind":
                    for target, name, _ in statement.imports:
                        if name and f"{target}.{name}" not in self._sources.paths:
                            self._resolve_target(target, name, [])

    def _add_data(self, packages: Iterable[str], strings: Iterable[str]) -> None:
        """Add the data files of packages that strings name: a file, its folder, or a pattern that it matches."""
        for package in packages:
            files = self._sources.data_files(package)
            for text in strings if files else ():
                if "*" in text:
                    self.data_files.update(files[name] for name in fnmatch.filter(files, text))
                else:
                    self.data_files.update(
                        path for name, path in files.items() if name == text or name.startswith(f"{text}/")
                    )


def stage_lines(stage: str, sources: Sources | None = None) -> list[str]:
    """The lines of a stage: those of its module, and of what the team's own rules use where it loads them."""
    return closure_lines([f"pipeline.{stage}"], sources=sources)


def closure_lines(entries: Iterable[str], files: Iterable[Path] = (), sources: Sources | None = None) -> list[str]:
    """A line, hash and name, for each module and data file that decides what the entry points do.

    An entry point is a module, `pipeline.train`, or a definition in one, `pipeline.normalize:NormalizePart`. `files`
    are Python files outside of the packages that the code loads by their path.
    """
    opened = sources or open_sources()
    closure = Closure(opened)
    for entry in entries:
        closure.add_entry(entry)
    if closure.imports(LOADS_RULES):
        files = [*files, *sorted(Path("custom").glob("*.py"))]
    for path in files:
        closure.add_file(path)
    if sources is None:
        opened.save_cache()
    return list(closure.lines())


def fingerprint(*entries: str, files: Iterable[Path] = ()) -> str:
    """SHA-256 of the lines of entry points; keys the part cache and the state of a training run."""
    return hashlib.sha256("\n".join(closure_lines(entries, files)).encode()).hexdigest()


def changed_names(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """The modules and data files whose lines differ."""
    return sorted({line.partition("  ")[2] for line in set(before) ^ set(now)})


def open_sources() -> Sources:
    """The sources of this checkout."""
    return Sources(ROOT, cache_root() / "code.json")


def _cache_version() -> str:
    """Version of the index format: an index of another version is not used."""
    return f"{sys.version_info[:2]} {hashlib.sha256(Path(source_index.__file__).read_bytes()).hexdigest()}"


def _load_cache(path: Path | None) -> dict[str, list[list[Any]]]:
    """The saved index; empty where there is none, or one of another version."""
    try:
        content = json.loads(path.read_bytes()) if path else {}
        return dict(content["files"]) if content.get("version") == _cache_version() else {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}
