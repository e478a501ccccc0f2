"""`im2latex vocab`: build, look at and compare the vocabularies of a team.

reads   formulas in any format, normalized as params.yaml says; vocabulary.json
writes  vocabulary.json
"""

from pathlib import Path
from typing import Annotated

import typer

from im2latex.errors import InputError, LatexError
from im2latex.params import check, project_section
from im2latex.records import RawFormula

app = typer.Typer(help="Vocabularies of your own.", no_args_is_help=True, rich_markup_mode=None)
Formulas = Annotated[Path, typer.Argument(help="formulas (.txt .jsonl .csv .parquet, .gz), `split` optional")]
Given = Annotated[Path, typer.Argument(help="vocabulary.json; that of the pipeline lies in data/tokenize")]
Tokens = Annotated[list[str] | None, typer.Option(help="a token; may be repeated")]


@app.command()
def build(
    formulas: Formulas,
    out: Annotated[Path, typer.Option("-o", "--out", help="vocabulary.json")],
    min_count: Annotated[int, typer.Option(min=1, help="least occurrences")] = 2,
    max_size: Annotated[int, typer.Option(min=8, help="most entries, the four special ones included")] = 2000,
    include: Tokens = None,
    exclude: Tokens = None,
    start: Annotated[Path | None, typer.Option(help="vocabulary.json whose tokens keep their ids")] = None,
) -> None:
    """Fit a vocabulary on the formulas of the split `train`, or on all where no split is given."""
    from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams

    values = {"min_count": min_count, "max_size": max_size, "include": include or (), "exclude": exclude or ()}
    params = check(values | {"start": str(start) if start else None}, VocabularyParams, "options")
    rows = _tokenized(formulas)
    vocabulary = Vocabulary.fit([tokens for split, tokens in rows if split in ("train", "all")], params)
    vocabulary.save(out)
    typer.echo(f"{out}: {len(vocabulary):,} tokens from {len(rows):,} formulas", err=True)


@app.command()
def show(vocabulary: Given) -> None:
    """Print id, count and token, one a line."""
    from im2latex.dataset.vocabulary import Vocabulary

    given = Vocabulary.load(vocabulary)
    for index, token in enumerate(given.tokens):
        typer.echo(f"{index}\t{given.counts.get(token, 0)}\t{token}")


@app.command()
def diff(old: Given, new: Given) -> None:
    """Tokens added and removed, and those whose id changed."""
    from im2latex.dataset.coverage import difference
    from im2latex.dataset.vocabulary import Vocabulary

    for what, tokens in difference(Vocabulary.load(old), Vocabulary.load(new)).items():
        typer.echo(f"{what} {len(tokens):,}: {' '.join(tokens[:50])}{' ...' if len(tokens) > 50 else ''}".rstrip(": "))


@app.command()
def coverage(vocabulary: Given, formulas: Formulas) -> None:
    """What the vocabulary does not know of the formulas, what is rare, and what another least count would cost."""
    from im2latex.dataset.coverage import cover
    from im2latex.dataset.vocabulary import Vocabulary

    found = cover(_tokenized(formulas), Vocabulary.load(vocabulary))
    for split, part in found.splits.items():
        share = 100 * part.unknown_tokens / max(1, part.tokens)
        lost = 100 * part.formulas_with_unknown / max(1, part.formulas)
        typer.echo(f"{split}: {part.formulas:,} formulas, {share:.3f} % of tokens unknown, in {lost:.2f} % of formulas")
    for title, tokens in (("unknown", found.unknown), ("rare", found.rare)):
        for token, (count, example) in list(tokens.items())[:20]:
            typer.echo(f"{title}\t{count}\t{token}\t{example[:100]}")
    for least, (size, dropped) in found.by_min_count.items():
        typer.echo(f"min_count {least}: {size:,} tokens, {100 * dropped:.2f} % of formulas dropped")


def _tokenized(path: Path) -> list[tuple[str, list[str]]]:
    """Split and tokens of each formula that the normalizer accepts; the split is `all` where none is given."""
    from im2latex.dataset.sources import read_file
    from im2latex.latex.normalize import Normalizer, NormalizerParams
    from im2latex.latex.tokens import split as split_tokens

    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer"))
    rows: list[tuple[str, list[str]]] = []
    refused = 0
    for row in read_file(path):
        try:
            if isinstance(row, RawFormula):
                rows.append((row.split or "all", split_tokens(normalizer.normalize(row.formula))))
                continue
        except LatexError:
            pass
        refused += 1
    if not rows:
        raise InputError(f"{path}: no formula was accepted; `im2latex normalize {path} --json` says why")
    if refused:
        typer.echo(f"{path}: {refused:,} formulas refused; `im2latex normalize --json` says why", err=True)
    return rows
