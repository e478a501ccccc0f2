r"""A vocabulary as a file that Hugging Face's `tokenizers` reads without a line of our code.

writes  tokenizer.json: `Tokenizer.from_file(path).encode(latex).ids` are the ids of `Vocabulary.encode`

The line `latex` is a normalized formula, tokens with one space between them. Synonyms are replaced first; then one
regular expression finds the longest piece at each token, or else the token itself; the model looks them up. There is no
template: `<bos>` and `<eos>` are left to the caller, as in the labels.
"""

import re
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Split

from im2latex.dataset.vocabulary import SPECIALS, UNK, Vocabulary

_TOKEN = "[^ ]+"
_NO_TOKEN_BEFORE, _TOKEN_ENDS = "(?<![^ ])", "(?![^ ])"


def tokenizer_path(vocabulary: Path) -> Path:
    """`tokenizer.json` beside `vocabulary.json`; a vocabulary of another name lends it its stem."""
    name = "tokenizer.json" if vocabulary.name == "vocabulary.json" else f"{vocabulary.stem}.tokenizer.json"
    return vocabulary.with_name(name)


def save_tokenizer(vocabulary: Vocabulary, path: Path) -> None:
    """Write the file; its folder must exist."""
    tokenizer = Tokenizer(WordLevel({token: index for index, token in enumerate(vocabulary.tokens)}, UNK))
    if vocabulary.merges:
        tokenizer.normalizer = Normalizers(
            [
                Replace(Regex(f"{_NO_TOKEN_BEFORE}{re.escape(token)}{_TOKEN_ENDS}"), written)
                for token, written in vocabulary.merges.items()
            ]
        )
    tokenizer.pre_tokenizer = Split(Regex(_pattern(vocabulary)), "removed", invert=True)
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.save(str(path), pretty=True)


def _pattern(vocabulary: Vocabulary) -> str:
    """What counts as one word: the longest piece that fits, for the first that fits is taken; else a token."""
    pieces = sorted(vocabulary.pieces, key=lambda piece: (-len(piece), piece))
    choices = [f"(?:{'|'.join(map(re.escape, pieces))}){_TOKEN_ENDS}"] if pieces else []
    return "|".join([*choices, _TOKEN])
