r"""Tokens that a team writes as one, such as `\ge` for every `\geqslant`; settled before anything is counted.

A merge maps a token to what is written for it: one token, or several with one space between them, which is how
normalized formulas are written. Merges are the user's choice and may be lossy: `\varepsilon` as `\epsilon` is another
image. So they are counted (`tally`), and the references that predictions are scored against stay as they are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from im2latex.errors import ParamsError


def settle(merges: Mapping[str, str]) -> dict[str, str]:
    r"""Follow chains to their end, so that merging a merged formula changes nothing.

    `{"a": "b", "b": "c"}` becomes `{"a": "c", "b": "c"}`. Raises `ParamsError` where a token would come back in what
    it is merged into, or where a merge is not one token to at least one.
    """
    for token, written in merges.items():
        parts = written.split()
        fits = token.split() == [token] and bool(parts) and written == " ".join(parts)
        if not fits or not (token + written).isprintable():
            raise ParamsError(
                f"merges: {token!r} -> {written!r} must map one token to one or more, with a space between them; "
                "in YAML leave the quotes away or write single ones, since double ones change backslashes"
            )
    return {token: " ".join(_written(token, merges, ())) for token in merges}


def _written(token: str, merges: Mapping[str, str], above: tuple[str, ...]) -> list[str]:
    """What stands for `token` in the end; `above` are the merges that led to it."""
    if token in above:
        circle = " -> ".join([*above[above.index(token) :], token])
        raise ParamsError(f"merges: {circle} is a circle and would never end; remove one of these merges")
    if token not in merges:
        return [token]
    return [final for part in merges[token].split() for final in _written(part, merges, (*above, token))]


def merge(tokens: Iterable[str], merges: Mapping[str, str]) -> list[str]:
    """The tokens with settled merges applied."""
    if not merges:
        return list(tokens)
    return [final for token in tokens for final in merges.get(token, token).split()]


def tally(formulas: Iterable[Sequence[str]], merges: Mapping[str, str]) -> dict[str, int]:
    """How often each merge applies, in the order of the merges."""
    counts = Counter(token for tokens in formulas for token in tokens if token in merges)
    return {token: counts[token] for token in merges}
