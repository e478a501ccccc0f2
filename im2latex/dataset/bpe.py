r"""Frequent sequences of tokens as entries of their own: learned by BPE, found by longest match.

A piece is two or more LaTeX tokens with one space between them, `\frac {`. Its atoms are whole tokens. The byte-pair
encodings of published formula readers (pix2tex with 8,000 pieces, and later ones) have characters as atoms: there a
model can write half a command, and a piece may end in the middle of one. With tokens as atoms

- ids give back exactly the tokens they came from, since a piece begins and ends where tokens do;
- whatever the model writes consists of whole, known tokens;
- a piece is readable as it stands, and a vocabulary without pieces is the plain one.

Merges are learned as by Sennrich et al. 2016 (section 3.2) with Hugging Face's trainer. A formula is then cut greedily
into the longest known pieces from left to right, not by replaying the merges, a rule that does well with BPE
vocabularies (Uzan et al. 2024, "Greed Is All You Need"). It makes the list of entries the whole definition: there is
no merge list to keep beside it, and pieces can be added to a vocabulary whose ids must stay.
"""

from collections.abc import Iterable, Sequence

_FIRST_PRIVATE = 0xF0000
"""First code point of the two supplementary private use planes of Unicode; an id stands there as one character."""

MAX_IDS = 0x110000 - _FIRST_PRIVATE
"""How many ids can be written as private characters: 131,072."""


class Pieces:
    """Cuts tokens into the longest pieces among the entries of a vocabulary."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = frozenset(entry for entry in entries if " " in entry)
        split = [entry.split(" ") for entry in self.entries]
        self._openings = frozenset(" ".join(tokens[:end]) for tokens in split for end in range(1, len(tokens)))

    def cut(self, tokens: Sequence[str]) -> list[str]:
        """Pieces and single tokens, from left to right; joined by spaces they are the tokens joined by spaces."""
        if not self.entries:
            return list(tokens)
        found = []
        start = 0
        while start < len(tokens):
            text = longest = tokens[start]
            end = stop = start + 1
            while text in self._openings and end < len(tokens):
                text = f"{text} {tokens[end]}"
                end += 1
                if text in self.entries:
                    longest, stop = text, end
            found.append(longest)
            start = stop
        return found


def learn(rows: Iterable[Sequence[int]], unknown: int, most: int, min_count: int) -> list[list[int]]:
    """The sequences of ids that BPE merges, in the order of the merges: at most `most`, each seen `min_count` times.

    `rows` are formulas as ids. No merge reaches over the id `unknown`. The order depends on the counts alone, and
    among equal counts on the ids: the same rows give the same merges.
    """
    # Imported here, because applying a vocabulary does not need it.
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    gap = chr(_FIRST_PRIVATE + unknown)
    texts = ["".join(chr(_FIRST_PRIVATE + index) for index in row) for row in rows]
    words = [word for text in texts for word in text.split(gap) if word]
    trainer = BpeTrainer(
        vocab_size=len({letter for word in words for letter in word}) + most,
        min_frequency=min_count,
        special_tokens=[],
        show_progress=False,
    )
    tokenizer = Tokenizer(BPE())
    tokenizer.train_from_iterator(words, trainer)
    learned = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return [[ord(letter) - _FIRST_PRIVATE for letter in word] for word, _ in learned if len(word) > 1]
