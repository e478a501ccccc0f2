import numpy as np
import pytest
import torch
from torch import Tensor

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError
from im2latex.latex.nesting import START, balanced, sort, step
from im2latex.latex.parse import parse
from im2latex.latex.tokens import split
from im2latex.learning.beam import SearchParams, beam
from im2latex.learning.constraints import Grammar
from im2latex.learning.network import ModelParams, Network
from im2latex.learning.search import greedy
from tests.learning.test_search import IMAGES

TOKENS = split(
    r"{ } [ ] _ ^ & x c | ( . \\ \frac \sqrt \left \right \middle \begin{array} \end{array} \begin{cases} \end{cases} "
    r"\substack 2pt \hspace"
)
PIECES = [r"} {", r"\frac {", r"} ^ {", r"x }", r"} } x", r"\right ) }", r"\end{array} \right .", r"{ c c }"]
SYMBOLS = Vocabulary([*SPECIALS, *TOKENS, ")"])
BPE = Vocabulary([*SYMBOLS.tokens, *PIECES])


@pytest.fixture(scope="module")
def grammars() -> dict[Vocabulary, Grammar]:
    return {vocabulary: Grammar(vocabulary) for vocabulary in (SYMBOLS, BPE)}


@pytest.mark.parametrize("vocabulary", [SYMBOLS, BPE])
@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_a_random_walk_ends_in_a_formula_that_parses(
    grammars: dict[Vocabulary, Grammar], vocabulary: Vocabulary, length: int
) -> None:
    grammar, random = grammars[vocabulary], np.random.default_rng(length)
    rows = 60
    state = grammar.start(rows, torch.device("cpu"))
    written: list[list[int]] = [[] for _ in range(rows)]
    for place in range(length + 1):
        allowed = grammar.allowed(state, length - place - 1)
        allowed[:, Vocabulary.eos] &= allowed.sum(dim=1) == 1  # go on as long as one can
        assert allowed.any(dim=1).all()
        chosen = [int(random.choice(np.flatnonzero(row))) for row in allowed.numpy()]
        for tokens, token in zip(written, chosen, strict=True):
            tokens.append(token)
        state = grammar.advance(state, torch.tensor(chosen))
    for tokens in written:
        formula = vocabulary.decode(tokens)
        assert tokens.index(Vocabulary.eos) <= length
        assert balanced(formula)
        parse(" ".join(formula))


@pytest.mark.parametrize("vocabulary", [SYMBOLS, BPE])
def test_exactly_what_the_automaton_reads_is_allowed(
    grammars: dict[Vocabulary, Grammar], vocabulary: Vocabulary
) -> None:
    """With room enough, along a random formula."""
    random = np.random.default_rng(3)
    grammar = grammars[vocabulary]
    state = grammar.start(1, torch.device("cpu"))
    before: list[int] = []
    for _ in range(25):
        allowed = grammar.allowed(state, 1000)[0]
        for token in range(len(vocabulary)):
            if token == Vocabulary.eos:
                assert bool(allowed[token]) == balanced(vocabulary.decode(before))
            elif token > Vocabulary.unk:
                assert bool(allowed[token]) == can_go_on(vocabulary.decode([*before, token])), vocabulary.tokens[token]
            else:
                assert not allowed[token]
        going = [int(token) for token in allowed.nonzero().flatten() if token != Vocabulary.eos]
        before.append(int(random.choice(going)))
        state = grammar.advance(state, torch.tensor(before[-1:]))


def can_go_on(tokens: list[str]) -> bool:
    """Whether the automaton itself reads these tokens as a beginning."""
    stack = [START]
    for token in map(sort, tokens):
        found = step(stack.pop(), token) if stack else None
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


def test_searches_obey_it_in_any_batch(grammars: dict[Vocabulary, Grammar], wild: Network) -> None:
    grammar = grammars[BPE]
    params = SearchParams(beam=4, groups=2)
    free = greedy(wild, IMAGES, 20)
    assert not all(balanced(BPE.decode(one.tokens)) for one in free), "without it nonsense comes out"
    together = beam(wild, IMAGES, 20, params, grammar)
    for one in [*greedy(wild, IMAGES, 20, grammar), *(one for found in together for one in found)]:
        assert one.finished
        assert balanced(BPE.decode(one.tokens))
    alone = [beam(wild, image[None], 20, params, grammar)[0] for image in IMAGES]
    assert [[one.tokens for one in found] for found in together] == [[one.tokens for one in found] for found in alone]


def test_a_vocabulary_without_anything_to_write_is_named() -> None:
    with pytest.raises(ArtifactError, match="cannot write a formula"):
        Grammar(Vocabulary([*SPECIALS, "\\frac", "{"]))
