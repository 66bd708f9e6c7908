"""The funnel: the day's from its table, and own steps as a plain reckoning over the events finds them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import FUNNEL_EVENTS
from contracts.event_settings import EventSettings
from contracts.tables import CLEAN_EVENTS, DAILY_FUNNEL, HOURLY_EVENT_COUNTS
from pages.errors import QueryError
from pages.lake.reader import Lake
from pages.panels import Figures, Funnel, Note, Step, View
from pages.selection import Selection
from pages.views import funnel, own_funnel
from tests.plugins.pages.conftest import SmallLake

DAY = date(2026, 11, 26)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
Select = Callable[..., Selection]
Event = tuple[str, str, datetime]


def event(user: str, name: str, at: datetime, number: int = 0, site: str | None = None) -> dict[str, Any]:
    return {
        "event_time": at,
        "received_at": at,
        "user_id": user,
        "click_id": f"{user}{name}{number}",
        "event_name": name,
        "pixel_id": site,
    }


def steps(view: View) -> list[Step]:
    (panel,) = [panel for panel in view.panels if isinstance(panel, Funnel)]
    return list(panel.steps)


def put_day(lake: SmallLake, day: date, in_order: list[int], any_order: list[int]) -> None:
    lake.put(
        DAILY_FUNNEL,
        *(
            {
                "day": day,
                "step": number,
                "event_name": name,
                "users_in_order": in_order[number - 1],
                "users_in_any_order": any_order[number - 1],
                "median_seconds": None if number == 1 else 10.0 * number,
            }
            for number, name in enumerate(FUNNEL_EVENTS, start=1)
        ),
    )


def test_a_day_is_shown_as_its_table_has_it(small_lake: SmallLake, selection: Select) -> None:
    put_day(small_lake, DAY, [100, 50, 20, 4], [100, 90, 30, 6])
    view = funnel.view(small_lake.now(), selection())
    assert [(step.label, step.users, step.median_seconds) for step in steps(view)] == [
        ("Search", 100, None),
        ("ViewContent", 50, 20.0),
        ("AddToCart", 20, 30.0),
        ("Purchase", 4, 40.0),
    ]
    assert [step.users for step in steps(funnel.view(small_lake.now(), selection(order="any")))] == [100, 90, 30, 6]


def test_who_went_on_is_beside_the_week_before(small_lake: SmallLake, selection: Select) -> None:
    put_day(small_lake, DAY, [100, 50, 20, 4], [100, 90, 30, 6])
    put_day(small_lake, DAY - timedelta(days=7), [200, 50, 20, 0], [200, 90, 30, 6])
    (shares,) = [p for p in funnel.view(small_lake.now(), selection()).panels if isinstance(p, Figures)]
    assert [(figure.value, figure.before) for figure in shares.figures] == [
        (0.5, 0.25),
        (0.4, 0.4),
        (0.2, 0.0),
        (0.04, 0.0),
    ]


def test_the_last_day_that_is_written_is_shown(small_lake: SmallLake, selection: Select) -> None:
    put_day(small_lake, date(2026, 11, 20), [1, 1, 1, 1], [1, 1, 1, 1])
    view = funnel.view(small_lake.now(), selection())
    assert next(control for control in view.controls if control.name == "day").value == "2026-11-20"


def own(lake: Lake, names: tuple[str, ...], *, in_order: bool = True, **other: Any) -> list[Step]:
    """Return own steps of the day, however long they take."""
    found = own_funnel.steps_of(
        lake, own_funnel.OwnFunnel(names=names, first=DAY, last=DAY, in_order=in_order, **other)
    )
    assert found is not None
    return list(found)


def by_hand(events: list[Event], names: tuple[str, ...]) -> list[tuple[int, float | None]]:
    """Return users and median seconds of each step, user by user."""
    reached: list[dict[str, tuple[datetime, datetime | None]]] = []
    for number, name in enumerate(names):
        now: dict[str, tuple[datetime, datetime | None]] = {}
        for user, sent, at in events:
            since = reached[number - 1].get(user) if number else (at, None)
            if sent == name and since is not None and at >= since[0] and (user not in now or at < now[user][0]):
                now[user] = (at, since[0] if number else None)
        reached.append(now)
    waits = [[(at - since).total_seconds() for at, since in now.values() if since] for now in reached]
    return [(len(now), median(wait) if wait else None) for now, wait in zip(reached, waits, strict=True)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cem"]),
        st.sampled_from(["A", "B", "C'"]),
        st.integers(0, 9).map(lambda minutes: NOON + timedelta(minutes=20 * minutes)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40)
@given(events=EVENTS, names=st.permutations(["A", "B", "C'"]), cut=st.integers(0, 25))
def test_own_steps_are_as_a_plain_reckoning_has_them(events: list[Event], names: list[str], cut: int) -> None:
    chosen = tuple(names)
    pieces = [rows_of(events[cut:]), rows_of(events[:cut])]
    funnel_in_order = own_funnel.OwnFunnel(names=chosen, first=DAY, last=DAY, in_order=True)
    found = own_funnel.reckoned(pieces, funnel_in_order)
    assert [(step.users, step.median_seconds) for step in found] == by_hand(events, chosen)
    in_any_order = own_funnel.reckoned(pieces, replace(funnel_in_order, in_order=False))
    assert [step.users for step in in_any_order] == [
        len({user for user, sent, _ in events if sent == name}) for name in chosen
    ]


def rows_of(events: list[Event]) -> pa.Table:
    found = [{"user_id": user, "event_name": name, "event_time": at.replace(tzinfo=None)} for user, name, at in events]
    schema = {"user_id": pa.string(), "event_name": pa.string(), "event_time": pa.timestamp("us")}
    return pa.Table.from_pylist(found, schema=pa.schema(schema))


def test_own_steps_are_found_in_every_hour_of_the_days(small_lake: SmallLake) -> None:
    small_lake.put(
        CLEAN_EVENTS,
        event("ann", "A", NOON - timedelta(hours=3)),
        event("ann", "B", NOON),
        event("bob", "A", NOON),
        event("cem", "A", NOON - timedelta(days=1)),
        event("cem", "B", NOON),
    )
    assert own(small_lake.now(), ("A", "B")) == [
        Step(label="A", users=2, median_seconds=None),
        Step(label="B", users=1, median_seconds=10_800.0),
    ]


def test_where_ids_are_of_a_site_two_sites_have_two_users(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(
        CLEAN_EVENTS,
        event("1", "A", NOON, site="shop"),
        event("1", "B", NOON + timedelta(minutes=1), site="blog"),
    )
    assert [step.users for step in own(small_lake.now(), ("A", "B"))] == [1, 1]
    assert [step.users for step in own(small_lake.now(), ("A", "B"), ids_per_site=True)] == [1, 0]
    reader = small_lake.reader(settings=EventSettings(ids_per_site=True))
    assert [step.users for step in steps(funnel.view(reader.lake(), selection(steps="A,B", day=str(DAY))))] == [1, 0]


def test_more_events_than_can_be_looked_at_are_refused_with_the_remedy(
    small_lake: SmallLake, selection: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_lake.put(CLEAN_EVENTS, *(event("u", "A", NOON, number) for number in range(4)))
    monkeypatch.setattr(own_funnel, "MOST_EVENTS", 3)
    with pytest.raises(QueryError, match=r"There are 4 events .* at most 3; Choose fewer days"):
        funnel.view(small_lake.now(), selection(steps="A", day=str(DAY)))


def test_what_takes_long_is_said_to_be_computed_and_asked_for_again(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(CLEAN_EVENTS, event("u", "A", NOON))
    reader = small_lake.reader()
    reader.slow._patience = 0.0
    view = funnel.view(reader.lake(), selection(steps="A", day=str(DAY)))
    note = view.panels[0]
    assert isinstance(note, Note)
    assert (note.id, view.refresh_seconds) == ("computing", 1)
    reader.slow._patience = 60.0
    assert steps(funnel.view(reader.lake(), selection(steps="A", day=str(DAY))))[0].users == 1


def test_names_with_commas_can_be_chosen(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(CLEAN_EVENTS, event("u", "A,B", NOON))
    small_lake.put(HOURLY_EVENT_COUNTS, {"event_hour": NOON, "event_name": "A,B", "events": 1})
    reader = small_lake.reader()
    view = funnel.view(reader.lake(), selection(steps="A,,B", day=str(DAY)))
    assert [step.users for step in steps(view)] == [1]
    (control,) = [control for control in view.controls if control.name == "steps"]
    assert (control.value, [option.value for option in control.options]) == ("A,,B", ["A,B"])
