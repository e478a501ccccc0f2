"""Commands for vocabularies: `im2latex vocab build | show | diff | stats`.

reads   formulas in any format, normalized with params.yaml, or normalized formulas of the pipeline; vocabulary.json
writes  vocabulary.json, and tokenizer.json beside it
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from im2latex.cli.commands import CliCommand, CliGroup
from im2latex.cli.options import note_format
from im2latex.errors import InputError, LatexError, UsageError
from im2latex.types import RawFormula

ALL = "all"
"""The split of formulas whose source gives none."""

app = typer.Typer(
    cls=CliGroup, help="Build, show and compare vocabularies.", no_args_is_help=True, rich_markup_mode=None
)
FormulaSource = Annotated[
    Path,
    typer.Argument(
        help="formulas (.txt .jsonl .csv .parquet, .gz, `split` optional), a folder of these, or an artifact: "
        "data/normalize, data/render, data/filter, data/bucket"
    ),
]
VocabularyPath = Annotated[Path, typer.Argument(help="vocabulary.json; that of the pipeline is in data/tokenize")]
TokenOption = Annotated[list[str] | None, typer.Option(metavar="TOKEN", help="a token; may be repeated")]
Type = Annotated[
    Literal["word_level", "bpe"],
    typer.Option("--type", help="word_level: one id per token; bpe: also ids for frequent token sequences"),
]
Merges = Annotated[
    list[str] | None,
    typer.Option("--merge", metavar="TOKEN=TOKENS", help="a replacement before counting; may be repeated"),
]


@app.command(cls=CliCommand)
def build(
    formulas: FormulaSource,
    out: Annotated[Path, typer.Option("-o", "--out", help="vocabulary.json")],
    type_: Type = "word_level",
    min_frequency: Annotated[
        int | None,
        typer.Option(
            min=1, help="least occurrences in the training split; default: 1 for fewer than 1,000 formulas, else 2"
        ),
    ] = None,
    max_size: Annotated[
        int, typer.Option(min=8, help="largest number of entries, <pad>, <bos>, <eos> and <unk> included")
    ] = 2000,
    symbol_fallback: Annotated[
        bool, typer.Option(help="encode text boxes and lengths symbol by symbol; or each is one entry")
    ] = True,
    merges: Merges = None,
    include: TokenOption = None,
    exclude: TokenOption = None,
    init_from: Annotated[Path | None, typer.Option(help="vocabulary.json whose tokens keep their ids")] = None,
) -> None:
    """Build a vocabulary from formulas.

    It is fitted on those of the split `train`, or on all where no split is given.

    The pipeline does the same with the formulas of data/normalize that have an image: data/render.

    Examples:
        im2latex vocab build formulas.txt -o vocabulary.json
        im2latex vocab build data/normalize -o bpe.json --type bpe --max-size 4000

    """
    from im2latex.config import check
    from im2latex.dataset.hf_tokenizer import save_tokenizer, tokenizer_path
    from im2latex.dataset.vocabulary import Vocabulary, VocabularyParams, count_merges

    values = {
        "type": type_,
        "min_frequency": min_frequency or "auto",
        "max_size": max_size,
        "symbol_fallback": symbol_fallback,
        "token_merges": _pairs(merges or ()),
    }
    lists = {"include": include or (), "exclude": exclude or (), "init_from": str(init_from) if init_from else None}
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
    for token, count in count_merges(training, vocabulary.merges).items():
        typer.echo(f"merged {count:,}: {token} -> {vocabulary.merges[token]}", err=True)
    subwords = f" and {len(vocabulary.subwords):,} subwords" if vocabulary.subwords else ""
    tokens = len(vocabulary) - len(vocabulary.subwords)
    others = f"the split train; {len(rows) - len(training):,} of other splits were not counted"
    counted = "no split is given, so all were counted" if splits == {ALL} else others
    where = ": " if splits == {ALL} else " of "
    typer.echo(f"{out}: {tokens:,} tokens{subwords} from {len(training):,} formulas{where}{counted}", err=True)


@app.command(cls=CliCommand)
def show(vocabulary: VocabularyPath) -> None:
    """Print the entries of a vocabulary, one per line.

    Each line has id, count and token, symbol or subword; token merges go to standard error.

    A token of the symbol fallback is several symbols: `«` marks the first, and `»` the last.

    Examples:
        im2latex vocab show data/tokenize/vocabulary.json

    """
    from im2latex.dataset.vocabulary import Vocabulary

    loaded = Vocabulary.load(vocabulary)
    for index, token in enumerate(loaded.tokens):
        typer.echo(f"{index}\t{loaded.counts.get(token, 0)}\t{token}")
    for token, written in loaded.merges.items():
        typer.echo(f"merge {token} -> {written}", err=True)


@app.command(cls=CliCommand)
def diff(old: VocabularyPath, new: VocabularyPath) -> None:
    """Compare two vocabularies.

    Prints added and removed tokens, symbols, subwords and token merges, and entries whose id changed.

    Examples:
        im2latex vocab diff old.json data/tokenize/vocabulary.json

    """
    from im2latex.dataset.vocab_stats import vocabulary_diff
    from im2latex.dataset.vocabulary import Vocabulary

    before, after = Vocabulary.load(old), Vocabulary.load(new)
    gap = ", " if before.subwords or after.subwords else " "
    for what, tokens in vocabulary_diff(before, after).items():
        shown = f"{gap.join(tokens[:50])}{' ...' if len(tokens) > 50 else ''}"
        typer.echo(f"{what} {len(tokens):,}: {shown}".rstrip(": "))
    for what, one, other in (("removed", before.merges, after.merges), ("added", after.merges, before.merges)):
        for token, written in one.items():
            if other.get(token) != written:
                typer.echo(f"merge {what}: {token} -> {written}")


@app.command(cls=CliCommand)
def stats(vocabulary: VocabularyPath, formulas: FormulaSource) -> None:
    """Print how well a vocabulary covers formulas.

    Prints out-of-vocabulary rates, rare tokens, and the effect of another `min_frequency`.

    Each symbol of the symbol fallback counts as a token.

    Examples:
        im2latex vocab stats data/tokenize/vocabulary.json formulas.txt

    """
    from im2latex.dataset.vocab_stats import vocabulary_stats
    from im2latex.dataset.vocabulary import Vocabulary

    loaded = Vocabulary.load(vocabulary)
    found = vocabulary_stats(_tokenized(formulas), loaded)
    for split, part in found.splits.items():
        share = 100 * part.unknown_tokens / max(1, part.tokens)
        lost = 100 * part.formulas_with_unknown / max(1, part.formulas)
        shorter = f", {part.tokens / max(1, part.ids):.2f} tokens per id" if loaded.subwords else ""
        unknown = f"{share:.3f} % of tokens unknown, in {lost:.2f} % of formulas"
        typer.echo(f"{split}: {part.formulas:,} formulas, {unknown}{shorter}")
    for title, tokens in (("unknown", found.unknown), ("rare", found.rare)):
        for token, (count, example) in list(tokens.items())[:20]:
            typer.echo(f"{title}\t{count}\t{token}\t{example[:100]}")
    for least, (size, dropped) in found.by_min_frequency.items():
        typer.echo(f"min_frequency {least}: {size:,} tokens, {100 * dropped:.2f} % of formulas dropped")


def _pairs(merges: Iterable[str]) -> dict[str, str]:
    """Parse TOKEN=TOKENS pairs to a mapping; the token may itself be `=`."""
    pairs = {}
    for given in merges:
        cut = given.find("=", 1)
        if cut < 0:
            raise UsageError(f"--merge {given!r} must be TOKEN=TOKENS, such as '\\geqslant=\\ge'")
        pairs[given[:cut]] = given[cut + 1 :]
    return pairs


def _tokenized(path: Path) -> list[tuple[str, list[str]]]:
    """Return split and tokens of each formula that the normalizer accepts; `ALL` where no split is given."""
    from im2latex.config import project_section
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
