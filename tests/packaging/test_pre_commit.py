"""The hooks of pre-commit are the checks of the Makefile."""

import subprocess

import yaml

from docs.generate.committed import ROOT


def test_a_commit_is_checked_as_make_lint_and_types_check() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    commands = ["make", "--dry-run", "lint", "types"]
    checks = subprocess.run(commands, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    entries = [hook["entry"].removesuffix(" --fix") for hook in repository["hooks"]]
    assert len(entries) == 4
    assert [entry for entry in entries if not any(check.startswith(entry) for check in checks)] == []
