from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from im2latex.errors import ToolError
from im2latex.rendering import document, tex_format
from im2latex.rendering.rasterizers import pdfium
from im2latex.rendering.rasterizers.pdfium import PdfiumClient
from im2latex.rendering.tex_process import TexLauncher
from im2latex.rendering.typesetter import Typesetter
from im2latex.sandbox.python_worker import Deadline, PythonWorker
from im2latex.sandbox.resource_limits import ProcessLimits

RULES = r"\hbox to 1pt{{\leaders\hbox to {step}pt{{\rule{{9pt}}{{9pt}}\hss}}\hfill}}"
# Clipped is what has ink more than 24 px, which is 8.7 pt, outside its box.
FORMULAS = {
    r"\frac{\int f}{\mathcal{Y}}": None,
    r"\rlap{x}": None,
    r"\rlap{$x+y$}": "clipped",
    r"\rlap{\hspace{30pt}\rule{9pt}{1pt}}": "clipped",
    r"\hspace{-20pt}x": "clipped",
    r"\smash{\raise 40pt\hbox{$\sqrt{x}$}}": "clipped",
    r"\smash{\lower 40pt\hbox{x}}": "clipped",
    r"\rlap{\hspace{30pt}}": None,
    RULES.format(step=0.01): None,
    RULES.format(step=0.0005): "too_complex",
}


@pytest.mark.needs_tex
def test_ink_outside_the_page_and_too_much_of_it_are_seen() -> None:
    template = document.TemplateParams()
    preamble = tex_format.load(document.preamble(template, document.PageParams()))
    for printed in Typesetter(template, TexLauncher(preamble, ProcessLimits()), 3).typeset(list(FORMULAS), 24):
        assert printed.pdf is not None
        expected = {number: fault for number, fault in enumerate(FORMULAS.values(), 1) if fault}
        assert pdfium.thread_client().inspect(printed.pdf, range(1, len(FORMULAS) + 1)) == expected


def test_a_page_that_takes_long_holds_up_no_other_thread() -> None:
    with ThreadPoolExecutor(1) as other:
        assert other.submit(pdfium.thread_client).result() is not pdfium.thread_client()
    assert pdfium.thread_client() is pdfium.thread_client()


def test_a_library_that_does_not_work_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.pdf"
    page.write_bytes(pdfium._BLANK_PDF)
    assert PdfiumClient().inspect(page, [1]) == {}
    monkeypatch.setattr("im2latex.sandbox.python_worker.sys.executable", "/bin/false")
    with pytest.raises(ToolError, match=r"ended.*pypdfium2"):
        PdfiumClient().inspect(page, [1])


def test_a_worker_killed_from_outside_raises_a_tool_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.pdf"
    page.write_bytes(pdfium._BLANK_PDF)
    library = PdfiumClient()

    def killed(worker: PythonWorker, length: int, limit: Deadline) -> bytearray:
        worker._child._process.kill()
        return receive(worker, length, limit)

    receive = PythonWorker.receive
    with monkeypatch.context() as patch:
        patch.setattr(PythonWorker, "receive", killed)
        with pytest.raises(ToolError, match="killed by SIGKILL"):
            library.inspect(page, [1])
    assert library.inspect(page, [1]) == {}
    assert library._worker is not None
    library._worker._child._process.kill()
    while library._worker.alive:
        pass
    assert library.inspect(page, [1]) == {}, "one that was killed between two requests is replaced"
