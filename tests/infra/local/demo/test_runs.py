"""What the demo waits for: event hours with what their own landing hours published, and not the late tail."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from infra.local.demo.lake import Lake
from infra.local.demo.runs import days_left_behind, unaggregated_event_hours

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@dataclass(frozen=True)
class KnownLake:
    """A lake whose ledgers say what was received, by landing hour, and made."""

    landed: dict[int, dict[str, int]]
    made: dict[int, int]

    def rows(self, table: str) -> list[dict[str, Any]]:
        if table == "landing_ledger":
            return [{"landing_hour": hour(of), "received_by_event_hour": rows} for of, rows in self.landed.items()]
        return [{"event_hour": hour(of), "received": rows} for of, rows in self.made.items()]


def hour(number: int) -> datetime:
    return TEN + timedelta(hours=number - 10)


@pytest.mark.parametrize(
    ("landed", "made", "unaggregated"),
    [
        ({10: {"2026-11-22T10": 5}}, {}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T10": 5}}, {10: 4}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T10": 5}}, {10: 5}, set()),
        ({10: {"2026-11-22T10": 5}, 11: {"2026-11-22T10": 2}}, {10: 5}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T04": 1}}, {}, {"2026-11-22T04"}),
        ({10: {"2026-11-22T03": 1}}, {}, set()),
        ({10: {"2026-11-22T11": 1}}, {}, {"2026-11-22T11"}),
        # Published by landing hour 10 only, if it had received any: what 11 received of it is its late tail.
        ({10: {"2026-11-22T10": 5}, 11: {"2026-11-22T04": 1}}, {10: 5}, set()),
        ({10: {"2026-11-22T04": 2}, 11: {"2026-11-22T04": 1}}, {4: 2}, set()),
        ({10: {"2026-11-22T04": 2}, 11: {"2026-11-22T04": 1}}, {4: 3}, set()),
    ],
)
def test_an_event_hour_is_waited_for_if_a_landing_hour_that_it_has_events_of_publishes_it(
    landed: dict[int, dict[str, int]], made: dict[int, int], unaggregated: set[str]
) -> None:
    assert unaggregated_event_hours(cast(Lake, KnownLake(landed, made))) == unaggregated


@dataclass(frozen=True)
class LakeOfDays:
    """A lake whose ledgers say how many events the hours and the days have, by day of November."""

    hours: list[tuple[int, int, int]]
    days: dict[int, int]

    def rows(self, table: str) -> list[dict[str, Any]]:
        if table == "event_ledger":
            return [{"event_hour": datetime(2026, 11, day, of, tzinfo=UTC), "clean": n} for day, of, n in self.hours]
        return [{"day": date(2026, 11, day), "events": events} for day, events in self.days.items()]


@pytest.mark.parametrize(
    ("hours", "days", "left"),
    [
        pytest.param([(22, 9, 5), (22, 10, 2)], {}, [22], id="today"),
        pytest.param([(21, 23, 5), (22, 0, 2)], {}, [21, 22], id="both days around midnight"),
        pytest.param([(21, 23, 5), (22, 0, 2)], {21: 5}, [22], id="yesterday is there"),
        pytest.param([(21, 23, 5), (22, 0, 2)], {21: 4, 22: 2}, [21], id="yesterday lacks a late event"),
    ],
)
def test_a_day_is_aggregated_by_hand_if_its_row_lacks_events_of_its_hours(
    hours: list[tuple[int, int, int]], days: dict[int, int], left: list[int]
) -> None:
    assert days_left_behind(cast(Lake, LakeOfDays(hours, days))) == [date(2026, 11, day) for day in left]
