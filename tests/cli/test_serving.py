import sys

import pytest

from im2latex.cli.serving import serve
from im2latex.errors import UsageError


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "python_multipart"])
def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=rf"{missing} is not installed; run: pip install 'im2latex\[serve\]'"):
        serve()
