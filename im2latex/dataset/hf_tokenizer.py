r"""Export of a vocabulary to Hugging Face's tokenizer.json.

writes  tokenizer.json: `Tokenizer.from_file(path).encode(latex).ids` equals `Vocabulary.encode`

`latex` is a normalized formula, tokens with one space between them. The normalizer applies the token merges, then
spells tokens without an entry (symbol fallback). The pre-tokenizer is one regular expression that finds the longest
subword at each token or symbol, and the word-level model looks it up. The decoder joins spelled tokens. There is no
template: callers add `<bos>` and `<eos>`, as for the labels.
"""

import re
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders
from tokenizers.models import WordLevel
from tokenizers.normalizers import Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Split

from im2latex.dataset.vocabulary import SPECIALS, UNK, Vocabulary
from im2latex.latex.spelling import FIRST_MARK, LAST_MARK, OPENER, SYMBOL, WHOLE, spell

_TOKEN = "[^ ]+"
_NO_TOKEN_BEFORE, _TOKEN_ENDS = "(?<![^ ])", "(?![^ ])"
_CONTROL_WORD = rf"{_NO_TOKEN_BEFORE}\\[A-Za-z]+"
_INSIDE = f"[^{FIRST_MARK}{LAST_MARK}]*{LAST_MARK}"
"""Matches only inside a spelled token."""


def tokenizer_path(vocabulary: Path) -> Path:
    """Return the path of tokenizer.json beside vocabulary.json; NAME.json gives NAME.tokenizer.json."""
    name = "tokenizer.json" if vocabulary.name == "vocabulary.json" else f"{vocabulary.stem}.tokenizer.json"
    return vocabulary.with_name(name)


def save_tokenizer(vocabulary: Vocabulary, path: Path) -> None:
    """Write tokenizer.json; its folder must exist."""
    tokenizer = Tokenizer(WordLevel({token: index for index, token in enumerate(vocabulary.tokens)}, UNK))
    replaced = [
        Replace(Regex(f"{_NO_TOKEN_BEFORE}{re.escape(token)}{_TOKEN_ENDS}"), written)
        for token, written in vocabulary.merges.items()
    ]
    if vocabulary.symbol_fallback:
        replaced += _spelling(vocabulary)
        tokenizer.decoder = _joining()
    if replaced:
        tokenizer.normalizer = Normalizers(replaced)
    tokenizer.pre_tokenizer = Split(Regex(_pattern(vocabulary)), "removed", invert=True)
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.save(str(path), pretty=True)


def _pattern(vocabulary: Vocabulary) -> str:
    """Pattern of one word: the longest matching subword (alternatives are tried in order), else a token."""
    subwords = sorted(vocabulary.subwords, key=lambda subword: (-len(subword), subword))
    choices = [f"(?:{'|'.join(map(re.escape, subwords))}){_TOKEN_ENDS}"] if subwords else []
    return "|".join([*choices, _TOKEN])


def _spelling(vocabulary: Vocabulary) -> list[Replace]:
    r"""`im2latex.latex.spelling.spell`, for tokens outside the vocabulary, as five replacements.

    An atomic group `(?>...)` is not backtracked into, so that it finds the same symbols from left to right; `\K` keeps
    the text before it.
    """
    whole = sorted((token for token in vocabulary.tokens if len(spell(token)) > 1), key=lambda token: -len(token))
    unknown = f"(?!(?:{'|'.join([*map(re.escape, whole), WHOLE])}){_TOKEN_ENDS})"
    symbols = f"(?>{FIRST_MARK}(?:{OPENER})|{SYMBOL})"
    steps = {
        rf"{_NO_TOKEN_BEFORE}{unknown}(?=(?>{OPENER}|{SYMBOL})[^ ])": FIRST_MARK,
        rf"{_NO_TOKEN_BEFORE}{FIRST_MARK}[^ ]+\K{_TOKEN_ENDS}": LAST_MARK,
        rf"{symbols}\K(?=[^ ]*{LAST_MARK})": " ",
        f" {LAST_MARK}": LAST_MARK,
        rf"{_CONTROL_WORD}\K {{ }}(?= [A-Za-z]{_INSIDE})": "",
    }
    return [Replace(Regex(pattern), written) for pattern, written in steps.items()]


def _joining() -> decoders.Decoder:
    """`im2latex.latex.spelling.join` for complete tokens, as decoder steps."""
    steps = {
        rf"{_NO_TOKEN_BEFORE}{FIRST_MARK}?\\[A-Za-z]+\K (?=[A-Za-z]{_INSIDE})": "{}",
        f" (?={_INSIDE})": "",
        f"(?<= |^){FIRST_MARK}": "",
        rf"{LAST_MARK}{_TOKEN_ENDS}": "",
    }
    joined = [decoders.Replace(Regex("^"), " "), decoders.Fuse(), decoders.Replace(Regex("^ "), "")]
    return decoders.Sequence([*joined, *(decoders.Replace(Regex(pattern), text) for pattern, text in steps.items())])
