import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kinesis_scaling.errors import TraceError
from kinesis_scaling.simulation.trace_files import load_trace
from kinesis_scaling.simulation.traces import Gaps
from tests.plugins.kinesis_scaling.traces import trace

EVEN = "timestamp,count\n2026-03-02 00:00:00,10\n2026-03-02 00:05:00,20\n2026-03-02 00:10:00,30\n"
WITH_GAP = "2026-03-02 00:00:00,10\n2026-03-02 00:05:00,20\n2026-03-02 00:20:00,30\n2026-03-02 00:25:00,40\n"


def written(folder: Path, text: str, name: str = "clicks.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_of_counts_is_a_trace_with_the_interval_of_its_lines(tmp_path: Path) -> None:
    found = load_trace(written(tmp_path, EVEN))
    assert (found.name, found.start, found.interval) == (
        "clicks",
        datetime(2026, 3, 2, tzinfo=UTC),
        timedelta(minutes=5),
    )
    assert found.counts == (10, 20, 30)
    assert found.bytes is None


def test_a_gzipped_csv_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv.gz"
    path.write_bytes(gzip.compress(EVEN.encode()))
    assert load_trace(path).counts == (10, 20, 30)


def test_bytes_are_a_third_field_and_count_where_they_need_more_shards(tmp_path: Path) -> None:
    found = load_trace(written(tmp_path, "2026-03-02T00:00:00Z,60000,6e7\n2026-03-02T00:01:00Z,60000,3e8\n"))
    assert found.demand == pytest.approx((1.0, 5.0))


def test_sums_exported_from_cloudwatch_are_a_trace_in_order_of_time(tmp_path: Path) -> None:
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
    found = load_trace(written(tmp_path, json.dumps(export), "export.json"))
    assert (found.counts, found.bytes) == ((10.0, 20.0), (1000.0, 2000.0))


def test_the_older_cloudwatch_command_prints_a_trace_too(tmp_path: Path) -> None:
    points = [{"Timestamp": f"2026-03-02T00:0{minute}:00Z", "Sum": minute * 10.0} for minute in (2, 0, 1)]
    found = load_trace(written(tmp_path, json.dumps({"Label": "IncomingRecords", "Datapoints": points}), "old.json"))
    assert found.counts == (0.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(WITH_GAP, "has a gap: .*00:20.* follows .*00:05.*--gaps", id="gap"),
        pytest.param(EVEN.replace("20\n", "-20\n"), "line 3: the count is '-20'; it must be", id="negative"),
        pytest.param(EVEN.replace("20\n", "many\n"), "line 3: the count is 'many'", id="no-number"),
        pytest.param(EVEN.replace("20\n", "nan\n"), "line 3: the count is 'nan'", id="not-a-number"),
        pytest.param(EVEN.replace("00:10", "00:04"), "00:04.* stands after .*00:05.*sort", id="unsorted"),
        pytest.param(EVEN.replace("00:10", "00:05"), "stands after", id="time-twice"),
        pytest.param(EVEN + "yesterday,5\n", "line 5: 'yesterday' is no time", id="no-time"),
        pytest.param(EVEN + "2026-03-02 00:15:00\n", "line 5: .* has 1 fields", id="no-count"),
        pytest.param("timestamp,count\n", "has 0 lines of traffic", id="empty"),
        pytest.param('{"MetricDataResults": []}', "IncomingRecords .Sum. is needed", id="no-metric"),
        pytest.param("{", "neither CSV nor JSON", id="broken-json"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        load_trace(written(tmp_path, text))


def test_a_file_that_is_not_there_is_a_trace_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        load_trace(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("gaps", "counts"),
    [(Gaps.ZERO, (10, 20, 0, 0, 30, 40)), (Gaps.HOLD, (10, 20, 20, 20, 30, 40)), (Gaps.JOIN, (10, 20, 30, 40))],
)
def test_a_gap_means_what_the_person_says(tmp_path: Path, gaps: Gaps, counts: tuple[float, ...]) -> None:
    assert load_trace(written(tmp_path, WITH_GAP), gaps).counts == counts


def test_a_trace_is_scaled_by_its_busiest_interval() -> None:
    assert trace([1.0, 4.0, 2.0]).scaled_to_peak(64).demand == pytest.approx((16.0, 64.0, 32.0))


def test_a_trace_without_traffic_cannot_be_scaled() -> None:
    with pytest.raises(TraceError, match="no traffic"):
        trace([0.0, 0.0]).scaled_to_peak(64)
