from im2latex.latex.papers.inputs import main_files, resolve


def test_main_files() -> None:
    assert main_files({"a.tex": r"\documentclass{x}", "b.tex": ""}) == ["a.tex"]
    assert main_files({"a.tex": r"\input b", "b.tex": ""}) == ["a.tex"]


def test_inputs_are_looked_for_beside_and_at_the_top() -> None:
    files = {"sub/c.tex": "", "top.tex": ""}
    assert resolve("c", "sub/a.tex", files) == "sub/c.tex"
    assert resolve("top", "sub/a.tex", files) == "top.tex"
    assert resolve("../../top", "sub/a.tex", files) is None
    assert resolve("/etc/passwd", "a.tex", files) is None
