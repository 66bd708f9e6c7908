"""CloudWatch's points → the minutes of a stream as the policy takes them, kept and brought up to date poll by poll.

The first look goes back eight days, which is as far as the policy looks; later ones ask for the last quarter of an hour
again, because points come one or two minutes late and are filled in.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from kinesis_scaling.stream.metric_points import Metric, Points, read_points
from kinesis_scaling.stream_state import MinuteSample

MINUTE: Final = timedelta(minutes=1)
HISTORY: Final = timedelta(days=8)
#: So much is asked for again.
REFRESHED: Final = timedelta(minutes=15)
#: Older than this, the age of a consumer's iterator says nothing of now.
LAG_IS_KNOWN_FOR: Final = timedelta(minutes=5)

INCOMING_RECORDS: Final = Metric(name="IncomingRecords", statistic="Sum")
INCOMING_BYTES: Final = Metric(name="IncomingBytes", statistic="Sum")
THROTTLED: Final = Metric(name="WriteProvisionedThroughputExceeded", statistic="Sum")
READS: Final = Metric(name="GetRecords.Success", statistic="SampleCount")
ITERATOR_AGE: Final = Metric(name="GetRecords.IteratorAgeMilliseconds", statistic="Maximum")
METRICS: Final = (INCOMING_RECORDS, INCOMING_BYTES, THROTTLED, READS, ITERATOR_AGE)


class StreamMetrics:
    """What is known of one stream's minutes; `samples` are complete minutes, oldest first."""

    def __init__(self, cloudwatch: Any, stream_name: str, points_come_within: timedelta) -> None:
        self._cloudwatch = cloudwatch
        self._stream_name = stream_name
        self._points_come_within = points_come_within
        self.samples: list[MinuteSample] = []
        self.consumer_lag: timedelta | None = None

    def refresh(self, now: datetime) -> None:
        """Ask CloudWatch for what may be new by `now`; `StreamError` leaves what was known as it was."""
        end = now.replace(second=0, microsecond=0)
        # From the last known minute on, not from the last poll: a cloud that was away for an hour is caught up with.
        start = end - HISTORY if not self.samples else self.samples[-1].minute - REFRESHED
        points = read_points(self._cloudwatch, self._stream_name, METRICS, start, end)
        kept = [sample for sample in self.samples if end - HISTORY <= sample.minute < start]
        self.samples = kept + _samples(points, quiet_before=now - self._points_come_within)
        self.consumer_lag = _lag(points[ITERATOR_AGE], end)


def _samples(points: Mapping[Metric, Points], quiet_before: datetime) -> list[MinuteSample]:
    minutes = sorted({minute for metric in METRICS[:4] for minute in points[metric]})
    return [
        MinuteSample(
            minute=minute,
            incoming_records=points[INCOMING_RECORDS].get(minute),
            incoming_bytes=points[INCOMING_BYTES].get(minute),
            throttled_records=points[THROTTLED].get(minute, 0.0),
            reads_seen=points[READS].get(minute, 0.0) > 0 and minute + MINUTE <= quiet_before,
        )
        for minute in minutes
    ]


def _lag(ages: Points, end: datetime) -> timedelta | None:
    latest = max((minute for minute in ages if end - minute <= LAG_IS_KNOWN_FOR), default=None)
    return None if latest is None else timedelta(milliseconds=ages[latest])
