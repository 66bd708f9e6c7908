from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_settings import ScheduledFloor, Settings

FRIDAY = datetime(2026, 3, 6, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"minimum_shards": 5, "maximum_shards": 4}, "minimum_shards (5)", id="minimum-above-maximum"),
        pytest.param({"maximum_shards": 10_001}, "maximum_shards (10001)", id="more-than-a-stream-may-have"),
        pytest.param({"old_margin": 1.9}, "not grow", id="margin-grows-with-age"),
        pytest.param({"fresh": timedelta(hours=2)}, "in this order", id="fresh-after-fading"),
        pytest.param({"refusals_believed": timedelta(0)}, "refusals_believed is 0:00:00", id="refusals-unseen"),
        pytest.param({"urgent_utilization": 0.0}, "urgent_utilization is 0.0", id="always-urgent"),
        pytest.param({"calls_left_to_shrink": 11}, "calls_left_to_shrink is 11", id="more-calls-than-there-are"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ScalingSettingsError) as refused:
        Settings(**given)
    assert message in str(refused.value)


def test_a_floor_above_the_maximum_is_refused() -> None:
    with pytest.raises(ScalingSettingsError, match="above maximum_shards"):
        Settings(maximum_shards=10, floors=(ScheduledFloor(shards=40, start=FRIDAY, duration=HOUR),))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"shards": 0}, "has no effect", id="no-shards"),
        pytest.param({"start": datetime(2026, 3, 6)}, "no time zone", id="naive"),  # noqa: DTZ001
        pytest.param({"repeat": timedelta(minutes=5)}, "cannot repeat", id="overlaps-itself"),
    ],
)
def test_a_floor_that_means_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    valid: dict[str, Any] = {"shards": 4, "start": FRIDAY, "duration": HOUR}
    with pytest.raises(ScalingSettingsError, match=message):
        ScheduledFloor(**valid | given)


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        (FRIDAY - 2 * HOUR, FRIDAY - HOUR, False),
        (FRIDAY - HOUR, FRIDAY, True),
        (FRIDAY + HOUR / 2, FRIDAY + HOUR, True),
        (FRIDAY + HOUR, FRIDAY + 2 * HOUR, False),
        (FRIDAY + timedelta(days=21), FRIDAY + timedelta(days=21), True),
        (FRIDAY + timedelta(days=22), FRIDAY + timedelta(days=22, hours=1), False),
    ],
)
def test_a_weekly_floor_holds_from_its_start_for_its_duration(start: datetime, end: datetime, holds: bool) -> None:
    floor = ScheduledFloor(shards=4, start=FRIDAY, duration=HOUR, repeat=timedelta(days=7))
    assert floor.holds_between(start, end) is holds
