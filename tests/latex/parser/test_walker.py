r"""The walker against pylatexenc's, on sources that are mostly malformed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexWalker,
    LatexWalkerParseError,
)
from pylatexenc.macrospec import LatexContextDb

from im2latex.errors import LatexError
from im2latex.latex.parser.walker import EnvironmentBlock, MathBlock, Piece, walk

_CONTEXT = LatexContextDb()
_PARTS = [
    *["a", "ab c", "é", " ", "\n", "\n\n", "\r\n", "\t", "\xa0", "&", "[", "%", "% {\n", "%c\n\n", "%c\r\n x", "\\%"],
    *["\\alpha", "\\alpha ", "\\alpha\n\n", "\\b", "\\é", "\\ ", "\\\n", "\\\\", "\\begin", "\\end ", "\\beginx"],
    *["\\begin{a}", "\\end{a}", "\\begin\n {b*}", "\\end {b*}", "\\begin{ c }", "\\end{}"],
    *["{", "}", "{", "}", "{}", "\\{", "$", "$$", "$x$", "{$$}", "\\(", "\\)", "\\[", "\\]"],
]
_sources = st.lists(st.sampled_from(_PARTS), max_size=12).map("".join)


def _nodes(nodes: list[Any]) -> list[Any]:
    """The nodes of pylatexenc as `_pieces`, without comments, neighboring characters together."""
    found: list[Any] = []
    for node in nodes:
        match node:
            case LatexCharsNode():
                if found and found[-1][0] == "characters" and found[-1][2] + len(found[-1][1]) == node.pos:
                    node.chars = found[-1][1] + node.chars
                    node.pos = found.pop()[2]
                found.append(("characters", node.chars, node.pos))
            case LatexMacroNode():
                found.append(("control", "\\" + node.macroname, node.pos))
            case LatexGroupNode():
                found.append(("group", _nodes(node.nodelist), node.pos, node.pos + node.len))
            case LatexMathNode():
                found.append((node.delimiters[1], _nodes(node.nodelist), node.pos, node.pos + node.len))
            case LatexEnvironmentNode():
                found.append((node.environmentname, _nodes(node.nodelist), node.pos, node.pos + node.len))
            case _:
                assert isinstance(node, LatexCommentNode)
    return found


def _pieces(pieces: list[Piece]) -> list[Any]:
    found: list[Any] = []
    for text, block, position in pieces:
        if block is None:
            found.append(("control" if text[0] == "\\" else "characters", text, position))
        else:
            kind = block.name if isinstance(block, EnvironmentBlock) else "group"
            kind = block.closer if isinstance(block, MathBlock) else kind
            found.append((kind, _pieces(block.pieces), block.start, block.end))
    return found


def _expected(source: str) -> Any:
    """The pieces, or the position of the error."""
    try:
        return _nodes(LatexWalker(source, latex_context=_CONTEXT, tolerant_parsing=False).get_latex_nodes()[0])
    except LatexWalkerParseError as error:
        return error.pos


def _walked(source: str) -> Any:
    try:
        return _pieces(walk(source))
    except LatexError as error:
        return error.position


@settings(max_examples=1000, deadline=None)
@given(_sources)
def test_it_finds_and_refuses_what_pylatexenc_does(source: str) -> None:
    source += " "  # a backslash at the end is a control space
    assert _walked(source) == _expected(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{a", "unbalanced_group"),
        ("a}", "unbalanced_group"),
        (r"\begin{a} b", "unbalanced_environment"),
        (r"\begin{a} b \end{c}", "unbalanced_environment"),
        (r"\begin a", "unbalanced_environment"),
        (r"a \)", "math_shift"),
        ("$ {a $", "unbalanced_group"),
    ],
)
def test_the_reason_says_what_does_not_match(source: str, reason: str) -> None:
    with pytest.raises(LatexError) as refused:
        walk(source)
    assert refused.value.reason == reason


def test_a_part_of_a_source_keeps_its_positions() -> None:
    assert walk("ab{c}d", 1, 5) == [("b", None, 1), ("", walk("ab{c}d")[1][1], 2)]


def test_a_block_knows_its_ends() -> None:
    source = "a {bc} d"
    block = walk(source)[1][1]
    assert block is not None
    assert source[block.start : block.end] == "{bc}"
    assert source[block.start + 1 : block.stop] == "bc"
