from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.latex.grammar.generator import random_formula
from im2latex.latex.grammar.respell import respell
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.tree import copy_row, holds_group, rewrite
from im2latex.latex.rules.registry import RULES, Rule


def _examples(rule: Rule) -> list[tuple[str, str]]:
    lines = [line.strip() for line in (rule.apply.__doc__ or "").splitlines()]
    return [(line[4:], lines[i + 1]) for i, line in enumerate(lines) if line.startswith(">>> ")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_example_of_each_rule_holds_and_needs_the_rule(rule: Rule) -> None:
    params = NormalizerParams() if rule.faithful else NormalizerParams(profile="compact")
    without = params.model_copy(update={"disable_rules": (rule.name,)})
    examples = _examples(rule)
    assert examples
    for before, after in examples:
        assert normalize(before, params) == after
        assert normalize(before, without) != after


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_a_rule_that_needs_a_group_changes_no_formula_without_one(seed: int) -> None:
    row = parse(respell(normalize(random_formula(Random(seed))), seed))
    for rule in RULES:
        if rule.needs_group and not holds_group(row):
            changed = copy_row(row)
            rewrite(changed, rule.apply, skip_commands=rule.skip_commands)
            assert changed == row, rule.name


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_a_rule_changes_no_row_without_its_nodes(seed: int) -> None:
    row = parse(respell(normalize(random_formula(Random(seed))), seed))
    for rule in RULES:
        only, everywhere = copy_row(row), copy_row(row)
        rewrite(only, rule.apply, skip_commands=rule.skip_commands, nodes=rule.nodes)
        rewrite(everywhere, rule.apply, skip_commands=rule.skip_commands)
        assert only == everywhere, rule.name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rows_of_its_example_have_the_nodes_of_the_rule(rule: Rule) -> None:
    for before, _ in _examples(rule):
        only, everywhere = parse(before), parse(before)
        rewrite(only, rule.apply, skip_commands=rule.skip_commands, nodes=rule.nodes)
        rewrite(everywhere, rule.apply, skip_commands=rule.skip_commands)
        assert only == everywhere
