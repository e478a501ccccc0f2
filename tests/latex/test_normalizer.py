import gzip
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from im2latex.errors import LatexError
from im2latex.latex.grammar.generator import generate, random_formula
from im2latex.latex.normalizer import Normalizer, NormalizerParams, explain, normalize
from im2latex.latex.parser.tree import copy_row
from im2latex.latex.rules.atoms import is_space
from im2latex.latex.rules.registry import RULES
from im2latex.latex.serializer import write
from im2latex.latex.tokens import LEXEME, split

FAITHFUL = NormalizerParams()
COMPACT = NormalizerParams(profile="compact")
DATA = Path(__file__).parents[3] / "shared" / "data"
PIECES = [
    *split(
        r"\frac \sqrt \left \right \begin{matrix} \end{matrix} \begin{array}{c} \end{array} \\ \text \mbox \rm \over"
    ),
    *split(
        r"\hskip 2pt \big \ast \not \label \operatorname \quad \color \unknown \ { } [ ] ( ) ^ _ ' & ~ $ % # a 1 = , *"
    ),
    " ",
    "é",
]


def _attempt(source: str, params: NormalizerParams = FAITHFUL) -> str | None:
    try:
        return normalize(source, params)
    except LatexError:
        return None


def _is_balanced(line: str) -> bool:
    depth = 0
    open_environments = []
    for lexeme in LEXEME.findall(line):
        depth += (lexeme == "{") - (lexeme == "}")
        if depth < 0:
            return False
    for token in line.split():
        if token.startswith(r"\begin{"):
            open_environments.append(token[7:].split("}")[0])
        elif token.startswith(r"\end{") and (not open_environments or open_environments.pop() != token[5:-1]):
            return False
    return depth == 0 and not open_environments


@pytest.mark.parametrize("params", [FAITHFUL, COMPACT], ids=["faithful", "compact"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=150)
def test_grammar_formulas_are_accepted_balanced_and_stable(seed: int, params: NormalizerParams) -> None:
    line = normalize(random_formula(Random(seed)), params)
    assert _is_balanced(line)
    assert normalize(line, params) == line


@given(source=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
@example(source=r"\not\rm=")
@settings(max_examples=500)
def test_whatever_comes_it_is_normalized_or_refused(source: str) -> None:
    line = _attempt(source)
    if line is not None:
        assert _is_balanced(line)
        assert normalize(line, FAITHFUL) == line


@pytest.mark.parametrize(
    "spellings",
    [
        [r"\frac12", r"\frac{1}{2}", r"{1\over2}", r"{\frac 1 2}", r"\frac{{1}}{{2}}"],
        ["x_i^2", "x^2_i", "x_{i}^{2}", "{x}_i ^ {2}"],
        ["f''", r"f^{\prime\prime}", "f ''"],
        [r"{\rm Tr} A", r"\mathrm{Tr}A", r"\textrm{Tr} A", r"\mathrm {T r} A"],
        [r"a\le b", r"a\leq b", r"{a}\leq{b}"],
        [r"{n\choose k}", r"\binom nk", r"\binom{n}{k}"],
        [r"a \ne b", r"a \neq b", r"a \not= b"],
    ],
    ids=lambda spellings: spellings[0],
)
def test_spellings_of_one_image_meet(spellings: list[str]) -> None:
    assert len({normalize(spelling, FAITHFUL) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("source", "reason"), [("", "empty"), (" \n", "empty"), (r"\label{a}", "empty"), ("{{}}", "empty")]
)
def test_nothing_to_print_is_refused(source: str, reason: str) -> None:
    with pytest.raises(LatexError) as caught:
        normalize(source, FAITHFUL)
    assert caught.value.reason == reason


def test_the_limit_on_characters() -> None:
    assert normalize("a" * 10, NormalizerParams(max_characters=10)) == " ".join("a" * 10)
    with pytest.raises(LatexError) as caught:
        normalize("a" * 11, NormalizerParams(max_characters=10))
    assert caught.value.reason == "too_long"


def test_none_only_splits() -> None:
    assert normalize(r" \frac  12 } ", NormalizerParams(profile="none")) == r"\frac 12 }"


def test_explain_names_the_rules_that_changed_something() -> None:
    steps = explain(r"{\rm x} \leq y", FAITHFUL)
    assert [name for name, _ in steps] == ["parse", "synonym", "font_switch", "redundant_braces"]
    assert steps[-1][1] == normalize(r"{\rm x} \leq y", FAITHFUL)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_triggers_only_save_time(seed: int) -> None:
    source = random_formula(Random(seed))
    assert explain(source, FAITHFUL)[-1][1] == normalize(source, FAITHFUL)


def test_an_unknown_rule_cannot_be_switched_off() -> None:
    with pytest.raises(ValueError, match="no_such_rule"):
        NormalizerParams(disable_rules=("no_such_rule",))
    NormalizerParams(disable_rules=tuple(rule.name for rule in RULES))


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not here")
def test_real_formulas_are_accepted_balanced_and_stable() -> None:
    with gzip.open(DATA / "arxiv_formulas_val.jsonl.gz", "rt", encoding="utf-8") as lines:
        sources = [json.loads(line)["formula"] for index, line in enumerate(lines) if index % 40 == 0]
    accepted = [line for line in map(_attempt, sources) if line is not None]
    assert len(accepted) >= 0.96 * len(sources)  # 2.7 % hold macros of their papers that nobody defines
    for line in accepted:
        assert _is_balanced(line), line
        assert normalize(line, FAITHFUL) == line


def test_a_tree_is_written_as_its_text_is_normalized() -> None:
    normalizer = Normalizer(NormalizerParams())
    for text in [r"{a + b}", r"\left< x \right>^{2} \leq {\rm y}", *generate(200, 8)]:
        whole = normalizer.normalize(text)
        assert " ".join(write(normalizer.tree(text))) == whole
        for node in (node for node in normalizer.tree(text) if not is_space(node)):
            assert normalizer.write(copy_row([node])) == normalizer.normalize(" ".join(write([node])))
