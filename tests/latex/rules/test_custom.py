from pathlib import Path

import pytest

from im2latex.errors import UsageError
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.rules.custom import load_rules
from pipeline.fingerprint import ROOT


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such Python file of rules"),
        ("def (", "cannot be run: SyntaxError"),
        ("import no_such_module", "cannot be run: ModuleNotFoundError"),
        ("RULES = [1]", "RULES must be a tuple"),
        ("", "RULES must be a tuple"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "rules.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=sentence):
        load_rules(str(path))


def test_the_file_of_the_repository_changes_nothing() -> None:
    own = NormalizerParams(rules=str(ROOT / "custom" / "rules.py"))
    assert normalize(r"{\rm x}", own) == normalize(r"{\rm x}", NormalizerParams())


def test_commands_need_kinds() -> None:
    with pytest.raises(ValueError, match="must map"):
        NormalizerParams(commands={"qty": "m"})
    with pytest.raises(ValueError, match="must map"):
        NormalizerParams(commands={r"\qty": "z"})
