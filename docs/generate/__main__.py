"""Rewrite the generated parts of README.md and docs: python -m docs.generate [--check]."""

import argparse
import sys

from docs.generate.committed import outdated, write


def main() -> int:
    """Rewrite, or with --check list what is out of date and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a file is out of date")
    stale = outdated()
    if not parser.parse_args().check:
        write(stale)
        print(f"rewritten: {', '.join(map(str, stale)) or 'nothing'}")
        return 0
    for path in stale:
        print(f"{path}: generated parts are out of date; run `python -m docs.generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
