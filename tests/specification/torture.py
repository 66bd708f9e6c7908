"""The public suites of texts that break parsers (`tests/data/README.md` says where they are from)."""

import base64
import gzip
import json
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"


def json_test_suite() -> dict[str, bytes]:
    """Return the files of JSONTestSuite by name: `y_…` is JSON, `n_…` is not, `i_…` is left to the parser."""
    rows = _rows("json_test_suite.jsonl.gz")
    return {row["name"]: base64.b64decode(row["base64"]) for row in rows}


def naughty_strings() -> list[str]:
    """Return the Big List of Naughty Strings."""
    return [str(text) for text in _rows("naughty_strings.jsonl.gz")]


def _rows(name: str) -> list[dict[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
