"""Prefix expressions are filled in as Firehose does it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.partitions import FIREHOSE_ERROR_PREFIX, FIREHOSE_PREFIX
from local.cloud.firehose.destination import PrefixError, check_prefixes, evaluate_prefix

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param(FIREHOSE_PREFIX, "raw/landing_date=2026-01-02/landing_hour=03/", id="ours"),
        pytest.param("", "2026/01/02/03/", id="default"),
        pytest.param("raw/", "raw/2026/01/02/03/", id="default-appended"),
        pytest.param("!{timestamp:'year='yyyy/}", "year=2026/", id="quoted"),
        pytest.param("!{timestamp:yy-DDD-mm-ss}", "26-002-04-05", id="more-letters"),
        pytest.param("r-!{firehose:random-string}/!{timestamp:HH}/", "r-abc/03/", id="random-string"),
    ],
)
def test_a_prefix_shows_the_arrival_of_the_oldest_record(template: str, expected: Any) -> None:
    assert evaluate_prefix(template, MOMENT, random="abc") == expected


def test_the_error_prefix_names_the_kind_of_error() -> None:
    evaluated = evaluate_prefix(FIREHOSE_ERROR_PREFIX, MOMENT, random="", error_type="processing-failed")
    assert evaluated == "errors/processing-failed/landing_date=2026-01-02/landing_hour=03/"


@pytest.mark.parametrize(
    ("template", "error_template"),
    [
        pytest.param("!{timestamp:HH}/", "", id="expressions-without-error-prefix"),
        pytest.param("!{timestamp:HH}/", "errors/", id="error-prefix-without-its-type"),
        pytest.param("!{firehose:error-output-type}/", "!{firehose:error-output-type}/", id="error-type-in-the-prefix"),
        pytest.param("!{partitionKeyFromQuery:x}/", "!{firehose:error-output-type}/", id="dynamic-partitioning"),
        pytest.param("!{timestamp:EEE}/", "!{firehose:error-output-type}/", id="a-letter-we-lack"),
    ],
)
def test_a_pair_of_prefixes_that_cannot_work_is_refused(template: str, error_template: str) -> None:
    with pytest.raises(PrefixError):
        check_prefixes(template, error_template)
