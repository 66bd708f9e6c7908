"""What the demo starts and waits for: landing hours, at whichever second of an hour, and what they published."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.partitions import settled_at
from local.airflow import AirflowApi, DagRun
from local.demo.pipeline import TRANSFORM, Lake, PipelineRuns, days_left_behind, unaggregated_event_hours
from local.waits import Waiter

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@dataclass(frozen=True)
class KnownLake:
    """A lake whose ledgers say what was received, by landing hour, and aggregated, by event hour."""

    landed: dict[int, dict[str, int]]
    aggregated: dict[int, int]

    def rows(self, table: str) -> list[dict[str, Any]]:
        if table == "landing_ledger":
            return [{"landing_hour": hour(of), "received_by_event_hour": rows} for of, rows in self.landed.items()]
        return [{"event_hour": hour(of), "received": rows} for of, rows in self.aggregated.items()]


def hour(number: int) -> datetime:
    return TEN + timedelta(hours=number - 10)


@pytest.mark.parametrize(
    ("landed", "aggregated", "unaggregated"),
    [
        ({10: {"2026-11-22T10": 5}}, {}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T10": 5}}, {10: 4}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T10": 5}}, {10: 5}, set()),
        ({10: {"2026-11-22T10": 5}, 11: {"2026-11-22T10": 2}}, {10: 5}, {"2026-11-22T10"}),
        ({10: {"2026-11-22T08": 1}}, {}, {"2026-11-22T08"}),
        ({10: {"2026-11-22T07": 1}}, {}, set()),
        ({10: {"2026-11-22T11": 1}}, {}, {"2026-11-22T11"}),
        # Published by landing hour 10 only, if it had received any: what 11 received of it is its late tail.
        ({10: {"2026-11-22T10": 5}, 11: {"2026-11-22T08": 1}}, {10: 5}, set()),
        ({10: {"2026-11-22T08": 2}, 11: {"2026-11-22T08": 1}}, {8: 2}, set()),
        ({10: {"2026-11-22T08": 2}, 11: {"2026-11-22T08": 1}}, {8: 3}, set()),
    ],
)
def test_an_event_hour_is_waited_for_if_a_landing_hour_that_it_has_events_of_publishes_it(
    landed: dict[int, dict[str, int]], aggregated: dict[int, int], unaggregated: set[str]
) -> None:
    assert unaggregated_event_hours(cast(Lake, KnownLake(landed, aggregated))) == unaggregated


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


class KnownAirflow:
    """An Airflow whose runs end at once, but scheduled ones of hours that are not settled, which wait."""

    def __init__(self, now: datetime, settles_after: timedelta) -> None:
        self._now = now
        self._settles_after = settles_after
        self.kinds: dict[str, str] = {}
        self._found: list[DagRun] = []
        # As soon as the DAG is no longer paused.
        self._add(now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1), "scheduled")

    def backfill(self, _dag_id: str, *, first: str, last: str) -> None:
        at = datetime.fromisoformat(first)
        while at <= datetime.fromisoformat(last):
            self._add(at, "backfill")
            at += timedelta(hours=1)

    def trigger(self, _dag_id: str, *, partition_key: str, params: dict[str, Any]) -> DagRun:
        assert params == {"allow_open_hour": True}
        return self._add(datetime.fromisoformat(f"{partition_key}:00:00+00:00"), "manual")

    def wait_for_runs(self, _dag_id: str, wanted: Any, *, waiter: Waiter) -> None:
        assert waiter
        assert wanted(self._found), "a wait that nothing would end for minutes"

    def _add(self, at: datetime, run_type: str) -> DagRun:
        settled = at + timedelta(hours=1) + self._settles_after <= self._now
        key = at.strftime("%Y-%m-%dT%H")
        run = DagRun(
            dag_id=TRANSFORM,
            run_id=f"{run_type} {key}",
            run_type=run_type,
            state="success" if settled or run_type == "manual" else "running",
            partition_key=key,
        )
        self._found.append(run)
        self.kinds[key] = run_type
        return run


@dataclass(frozen=True)
class BufferedLake:
    buffer_interval: timedelta


@given(second=st.integers(0, 3_599), buffer=st.sampled_from([5, 60]))
def test_no_landing_hour_is_waited_for_until_the_clock_says_that_it_is_settled(second: int, buffer: int) -> None:
    now, interval = TEN + timedelta(seconds=second), timedelta(seconds=buffer)
    airflow = KnownAirflow(now, settled_at(TEN, interval) - TEN - timedelta(hours=1))
    runs = PipelineRuns(
        api=cast(AirflowApi, airflow), lake=cast(Lake, BufferedLake(interval)), waiter=Waiter(), now=lambda: now
    )

    runs.transform([hour(8), hour(9), hour(10)])

    last = "scheduled" if settled_at(hour(9), interval) <= now else "manual"
    assert airflow.kinds == {"2026-11-22T08": "backfill", "2026-11-22T09": last, "2026-11-22T10": "manual"}


@dataclass(frozen=True)
class AirflowOfRuns:
    """An Airflow whose DAGs have these runs, by DAG, and get no others; each of its DAGs is parsed."""

    states: dict[str, list[str]]

    def dag_ids(self) -> list[str]:
        return list(self.states)

    def unpause(self, dag_id: str) -> None:
        assert dag_id in self.states

    def wait_for_runs(self, dag_id: str, wanted: Any, *, waiter: Waiter) -> None:
        runs = [
            DagRun(dag_id=dag_id, run_id=str(number), run_type="asset_triggered", state=state, partition_key=None)
            for number, state in enumerate(self.states[dag_id])
        ]
        assert wanted(runs), f"{dag_id} is waited for in vain"


def test_weeks_are_not_waited_for_as_long_as_none_is_over() -> None:
    """On most days no week of the demo's is over, and nothing starts a run of one."""
    states = {"reconcile_hours": ["success"], "aggregate_hour": ["success"], "aggregate_day": ["success"]}
    for weeks in ([], ["success"]):
        airflow = cast(AirflowApi, AirflowOfRuns({**states, "aggregate_week": weeks}))
        PipelineRuns(api=airflow, lake=cast(Lake, None), waiter=Waiter()).reconcile()
    running = cast(AirflowApi, AirflowOfRuns({**states, "aggregate_week": ["running"]}))
    with pytest.raises(AssertionError, match="aggregate_week is waited for"):
        PipelineRuns(api=running, lake=cast(Lake, None), waiter=Waiter()).reconcile()
