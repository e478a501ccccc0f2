"""Token strings to ids and back; fitted on the training split only.

reads, writes  vocabulary.json: {"tokens": [...], "counts": {...}}; the index of an entry is its id. An entry is a
               token, a symbol that spells tokens (im2latex.latex.spelling) or, in a vocabulary of the kind `bpe`, a
               piece: tokens and symbols with one space between them. "merges" are the synonyms that are replaced
               before anything is looked up, where there are any
"""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.dataset.bpe import MAX_IDS, Pieces, learn
from im2latex.dataset.token_merges import merge, settle
from im2latex.errors import ArtifactError, ParamsError
from im2latex.latex.spelling import is_first, is_last, join, joined, spell

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)


class VocabularyParams(Params):
    """Which tokens get an id of their own, and which sequences of them."""

    kind: Literal["symbols", "bpe"] = Field(default="symbols", description="tokens; or also frequent runs of them")
    min_count: int = Field(ge=1, description="least occurrences in the training split")
    max_size: int = Field(ge=8, le=MAX_IDS, description="most entries, the four special ones included")
    spell: bool = Field(default=True, description="text boxes and lengths symbol by symbol, not each as an entry")
    merges: dict[str, str] = Field(default={}, description="token: what is written for it, before counting")
    include: tuple[str, ...] = Field(default=(), description="tokens that get an id whatever their count")
    exclude: tuple[str, ...] = Field(default=(), description="tokens that get none")
    start: str | None = Field(default=None, description="vocabulary.json whose tokens keep their ids, for fine-tuning")

    @field_validator("merges")
    @classmethod
    def _end(cls, merges: dict[str, str]) -> dict[str, str]:
        settle(merges)
        return merges


class Vocabulary:
    """An ordered list of token strings and pieces; the four special ones come first. `merges` are settled synonyms.

    `spells` says whether tokens without an entry are spelled, which is so where any entry begins a spelled token:
    vocabularies from before there was spelling have none.
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
        self._pieces = Pieces(tokens)
        self.spells = any(map(is_first, tokens))
        self._alone = [None if self._is_part(token) else token for token in tokens]  # what decodes to itself

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def pieces(self) -> frozenset[str]:
        """The entries that are more than one token."""
        return self._pieces.entries

    @classmethod
    def fit(cls, formulas: Iterable[Sequence[str]], params: VocabularyParams) -> "Vocabulary":
        """Give ids to the tokens of a training split: those of `start`, those included, then by falling count.

        Tokens of one count stand in the order of their code points. An excluded token of `start` keeps its id, since
        ids must not move, and is written by the model no more than any token that training never shows. The kind
        `bpe` then fills what is left of `max_size` with pieces; those of `start` keep their ids too and may become
        part of longer ones. The merges and the spelling of `start` hold on.

        With `spell`, a token that neither `start` nor `include` holds is spelled, and its symbols are what is counted.
        """
        start = cls.load(Path(params.start)) if params.start else cls(SPECIALS)
        merges = settle(start.merges | params.merges)
        first = list(start.tokens)
        first += [token for token in params.include if token not in first]
        rows = [merge(tokens, merges) for tokens in formulas]
        if params.spell or start.spells:
            whole = frozenset(first)
            rows = [_spelled(tokens, whole) for tokens in rows]
        counts: Counter[str] = Counter()
        for tokens in rows:
            counts.update(tokens)
        settled = {*first, *params.exclude, *SPECIALS}
        ranked = sorted(counts.keys() - settled, key=lambda token: (-counts[token], token))
        frequent = [token for token in ranked if counts[token] >= params.min_count]
        if len(first) > params.max_size:
            raise ParamsError(f"max_size = {params.max_size}: {len(first)} tokens are kept in any case; raise it")
        fitted = cls([*first, *frequent[: params.max_size - len(first)]], merges=merges)
        if params.kind == "bpe":
            fitted = fitted._with_pieces(rows, params)
        if fitted.pieces:
            counts = Counter(entry for tokens in rows for entry in fitted._pieces.cut(tokens))
        fitted.counts = {token: counts[token] for token in fitted.tokens if token not in SPECIALS}
        return fitted

    def _with_pieces(self, rows: Sequence[Sequence[str]], params: VocabularyParams) -> "Vocabulary":
        """This vocabulary and, behind it, what BPE merges of its entries in `rows`."""
        room = params.max_size - len(self)
        learned = learn(map(self._look_up, rows), self.unk, room, params.min_count)
        texts = [" ".join(self.tokens[index] for index in ids) for ids in learned]
        new = [text for text in dict.fromkeys(texts) if text not in self._ids and text not in params.exclude]
        return Vocabulary([*self.tokens, *new], merges=self.merges)

    def symbols(self, tokens: Iterable[str]) -> list[str]:
        """The tokens with synonyms replaced and, where the vocabulary spells, those without an entry spelled."""
        merged = merge(tokens, self.merges)
        return _spelled(merged, self._ids) if self.spells else merged

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens to ids, without begin and end marks; a token or symbol outside the vocabulary becomes `<unk>`."""
        tokens = list(tokens)
        if not (self.merges or self.pieces):
            with suppress(KeyError):  # the common case, several times as fast
                return list(map(self._ids.__getitem__, tokens))
            return [index for token in tokens for index in self._indices(token)]
        return self._look_up(self.symbols(tokens))

    def _indices(self, token: str) -> list[int]:
        """The id of a token, or those of its symbols."""
        own = self._ids.get(token, self.unk)
        if own != self.unk or not self.spells or token == UNK:
            return [own]
        return [self._ids.get(symbol, self.unk) for symbol in spell(token)]

    def _look_up(self, symbols: Sequence[str]) -> list[int]:
        return [self._ids.get(entry, self.unk) for entry in self._pieces.cut(symbols)]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids to tokens up to the first end mark; begin marks and padding are left out.

        Whatever the kind, `decode(encode(tokens))` are the tokens, synonyms replaced and unknown ones, or unknown
        symbols in those that are spelled, `<unk>`.
        """
        ids = list(ids)
        if self.eos in ids:
            ids = ids[: ids.index(self.eos)]
        alone = [self._alone[index] for index in ids]
        whole = [token for token in alone if token is not None]
        if len(whole) == len(alone):  # the common case
            return whole
        symbols = [symbol for _, entry in self._written(ids) for symbol in entry.split(" ")]
        return join(symbols) if self.spells else symbols

    def spans(self, ids: Iterable[int]) -> list[tuple[str, range]]:
        """As `decode`, each token with the places in `ids` that it comes from; tokens of one piece share a place."""
        symbols = [(symbol, place) for place, entry in self._written(ids) for symbol in entry.split(" ")]
        if not self.spells:
            return [(symbol, range(place, place + 1)) for symbol, place in symbols]
        words = joined(symbol for symbol, _ in symbols)
        return [(word, range(symbols[own[0]][1], symbols[own[-1]][1] + 1)) for word, own in words if word]

    def _is_part(self, entry: str) -> bool:
        """Whether decoding has more to do than to take the entry as it is."""
        return entry in (PAD, BOS) or " " in entry or (self.spells and (is_first(entry) or is_last(entry)))

    def _written(self, ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Places and entries up to the first end mark."""
        for place, index in enumerate(ids):
            if index == self.eos:
                break
            if index not in (self.pad, self.bos):
                yield place, self.tokens[index]

    def save(self, path: Path) -> None:
        """Write the readable file, one entry a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"tokens": self.tokens, "counts": self.counts} | ({"merges": self.merges} if self.merges else {})
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote; raises `ArtifactError` where it is missing or damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(content["tokens"], content["counts"], settle(dict(content.get("merges", {}))))
        except FileNotFoundError:
            raise ArtifactError(f"{path}: no vocabulary; run `dvc repro tokenize`") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ArtifactError(f"{path}: not a vocabulary file; run `dvc repro tokenize`") from None


def _spelled(tokens: list[str], whole: Container[str]) -> list[str]:
    """The tokens with those spelled that are not in `whole`."""
    return [symbol for token in tokens for symbol in ((token,) if token in whole else spell(token))]
