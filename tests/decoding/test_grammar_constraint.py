from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary, VocabularyParams
from im2latex.decoding.beam import SearchParams, beam
from im2latex.decoding.grammar_constraint import GrammarConstraint
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.errors import ArtifactError, LatexError
from im2latex.latex.automaton.alphabet import classify
from im2latex.latex.automaton.transitions import START, accepts, transition
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.parse import parse
from im2latex.latex.spelling import join, spell
from im2latex.latex.tokens import split
from im2latex.models.model import ModelParams, Network
from tests.decoding.test_greedy import IMAGES

NORMALIZER = Normalizer(NormalizerParams())
TOKENS = split(
    r"{ } [ ] _ ^ & x c | ( . \\ \frac \sqrt \left \right \middle \begin{array} \end{array} \begin{cases} \end{cases} "
    r"\substack 2pt \hspace"
)
PIECES = [r"} {", r"\frac {", r"} ^ {", r"x }", r"} } x", r"\right ) }", r"\end{array} \right .", r"{ c c }"]
SYMBOLS = Vocabulary([*SPECIALS, *TOKENS, ")"])
BPE = Vocabulary([*SYMBOLS.tokens, *PIECES])
WORDS = split(
    r"\text{if~$x$} \raisebox{2pt}[0pt]{\textbf{\'{e}}} -1.5cm \\[2em] @{\,} \begin{aligned}[t] \rule[-1pt] "
    r"\mbox{\hspace{1cm}\kern1mm\LaTeX\v{c}\textcolor{red}{\&a}} \genfrac{(}{)}{0pt}{} \textit{\small{}a?'} "
    r"\color[rgb]{0,1,0}"
)
SPELLED = Vocabulary.fit(
    [WORDS, [*TOKENS, ")", r"\end{aligned}", r"\mathchar", '"7F', r"\multicolumn{2}", "#", "$"]],
    VocabularyParams(min_frequency=1, max_size=200),
)
SPELLED_BPE = Vocabulary(
    [*SPELLED.tokens, *PIECES, r"\hspace { «", r"{ } }»", r"$ }» }", "i f ~ $", r"«\text{ i f }» ^ {"]
)
ALL = {"symbols": SYMBOLS, "bpe": BPE, "spelled": SPELLED, "spelled-bpe": SPELLED_BPE}


@pytest.fixture(scope="module")
def grammars() -> dict[Vocabulary, GrammarConstraint]:
    return {vocabulary: GrammarConstraint(vocabulary) for vocabulary in ALL.values()}


@pytest.mark.parametrize("vocabulary", ALL.values(), ids=ALL)
@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_a_random_walk_ends_in_a_formula_that_parses(
    grammars: dict[Vocabulary, GrammarConstraint], vocabulary: Vocabulary, length: int
) -> None:
    for tokens in walk(grammars[vocabulary], np.ones(len(vocabulary)), rows=60, length=length, seed=length):
        formula = vocabulary.decode(tokens)
        assert tokens.index(Vocabulary.eos) <= length
        assert accepts(symbols(vocabulary, tokens))
        assert refusal(" ".join(formula)) in ("", "empty"), formula


def walk(grammar: GrammarConstraint, weights: NDArray[Any], rows: int, length: int, seed: int) -> list[list[int]]:
    """Random ids that the grammar allows, drawn by weight, going on as long as one can."""
    random = np.random.default_rng(seed)
    state = grammar.initial_state(rows)
    written: list[list[int]] = [[] for _ in range(rows)]
    for place in range(length + 1):
        allowed = grammar.allowed_tokens(state, length - place - 1)
        allowed[:, Vocabulary.eos] &= allowed.sum(axis=1) == 1
        assert allowed.any(axis=1).all()
        shares = allowed * weights
        chosen = [int(random.choice(len(weights), p=row / row.sum())) for row in shares]
        for tokens, token in zip(written, chosen, strict=True):
            tokens.append(token)
        state = grammar.advance(state, np.array(chosen))
    return written


@pytest.mark.parametrize("vocabulary", [SPELLED, SPELLED_BPE], ids=["spelled", "spelled-bpe"])
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_through_boxes_ends_in_a_formula_that_parses(
    grammars: dict[Vocabulary, GrammarConstraint], vocabulary: Vocabulary, seed: int
) -> None:
    """As above, with what begins a spelled token or mathematics in text drawn ten times as often as the rest."""
    weights = np.array([10 if "«" in entry or entry == "$" else 1 for entry in vocabulary.tokens])
    seen = set()
    for tokens in walk(grammars[vocabulary], weights, rows=40, length=50, seed=seed):
        formula = vocabulary.decode(tokens)
        assert refusal(" ".join(formula)) in ("", "empty"), formula
        seen |= {vocabulary.tokens[token] for token in tokens}
        assert join(spelled for word in formula for spelled in spell(word)) == formula
    assert {r"«\text{", r"«\raisebox{", r"«\mbox{", "«\\\\[", "«", "$", "}»"} <= seen


@pytest.mark.parametrize("vocabulary", ALL.values(), ids=ALL)
def test_exactly_what_the_automaton_reads_is_allowed(
    grammars: dict[Vocabulary, GrammarConstraint], vocabulary: Vocabulary
) -> None:
    """Along a random formula, with a sufficient maximum length."""
    random = np.random.default_rng(3)
    grammar = grammars[vocabulary]
    state = grammar.initial_state(1)
    before: list[int] = []
    for _ in range(25):
        allowed = grammar.allowed_tokens(state, 1000)[0]
        for token in range(len(vocabulary)):
            if token == Vocabulary.eos:
                assert bool(allowed[token]) == accepts(symbols(vocabulary, before))
            elif token > Vocabulary.unk:
                expected = can_go_on(symbols(vocabulary, [*before, token]))
                assert bool(allowed[token]) == expected, vocabulary.tokens[token]
            else:
                assert not allowed[token]
        going = [int(token) for token in np.flatnonzero(allowed) if token != Vocabulary.eos]
        before.append(int(random.choice(going)))
        state = grammar.advance(state, np.array(before[-1:]))


def symbols(vocabulary: Vocabulary, ids: list[int]) -> list[str]:
    """What the automaton reads: tokens, and the symbols of those that are spelled."""
    written = ids[: ids.index(Vocabulary.eos)] if Vocabulary.eos in ids else ids
    return " ".join(vocabulary.tokens[index] for index in written).split()


def refusal(formula: str) -> str:
    """The reason why the normalizer refuses what parses; nothing is left of some, such as spaces alone."""
    parse(formula)
    try:
        return NORMALIZER.normalize(formula) and ""
    except LatexError as error:
        return error.reason


def can_go_on(tokens: list[str]) -> bool:
    """Whether the automaton itself reads these tokens as a beginning."""
    stack = [START]
    for token in map(classify, tokens):
        found = transition(stack.pop(), token) if stack else None
        if found is None:
            return False
        stack += found
    return True


@pytest.fixture
def wild(model: ModelParams) -> Network:
    """A network that writes nonsense."""
    torch.manual_seed(4)
    network = Network(model, len(BPE)).eval()
    step, seen = network.decoder.step, torch.Generator().manual_seed(0)
    noise = 9 * torch.randn(400, len(BPE), generator=seen)

    def noisy(state: list[Tensor], tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
        logits, after = step(state, tokens)
        return logits + noise[(tokens * 13 + after[0].shape[2] * 7) % 400], after

    network.decoder.step = noisy  # type: ignore[method-assign]
    return network


def test_searches_obey_it_in_any_batch(grammars: dict[Vocabulary, GrammarConstraint], wild: Network) -> None:
    grammar = grammars[BPE]
    params = SearchParams(beam=4, num_beam_groups=2)
    engine = TorchEngine(wild)
    free = greedy(engine, IMAGES, 20)
    assert not all(accepts(BPE.decode(one.tokens)) for one in free), "without it nonsense comes out"
    together = beam(engine, IMAGES, 20, params, grammar)
    for one in [*greedy(engine, IMAGES, 20, grammar), *(one for found in together for one in found)]:
        assert one.finished
        assert accepts(BPE.decode(one.tokens))
    alone = [beam(engine, image[None], 20, params, grammar)[0] for image in IMAGES]
    assert [[one.tokens for one in found] for found in together] == [[one.tokens for one in found] for found in alone]


def test_a_vocabulary_without_anything_to_write_is_named() -> None:
    with pytest.raises(ArtifactError, match="cannot write a formula"):
        GrammarConstraint(Vocabulary([*SPECIALS, "\\frac", "{"]))
