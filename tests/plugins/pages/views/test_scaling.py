"""The stream's view: what was decided and why, and what the stream cost as it was, fixed, and on demand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import stream_prices
from contracts.tables import LANDING_LEDGER, SCALING_DECISIONS
from kinesis_scaling.decisions.explain import Interval
from pages.errors import QueryError
from pages.panels import Figures, Note, Series, Table, View
from pages.selection import Selection
from pages.views import scaling
from tests.plugins.pages.conftest import SmallLake

START = datetime(2026, 11, 26, tzinfo=UTC)
DAY = "2026-11-26"
HOUR = timedelta(hours=1)
Select = Callable[..., Selection]


def decision(at: datetime, before: int, after: int, **other: Any) -> dict[str, Any]:
    return {
        "decision_id": f"events {at.isoformat()}",
        "stream_name": "events",
        "decided_at": at,
        "mode": "on",
        "action": "UpdateShardCount",
        "reason": "growth",
        "explanation": f"from {before} to {after}",
        "outcome": "done",
        "open_shards": before,
        "target_shards": after,
        "resulting_shards": after,
        "finished_at": at + timedelta(minutes=1),
        "wanted_shards": after,
        "floor_shards": 1,
        "ceiling_shards": 100,
        "calls_left": 9,
        "demand": 3.5,
        "times": 1,
        "last_decided_at": at,
        "decided_by": "scheduled__2026-11-26T06:00:00+00:00",
        **other,
    }


@pytest.fixture
def lake(small_lake: SmallLake) -> SmallLake:
    small_lake.put(
        SCALING_DECISIONS,
        decision(START - 2 * HOUR, 2, 4),
        decision(START + 6 * HOUR, 4, 8, throttled_share=0.02),
        decision(START + 18 * HOUR, 8, 4, outcome="refused", resulting_shards=8, outcome_detail="limit"),
    )
    small_lake.put(LANDING_LEDGER, {"landing_hour": START + 6 * HOUR, "input_version": "1", "lines": 7_200_000})
    return small_lake


def panels(view: View) -> dict[str, Any]:
    return {panel.id: panel for panel in view.panels}


def figures(view: View) -> dict[str, Any]:
    totals = panels(view)["totals"]
    assert isinstance(totals, Figures)
    return {figure.label: figure.value for figure in totals.figures}


def test_the_bill_is_of_the_shards_there_were_beside_fixed_and_on_demand(lake: SmallLake, selection: Select) -> None:
    found = figures(scaling.view(lake.now(), selection(day=DAY)))
    puts = 7_200_000 * stream_prices.PUT_UNIT
    shard_hours = 4 * (6 + 1 / 60) + 8 * (18 - 1 / 60)
    assert found["Cost as scaled"] == pytest.approx(shard_hours * 0.015 + puts)
    assert found["Fixed at the most"] == pytest.approx(8 * 24 * 0.015 + puts)
    gigabytes = 7_200_000 / 1024 / 1024
    assert found["On demand"] == pytest.approx(24 * 0.04 + gigabytes * (0.08 + 0.04))
    assert (found["Open shards"], found["Moves made"], found["Most throttled"]) == (8, 1, 0.02)


def test_capacity_demand_and_moves_are_on_one_time_line(lake: SmallLake, selection: Select) -> None:
    line = panels(scaling.view(lake.now(), selection(day=DAY)))["time_line"]
    assert isinstance(line, Series)
    capacity, demand, records, throttled = line.lines
    assert (len(line.instants), capacity.values[0], capacity.values[-1]) == (144, 4, 8)
    assert [value for value in demand.values if value is not None] == [3.5, 3.5]
    assert [records.values[at] for at in (35, 36, 41, 42)] == [None, 2.0, 2.0, None]
    assert throttled.values[36] == 0.02
    assert [(mark.at, mark.label, mark.detail) for mark in line.marks] == [
        (START + 6 * HOUR, "4 → 8 UpdateShardCount", "from 4 to 8"),
        (START + 18 * HOUR, "8 → 4 UpdateShardCount", "from 8 to 4"),
    ]


def test_decisions_are_listed_with_reason_outcome_and_run(lake: SmallLake, selection: Select) -> None:
    table = panels(scaling.view(lake.now(), selection(day=DAY)))["decisions"]
    assert isinstance(table, Table)
    assert [(row[1], row[2], row[3]) for row in table.rows] == [
        ("8 → 4 UpdateShardCount", "refused: limit", "from 8 to 4"),
        ("4 → 8 UpdateShardCount", "done", "from 4 to 8"),
    ]
    assert table.shaded == [0]
    assert table.rows[0][-1].airflow == (
        "/dags/scale_event_stream/runs?run_id_pattern=scheduled__2026-11-26T06%3A00%3A00%2B00%3A00"
    )


def test_a_day_without_decisions_has_the_shards_of_the_last_one(lake: SmallLake, selection: Select) -> None:
    view = scaling.view(lake.now(), selection(day="2026-11-25", now=START + 36 * HOUR))
    assert figures(view)["Moves made"] == 1
    later = scaling.view(lake.now(), selection(day="2026-11-27"))
    assert isinstance(panels(later)["quiet"], Note)
    assert figures(later)["Open shards"] == 8
    assert figures(later)["Cost as scaled"] == pytest.approx(8 * 13 * 0.015)


def test_with_several_streams_one_is_chosen_and_lines_are_nobodys(lake: SmallLake, selection: Select) -> None:
    lake.put(
        SCALING_DECISIONS,
        decision(START + 6 * HOUR, 4, 8),
        decision(START + 7 * HOUR, 1, 2, stream_name="other", decision_id="other"),
    )
    view = scaling.view(lake.now(), selection(day=DAY, stream="other"))
    assert figures(view)["Open shards"] == 2
    assert figures(view)["On demand"] is None
    with pytest.raises(QueryError, match="choose one of events, other"):
        scaling.view(lake.now(), selection(day=DAY, stream="none"))


@given(
    changes=st.lists(st.tuples(st.integers(1, 23), st.integers(1, 50)), unique_by=lambda change: change[0]),
    lines=st.integers(0, 10**9),
)
def test_scaling_costs_no_more_than_its_most_shards_all_the_time(changes: list[tuple[int, int]], lines: int) -> None:
    at = sorted([(0, 3), *changes])
    ends = [*(hour for hour, _ in at[1:]), 24]
    intervals = [
        Interval(shards=shards, start=START + hour * HOUR, end=START + end * HOUR)
        for (hour, shards), end in zip(at, ends, strict=True)
    ]
    costs = scaling.costs_of(intervals, START, START + 24 * HOUR, lines)
    assert costs.hours == pytest.approx(24)
    assert costs.scaled <= costs.fixed + 1e-9
    assert date(2026, 11, 26) == START.date()
