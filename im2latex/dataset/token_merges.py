r"""Token merges: user-defined pairs of a token and its replacement, such as `\geqslant` by `\ge`.

A merge maps one token to one or more tokens, with one space between them, as in normalized formulas. Merges are applied
before tokens are counted. They may be lossy: `\varepsilon` as `\epsilon` is another image. So they are counted, and the
references that predictions are scored against stay as they are. They are not the merges of byte-pair encoding (`bpe`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from im2latex.errors import ParamsError


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
