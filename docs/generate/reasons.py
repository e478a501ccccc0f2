r"""Reference of the reasons: every fixed short name for a rejected record, with its meaning.

The names are collected from the calls in the source, so that a new reason without a meaning stops the generator, and
so does a meaning whose reason is gone.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from docs.generate.numbers.tables import ROOT

_PACKAGE = ROOT / "im2latex"
_CALLS = {
    "LatexError": 0,
    "ImageError": 0,
    "fail": 0,
    "Filter": 0,
    "QueryFilter": 0,
    "Rendering": 1,
    "PageResult": 1,
    "BadRow": 1,
}
"""Functions that are called with a reason, and the position of that argument."""
_GROUPS = (
    ("dataset/readers", "Reading a dataset"),
    ("dataset/source_images", "Images of a dataset"),
    ("dataset/filters", "Filters"),
    ("latex/papers", "Macros and papers"),
    ("latex", "The normalizer"),
    ("rendering", "The renderer"),
    ("", "Images to predict"),
)
"""Beginning of a path in the package, and the group of the reasons there; the first match wins."""

MEANINGS: dict[str, dict[str, str]] = {
    "Reading a dataset": {
        "line_too_long": "a line is longer than the reader accepts",
        "malformed_csv": "a row has more or fewer fields than the header",
        "malformed_json": "a line is no JSON object",
        "missing_formula": "the row has no text in `formula`",
        "not_utf8": "the bytes are not UTF-8",
        "unknown_split": "`split` is none of train, val and test",
        "unlisted": "no index file of the layout names this formula",
    },
    "The normalizer": {
        "bad_columns": "the column types of a table cannot be read, or there are too many",
        "bad_delimiter": r"what follows `\left`, `\big` or a similar command is no delimiter",
        "bad_length": "a length such as `2pt` is missing or malformed",
        "bad_number": "a number is missing or malformed",
        "bad_option": "an option in brackets is not one that the command knows",
        "control_character": "the text contains a control character",
        "double_infix": r"two infix commands such as `\over` are in one group",
        "double_script": "a symbol has two superscripts or two subscripts",
        "empty": "the formula is empty, or nothing of it prints",
        "forbidden_command": "a command is used in a form that is not accepted, for example inside a text box",
        "math_shift": "`$` inside a formula",
        "missing_argument": "a command has too few arguments",
        "non_ascii": "a character is not ASCII, and no command is known for it",
        "not_allowed": "a control sequence or environment is not known mathematics, nor defined by you",
        "parameter_character": "`#` outside of a definition",
        "replaced_for_ever": "rules and replacements undo each other",
        "stray_alignment": "`&` outside of a table",
        "text_column": "a column `p{...}`, `m{...}` or `b{...}`, whose cells are text",
        "too_deep": "groups or commands are nested too deeply",
        "too_long": "the formula has more characters than `normalize.normalizer.max_characters`",
        "unbalanced_environment": r"`\begin` without its `\end`, or the reverse",
        "unbalanced_group": "a brace or bracket is not closed",
        "unbalanced_left_right": r"`\left` without `\right`, or the reverse",
        "wrong_mode": "a command of text is in mathematics, or the reverse",
        "duplicate": "the same raw formula is already there",
    },
    "Macros and papers": {
        "bad_definition": "a definition of a macro cannot be read",
        "empty": "the formula is empty",
        "macro_argument": "a macro is not called with the parameters of its definition",
        "macro_bomb": "macro expansion does not end, or gives too many tokens",
        "missing_argument": "the source ends before an argument",
        "missing_input": "an input file is not there",
        "no_formula": "a display holds a reference, a list or an image, and no formula",
        "text_between_rows": "a display has text between its rows, and cannot be split there",
        "unbalanced_group": "a brace or bracket is not closed",
        "unclosed_conditional": r"`\if...` without its `\fi`",
        "unreadable_definition": "a definition inside a formula cannot be read",
        "unresolved_conditional": "the paper alone does not decide a conditional",
    },
    "The renderer": {
        "bad_length": "TeX finds no valid length or number",
        "blank": "the page has no ink",
        "blank_line": "a blank line, which would end the formula",
        "clipped": "ink lies outside of the largest margin (`render.renderer.template.max_margin_px`)",
        "control_character": "the text contains a control character",
        "dimension_too_large": "a length or number is larger than TeX can handle",
        "double_script": "a symbol has two superscripts or two subscripts",
        "empty": "the formula is empty",
        "extra_alignment": "a table row has more cells than columns, or a cell separator is misplaced",
        "memory": "TeX exhausted its memory, or was killed at a limit",
        "missing_character": "the font does not have the character",
        "missing_dollar": "a command needs the other mode, or the display ends early",
        "missing_font": "a font is not installed, or has no outlines",
        "not_drawn": "the rasterizer failed at the page, or drew another size",
        "not_understood": "matplotlib's mathtext does not know the formula",
        "runaway": "an argument does not end before the end of the formula",
        "stray_math_shift": r"`$`, `\(` or `\[` outside of braces",
        "tex_error": "any other error of TeX; the detail has its message",
        "timeout": "TeX reached its limit of CPU time (`render.renderer.timeout_seconds`)",
        "too_complex": "the page has too many pieces of ink, or its PDF is too large",
        "too_deep": "groups are nested more deeply than TeX allows",
        "too_many_alphabets": "the formula uses more math alphabets than TeX has",
        "too_tall": "the formula is taller than `render.renderer.max_height_px`",
        "too_wide": "the formula is wider than `render.renderer.max_width_px`",
        "unbalanced": "a group, a box, an environment or a pair of delimiters is left open, or closed twice",
        "undefined_color": "a color has no definition",
        "undefined_environment": "an environment has no definition",
        "undefined_macro": "a command has no definition",
        "undefined_reference": "a reference or citation leads nowhere",
        "wrong_mode": "a command is not allowed in this mode",
    },
    "Images of a dataset": {
        "blank": "the image has no ink",
        "image_missing": "there is no such file, or the row holds no image",
        "image_outside": "the path leads out of the dataset",
        "image_too_large": "the file has too many bytes",
        "image_unreadable": "the file is no image that can be read",
    },
    "Filters": {
        "aspect": "width / height is above `filter.max_aspect`",
        "duplicate": "image and label are already in the same split",
        "expression": "`filter.expression` does not hold",
        "leakage": "the image or the text is in another split, too",
        "too_long": "the label has more ids than `filter.max_tokens`",
        "too_short": "the label has fewer ids than `filter.min_tokens`",
        "too_tall": "the image is taller than `filter.max_height_px`",
        "too_wide": "the image is wider than `filter.max_width_px`",
        "unknown_token": "the label has a token that is not in the vocabulary",
    },
    "Images to predict": {
        "animated": "the file holds several images",
        "blank": "the image has no ink",
        "cut": "the prediction is only the beginning of a formula: the model reached its maximum length",
        "no_image": "the clipboard holds no image",
        "no_such_file": "there is no such file",
        "no_such_page": "the PDF has fewer pages",
        "not_an_image": "the data are no image of a known format, or are damaged",
        "several_pages": "the PDF has several pages, and none is named",
        "shape": "an array or tensor has no shape of an image",
        "too_complex": "decoding the image takes too much work",
        "too_large": "the formula is larger than the images of the model, once scaled to its font size",
        "too_many_pixels": "the image has more pixels than the decoder accepts",
        "too_small": "the server accepts no image with so few pixels",
        "unreadable": "the file cannot be read",
        "values": "the values of an array are outside of their range",
    },
}
"""Group, reason, meaning. Reasons in variables are named here too; `reasons` checks that the source has each."""


def reasons() -> str:
    """A table of reasons for each group; raises `KeyError` where the source and `MEANINGS` differ."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(_PACKAGE.rglob("*.py"))}
    for group, reason in _called(sources):
        if reason not in MEANINGS[group]:
            raise KeyError(f"docs/generate/reasons.py has no meaning for {reason!r} in the group {group!r}")
    text = "".join(sources.values()) + (ROOT / "pipeline" / "normalize.py").read_text(encoding="utf-8")
    composed = {"too_wide", "too_tall"}
    parts = []
    for group, meanings in MEANINGS.items():
        if gone := [reason for reason in meanings if f'"{reason}"' not in text and reason not in composed]:
            raise KeyError(f"docs/generate/reasons.py: the source no longer has {', '.join(gone)}")
        rows = [f"| `{reason}` | {meaning} |" for reason, meaning in sorted(meanings.items())]
        parts.append("\n".join([f"## {group}\n", "| reason | meaning |", "|:--|:--|", *rows]) + "\n")
    return "\n".join(parts) + "\n" + _outcomes()


def _called(sources: dict[Path, str]) -> Iterator[tuple[str, str]]:
    """Group and reason of each call whose reason is a literal."""
    for path, source in sources.items():
        name = path.relative_to(_PACKAGE).as_posix()
        group = next(group for start, group in _GROUPS if name.startswith(start))
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            arguments = node.args[_CALLS[called] :][:1] if called in _CALLS else []
            for argument in arguments:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield group, argument.value
    from im2latex.rendering.tex_log import REASONS

    yield from (("The renderer", reason) for reason, _ in REASONS)


def _outcomes() -> str:
    from im2latex.metrics.normalizer_audit import OUTCOMES

    rows = [f"| `{outcome}` | {meaning} |" for outcome, meaning in OUTCOMES.items()]
    rows.append("| `not_idempotent` | the normalized form is changed when it is normalized again |")
    return "\n".join(["## Outcomes of the audit\n", "| outcome | meaning |", "|:--|:--|", *rows])
