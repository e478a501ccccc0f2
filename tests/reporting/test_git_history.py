import subprocess
from pathlib import Path

from im2latex.reporting.git_history import commit_of, previous_scores


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def commit(folder: Path, text: str) -> None:
    (folder / "metrics.json").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", text)


def test_the_commit_and_the_scores_before_do_not_change_with_other_commits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("{}")
    assert commit_of(path) is None
    assert previous_scores(path) is None
    git(tmp_path, "init", "-q")
    commit(tmp_path, '{"bleu": 0.5}')
    assert previous_scores(path) is None
    first = commit_of(path)
    assert first is not None
    path.write_text('{"bleu": 0.6}')
    assert commit_of(path) is None  # not committed
    before = previous_scores(path)
    assert before == (first, {"bleu": 0.5})
    commit(tmp_path, '{"bleu": 0.6}')
    assert previous_scores(path) == before
    second = commit_of(path)
    (tmp_path / "README.md").write_text("text")
    commit(tmp_path, '{"bleu": 0.6}')
    assert commit_of(path) == second != first
    assert previous_scores(path) == before


def test_a_shallow_clone_has_no_history(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    git(tmp_path / "a", "init", "-q")
    for number in range(2):
        commit(tmp_path / "a", f'{{"bleu": {number}}}')
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{tmp_path / 'a'}", "b")
    assert commit_of(tmp_path / "b" / "metrics.json") is None
    assert previous_scores(tmp_path / "b" / "metrics.json") is None
