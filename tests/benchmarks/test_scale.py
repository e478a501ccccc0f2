"""The formulas of the scale benchmark are distinct, and are made of what papers write."""

from itertools import islice

from benchmarks.scale.formulas import recombine, sides_of, with_repeats

FORMULAS = [
    r"E = mc^2",
    r"\frac{a = b}{c} \leq \left( x < y \right) + 1.",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} = A",
    r"x \to y_{i = 1}",
    r"a & b = c",
    r"} = {",
]


def test_a_side_ends_at_a_relation_outside_of_all_groups() -> None:
    assert [list(sides_of(formula)) for formula in FORMULAS] == [
        ["E", "mc^2"],
        [r"\frac{a = b}{c}", r"\left( x < y \right) + 1"],
        [r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "A"],
        ["x", "y_{i = 1}"],
        [],
        [],
    ]


def test_all_pairs_are_distinct_formulas() -> None:
    sides = sorted({side for formula in FORMULAS for side in sides_of(formula)})
    formulas = list(recombine(sides))
    assert len(formulas) == len(set(formulas)) == len(sides) ** 2
    assert {side for formula in formulas for side in sides_of(formula)} == set(sides)


def test_one_formula_of_a_group_occurs_again() -> None:
    found = list(islice(with_repeats(map(str, range(100)), 5), 50))
    assert len(set(found)) == 40
