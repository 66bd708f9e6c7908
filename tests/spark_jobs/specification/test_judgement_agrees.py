"""The validation of lines says of every line what the specification says, value for value."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings

from contracts.privacy import ADDRESS_FIELDS, URL_COLUMNS, truncated_address
from spark_jobs.validation.line import Received, validate_line
from tests.spark_jobs.hostile_lines import lines
from tests.specification import fields
from tests.specification.json_values import Object, parse
from tests.specification.judgement import judge
from tests.specification.test_judgement import EDGES, ENVELOPE, line
from tests.specification.torture import json_test_suite, naughty_strings


@given(raw=lines())
@settings(max_examples=1000)
def test_the_jobs_judge_hostile_lines_as_specified(raw: bytes) -> None:
    assert_judged_alike(raw)


@pytest.mark.parametrize("raw", [raw for raw, _ in EDGES], ids=lambda raw: str(len(raw)))
def test_the_jobs_judge_lines_at_the_edge_of_a_rule_as_specified(raw: bytes) -> None:
    assert_judged_alike(raw)


def test_the_jobs_judge_the_public_suites_as_specified() -> None:
    for text in json_test_suite().values():
        for raw in (text, *(wrapped(text) if len(text) < 50_000 else ())):
            assert_judged_alike(raw)
    for string in naughty_strings():
        quoted = fields.normal_text(string).encode()
        assert_judged_alike(line(b',"pixel_id":%s,"additional_data":{"product_id":%s}' % (quoted, quoted)))


def wrapped(text: bytes) -> Iterator[bytes]:
    """Yield lines in which a text stands for a value."""
    yield ENVELOPE % text
    yield line(b',"additional_data":' + text)
    yield line(b',"x":' + text)


def assert_judged_alike(raw: bytes) -> None:
    outcome, specified = validate_line(raw), judge(raw)
    if isinstance(outcome, Received):
        assert _normal(outcome.values) == asdict(specified), raw[:3000]
    else:
        assert (str(outcome.rejection_reason), outcome.received_at) == (
            getattr(specified, "reason", "an event"),
            specified.received_at,
        ), raw[:3000]


def _normal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with `extra` as equal values look equal, and addresses cut, as is done after validating."""
    json = parse((values["extra"] or "null").encode())
    assert json is not None
    assert isinstance(json.value, Object | None)
    addresses = {name: truncated_address(values[name] or "") for name in ADDRESS_FIELDS}
    pages = {name: None if values[name] is None else fields.url(values[name]) for name in URL_COLUMNS}
    unread = values["unread_fields"]
    cut = {**addresses, **pages, "unread_fields": None if unread is None else tuple(unread)}
    return {**values, **cut, "extra": None if json.value is None else fields.normal_text(json.value)}
