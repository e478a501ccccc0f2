from im2latex.latex.signatures import COMMANDS
from im2latex.latex.symbols import classes, font_dependent, known, ordinary


def test_each_symbol_has_one_class() -> None:
    assert sum(len(members) for members in classes().values()) == len(known())


def test_symbols_take_no_argument() -> None:
    assert not known() & COMMANDS.keys()


def test_classes_hold_what_they_say() -> None:
    assert {"a", "1", r"\alpha", r"\Gamma"} <= ordinary()
    assert not ordinary() & {"=", r"\in", r"\sum", ","}
    assert r"\Gamma" in font_dependent()
    assert r"\alpha" not in font_dependent()
