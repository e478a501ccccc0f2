"""What goes wrong: kinds of wrong predictions, and which tokens are taken for which, lost or made up.

Tokens are aligned by their edit distance, one alignment of those that are shortest. Strings in, counts out.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rapidfuzz.distance import Levenshtein

from im2latex.latex.parser.signatures import SPACE_COMMANDS, SPACES

KINDS = ("empty", "exact", "spacing_only", "same_image", "no_image", "one_token", "several_tokens")
"""What a prediction can be; the first that holds. Where images were not judged, no one is of the two about them."""


def kind(reference: str, hypothesis: str, same_image: bool, no_image: bool) -> str:
    """The kind of one prediction."""
    ref, hyp = reference.split(), hypothesis.split()
    if not hyp:
        return "empty"
    if ref == hyp:
        return "exact"
    if without_spacing(ref) == without_spacing(hyp):
        return "spacing_only"
    if same_image:
        return "same_image"
    if no_image:
        return "no_image"
    return "one_token" if Levenshtein.distance(ref, hyp, score_cutoff=1) == 1 else "several_tokens"


def without_spacing(tokens: Sequence[str]) -> list[str]:
    r"""The tokens without explicit space: no `\\,`, and no `\\hspace { 1cm }`."""
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token in SPACE_COMMANDS:
            closing = tokens.index("}", place) if "}" in tokens[place : place + 4] else place - 1
            place = closing + 1
        elif token not in SPACES:
            kept.append(token)
    return kept


def confusions(pairs: Sequence[tuple[str, str]], listed: int) -> dict[str, Any]:
    """Token edits of (reference, prediction) pairs by kind, and the `listed` most frequent of each with their number.

    Predictions that are empty are left out: they would say only how often each token occurs.
    """
    replaced: Counter[tuple[str, str]] = Counter()
    missing: Counter[tuple[str]] = Counter()
    extra: Counter[tuple[str]] = Counter()
    for reference, hypothesis in pairs:
        ref, hyp = reference.split(), hypothesis.split()
        if not hyp or ref == hyp:
            continue
        for step in Levenshtein.editops(ref, hyp):
            if step.tag == "replace":
                replaced[ref[step.src_pos], hyp[step.dest_pos]] += 1
            elif step.tag == "delete":
                missing[(ref[step.src_pos],)] += 1
            else:
                extra[(hyp[step.dest_pos],)] += 1
    counts: dict[str, Counter[Any]] = {"replaced": replaced, "missing": missing, "extra": extra}
    return {
        "edits": {name: count.total() for name, count in counts.items()}
        | {"of_spacing": sum(number for count in counts.values() for key, number in count.items() if _is_spacing(key))}
    } | {name: _most(count, listed) for name, count in counts.items()}


def _is_spacing(tokens: tuple[str, ...]) -> bool:
    return any(token in SPACES or token in SPACE_COMMANDS for token in tokens)


def _most(counts: Counter[Any], listed: int) -> list[list[Any]]:
    """The most frequent, in order of characters where several are."""
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [[*key, number] for key, number in order[:listed]]
