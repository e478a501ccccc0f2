"""`im2latex vocab`: build, look at and compare the vocabularies of a team.

reads   formulas in any format, normalized as params.yaml says, or what the pipeline has normalized; vocabulary.json
writes  vocabulary.json, and tokenizer.json beside it
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.inputs import note_format
from im2latex.config import check, project_section
from im2latex.errors import InputError, LatexError, UsageError
from im2latex.types import RawFormula

ALL = "all"
"""The split of formulas that are given none."""

app = typer.Typer(help="Vocabularies of your own.", no_args_is_help=True, rich_markup_mode=None)
Formulas = Annotated[
    Path,
    typer.Argument(
        help="formulas (.txt .jsonl .csv .parquet, .gz, `split` optional), a folder of these, or an artifact: "
        "data/normalize, data/render, data/filter, data/bucket"
    ),
]
Given = Annotated[Path, typer.Argument(help="vocabulary.json; that of the pipeline lies in data/tokenize")]
Tokens = Annotated[list[str] | None, typer.Option(help="a token; may be repeated")]
Kind = Annotated[str, typer.Option(help="symbols: an id for each token; bpe: also for frequent runs of tokens")]
Merges = Annotated[
    list[str] | None, typer.Option("--merge", help="TOKEN=TOKENS, a synonym that is replaced first; may be repeated")
]


@app.command()
def build(
    formulas: Formulas,
    out: Annotated[Path, typer.Option("-o", "--out", help="vocabulary.json")],
    kind: Kind = "symbols",
    min_count: Annotated[int, typer.Option(min=1, help="least occurrences")] = 2,
    max_size: Annotated[int, typer.Option(min=8, help="most entries, the four special ones included")] = 2000,
    spell: Annotated[bool, typer.Option(help="spell text boxes and lengths; or each is an entry")] = True,
    merges: Merges = None,
    include: Tokens = None,
    exclude: Tokens = None,
    start: Annotated[Path | None, typer.Option(help="vocabulary.json whose tokens keep their ids")] = None,
) -> None:
    """Fit a vocabulary on the formulas of the split `train`, or on all where no split is given.

    As the pipeline does, which counts those of data/normalize that have an image: data/render.
    """
    from im2latex.dataset.hf_tokenizer import save_tokenizer, tokenizer_path
    from im2latex.dataset.token_merges import tally
    from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams

    values = {
        "kind": kind,
        "min_count": min_count,
        "max_size": max_size,
        "spell": spell,
        "merges": _pairs(merges or ()),
    }
    lists = {"include": include or (), "exclude": exclude or (), "start": str(start) if start else None}
    params = check(values | lists, VocabularyParams, "options")
    rows = _tokenized(formulas)
    splits = {split for split, _ in rows}
    training = [tokens for split, tokens in rows if split == "train" or splits == {ALL}]
    if not training:
        present = ", ".join(sorted(splits))
        raise InputError(f"{formulas}: no formula is in the split train; there are {present}")
    vocabulary = Vocabulary.fit(training, params)
    vocabulary.save(out)
    save_tokenizer(vocabulary, tokenizer_path(out))
    for token, count in tally(training, vocabulary.merges).items():
        typer.echo(f"merged {count:,}: {token} -> {vocabulary.merges[token]}", err=True)
    pieces = f" and {len(vocabulary.pieces):,} pieces" if vocabulary.pieces else ""
    tokens = len(vocabulary) - len(vocabulary.pieces)
    others = f"the split train; {len(rows) - len(training):,} of other splits were not counted"
    counted = "no split is given, so all were counted" if splits == {ALL} else others
    where = ": " if splits == {ALL} else " of "
    typer.echo(f"{out}: {tokens:,} tokens{pieces} from {len(training):,} formulas{where}{counted}", err=True)


@app.command()
def show(vocabulary: Given) -> None:
    """Print id, count and token, symbol or piece, one a line; merges go to standard error.

    `«` marks the first symbol of a token that is spelled, and `»` the last.
    """
    from im2latex.dataset.vocabulary import Vocabulary

    given = Vocabulary.load(vocabulary)
    for index, token in enumerate(given.tokens):
        typer.echo(f"{index}\t{given.counts.get(token, 0)}\t{token}")
    for token, written in given.merges.items():
        typer.echo(f"merge {token} -> {written}", err=True)


@app.command()
def diff(old: Given, new: Given) -> None:
    """Tokens, symbols, pieces and merges added and removed, and entries whose id changed."""
    from im2latex.dataset.vocab_stats import difference
    from im2latex.dataset.vocabulary import Vocabulary

    before, after = Vocabulary.load(old), Vocabulary.load(new)
    gap = ", " if before.pieces or after.pieces else " "
    for what, tokens in difference(before, after).items():
        shown = f"{gap.join(tokens[:50])}{' ...' if len(tokens) > 50 else ''}"
        typer.echo(f"{what} {len(tokens):,}: {shown}".rstrip(": "))
    for what, one, other in (("removed", before.merges, after.merges), ("added", after.merges, before.merges)):
        for token, written in one.items():
            if other.get(token) != written:
                typer.echo(f"merge {what}: {token} -> {written}")


@app.command()
def coverage(vocabulary: Given, formulas: Formulas) -> None:
    """What the vocabulary does not know of the formulas, what is rare, and what another least count would cost.

    Of a token that is spelled each symbol counts as a token.
    """
    from im2latex.dataset.vocab_stats import cover
    from im2latex.dataset.vocabulary import Vocabulary

    given = Vocabulary.load(vocabulary)
    found = cover(_tokenized(formulas), given)
    for split, part in found.splits.items():
        share = 100 * part.unknown_tokens / max(1, part.tokens)
        lost = 100 * part.formulas_with_unknown / max(1, part.formulas)
        shorter = f", {part.tokens / max(1, part.ids):.2f} tokens an id" if given.pieces else ""
        unknown = f"{share:.3f} % of tokens unknown, in {lost:.2f} % of formulas"
        typer.echo(f"{split}: {part.formulas:,} formulas, {unknown}{shorter}")
    for title, tokens in (("unknown", found.unknown), ("rare", found.rare)):
        for token, (count, example) in list(tokens.items())[:20]:
            typer.echo(f"{title}\t{count}\t{token}\t{example[:100]}")
    for least, (size, dropped) in found.by_min_count.items():
        typer.echo(f"min_count {least}: {size:,} tokens, {100 * dropped:.2f} % of formulas dropped")


def _pairs(merges: Iterable[str]) -> dict[str, str]:
    """TOKEN=TOKENS as a mapping; the token may itself be `=`."""
    pairs = {}
    for given in merges:
        cut = given.find("=", 1)
        if cut < 0:
            raise UsageError(f"--merge {given!r} must be TOKEN=TOKENS, such as '\\geqslant=\\ge'")
        pairs[given[:cut]] = given[cut + 1 :]
    return pairs


def _tokenized(path: Path) -> list[tuple[str, list[str]]]:
    """Split and tokens of each formula that the normalizer accepts, or has accepted; `ALL` where no split is given."""
    from im2latex.dataset.labels import read_labels
    from im2latex.dataset.readers.layouts import read_raw_formulas
    from im2latex.latex.normalizer import Normalizer, NormalizerParams
    from im2latex.latex.tokens import split as split_tokens

    labels = read_labels(path)
    if labels is not None:
        return [(split or ALL, split_tokens(latex)) for split, latex in labels]
    note_format(path)
    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer"))
    rows: list[tuple[str, list[str]]] = []
    refused = 0
    for row in read_raw_formulas(path):
        try:
            if isinstance(row, RawFormula):
                rows.append((row.split or ALL, split_tokens(normalizer.normalize(row.formula))))
                continue
        except LatexError:
            pass
        refused += 1
    if not rows:
        raise InputError(f"{path}: no formula was accepted; `im2latex normalize {path} --json` says why")
    if refused:
        typer.echo(f"{path}: {refused:,} formulas refused; `im2latex normalize --json` says why", err=True)
    return rows
