"""`python -m contracts [--check]`: writes the reference pages under docs/, or says which are out of date."""

import argparse
import sys
from pathlib import Path

from contracts.reference_docs import reference_pages

_REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write or check every generated page; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is out of date")
    check = parser.parse_args().check
    stale = [
        path
        for path, text in reference_pages().items()
        if not (_REPOSITORY / path).is_file() or (_REPOSITORY / path).read_text(encoding="utf-8") != text
    ]
    if check:
        for path in stale:
            print(f"{path} is out of date; run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        (_REPOSITORY / path).parent.mkdir(parents=True, exist_ok=True)
        (_REPOSITORY / path).write_text(reference_pages()[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
