"""What AWS's command line prints is a trace, or an error that says what is missing."""

import json
from typing import Any

import pytest

from kinesis_scaling.errors import TraceError
from kinesis_scaling.simulation.trace_files import parse_points
from kinesis_scaling.simulation.traces import Trace, trace_of


def loaded(export: object) -> Trace:
    return trace_of("export", parse_points(json.dumps(export), "export.json"))


def result(values: dict[int, float], label: str = "IncomingRecords", id_: str = "m1") -> dict[str, Any]:
    """Return a result of get-metric-data: minute → sum."""
    times = [f"2026-03-02T00:{minute:02}:00+00:00" for minute in values]
    return {"Id": id_, "Label": label, "Timestamps": times, "Values": list(values.values()), "StatusCode": "Complete"}


def test_sums_exported_from_cloudwatch_are_a_trace_in_order_of_time() -> None:
    export = {
        "MetricDataResults": [
            {
                "Id": "m1",
                "Label": "IncomingRecords",
                "Timestamps": ["2026-03-02T00:01:00+00:00", "2026-03-02T00:00:00+00:00"],
                "Values": [20.0, 10.0],
            },
            {
                "Id": "incoming_bytes",
                "Label": "in",
                "Timestamps": ["2026-03-02T00:01:00+00:00", "2026-03-02T00:00:00+00:00"],
                "Values": [2000.0, 1000.0],
            },
        ]
    }
    found = loaded(export)
    assert (found.counts, found.bytes) == ((10.0, 20.0), (1000.0, 2000.0))


def test_the_older_cloudwatch_command_prints_a_trace_too() -> None:
    points = [{"Timestamp": f"2026-03-02T00:0{minute}:00Z", "Sum": minute * 10.0} for minute in (2, 0, 1)]
    found = loaded({"Label": "IncomingRecords", "Datapoints": points})
    assert found.counts == (0.0, 10.0, 20.0)


def test_the_pages_of_a_long_answer_are_one_trace() -> None:
    pages = [result({2: 30.0, 1: 20.0}), result({0: 10.0}), result({})]
    assert loaded({"MetricDataResults": pages}).counts == (10.0, 20.0, 30.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"MetricDataResults": []}', "sums of none; those of IncomingRecords are needed", id="no-metric"),
        pytest.param(
            json.dumps({"MetricDataResults": [result({0: 1.0}, "GetRecords.Records")]}),
            "sums of GetRecords.Records; those of IncomingRecords",
            id="another-metric",
        ),
        pytest.param(
            json.dumps({"MetricDataResults": [result({0: 1.0}), result({0: 2.0}, "b IncomingRecords", "m2")]}),
            "two sums of IncomingRecords at 2026-03-02 00:00.*one stream",
            id="two-streams",
        ),
        pytest.param(
            json.dumps({"MetricDataResults": [result({0: 1.0, 1: 2.0}), result({0: 9.0}, "IncomingBytes")]}),
            "00:01.*: has no bytes",
            id="bytes-for-some-minutes",
        ),
        pytest.param(
            json.dumps({"Datapoints": [{"Timestamp": "2026-03-02T00:00:00Z", "Average": 3}]}),
            "2026-03-02T00:00:00Z: the Sum is None",
            id="averages",
        ),
        pytest.param('{"Datapoints": [7]}', "'None' is no time", id="points-that-are-none"),
        pytest.param('{"Datapoints": 7}', "not what `aws cloudwatch", id="no-points"),
        pytest.param('{"MetricDataResults": [{"Id": "m1"}]}', "not what `aws cloudwatch", id="result-without-values"),
        pytest.param("[1, 2]", "not what `aws cloudwatch", id="list"),
        pytest.param('{"a":' * 100_000, "nested too deeply", id="deep"),
        pytest.param("{", "neither CSV nor JSON", id="broken"),
    ],
)
def test_json_that_is_no_such_answer_is_refused(text: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        trace_of("export", parse_points(text, "export.json"))
