"""Token strings to ids and back; fitted on the training split only.

reads, writes  vocabulary.json: {"tokens": [...], "counts": {...}}; the index of a token is its id
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from im2latex.errors import ArtifactError, ParamsError
from im2latex.params import Params

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)


class VocabularyParams(Params):
    """Which tokens get an id of their own."""

    min_count: int = Field(ge=1, description="least occurrences in the training split")
    max_size: int = Field(ge=8, description="most entries, the four special ones included")
    include: tuple[str, ...] = Field(default=(), description="tokens that get an id whatever their count")
    exclude: tuple[str, ...] = Field(default=(), description="tokens that get none")
    start: str | None = Field(default=None, description="vocabulary.json whose tokens keep their ids, for fine-tuning")


class Vocabulary:
    """An ordered list of token strings; the four special ones come first."""

    pad, bos, eos, unk = range(4)

    def __init__(self, tokens: Sequence[str], counts: dict[str, int] | None = None) -> None:
        if tuple(tokens[:4]) != SPECIALS or len(set(tokens)) != len(tokens):
            raise ArtifactError(f"a vocabulary starts with {' '.join(SPECIALS)} and repeats no token")
        self.tokens = list(tokens)
        self.counts = counts or {}
        self._ids = {token: index for index, token in enumerate(tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def fit(cls, formulas: Iterable[Sequence[str]], params: VocabularyParams) -> "Vocabulary":
        """Give ids to the tokens of a training split: those of `start`, those included, then by falling count.

        Tokens of one count stand in the order of their code points. An excluded token of `start` keeps its id, since
        ids must not move, and is written by the model no more than any token that training never shows.
        """
        counts: Counter[str] = Counter()
        for tokens in formulas:
            counts.update(tokens)
        first = list(cls.load(Path(params.start)).tokens if params.start else SPECIALS)
        first += [token for token in params.include if token not in first]
        settled = {*first, *params.exclude, *SPECIALS}
        ranked = sorted(counts.keys() - settled, key=lambda token: (-counts[token], token))
        frequent = [token for token in ranked if counts[token] >= params.min_count]
        if len(first) > params.max_size:
            raise ParamsError(f"max_size = {params.max_size}: {len(first)} tokens are kept in any case; raise it")
        kept = [*first, *frequent[: params.max_size - len(first)]]
        return cls(kept, {token: counts[token] for token in kept if token not in SPECIALS})

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens to ids, without begin and end marks; a token outside the vocabulary becomes `<unk>`."""
        return [self._ids.get(token, self.unk) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids to tokens up to the first end mark; begin marks and padding are left out."""
        tokens = []
        for index in ids:
            if index == self.eos:
                break
            if index not in (self.pad, self.bos):
                tokens.append(self.tokens[index])
        return tokens

    def save(self, path: Path) -> None:
        """Write the readable file, one token a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"tokens": self.tokens, "counts": self.counts}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote; raises `ArtifactError` where it is missing or damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(content["tokens"], content["counts"])
        except FileNotFoundError:
            raise ArtifactError(f"{path}: no vocabulary; run `dvc repro tokenize`") from None
        except (ValueError, KeyError, TypeError):
            raise ArtifactError(f"{path}: not a vocabulary file; run `dvc repro tokenize`") from None
