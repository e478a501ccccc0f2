import pytest

from im2latex.latex.parser.signatures import COMMANDS
from im2latex.latex.parser.symbols import font_dependent, known_symbols, ordinary_symbols, symbol_classes
from im2latex.rendering.renderer import TexRenderer


def test_each_symbol_has_one_class() -> None:
    assert sum(len(members) for members in symbol_classes().values()) == len(known_symbols())


def test_symbols_take_no_argument() -> None:
    assert not known_symbols() & COMMANDS.keys()


def test_classes_hold_what_they_say() -> None:
    assert {"a", "1", r"\alpha", r"\Gamma"} <= ordinary_symbols()
    assert not ordinary_symbols() & {"=", r"\in", r"\sum", ","}
    assert r"\Gamma" in font_dependent()
    assert r"\alpha" not in font_dependent()


@pytest.mark.needs_tex
def test_every_symbol_prints_in_mathematics() -> None:
    only_in_place = {
        r"\cr",
        r"\crcr",
        r"\hline",
        r"\limits",
        r"\nolimits",
        r"\displaylimits",
        r"\vline",
        r"\adjustlimits",
    }
    symbols = sorted(known_symbols() - only_in_place)
    drawn = TexRenderer().render([f"a {symbol} b" for symbol in symbols])
    assert {symbol: found.reason for symbol, found in zip(symbols, drawn, strict=True) if found.pixels is None} == {}
