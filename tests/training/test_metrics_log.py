from pathlib import Path

import pytest

from im2latex.training.metrics_log import MetricsLog


def test_rows_that_are_told_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "samples.jsonl"
    journal = MetricsLog(path)
    for samples in (10, 20, 30):
        journal.add([{"samples": samples, "id": name, "text": f"é{samples}"} for name in "ab"])
    MetricsLog(path).add([{"samples": 20, "id": "a", "text": "again"}])
    taken_up = MetricsLog(path)
    assert [(row["samples"], row["text"]) for row in taken_up.rows] == [(10, "é10"), (10, "é10"), (20, "again")]
    assert path.read_text(encoding="utf-8") == taken_up.text()
    taken_up.add([])
    assert len(taken_up.rows) == 3


@pytest.mark.parametrize(
    "damage",
    [
        b'{"samples": 30, "text',
        b'{"samples": 30, "text": "\xe9"}\n',
        b"\0" * 100,
        b"[1]\n",
        b"{}\n",
        b'{"samples": "x"}\n',
        b"[" * 100_000,
        b"\n\n",
        b"",
    ],
)
def test_half_written_lines_are_left_out(tmp_path: Path, damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "samples.jsonl"
    MetricsLog(path).add([{"samples": 10, "text": "a\u2028b"}, {"samples": 20, "text": "c"}])
    whole = path.read_bytes()
    for content in (whole + damage, damage.rstrip(b"\n") + b"\n" + whole):
        path.write_bytes(content)
        journal = MetricsLog(path)
        assert [row["samples"] for row in journal.rows] == [10, 20]
        assert ("1 damaged lines" in capsys.readouterr().err) == bool(damage.strip())
        journal.add([{"samples": 30}])
        assert [row["samples"] for row in MetricsLog(path).rows] == [10, 20, 30]
