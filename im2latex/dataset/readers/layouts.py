"""Readers of whole datasets, one per layout: a file, a folder of files, or the folder of an earlier project.

reads  im2latex_formulas.lst       im2latex_{train,validate,test}.lst           im2latex-100k (Zenodo 56198)
       im2latex_formulas.norm.lst  im2latex_{train,validate,test}_filter.lst    harvardnlp/im2markup and its successors
       SPLIT.formulas.norm.txt     SPLIT.matching.txt                           guillaumegenthial/im2latex
       NAME2ID.json                ID2FORMULA.json                              image to number, number to formula

An entry of an index list is a line of the formula file, from 0, and an image: `index image kind` in the first layout,
`image index` in the others. Names may lack the prefix `im2latex_` and the suffix `_filter`, as in im2markup's own
sample. The images are in one of the folders below; those of SPLIT.matching.txt in images_SPLIT or SPLIT. A line that
is in no list becomes a `BadRow` with reason `unlisted`; a missing image gets its reason when images are read
(`source_images`). Without SPLIT.matching.txt all lines are read, without images.

A new layout is one entry of `LAYOUTS`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from im2latex.dataset.readers.files import (
    FORMATS,
    LISTED_LINE_END,
    SPLIT_NAMES,
    FormulaRow,
    file_format,
    numbered_lines,
    printable,
    read_file,
    read_lines,
    refuse_spreadsheet,
    table_row,
)
from im2latex.errors import InputError
from im2latex.types import BadRow, RawFormula, Split

NAME_TO_ID, ID_TO_FORMULA = "NAME2ID.json", "ID2FORMULA.json"
IMAGE_FOLDERS = ("formula_images", "images")
PROCESSED_FOLDERS = ("formula_images_processed", "images_processed", *IMAGE_FOLDERS)

_RAW_FORMULAS = ("im2latex_formulas.lst", "formulas.lst")
_NORMALIZED_FORMULAS = ("im2latex_formulas.norm.lst", "formulas.norm.lst")
_LIST = re.compile(rf"(?:im2latex_)?(?P<split>{'|'.join(SPLIT_NAMES)})(?P<filtered>_filter)?\.lst")
_MAX_DIGITS = 18  # of a line number
_FORMULAS = re.compile(r"(?P<name>.+)\.formulas(?:\.norm)?\.txt")


@dataclass(frozen=True, slots=True)
class _Index:
    """One index list: its formula file, the split of its rows, and the folder of their images.

    Without a `path` it lists all lines.
    """

    path: Path | None
    formulas: Path
    split: Split | None
    images: str | None
    image_first: bool


def read_raw_formulas(path: Path) -> Iterator[FormulaRow]:
    """Yield all formulas of a file or folder; raises `InputError` where it cannot be read."""
    try:
        yield from _read_dataset(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _read_dataset(path: Path) -> Iterator[FormulaRow]:
    if not path.exists():
        raise InputError(f"{path}: no such dataset; put your formulas there, or see `im2latex download --help`")
    if path.is_file():
        return read_file(path)
    for layout in LAYOUTS:
        if (rows := layout(path)) is not None:
            return rows
    for file in sorted(path.iterdir()):
        refuse_spreadsheet(file)
    raise InputError(f"{path}: holds no {', '.join(FORMATS)} file; put one formula per line into formulas.txt")


def _read_index_lists(folder: Path) -> Iterator[FormulaRow] | None:
    indices = list(_indices(folder))
    return _indexed(indices) if indices else None


def _read_id_maps(folder: Path) -> Iterator[FormulaRow] | None:
    has_maps = (folder / NAME_TO_ID).is_file() and (folder / ID_TO_FORMULA).is_file()
    return _pairs(folder) if has_maps else None


def _read_formula_files(folder: Path) -> Iterator[FormulaRow] | None:
    files = sorted(file for file in folder.iterdir() if file.is_file() and file_format(file) in FORMATS)
    return chain.from_iterable(map(read_file, files)) if files else None


LAYOUTS: tuple[Callable[[Path], Iterator[FormulaRow] | None], ...] = (
    _read_index_lists,
    _read_id_maps,
    _read_formula_files,
)
"""Readers of folders in the order in which they are tried; each returns None for a folder of another layout."""


def _indices(folder: Path) -> Iterator[_Index]:
    """Yield the index lists of a folder: those of the raw formulas if present, else of the normalized ones."""
    for names, images in ((_RAW_FORMULAS, IMAGE_FOLDERS), (_NORMALIZED_FORMULAS, PROCESSED_FOLDERS)):
        raw = names is _RAW_FORMULAS
        lists = _lists(folder, filtered=not raw)
        for formulas in (folder / name for name in names if (folder / name).is_file()):
            if not lists and formulas.name == names[0]:
                due = [f"im2latex_{split}{'' if raw else '_filter'}.lst" for split in ("train", "validate", "test")]
                raise InputError(f"{folder}: {formulas.name} has no index list; add {', '.join(due)}")
            place = _image_folder(folder, images)
            yield from (_Index(path, formulas, split, place, image_first=not raw) for path, split in lists.items())
            if lists:
                return
    named = {match["name"] for path in folder.glob("*.txt") if (match := _FORMULAS.fullmatch(path.name))}
    for name in sorted(named):
        found = [folder / f"{name}.formulas{kind}.txt" for kind in (".norm", "")]
        formulas = next(file for file in found if file.is_file())
        matching = folder / f"{name}.matching.txt"
        place = _image_folder(folder, (f"images_{name}", name))
        yield _Index(matching if matching.is_file() else None, formulas, SPLIT_NAMES.get(name), place, image_first=True)


def _lists(folder: Path, filtered: bool) -> dict[Path, Split]:
    """Return the index lists in the order of the splits; filtered lists take precedence over the others."""
    found: dict[Split, Path] = {}
    for path in sorted(folder.glob("*.lst")):
        match = _LIST.fullmatch(path.name)
        if match and (filtered or not match["filtered"]):
            split = SPLIT_NAMES[match["split"]]
            if split not in found or match["filtered"]:
                found[split] = path
    return {found[split]: split for split in ("train", "val", "test") if split in found}


def _indexed(indices: list[_Index]) -> Iterator[FormulaRow]:
    """Yield the listed formulas, list by list, then the unlisted lines."""
    files = {index.formulas: _formulas(index.formulas) for index in indices}
    listed = {path: [False] * len(rows) for path, rows in files.items()}
    for index in indices:
        rows = files[index.formulas]
        for number, image in _entries(index, len(rows)):
            listed[index.formulas][number] = True
            row = rows[number]
            if isinstance(row, RawFormula):
                file = _image_file(index.images, image) if index.images and image else None
                yield RawFormula(row.formula, row.place, source_id=image, split=index.split, image=file)
            else:
                yield BadRow(row.place, row.reason, row.detail, source_id=image)
    for path, rows in files.items():
        for row, found in zip(rows, listed[path], strict=True):
            if not found:
                yield BadRow(row.place, "unlisted", "no index list names this line")


def _entries(index: _Index, count: int) -> Iterator[tuple[int, str | None]]:
    """Yield the line numbers (from 0) of one list, each with the name of its image."""
    if index.path is None:
        yield from ((number, None) for number in range(count))
        return
    with index.path.open("rb") as stream:
        for place, line in numbered_lines(stream, printable(index.path.name)):
            yield _entry(line, place, index, count)


def _formulas(path: Path) -> list[FormulaRow]:
    with path.open("rb") as stream:
        return list(read_lines(stream, printable(path.name), LISTED_LINE_END))


def _entry(line: str | BadRow, place: str, index: _Index, count: int) -> tuple[int, str]:
    """Parse line number (from 0) and image name of one entry of an index list.

    Three fields are in the order of im2latex-100k, whatever the name of the list: im2markup reads its lists too.
    """
    fields = line.split() if isinstance(line, str) else []
    image_first = index.image_first and len(fields) == 2
    number, image = (fields[1::-1] if image_first else fields[:2]) if len(fields) > 1 else ("", "")
    if not (number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS):
        due = "image_name index" if index.image_first else "index image_name kind"
        raise InputError(f"{place}: an entry is `{due}`; correct the line")
    if int(number) >= count:
        raise InputError(
            f"{place}: entry of line {number}, but {index.formulas.name} has {count} lines; the files do not match"
        )
    return int(number), image


def _pairs(folder: Path) -> Iterator[FormulaRow]:
    """Yield the formulas of two JSON objects: image name to number, and number to formula."""
    names, formulas = (_json_object(folder / name) for name in (NAME_TO_ID, ID_TO_FORMULA))
    images = _image_folder(folder, IMAGE_FOLDERS)
    for name, number in names.items():
        formula = formulas.get(str(number)) if isinstance(number, int | str) else None
        values = {"formula": formula, "id": name, "image": images and _image_file(images, name)}
        yield table_row(values, f"{NAME_TO_ID}:{printable(name)}")


def _json_object(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object, found {type(content).__name__}")
    return content


def _image_folder(folder: Path, names: tuple[str, ...]) -> str | None:
    """Return the name of the first image folder that exists, or None."""
    return next((name for name in names if (folder / name).is_dir()), None)


def _image_file(folder: str, name: str) -> str:
    """Return the path of an image inside the dataset; lists omit the extension `.png`."""
    return printable(f"{folder}/{name}" if Path(name).suffix else f"{folder}/{name}.png")
