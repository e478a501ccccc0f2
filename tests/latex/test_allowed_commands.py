from collections.abc import Sequence
from pathlib import Path

import pytest

from im2latex.errors import LatexError
from im2latex.latex import allowed_commands
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.signatures import COMMANDS, ENVIRONMENTS
from im2latex.latex.parser.symbols import known_symbols
from im2latex.rendering import document, sanitize, tex_format
from im2latex.sandbox import process

OF_OTHER_PACKAGES = frozenset(
    [r"\bcancel", r"\cancel", r"\xcancel", r"\mathbfcal", r"\mathsfit", r"\underaccent", r"\widebar", r"\widecheck"]
)
"""Commands that the normalizer parses and no package of the default template defines."""
IN_BOXES_ALONE = frozenset([r"\depth", r"\height", r"\totalheight", r"\width"])
DELIMITS = frozenset([r"\of"])


def true(conditions: Sequence[str], folder: Path) -> frozenset[str]:
    """Those conditions that hold in the format of the default template."""
    preamble = tex_format.load(document.preamble(document.TemplateParams(), document.PageParams()))
    lines = "".join(f"{condition}\\message{{^^J[{number}]^^J}}\\fi\n" for number, condition in enumerate(conditions))
    (folder / "words.tex").write_text(f"{lines}\\csname @@end\\endcsname\n")
    command = ["pdftex", f"-fmt={preamble.path}", "-interaction=nonstopmode", "words.tex"]
    done = process.run_process(
        command, cwd=folder, timeout_seconds=60, memory_mb=512, file_mb=8, access=None, env=tex_format.TEX_ENVIRONMENT
    )
    found = set(done.stdout.decode().splitlines())
    return frozenset(condition for number, condition in enumerate(conditions) if f"[{number}]" in found)


@pytest.mark.needs_tex
def test_every_word_is_defined_in_the_template_or_named_here(tmp_path: Path) -> None:
    added = sanitize.template_commands(document.TemplateParams())
    words = allowed_commands.words() | {word for word in added if word[0] == "\\"}
    defined = true([f"\\ifdefined{word}" for word in sorted(words)], tmp_path)
    absent = {word for word in words if f"\\ifdefined{word}" not in defined}
    assert absent == OF_OTHER_PACKAGES | IN_BOXES_ALONE | DELIMITS


@pytest.mark.needs_tex
def test_every_environment_is_defined_and_only_a_declaration_has_no_end(tmp_path: Path) -> None:
    names = sorted(allowed_commands.environments())
    ends = {name: f"\\ifcsname end{name}\\endcsname" for name in names}
    begins = {name: f"\\ifcsname {name}\\endcsname" for name in names}
    holds = true([*begins.values(), *ends.values()], tmp_path)
    assert [name for name in names if begins[name] not in holds] == []
    assert {name for name in names if ends[name] not in holds} == allowed_commands.environments() - ENVIRONMENTS.keys()


def test_each_word_has_one_place() -> None:
    lines = Path(allowed_commands.__file__).with_name("allowed_commands.txt").read_text().splitlines()
    common: list[str] = []
    package = False
    for line in lines:
        if line and not line.startswith((" ", "#")):
            package = line.startswith("package ")
        elif line.startswith(" ") and not package:
            common += line.split()
    assert len(common) == len(set(common))
    assert not set(common) & (known_symbols() | COMMANDS.keys() | ENVIRONMENTS.keys())


@pytest.mark.parametrize(
    ("formula", "word", "position"),
    [
        (r"a + \foo", r"\foo", 4),
        (r"\alpha\foo", r"\foo", 6),
        (r"\alphax", r"\alphax", 0),
        ("x % \\foo\n\\bar\\baz", r"\baz", 13),
        (r"\% \\foo \foo", r"\foo", 9),
        (r"\hspace{\dimexpr 2pt}", r"\dimexpr", 8),
        (r"\color[\foo]{red}", r"\foo", 7),
        (r"\textcolor{\csname x\endcsname}{y}", r"\csname", 11),
        (r"\begin{array}{@{\input{x}}c} a \end{array}", r"\input", 16),
        (r"\text{\UseName{input}}", r"\UseName", 6),
        (r"\char\catcode`a", r"\catcode", 5),
        (r"\char`\^^M", "^^ notation", 6),
        (r"\char`\foo", r"\foo", 6),
        (r"\`\3", r"\3", 2),
        (r"\char`\\\foo", r"\foo", 8),
        ("a ^^5cinput", "^^ notation", 2),
        (r"\^^69nput{x}", "^^ notation", 0),
        (r"\inp^^75t{x}", r"\inp", 0),
        (r"\alph^^61 x", r"\alph", 0),
        (r"\alpha^^61 x", "^^ notation", 6),
        (r"\begin{input} x \end{input}", r"\begin{input}", 0),
        (r"{x \end{document}}", r"\end{document}", 3),
        (r"\begin\foo", r"\begin without a name in braces", 0),
        ("\\é", "\\é", 0),
        ("\\\x85", "\\\x85", 0),
    ],
)
def test_the_first_other_word_is_named_with_its_place(formula: str, word: str, position: int) -> None:
    with pytest.raises(LatexError) as refused:
        allowed_commands.check(formula)
    assert (refused.value.reason, refused.value.detail, refused.value.position) == ("not_allowed", word, position)


@pytest.mark.parametrize(
    "formula",
    [
        r"\ x\	y\\\{z\}",
        "\\\nx",
        "x % \\input ^^5c",
        r"\begin %\input" + "\n{array}{c} x \\end{array}",
        r"\foo \begin{steps}",
        r"\char`\3 \char`\% \char`\\",
    ],
)
def test_spaces_comments_and_what_the_user_adds_pass(formula: str) -> None:
    allowed_commands.check(formula, {r"\foo", "steps"})


def test_packages_add_what_they_document() -> None:
    assert r"\llceil" in allowed_commands.of_packages(["amsmath", "stmaryrd"])
    assert allowed_commands.of_packages(["nosuchpackage"]) == frozenset()
    assert r"\llceil" not in allowed_commands.words()


@pytest.mark.parametrize(
    "formula",
    [r"x \label{\foo}", r"x \tag{\foo}", r"\color{\foo} x", r"\hspace{\foo} x", r"\begin{array}{c\foo} x \end{array}"],
)
def test_raw_arguments_are_checked_against_the_allowed_commands(formula: str) -> None:
    with pytest.raises(LatexError) as caught:
        parse(formula)
    assert caught.value.reason == "not_allowed"


def test_commands_and_macros_of_the_user_pass_the_normalizer(tmp_path: Path) -> None:
    (tmp_path / "macros.tex").write_text(r"\newcommand{\R}{\mathbb{R}}\newcommand{\run}{\input{x}}")
    normalizer = Normalizer(NormalizerParams(macros=str(tmp_path / "macros.tex"), commands={r"\qty": "m"}))
    assert normalizer.normalize(r"\R \qty{x}") == r"\mathbb { R } \qty { x }"
    with pytest.raises(LatexError) as caught:
        normalizer.normalize(r"\run")
    assert caught.value.reason == "not_allowed"
    assert caught.value.detail.startswith("\\input")
    assert caught.value.position is not None
