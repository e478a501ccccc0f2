"""User-defined rules and replacements."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.errors import LatexError, UsageError
from im2latex.latex.grammar.generator import random_formula
from im2latex.latex.normalizer import Normalizer, NormalizerParams, normalize
from im2latex.latex.rules.custom import load_replacements, load_rules
from pipeline.paths import ROOT


def normalizer(folder: Path, *lines: str, profile: str = "faithful") -> Normalizer:
    path = folder / "replacements.txt"
    path.write_text("\n".join(lines))
    return Normalizer(NormalizerParams.model_validate({"replacements": str(path), "profile": profile}))


@pytest.mark.parametrize(
    ("lines", "source", "latex", "made"),
    [
        ([r"\bm -> \boldsymbol"], r"\bm{x}+\bm y", r"\boldsymbol { x } + \boldsymbol { y }", {}),
        ([r"\bm -> \mathbf"], r"\bm{x}+\boldsymbol y", r"\mathbf { x } + \mathbf { y }", {r"\boldsymbol": 2}),
        ([r"\leq 0 -> < 0"], r"a\leq0\le1", r"a < 0 \le 1", {r"\le 0": 1}),
        ([r"\leq -> \leq"], r"a\leq b\le c", r"a \leq b \leq c", {r"\le": 2}),
        (["a -> a"], "a", "a", {}),
        ([r"\mathrm{d} -> d"], r"\int\mathrm dx\mathrm{dy}", r"\int d x \mathrm { d y }", {r"\mathrm { d }": 1}),
        ([r"\quad ->", r"\, ->"], r"a\quad{b\,}", "a b", {r"\quad": 1, r"\,": 1}),
        ([r"\bm ->"], r"\bm{x}^2", "x ^ { 2 }", {r"\boldsymbol": 1}),
        ([r"\epsilon -> \varepsilon", r"\varepsilon -> \zeta"], r"\epsilon\varepsilon", r"\zeta \zeta", None),
        (["a b -> c", "a -> d"], "a b a", "c d", {"a b": 1, "a": 1}),
        (["x ^ { 2 } -> y"], "x^2", "y", {"x ^ { 2 }": 1}),
        (["x^2 -> y"], "x^2", "y", {"x ^ { 2 }": 1}),
        (["% comment", "", "  % more -> here", "- -> +"], "a-b", "a + b", {"-": 1}),
        ([r"\le -> \leq"], r"a\leq b \le c", r"a \leq b \leq c", {r"\le": 2}),
        (["% nothing"], "a-b", "a - b", {}),
    ],
)
def test_replacements(tmp_path: Path, lines: list[str], source: str, latex: str, made: dict[str, int] | None) -> None:
    found = normalizer(tmp_path, *lines)
    assert found.normalize(source) == latex
    assert found.normalize(latex) == latex
    if made is not None:
        assert found.normalize_with_counts(source) == (latex, made)
    assert found.explain(source)[-1] == ("replacements", latex) or not made


def test_the_profile_none_replaces_nothing(tmp_path: Path) -> None:
    assert normalizer(tmp_path, "a -> b", profile="none").normalize("a  b") == "a b"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["a -> b", "a b"], ":2: a replacement is `TOKENS -> TOKENS`"),
        (["-> b"], ":1: a replacement is"),
        (["a -> b -> c"], ":1: a replacement is"),
        (["a->b"], ":1: a replacement is"),
        (["x ^ 2 -> b", "", "x^{2} -> c"], ":3: x ^ { 2 } is replaced in "),
        (["a -> b", "b -> c", "c -> a"], ":1: a -> b has no end; remove one line of the cycle"),
        (["a -> a a"], ":1: a -> a a has no end"),
        ([r"\leq -> <", r"\le -> x"], r":2: \le is replaced in "),
        ([r"\label -> x"], ":1: \\label never occurs in a normalized formula"),
    ],
)
def test_a_table_that_cannot_be_is_one_sentence(tmp_path: Path, lines: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        normalizer(tmp_path, *lines)
    assert sentence in str(refused.value)
    assert "replacements.txt" in str(refused.value)


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as replacements"):
        load_replacements(str(tmp_path / "absent.txt"), str)
    (tmp_path / "latin.txt").write_bytes(b"\xe9 -> e")
    with pytest.raises(UsageError, match="cannot be read"):
        load_replacements(str(tmp_path / "latin.txt"), str)


@pytest.mark.parametrize(
    ("line", "source", "reason"),
    [
        (r"x -> \nosuch", "x", "not_allowed"),
        ("{ ->", "x^2", "unbalanced_group"),
        ("x ->", "x", "empty"),
    ],
)
def test_what_is_no_formula_afterwards_is_refused(tmp_path: Path, line: str, source: str, reason: str) -> None:
    found = normalizer(tmp_path, line)
    with pytest.raises(LatexError) as refused:
        found.normalize(source)
    assert refused.value.reason == reason
    assert found.normalize("y") == "y"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_the_result_is_stable(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    lines = [r"\frac -> \dfrac", "x -> y z", r"\, ->", r"\alpha -> \mathrm { a b }", "_ { i } -> _ { j k }", "+ -> -"]
    found = normalizer(tmp_path_factory.mktemp("table"), *lines)
    line, made = found.normalize_with_counts(random_formula(Random(seed)))
    assert found.normalize_with_counts(line) == (line, {})
    plain = Normalizer(NormalizerParams()).normalize(random_formula(Random(seed))).split()
    assert made["x"] == plain.count("x")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such Python file of rules"),
        ("def (", "cannot be executed: SyntaxError"),
        ("import no_such_module", "cannot be executed: ModuleNotFoundError"),
        ("RULES = [1]", "RULES must be a tuple"),
        ("", "RULES must be a tuple"),
    ],
)
def test_a_bad_rules_file_is_one_sentence(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "rules.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=sentence):
        load_rules(str(path))


def test_the_rules_of_the_repository_change_nothing() -> None:
    own = NormalizerParams(rules=str(ROOT / "custom" / "rules.py"))
    assert normalize(r"{\rm x}", own) == normalize(r"{\rm x}", NormalizerParams())


def test_commands_need_kinds() -> None:
    with pytest.raises(ValueError, match="must map"):
        NormalizerParams(commands={"qty": "m"})
    with pytest.raises(ValueError, match="must map"):
        NormalizerParams(commands={r"\qty": "z"})
