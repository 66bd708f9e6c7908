"""Lines on standard input → what each way of validating says of them, and what derives from the contract, as JSON.

It runs in a process of its own, with whatever `contracts` is first on the path.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from contracts.event import event_schema
from contracts.privacy import ADDRESS_COLUMNS, ADDRESS_FIELDS
from contracts.reference_docs import reference_pages
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, table_properties
from spark_jobs.validation import chunks
from spark_jobs.validation.chunks import LineValidator, Validated
from spark_jobs.validation.line import Received


def _unexpected(line: bytes) -> Received:
    raise AssertionError(f"Python was asked about {line!r}")


@contextmanager
def _by_definition() -> Iterator[LineValidator]:
    with LineValidator(few_lines=10**9) as validator:
        yield validator


@contextmanager
def _by_template() -> Iterator[LineValidator]:
    with (
        patch.object(chunks, "validate_line", _unexpected),
        LineValidator(few_lines=0, others_query="SELECT error('the second query was asked')") as validator,
    ):
        yield validator


@contextmanager
def _by_sql_rules() -> Iterator[LineValidator]:
    with (
        patch.object(chunks, "validate_line", _unexpected),
        patch.object(chunks, "template_of", lambda _: None),
        LineValidator(few_lines=0) as validator,
    ):
        yield validator


@contextmanager
def _by_all() -> Iterator[LineValidator]:
    with LineValidator(few_lines=0) as validator:
        yield validator


def _rows(validated: Validated) -> dict[str, Any]:
    rejected = validated.rejected
    return {
        "received": sorted(
            ({name: str(value) for name, value in row.items()} for row in validated.received.to_pylist()), key=str
        ),
        "rejected": list(
            zip(*(rejected.column(name).to_pylist() for name in ("rejection_reason", "detail")), strict=True)
        ),
    }


def main() -> None:
    """Print what becomes of the valid and of the invalid lines, and what is derived from the contract's fields."""
    lines = json.load(sys.stdin)
    outcomes = {}
    for name, way, given in (
        ("definition", _by_definition, "valid"),
        ("template_rules", _by_template, "valid"),
        ("sql_rules", _by_sql_rules, "valid"),
        ("invalid", _by_all, "invalid"),
        ("odd", _by_all, "odd"),
        ("odd by definition", _by_definition, "odd"),
    ):
        with way() as validator:
            outcomes[name] = _rows(validator.validate("\n".join(lines[given]).encode()))
    derived = {
        "columns": {
            table.name: {column.name: (column.type, column.nullable) for column in table.columns}
            for table in (RECEIVED_EVENTS, CLEAN_EVENTS)
        },
        "counted": sorted(name.rpartition(".")[2] for name in table_properties(CLEAN_EVENTS) if ".metrics." in name),
        "addresses": [ADDRESS_FIELDS, ADDRESS_COLUMNS],
        "schema": event_schema(),
        "pages": dict(reference_pages()),
    }
    json.dump({"outcomes": outcomes, **derived}, sys.stdout)


if __name__ == "__main__":
    main()
