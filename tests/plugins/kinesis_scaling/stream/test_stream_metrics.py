"""Minutes as the policy takes them: complete ones, late points filled in, and quiet only what is known to be quiet."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kinesis_scaling.stream.metrics import HISTORY, METRICS, StreamMetrics
from tests.plugins.kinesis_scaling.stream.stubbed_stream import NOW, STREAM, StubbedStream, result

MINUTE = timedelta(minutes=1)
LAST = NOW.replace(second=0) - MINUTE
DELAY = timedelta(minutes=3)
RECORDS, BYTES, THROTTLED, READS, AGE = range(5)


class RecordedCloudWatch:
    """Answers from points that a test lays down, and keeps what it was asked."""

    def __init__(self, points: Mapping[int, Mapping[datetime, float]]) -> None:
        self.points = {number: dict(points.get(number, {})) for number in range(len(METRICS))}
        self.asked: list[tuple[datetime, datetime]] = []

    def get_metric_data(self, **request: object) -> dict[str, object]:
        start, end = request["StartTime"], request["EndTime"]
        assert isinstance(start, datetime)
        assert isinstance(end, datetime)
        self.asked.append((start, end))
        return {
            "MetricDataResults": [
                result(f"m{number}", {at: value for at, value in points.items() if start <= at < end})
                for number, points in self.points.items()
            ]
        }


def metrics_of(cloudwatch: RecordedCloudWatch) -> StreamMetrics:
    return StreamMetrics(cloudwatch, STREAM, DELAY)


def test_the_first_look_asks_for_eight_days_and_complete_minutes_only(stream: StubbedStream) -> None:
    cloudwatch = RecordedCloudWatch({RECORDS: {LAST: 60.0, LAST + MINUTE: 1.0}})

    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    assert cloudwatch.asked == [(LAST + MINUTE - HISTORY, LAST + MINUTE)]
    assert [(sample.minute, sample.incoming_records) for sample in metrics.samples] == [(LAST, 60.0)]


def test_a_later_look_asks_for_the_last_minutes_again_and_takes_what_has_come_since() -> None:
    old = LAST - timedelta(hours=3)
    cloudwatch = RecordedCloudWatch({RECORDS: {old: 5.0, LAST: 60.0}})
    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    cloudwatch.points[RECORDS] |= {LAST: 90.0, LAST + MINUTE: 30.0, old: 7.0}
    metrics.refresh(NOW + MINUTE)

    assert cloudwatch.asked[1] == (LAST - timedelta(minutes=15), LAST + 2 * MINUTE)
    assert [sample.incoming_records for sample in metrics.samples] == [5.0, 90.0, 30.0]


def test_what_was_missed_while_nobody_looked_is_asked_for() -> None:
    cloudwatch = RecordedCloudWatch({RECORDS: {LAST: 60.0}})
    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    cloudwatch.points[RECORDS] |= {LAST + number * MINUTE: float(number) for number in range(1, 91)}
    metrics.refresh(NOW + 90 * MINUTE)

    assert [sample.incoming_records for sample in metrics.samples] == [60.0, *map(float, range(1, 91))]


def test_a_minute_with_reads_and_no_records_is_quiet_once_its_points_can_no_longer_come() -> None:
    quiet, too_new = LAST - 3 * MINUTE, LAST
    cloudwatch = RecordedCloudWatch({READS: {quiet: 5.0, too_new: 5.0}})

    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    assert {sample.minute: sample.demand for sample in metrics.samples} == {quiet: 0.0, too_new: None}


def test_a_minute_without_any_point_is_unknown() -> None:
    cloudwatch = RecordedCloudWatch({RECORDS: {LAST - 2 * MINUTE: 60.0, LAST: 60.0}, READS: {}})

    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    assert [sample.minute for sample in metrics.samples] == [LAST - 2 * MINUTE, LAST]


def test_what_was_throttled_counts_as_wanted() -> None:
    cloudwatch = RecordedCloudWatch({RECORDS: {LAST: 60_000.0}, BYTES: {LAST: 6e6}, THROTTLED: {LAST: 30_000.0}})

    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)

    assert metrics.samples[-1].demand == 1.5


def test_the_lag_is_the_latest_age_of_the_last_minutes() -> None:
    cloudwatch = RecordedCloudWatch({AGE: {LAST - 3 * MINUTE: 9_000.0, LAST - MINUTE: 4_000.0}})
    metrics = metrics_of(cloudwatch)
    metrics.refresh(NOW)
    assert metrics.consumer_lag == timedelta(seconds=4)

    metrics.refresh(NOW + 10 * MINUTE)
    assert metrics.consumer_lag is None


@given(
    points=st.dictionaries(st.integers(0, 40), st.floats(0, 1e6), max_size=40),
    looks=st.lists(st.integers(1, 12), min_size=1, max_size=6),
)
def test_looking_often_finds_what_looking_once_finds(points: dict[int, float], looks: list[int]) -> None:
    laid = {LAST + number * MINUTE: value for number, value in points.items()}
    often, once = metrics_of(RecordedCloudWatch({RECORDS: laid})), metrics_of(RecordedCloudWatch({RECORDS: laid}))
    at = NOW
    for pause in looks:
        at += pause * MINUTE
        often.refresh(at)
    once.refresh(at)

    assert often.samples == once.samples
