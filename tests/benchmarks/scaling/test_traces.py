"""A file of counts, or what AWS's command line prints, is a trace, or an error that says what is missing."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling.traces import Gaps, Trace, load_trace, parse_points, trace_of
from kinesis_scaling.errors import TraceError
from tests.benchmarks.scaling.traces import trace

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(WITH_GAP, "line 3, .*00:20.* follows .*00:05.*--gaps zero", id="gap"),
        pytest.param(EVEN.replace("20\n", "-20\n"), "line 3: the count is '-20'; it must be", id="negative"),
        pytest.param(EVEN.replace("20\n", "many\n"), "line 3: the count is 'many'", id="no-number"),
        pytest.param(EVEN.replace("20\n", "nan\n"), "line 3: the count is 'nan'", id="not-a-number"),
        pytest.param(EVEN.replace("20\n", "1e999\n"), "line 3: the count is '1e999'", id="infinite"),
        pytest.param(EVEN.replace("20\n", "20,-1\n"), "line 3: the bytes is '-1'", id="negative-bytes"),
        pytest.param(
            EVEN.replace("20\n", "20,9\n"), "line 2, .*: has no bytes, but others have", id="bytes-here-and-there"
        ),
        pytest.param(EVEN.replace("00:10", "00:04"), "line 4, .*00:04.* after .*00:05.*; sort", id="unsorted"),
        pytest.param(EVEN.replace("00:10", "00:05"), "line 4, .*00:05.* twice; keep one", id="time-twice"),
        pytest.param(EVEN + "yesterday,5\n", "line 5: 'yesterday' is no time; write 2026", id="no-time"),
        pytest.param(EVEN + "0001-01-01,5\n", "line 5: '0001-01-01' lies outside the years", id="no-year"),
        pytest.param("1,5\n2,6\n", "line 1: '1' is no time; .* or seconds or milliseconds since 1970", id="numbers"),
        pytest.param("9" * 21 + ",5\n1,6\n", "line 1: '9{21}' is no time", id="no-epoch-time"),
        pytest.param("2026-13-02,5\n2026-03-02,6\n", "line 1: '2026-13-02' is no time", id="a-wrong-time-is-no-header"),
        pytest.param(EVEN + "2026-03-02 00:15:00\n", "line 5: .* has 1 fields between commas", id="no-count"),
        pytest.param(EVEN.replace(",", ";"), "line 2: .* has 1 fields between commas", id="semicolons"),
        pytest.param("count,timestamp\n5,2026-03-02\n", "line 2: '5' is no time", id="swapped"),
        pytest.param("time,bytes\n2026-03-02,5\n", "line 1: the second column is 'bytes'; counts", id="bytes-only"),
        pytest.param("time,count,errors\n", "line 1: the third column is 'errors'; only bytes", id="other-column"),
        pytest.param("2026-03-02," + "1" * 200_000, "line 1: field larger", id="endless-field"),
        pytest.param(
            "2026-03-02 00:00:00,1\n2026-03-02 00:00:00.5,2\n", "intervals of 0:00:00.5.*add", id="half-seconds"
        ),
        pytest.param("timestamp,count\n", "has no lines of traffic; at least two", id="header-only"),
        pytest.param("", "has no lines of traffic", id="empty"),
        pytest.param("2026-03-02,1\n", "has 1 line of traffic", id="one-line"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        load_trace(written(tmp_path, text))


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(("1772409600", "1772409660"), id="seconds"),
        pytest.param(("1772409600000", "1772409660000"), id="milliseconds"),
        pytest.param(("1772409600000000", "1772409660000000"), id="microseconds"),
        pytest.param(("1772409600000000000", "1772409660000000000"), id="nanoseconds"),
        pytest.param(("1772409600.0", "1772409660.0"), id="a-float"),
        pytest.param(("1.7724096e9", "1.77240966E+9"), id="an-exponent"),
        pytest.param(("20260302", "1772409660"), id="a-date-in-eight-digits"),
    ],
)
def test_epoch_times_are_read_in_the_unit_that_their_digits_tell(tmp_path: Path, times: tuple[str, str]) -> None:
    found = load_trace(written(tmp_path, f"timestamp,count\n{times[0]},10\n{times[1]},20\n"))
    assert (found.start, found.interval) == (datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=1))


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(("01:58", "01:59", "01:00", "01:01"), id="minutes"),
        pytest.param(("01:30", "01:45", "01:00", "01:15"), id="quarters"),
        pytest.param(("00:00", "01:00", "01:00", "02:00"), id="hours"),
    ],
)
def test_the_hour_that_comes_twice_is_told_with_the_way_out(tmp_path: Path, times: tuple[str, ...]) -> None:
    local = "".join(f"2026-10-25 {time},5\n" for time in times)
    with pytest.raises(TraceError, match=r"line 3, .*an hour comes twice, as when a clock is set back.* in UTC"):
        load_trace(written(tmp_path, local))
    zoned = "".join(f"2026-10-25 {time}{'+02:00' if n < 2 else '+01:00'},5\n" for n, time in enumerate(times))
    assert load_trace(written(tmp_path, zoned)).counts == (5, 5, 5, 5)


def test_the_hour_that_never_comes_is_told_beside_the_gap(tmp_path: Path) -> None:
    local = "2026-03-29 01:58,5\n2026-03-29 01:59,5\n2026-03-29 03:00,5\n"
    with pytest.raises(TraceError, match=r"If a clock was set forward there: write the times in UTC.*--gaps zero"):
        load_trace(written(tmp_path, local))


@pytest.mark.parametrize("gaps", [Gaps.ZERO, Gaps.HOLD])
@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2026-03-02 00:12", "line 5, .*00:12.* no multiple; only --gaps join"),
        ("2926-03-02", "too long.*check the year"),
    ],
    ids=["off-the-grid", "nine-hundred-years"],
)
def test_a_gap_that_cannot_be_filled_is_refused(tmp_path: Path, gaps: Gaps, time: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        load_trace(written(tmp_path, f"{EVEN}{time},40\n"), gaps)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    assert load_trace(written(tmp_path, "\ufeff" + EVEN.partition("\n")[2])).counts == (10, 20, 30)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(EVEN.encode("utf-16"), "save it as UTF-8", id="utf-16"),
        pytest.param(gzip.compress(EVEN.encode())[:30], "gzip is damaged", id="half-a-gzip"),
        pytest.param(b"\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff", "gzip is damaged", id="no-deflate"),
        pytest.param(b"\x1f\x8bplain", "cannot be read", id="no-gzip"),
    ],
)
def test_bytes_that_are_no_text_are_a_trace_error(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "clicks.csv.gz"
    path.write_bytes(data)
    with pytest.raises(TraceError, match=message):
        load_trace(path)


def test_a_folder_is_a_trace_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        load_trace(tmp_path)


def test_traffic_that_no_stream_takes_is_refused_with_a_question() -> None:
    trace([9_999.0, 10_000.0]).check_fits_a_stream()
    with pytest.raises(TraceError, match=r"needs 1e\+04 shards .* at most 10,000: are the counts per interval of 0:05"):
        trace([1.0, 10_001.0]).check_fits_a_stream()


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
