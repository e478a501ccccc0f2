import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize
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
