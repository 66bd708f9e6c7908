"""The ledger's view: each line has a place in the flow, and what does not add up is said to be broken."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.partitions import hour_key
from contracts.tables import CLEAN_EVENTS, DATA_CHECKS, EVENT_LEDGER, HOURLY_TRAFFIC, LANDING_LEDGER
from pages.lake.accepted import AcceptedDay, AcceptedHour
from pages.panels import Branch, Figures, Flow, Link, Note, Stage, Table, View
from pages.selection import Selection
from pages.views import trust
from tests.plugins.pages.conftest import SmallLake

EIGHT = datetime(2026, 11, 26, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ELEVEN = EIGHT + 3 * HOUR
DAY = "2026-11-26"
Select = Callable[..., Selection]


def landed(hour: datetime, events: Mapping[datetime, int], rejected: Mapping[str, int], **other: Any) -> dict[str, Any]:
    received, refused = sum(events.values()), sum(rejected.values())
    return {
        "landing_hour": hour,
        "input_version": "1",
        "settled": True,
        "lines": received + refused,
        "received": received,
        "rejected": refused,
        "rejected_by_reason": list(rejected.items()),
        "received_by_event_hour": [(hour_key(of), count) for of, count in events.items()],
        **other,
    }


def counted(hour: datetime, received: int, duplicates: int = 0, **other: Any) -> dict[str, Any]:
    clean = received - duplicates
    return {
        "event_hour": hour,
        "input_version": "1",
        "received": received,
        "clean": clean,
        "duplicates": duplicates,
        **other,
    }


def traffic(hour: datetime, events: int, bots: int = 0) -> dict[str, Any]:
    return {"event_hour": hour, "events": events, "events_without_bots": events - bots}


@pytest.fixture
def lake(small_lake: SmallLake) -> SmallLake:
    """Return a lake of one day of two hours, of which the later one has late events and some of the day before."""
    small_lake.put(
        LANDING_LEDGER,
        landed(EIGHT, {EIGHT: 100}, {"not_json": 3}),
        landed(ELEVEN, {ELEVEN: 50, EIGHT: 5, EIGHT - 12 * HOUR: 2}, {"not_json": 1, "too_late": 4}),
    )
    small_lake.put(EVENT_LEDGER, counted(EIGHT, 105, 10), counted(ELEVEN, 50))
    small_lake.put(HOURLY_TRAFFIC, traffic(EIGHT, 95, 15), traffic(ELEVEN, 50))
    return small_lake


class Accepted:
    """In the place of CloudWatch: the same for every day."""

    def __init__(self, day: AcceptedDay) -> None:
        self._day = day

    def of(self, _: object) -> AcceptedDay:
        return self._day


def with_accepted(lake: SmallLake, accepted: AcceptedDay) -> Any:
    return lake.reader(accepted=Accepted(accepted)).lake()


def panels(view: View) -> dict[str, Any]:
    return {panel.id: panel for panel in view.panels}


def verdict(view: View) -> tuple[str, str]:
    (totals,) = [panel for panel in view.panels if isinstance(panel, Figures)]
    assert totals.trust is not None
    return totals.trust.state, totals.trust.sentence


def stages(flow: Flow) -> list[tuple[str, int, dict[str, int]]]:
    return [(stage.label, stage.count, {each.label: each.count for each in stage.branches}) for stage in flow.stages]


def test_each_line_of_the_day_has_its_place(lake: SmallLake, selection: Select) -> None:
    found = panels(trust.view(lake.now(), selection(day=DAY)))
    assert stages(found["arrived"]) == [
        ("Lines arrived", 165, {"rejected: not_json": 4, "rejected: too_late": 4}),
        ("Received", 157, {"of other days": 2}),
        ("Of the day itself", 155, {}),
    ]
    assert stages(found["happened"]) == [
        ("Received for its hours", 155, {}),
        ("Counted", 155, {"copies left out": 10}),
        ("Events, each once", 145, {}),
        ("In hourly tables", 145, {"bots": 15}),
        ("Without bots", 130, {}),
    ]
    assert found["arrived"].missing == (0, 0)
    assert found["happened"].missing == (0, 0, 0, 0)


def test_the_flow_begins_with_what_was_accepted_and_compares_no_unit_with_another(
    lake: SmallLake, selection: Select
) -> None:
    hours = {
        EIGHT: AcceptedHour(requests=60, refused=3, records=52),
        ELEVEN: AcceptedHour(requests=40, refused=1, failed=1, records=40),
    }
    view = trust.view(with_accepted(lake, AcceptedDay(hours=hours)), selection(day=DAY))
    found = panels(view)
    assert stages(found["arrived"])[:3] == [
        ("Requests to the API", 100, {"refused (4xx)": 4, "failed (5xx)": 1}),
        ("Records in the stream", 92, {}),
        ("Lines arrived", 165, {"rejected: not_json": 4, "rejected: too_late": 4}),
    ]
    assert [stage.other_unit for stage in found["arrived"].stages[:3]] == [
        "0.97 records for each request that was accepted",
        "1.79 lines for each record",
        "",
    ]
    assert found["arrived"].missing == (0, 0, 0, 0)
    assert verdict(view)[0] == "settled"
    assert [tuple(row) for row in found["accepted"].rows] == [
        (EIGHT, 60, 3, None, 52, 103, 1.98),
        (ELEVEN, 40, 1, 1, 40, 62, 1.55),
    ]
    assert "preflights are requests" in found["accepted"].about


def test_records_without_an_api_before_them_are_a_stage_of_their_own(lake: SmallLake, selection: Select) -> None:
    accepted = AcceptedDay(hours={EIGHT: AcceptedHour(records=100)})
    found = panels(trust.view(with_accepted(lake, accepted), selection(day=DAY)))
    assert [stage.label for stage in found["arrived"].stages[:2]] == ["Records in the stream", "Lines arrived"]


@pytest.mark.parametrize(
    ("accepted", "panel", "tone", "said"),
    [
        (AcceptedDay(), "accepted_empty", "empty", "CloudWatch has no request"),
        (
            AcceptedDay(problem="This Airflow may not ask", remedy="Give it"),
            "accepted_unknown",
            "warning",
            "may not ask",
        ),
    ],
)
def test_without_cloudwatch_the_flow_begins_with_the_lines_and_says_why(
    lake: SmallLake, selection: Select, accepted: AcceptedDay, panel: str, tone: str, said: str
) -> None:
    view = trust.view(with_accepted(lake, accepted), selection(day=DAY))
    found = panels(view)
    assert found["arrived"].stages[0].label == "Lines arrived"
    assert (found[panel].tone, said in found[panel].sentence) == (tone, True)
    assert verdict(view)[0] == "settled"


@pytest.mark.parametrize(
    ("records", "is_lost"),
    [
        pytest.param({ELEVEN: 166}, True, id="a record has at least one line"),
        pytest.param({ELEVEN: 165}, False, id="one line each"),
        pytest.param({EIGHT - 8 * HOUR: 500, ELEVEN: 1}, False, id="the first minutes may be of the day before"),
    ],
)
def test_fewer_lines_than_records_are_a_warning(
    lake: SmallLake, selection: Select, records: Mapping[datetime, int], is_lost: bool
) -> None:
    accepted = AcceptedDay(hours={hour: AcceptedHour(records=count) for hour, count in records.items()})
    view = trust.view(with_accepted(lake, accepted), selection(day=DAY))
    assert ("accepted_lost" in panels(view)) is is_lost
    assert verdict(view)[0] == "settled", "units that differ break nothing"


def test_a_day_that_adds_up_is_settled(lake: SmallLake, selection: Select) -> None:
    assert verdict(trust.view(lake.now(), selection(day=DAY)))[0] == "settled"


def test_the_hours_show_what_is_late(lake: SmallLake, selection: Select) -> None:
    table = panels(trust.view(lake.now(), selection(day=DAY)))["hours"]
    names = [column.name for column in table.columns]
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}
    later = rows[ELEVEN]
    assert (later["lines"], later["rejected"], later["late"], later["fed"]) == (62, 5, 7, 50)
    assert (rows[EIGHT]["fed"], rows[EIGHT]["copies"], rows[EIGHT]["bots"]) == (105, 10, 15)
    assert rows[EIGHT]["event_run"] == Link(
        text="runs", airflow="/dags/aggregate_hour/runs?partition_key_pattern=2026-11-26T08"
    )


def test_events_that_wait_to_be_counted_are_provisional_and_not_broken(lake: SmallLake, selection: Select) -> None:
    lake.put(EVENT_LEDGER, counted(EIGHT, 100, 5), counted(ELEVEN, 50))
    view = trust.view(lake.now(), selection(day=DAY))
    assert verdict(view) == ("provisional", "All adds up; 5 events wait to be counted.")
    assert panels(view)["happened"].missing == (0, 0, 0, 0)
    assert dict(stages(panels(view)["happened"])[0][2]) == {"wait to be counted": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param((EVENT_LEDGER, counted(EIGHT, 105, 10, clean=94)), id="an event is neither counted nor a copy"),
        pytest.param((EVENT_LEDGER, counted(EIGHT, 106, 11)), id="more is counted than came"),
        pytest.param((HOURLY_TRAFFIC, traffic(EIGHT, 94)), id="the hourly table has other events than the ledger"),
        pytest.param(
            (LANDING_LEDGER, landed(EIGHT, {EIGHT: 100}, {"not_json": 3}, lines=104)), id="a line has no place"
        ),
        pytest.param(
            (LANDING_LEDGER, landed(EIGHT, {EIGHT: 100}, {"not_json": 3}, rejected_by_reason=[("not_json", 2)])),
            id="a rejection has no reason",
        ),
    ],
)
def test_what_does_not_add_up_is_broken_and_its_hour_is_shaded(
    lake: SmallLake, selection: Select, wrong: tuple[Any, dict[str, Any]]
) -> None:
    table, row = wrong
    kept = {
        EVENT_LEDGER.name: counted(ELEVEN, 50),
        HOURLY_TRAFFIC.name: traffic(ELEVEN, 50),
        LANDING_LEDGER.name: landed(ELEVEN, {ELEVEN: 50, EIGHT: 5}, {}),
    }
    lake.put(table, row, kept[table.name])
    view = trust.view(lake.now(), selection(day=DAY))
    assert verdict(view) == ("broken", "It does not add up: 2026-11-26T08.")
    assert panels(view)["hours"].shaded == [0]


def test_only_checks_of_what_is_there_now_are_shown(lake: SmallLake, selection: Select) -> None:
    check = {
        "checked_from": EIGHT,
        "stage": "event_hour",
        "severity": "fail",
        "passed": False,
        "observed": 1.0,
        "expected": "exactly 0",
        "detail": "1 lost",
    }
    lake.put(
        DATA_CHECKS,
        {**check, "check_name": "events_lost", "input_version": "1"},
        {**check, "check_name": "of_an_earlier_run", "input_version": "0"},
        {**check, "check_name": "held", "input_version": "1", "passed": True},
    )
    view = trust.view(lake.now(), selection(day=DAY))
    assert [row[2] for row in panels(view)["checks"].rows] == ["events_lost"]
    assert verdict(view) == ("broken", "1 data checks failed; what depends on them is held back.")


def test_hours_that_got_late_events_are_named(lake: SmallLake, selection: Select) -> None:
    table = panels(trust.view(lake.now(), selection(day=DAY)))["late"]
    assert [row[:2] for row in table.rows] == [("2026-11-26T08", 5), ("2026-11-25T20", 2)]


def test_keys_that_no_event_had_a_week_before_stand_first(lake: SmallLake, selection: Select) -> None:
    def event(at: datetime, number: int, extra: str | None) -> dict[str, Any]:
        return {"event_time": at, "user_id": "u", "click_id": str(number), "event_name": "Search", "extra": extra}

    week = timedelta(weeks=1)
    lake.put(
        CLEAN_EVENTS,
        event(EIGHT - week, 1, '{"size":"M"}'),
        event(EIGHT - week, 2, None),
        event(EIGHT, 3, '{"size":"M","cart":{"coupon":"X"}}'),
        event(EIGHT, 4, '{"size":"L"}'),
        event(EIGHT, 5, None),
        event(EIGHT, 6, None),
    )
    table = panels(trust.view(lake.now(), selection(day=DAY)))["extra"]
    assert [tuple(row) for row in table.rows] == [("cart.coupon", "new", 1, 0.25), ("size", "50.0%", 2, 0.5)]


def test_the_tab_of_a_run_shows_the_hour_that_it_wrote(lake: SmallLake, selection: Select) -> None:
    chosen = selection(dag="aggregate_hour", run="scheduled__1", run_key="2026-11-26T11")
    view = trust.view(lake.now(), chosen)
    assert panels(view)["run"].sentence == "This run of aggregate_hour wrote 2026-11-26T11."
    assert panels(view)["hours"].shaded == [1]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"dag": "somebody_elses"}, "somebody_elses is no DAG of the clickstream: this is the lake as it is."),
        ({"dag": "scale_event_stream__eu"}, "scale_event_stream writes no hour of its own."),
        (
            {"dag": "aggregate_day", "run": "r"},
            "This run of aggregate_day names no hour or day: here is the day that is open.",
        ),
    ],
)
def test_the_tab_says_what_a_dag_has_to_do_with_the_lake(
    lake: SmallLake, selection: Select, query: dict[str, str], sentence: str
) -> None:
    first = trust.view(lake.now(), selection(**query)).panels[0]
    assert isinstance(first, Note)
    assert first.sentence == sentence


COUNT = st.integers(0, 50)


@given(count=COUNT, branches=st.lists(COUNT, max_size=4), off=st.integers(-5, 5))
def test_a_flow_says_by_how_much_it_does_not_balance(count: int, branches: list[int], off: int) -> None:
    after = Stage(label="after", count=count)
    before = Stage(
        label="before",
        count=count + sum(branches) + off,
        branches=[Branch(label=str(at), count=each) for at, each in enumerate(branches)],
    )
    assert Flow(id="flow", title="", stages=[before, after]).missing == (off,)


def test_before_anything_landed_the_view_says_what_to_do(small_lake: SmallLake, selection: Select) -> None:
    (note,) = trust.view(small_lake.now(), selection()).panels
    assert isinstance(note, Note)
    assert "no run of transform_events has written it" in note.sentence


def test_tables_are_panels(lake: SmallLake, selection: Select) -> None:
    assert {panel.id for panel in trust.view(lake.now(), selection(day=DAY)).panels if isinstance(panel, Table)} >= {
        "hours",
        "late",
    }
