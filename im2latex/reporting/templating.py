"""Fill in a template of `templates/`: one HTML file that needs nothing else, no network, no script, no font."""

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from im2latex.reporting.difference import token_runs
from im2latex.reporting.png import data_uri
from im2latex.reporting.report_model import Example


def fill(
    template: str,
    filters: dict[str, Callable[..., Any]],
    values: dict[str, Any],
    sheets: tuple[str, ...] = ("page.css",),
) -> bytes:
    """The page as UTF-8, in the style of these sheets; the same values give the same bytes."""
    environment = Environment(
        loader=PackageLoader("im2latex.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "data_uri": data_uri, **filters}
    environment.globals |= {"token_runs": token_runs, "verdict": verdict}
    style = Markup("".join(environment.get_template(sheet).render() for sheet in sheets))
    return environment.get_template(template).render(style=style, **values).encode("utf-8")


def verdict(example: Example) -> tuple[str, str]:
    """What became of an example in words, and its kind: right, wrong or failed."""
    if example.failure:
        return example.failure.replace("_", " "), "failed"
    tokens = f"{example.edits} wrong token{'s' * (example.edits != 1)}" if example.edits else "same string"
    if example.same_image is None:
        return tokens, "wrong" if example.edits else "right"
    return f"{'same image' if example.same_image else 'other image'}, {tokens}", (
        "right" if example.same_image else "wrong"
    )


def number(value: float | None) -> str:
    """A fraction in three decimals."""
    return "–" if value is None else f"{value:.3f}"
