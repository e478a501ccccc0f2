r"""Vocabulary: LaTeX tokens to ids and back, fitted on the training split.

reads, writes  vocabulary.json: {"tokens": [...], "counts": {...}}; the index of an entry is its id. An entry is a
               token, a symbol of a spelled token (im2latex.latex.spelling) or, for the type `bpe`, a subword: tokens
               and symbols with one space between them. "merges" holds the token merges, if there are any

A token merge writes one token as one or more others before tokens are counted, such as `\geqslant` as `\ge`. Merges may
be lossy: `\varepsilon` as `\epsilon` is another image. So they are counted, and the references that predictions are
scored against stay as they are. They are not the merges of byte-pair encoding (`bpe`).
"""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.dataset.bpe import MAX_IDS, SubwordSegmenter, train_bpe
from im2latex.errors import ArtifactError, ParamsError
from im2latex.latex.spelling import is_first, is_last, join, joined, spell

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)
_COUNTED_AT_ONCE = 10_000
"""Formulas whose different tokens are in memory while they are counted: text boxes seldom occur twice."""
_SMALL_CORPUS = 1000
"""With fewer formulas, `min_frequency: auto` gives every token an id: a rare token would cost a large share of them."""


class VocabularyParams(Params):
    """Which tokens and subwords get an id."""

    type: Literal["word_level", "bpe"] = Field(
        default="word_level", description="word_level: one id per token; bpe: also ids for frequent token sequences"
    )
    min_frequency: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="least occurrences in the training split; auto: 1 for fewer than 1,000 formulas, else 2",
    )
    max_size: int = Field(
        default=2000, ge=8, le=MAX_IDS, description="largest number of entries, <pad>, <bos>, <eos> and <unk> included"
    )
    symbol_fallback: bool = Field(
        default=True, description="encode text boxes and lengths symbol by symbol; false: each is one entry"
    )
    token_merges: dict[str, str] = Field(default={}, description="token and its replacement, applied before counting")
    include: tuple[str, ...] = Field(default=(), description="tokens that get an id whatever their count")
    exclude: tuple[str, ...] = Field(default=(), description="tokens that get no id")
    init_from: str | None = Field(
        default=None, description="vocabulary.json or checkpoint.json whose tokens keep their ids, for fine-tuning"
    )

    @field_validator("token_merges")
    @classmethod
    def _resolvable(cls, merges: dict[str, str]) -> dict[str, str]:
        resolve_merges(merges)
        return merges


class Vocabulary:
    """An ordered list of tokens and subwords, the four special ones first; `merges` are resolved token merges.

    `symbol_fallback` says whether tokens without an entry are spelled as symbols. It is true where any entry begins a
    spelled token; vocabularies of older versions have none.
    """

    pad, bos, eos, unk = range(4)

    def __init__(
        self, tokens: Sequence[str], counts: dict[str, int] | None = None, merges: dict[str, str] | None = None
    ) -> None:
        if tuple(tokens[:4]) != SPECIALS or len(set(tokens)) != len(tokens):
            raise ArtifactError(f"a vocabulary starts with {' '.join(SPECIALS)} and repeats no token")
        try:
            "".join(tokens).encode()
        except (TypeError, UnicodeEncodeError):
            raise ArtifactError("the tokens of a vocabulary are text") from None
        self.tokens = list(tokens)
        self.counts = counts or {}
        self.merges = merges or {}
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._segmenter = SubwordSegmenter(tokens)
        self.symbol_fallback = any(map(is_first, tokens))
        self._single = [
            None if self._is_part(token) else token for token in tokens
        ]  # entries that decode to themselves

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def subwords(self) -> frozenset[str]:
        """Entries of more than one token."""
        return self._segmenter.entries

    @classmethod
    def fit(cls, formulas: Iterable[Sequence[str]], params: VocabularyParams) -> "Vocabulary":
        """Build the vocabulary of a training split; `formulas`, no iterator, are iterated over more than once.

        The entries of `init_from` come first, then `include`, then the other tokens by falling count; tokens of equal
        count are ordered by code point. An excluded token of `init_from` keeps its id, since ids must not change. The
        type `bpe` fills the rest of `max_size` with subwords; those of `init_from` keep their ids and may become part
        of longer ones. The token merges and the symbol fallback of `init_from` stay in force.

        With `symbol_fallback`, tokens in neither `init_from` nor `include` are spelled, and their symbols are counted.
        Raises `ParamsError` where more than `max_size` entries are fixed.
        """
        initial = cls.load(Path(params.init_from)) if params.init_from else cls(SPECIALS)
        merges = resolve_merges(initial.merges | params.token_merges)
        fixed = list(initial.tokens)
        fixed += [token for token in params.include if token not in fixed]
        spelled = params.symbol_fallback or initial.symbol_fallback
        rows = _Symbols(formulas, merges, frozenset(fixed) if spelled else None)
        counts, size = rows.count()
        decided = {*fixed, *params.exclude, *SPECIALS}
        ranked = sorted(counts.keys() - decided, key=lambda token: (-counts[token], token))
        least = params.min_frequency if params.min_frequency != "auto" else 1 if size < _SMALL_CORPUS else 2
        frequent = [token for token in ranked if counts[token] >= least]
        if len(fixed) > params.max_size:
            raise ParamsError(f"max_size = {params.max_size}: {len(fixed)} tokens are kept in any case; raise it")
        fitted = cls([*fixed, *frequent[: params.max_size - len(fixed)]], merges=merges)
        if params.type == "bpe":
            fitted = fitted._with_subwords(rows, params, least)
        if fitted.subwords:
            counts = Counter(entry for tokens in rows for entry in fitted._segmenter.segment(tokens))
        fitted.counts = {token: counts[token] for token in fitted.tokens if token not in SPECIALS}
        return fitted

    def _with_subwords(self, rows: Iterable[Sequence[str]], params: VocabularyParams, least: int) -> "Vocabulary":
        """Append the subwords that BPE learns from `rows`."""
        free = params.max_size - len(self)
        learned = train_bpe(map(self._look_up, rows), self.unk, free, least)
        texts = [" ".join(self.tokens[index] for index in ids) for ids in learned]
        new = [text for text in dict.fromkeys(texts) if text not in self._ids and text not in params.exclude]
        return Vocabulary([*self.tokens, *new], merges=self.merges)

    def symbols(self, tokens: Iterable[str]) -> list[str]:
        """Apply the token merges and, with the symbol fallback, spell the tokens without an entry."""
        merged = apply_merges(tokens, self.merges)
        return _spell_unknown(merged, self._ids) if self.symbol_fallback else merged

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Return ids without `<bos>` and `<eos>`; a token or symbol outside the vocabulary becomes `<unk>`."""
        tokens = list(tokens)
        if not (self.merges or self.subwords):
            with suppress(KeyError):  # the common case, several times as fast
                return list(map(self._ids.__getitem__, tokens))
            return [index for token in tokens for index in self._indices(token)]
        return self._look_up(self.symbols(tokens))

    def _indices(self, token: str) -> list[int]:
        """Return the id of a token, or the ids of its symbols."""
        own = self._ids.get(token, self.unk)
        if own != self.unk or not self.symbol_fallback or token == UNK:
            return [own]
        return [self._ids.get(symbol, self.unk) for symbol in spell(token)]

    def _look_up(self, symbols: Sequence[str]) -> list[int]:
        return [self._ids.get(entry, self.unk) for entry in self._segmenter.segment(symbols)]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens up to the first `<eos>`, without `<bos>` and padding.

        For every type, `decode(encode(tokens))` returns the tokens with merges applied, and `<unk>` for unknown tokens
        or unknown symbols of spelled tokens.
        """
        ids = list(ids)
        if self.eos in ids:
            ids = ids[: ids.index(self.eos)]
        single = [self._single[index] for index in ids]
        whole = [token for token in single if token is not None]
        if len(whole) == len(single):  # the common case
            return whole
        symbols = [symbol for _, entry in self._entries(ids) for symbol in entry.split(" ")]
        return join(symbols) if self.symbol_fallback else symbols

    def spans(self, ids: Iterable[int]) -> list[tuple[str, range]]:
        """Decode to tokens with the range of positions in `ids` of each; tokens of one subword share a position."""
        symbols = [(symbol, position) for position, entry in self._entries(ids) for symbol in entry.split(" ")]
        if not self.symbol_fallback:
            return [(symbol, range(position, position + 1)) for symbol, position in symbols]
        words = joined(symbol for symbol, _ in symbols)
        return [(word, range(symbols[own[0]][1], symbols[own[-1]][1] + 1)) for word, own in words if word]

    def _is_part(self, entry: str) -> bool:
        """Whether decoding has to split, join or drop the entry."""
        return entry in (PAD, BOS) or " " in entry or (self.symbol_fallback and (is_first(entry) or is_last(entry)))

    def _entries(self, ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield positions and entries up to the first `<eos>`."""
        for position, index in enumerate(ids):
            if index == self.eos:
                break
            if index not in (self.pad, self.bos):
                yield position, self.tokens[index]

    def save(self, path: Path) -> None:
        """Write vocabulary.json, one entry per line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"tokens": self.tokens, "counts": self.counts} | ({"merges": self.merges} if self.merges else {})
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read vocabulary.json, or that of checkpoint.json; raises `ArtifactError` where it is missing or damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content = content.get("vocabulary", content)
            return cls(content["tokens"], content["counts"], resolve_merges(dict(content.get("merges", {}))))
        except FileNotFoundError:
            raise ArtifactError(f"{path}: no vocabulary; run `dvc repro tokenize`") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ArtifactError(f"{path}: not a vocabulary file; run `dvc repro tokenize`") from None


@dataclass(frozen=True, slots=True)
class _Symbols:
    """The symbols of each formula: merges applied and, where `whole` is given, tokens outside of it spelled."""

    formulas: Iterable[Sequence[str]]
    merges: Mapping[str, str]
    whole: frozenset[str] | None

    def __iter__(self) -> Iterator[list[str]]:
        return map(self._symbols, self.formulas)

    def count(self) -> tuple[Counter[str], int]:
        """How often each symbol occurs, and the number of formulas; a token is spelled once for many of them."""
        counts: Counter[str] = Counter()
        size, formulas = 0, iter(self.formulas)
        while chunk := list(islice(formulas, _COUNTED_AT_ONCE)):
            size += len(chunk)
            for token, count in Counter(chain.from_iterable(chunk)).items():
                for symbol in self._symbols([token]):
                    counts[symbol] += count
        return counts, size

    def _symbols(self, tokens: Sequence[str]) -> list[str]:
        merged = apply_merges(tokens, self.merges)
        return merged if self.whole is None else _spell_unknown(merged, self.whole)


def _spell_unknown(tokens: list[str], whole: Container[str]) -> list[str]:
    """Spell the tokens that are not in `whole`."""
    return [symbol for token in tokens for symbol in ((token,) if token in whole else spell(token))]


def resolve_merges(merges: Mapping[str, str]) -> dict[str, str]:
    r"""Follow chains of merges to their end, so that applying the merges twice changes nothing more.

    `{"a": "b", "b": "c"}` becomes `{"a": "c", "b": "c"}`. Raises `ParamsError` where merges form a cycle, or where a
    merge does not map one token to at least one.
    """
    for token, replacement in merges.items():
        parts = replacement.split()
        valid = token.split() == [token] and bool(parts) and replacement == " ".join(parts)
        if not valid or not (token + replacement).isprintable():
            raise ParamsError(
                f"merges: {token!r} -> {replacement!r} must map one token to one or more, with a space between them; "
                "in YAML omit the quotes or use single ones, since double ones change backslashes"
            )
    return {token: " ".join(_resolve(token, merges, ())) for token in merges}


def _resolve(token: str, merges: Mapping[str, str], path: tuple[str, ...]) -> list[str]:
    """Return the final replacement of `token`; `path` are the merges that led to it."""
    if token in path:
        cycle = " -> ".join([*path[path.index(token) :], token])
        raise ParamsError(f"merges: {cycle} is a cycle and would never end; remove one of these merges")
    if token not in merges:
        return [token]
    return [final for part in merges[token].split() for final in _resolve(part, merges, (*path, token))]


def apply_merges(tokens: Iterable[str], merges: Mapping[str, str]) -> list[str]:
    """Replace tokens by resolved merges."""
    if not merges:
        return list(tokens)
    return [final for token in tokens for final in merges.get(token, token).split()]


def count_merges(formulas: Iterable[Sequence[str]], merges: Mapping[str, str]) -> dict[str, int]:
    """Count how often each merge applies, in the order of the merges."""
    counts = Counter(token for tokens in formulas for token in tokens if token in merges)
    return {token: counts[token] for token in merges}
