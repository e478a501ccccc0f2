"""The published scores of images, written straight from their description, slowly and with nothing of ours.

`scripts/evaluation/evaluate_image.py` of harvardnlp/im2markup on python-Levenshtein 0.12. Images are lists of rows
of grey values; the first is the reference.
"""

from collections.abc import Sequence

Image = Sequence[Sequence[int]]


def columns(first: Image, second: Image) -> tuple[list[str], list[str]]:
    """Each column as a string of bits, ink at most 128, the lower image filled up at the bottom."""
    height = max(len(first), len(second))
    sides = []
    for image in (first, second):
        bits = ["".join("1" if value <= 128 else "0" for value in column) for column in zip(*image, strict=True)]
        sides.append([column + "0" * (height - len(image)) for column in bits])
    return sides[0], sides[1]


def kinds(first: Sequence[str], second: Sequence[str]) -> tuple[list[int], list[int]]:
    """A number for each column: that of the first kind seen before that differs in under five pixels, or a new one."""
    number: dict[str, int] = {}
    seen: list[str] = []
    for column in [*first, *second]:
        if column in number:
            continue
        for kind, other in enumerate(seen):
            if sum(a != b for a, b in zip(column, other, strict=True)) < 5:
                number[column] = kind
                break
        else:
            number[column] = len(seen)
            seen.append(column)
    return [number[column] for column in first], [number[column] for column in second]


def table(first: Sequence[object], second: Sequence[object]) -> list[list[int]]:
    """Edit distances of all beginnings of both."""
    rows = [list(range(len(second) + 1))]
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(second, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (a != b)))
        rows.append(row)
    return rows


def blocks(first: Sequence[int], second: Sequence[int]) -> list[tuple[str, int]]:
    """Name and length in the reference of each opcode that is not `equal`, from the end."""
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    first, second = list(first[start:]), list(second[start:])
    while first and second and first[-1] == second[-1]:
        first.pop()
        second.pop()
    cost = table(first, second)
    i, j = len(first), len(second)
    direction = 0
    path: list[str] = []
    while i or j:
        if direction < 0 and j and cost[i][j] == cost[i][j - 1] + 1:
            path.append("insert")
            j -= 1
        elif direction > 0 and i and cost[i][j] == cost[i - 1][j] + 1:
            path.append("delete")
            i -= 1
        elif i and j and cost[i][j] == cost[i - 1][j - 1] and first[i - 1] == second[j - 1]:
            path.append("equal")
            i, j, direction = i - 1, j - 1, 0
        elif i and j and cost[i][j] == cost[i - 1][j - 1] + 1:
            path.append("replace")
            i, j, direction = i - 1, j - 1, 0
        elif direction == 0 and j and cost[i][j] == cost[i][j - 1] + 1:
            path.append("insert")
            j, direction = j - 1, -1
        else:
            assert direction == 0
            assert i
            assert cost[i][j] == cost[i - 1][j] + 1
            path.append("delete")
            i, direction = i - 1, 1
    found: list[tuple[str, int]] = []
    previous = "equal"
    for step in path:
        span = 0 if step == "insert" else 1
        if step != "equal":
            if step == previous:
                found[-1] = (step, found[-1][1] + span)
            else:
                found.append((step, span))
        previous = step
    return found


def _matches(first: Sequence[str], second: Sequence[str]) -> bool:
    return all(span < 5 for _, span in blocks(*kinds(first, second)))


def judge(reference: Image, other: Image) -> tuple[int, bool, bool]:
    """(column edits, match with spaces, match without) of two images that exist."""
    first, second = columns(reference, other)
    edits = table(first, second)[-1][-1]
    dense_first, dense_second = ([column for column in side if "1" in column] for side in (first, second))
    if not dense_first or not dense_second:
        dense = len(dense_first) == len(dense_second)
    else:
        dense = _matches(dense_first, dense_second)
    return edits, edits == 0 or _matches(first, second), dense
