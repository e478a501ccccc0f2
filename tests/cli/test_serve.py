import re
import sys
from pathlib import Path
from typing import Any

import pytest

from im2latex.cli.serve import serve
from im2latex.errors import ArtifactError, UsageError
from im2latex.extras import distribution_of
from im2latex.sandbox import sandbox
from tests.packaging.distribution import EXTRAS


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "python_multipart"])
def test_a_missing_part_of_the_extra_is_found_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError) as error:
        serve()
    assert error.value.name is not None
    assert distribution_of(error.value.name.partition(".")[0]) in EXTRAS["serve"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"allowed_host": ["http://a"]}, "--allowed-host http://a: not a host name"),
        ({"trusted_proxy": ["proxy.example"]}, "--trusted-proxy proxy.example: not an IP address or network"),
        ({"max_rate": 0.0}, "rate = 0.0"),
        ({"max_per_client": 0}, "per_client = 0"),
    ],
)
def test_options_are_checked_before_anything_is_loaded(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        serve(**options)


def test_it_says_that_there_is_no_sandbox(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sandbox, "support", lambda: sandbox.Support(0, seccomp=False, bubblewrap=None))
    with pytest.raises(UsageError, match="without a sandbox"):
        serve(host="0.0.0.0", port=0)
    with pytest.raises(ArtifactError):
        serve(port=0, checkpoint=Path("nonexistent"))
    assert "without a sandbox" in capsys.readouterr().err
