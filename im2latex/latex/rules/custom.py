"""Rules that a team keeps in a file of its own; reads that Python file."""

import importlib.util
from pathlib import Path

from im2latex.errors import UsageError
from im2latex.latex.rules.table import Rule


def load_rules(path: str) -> tuple[Rule, ...]:
    """Run the file and return its RULES; raises `UsageError` where it cannot be run or holds none.

    The file is code and runs with all rights of the caller, as the toolkit itself does.
    """
    spec = importlib.util.spec_from_file_location(f"team_rules_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise UsageError(f"{path}: no such Python file of rules; mend normalize.normalizer.rules")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    rules = getattr(module, "RULES", None)
    if not isinstance(rules, tuple) or not all(isinstance(rule, Rule) for rule in rules):
        raise UsageError(f"{path}: RULES must be a tuple of im2latex.latex.rules.table.Rule")
    return rules
