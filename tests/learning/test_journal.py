from pathlib import Path

from im2latex.learning.journal import Journal


def test_rows_that_are_told_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "samples.jsonl"
    journal = Journal(path)
    for samples in (10, 20, 30):
        journal.add([{"samples": samples, "id": name, "text": f"é{samples}"} for name in "ab"])
    Journal(path).add([{"samples": 20, "id": "a", "text": "again"}])
    taken_up = Journal(path)
    assert [(row["samples"], row["text"]) for row in taken_up.rows] == [(10, "é10"), (10, "é10"), (20, "again")]
    assert path.read_text(encoding="utf-8") == taken_up.text()
    taken_up.add([])
    assert len(taken_up.rows) == 3
