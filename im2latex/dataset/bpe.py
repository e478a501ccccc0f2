r"""Byte-pair encoding over LaTeX tokens, and its longest-match segmentation.

A subword is two or more LaTeX tokens with one space between them, `\frac {`; the base alphabet are whole tokens. The
encodings of published formula recognizers (pix2tex with 8,000 subwords, and later ones) start from characters: there a
model can write half a command, and a subword may end in the middle of one. With tokens as the base alphabet

- decoding returns exactly the encoded tokens, since a subword begins and ends where tokens do;
- every prediction consists of whole, known tokens;
- a subword is readable, and a vocabulary without subwords is the word-level one.

Training follows Sennrich et al. 2016 (section 3.2), with Hugging Face's trainer. Segmentation does not replay the
merges: it takes the longest known subword from left to right, which does well with BPE vocabularies (Uzan et al. 2024,
"Greed Is All You Need"). So the list of entries defines the encoding without a merge list, and subwords can be added to
a vocabulary whose ids must not change.
"""

from collections.abc import Iterable, Sequence

_FIRST_PRIVATE = 0xF0000
"""First code point of the two supplementary private use planes of Unicode; each id is one character there."""

MAX_IDS = 0x110000 - _FIRST_PRIVATE
"""Number of ids that can be written as private characters: 131,072."""


class SubwordSegmenter:
    """Segments tokens into the longest subwords among the entries of a vocabulary."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = frozenset(entry for entry in entries if " " in entry)
        split = [entry.split(" ") for entry in self.entries]
        self._prefixes = frozenset(" ".join(tokens[:end]) for tokens in split for end in range(1, len(tokens)))

    def segment(self, tokens: Sequence[str]) -> list[str]:
        """Return subwords and single tokens; joined by spaces they equal the tokens joined by spaces."""
        if not self.entries:
            return list(tokens)
        segments = []
        start = 0
        while start < len(tokens):
            text = longest = tokens[start]
            end = stop = start + 1
            while text in self._prefixes and end < len(tokens):
                text = f"{text} {tokens[end]}"
                end += 1
                if text in self.entries:
                    longest, stop = text, end
            segments.append(longest)
            start = stop
        return segments


def train_bpe(rows: Iterable[Sequence[int]], unknown: int, max_merges: int, min_frequency: int) -> list[list[int]]:
    """Return the id sequences that BPE merges, in the order of the merges: at most `max_merges`.

    `rows` are formulas as ids. Each merge occurs at least `min_frequency` times and none includes the id `unknown`. The
    order depends on the counts, and for equal counts on the ids: the same rows give the same merges.
    """
    # Imported here, because applying a vocabulary does not need it.
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    gap = chr(_FIRST_PRIVATE + unknown)
    texts = ["".join(chr(_FIRST_PRIVATE + index) for index in row) for row in rows]
    words = [word for text in texts for word in text.split(gap) if word]
    trainer = BpeTrainer(
        vocab_size=len({letter for word in words for letter in word}) + max_merges,
        min_frequency=min_frequency,
        special_tokens=[],
        show_progress=False,
    )
    tokenizer = Tokenizer(BPE())
    tokenizer.train_from_iterator(words, trainer)
    learned = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return [[ord(letter) - _FIRST_PRIVATE for letter in word] for word, _ in learned if len(word) > 1]
