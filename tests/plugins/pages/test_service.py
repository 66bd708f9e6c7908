"""A view is computed again when a table that it read has changed, and at no other time."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import FUNNEL_EVENTS
from contracts.event_settings import EventSettings
from contracts.partitions import day_of, hour_of
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
    DAILY_TRANSITIONS,
    EVENT_LEDGER,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    Table,
)
from contracts.tables.daily import SESSION_START
from pages.app import create_app
from pages.errors import QueryError
from pages.lake.reader import Lake, LakeReader
from pages.panels import Note, Tone, View, to_json
from pages.selection import Selection
from pages.service import LakeViews, ViewModule
from pages.views import VIEWS
from tests.plugins.pages.conftest import NOW, SmallLake
from tests.plugins.pages.fixture_views import SESSION, Client, authenticate

DAY = date(2026, 11, 26)
#: Tables of days, with what a view expects of a day's rows.
DAY_TABLES: dict[Table, list[dict[str, object]]] = {
    DAILY_FUNNEL: [{"step": step, "event_name": name} for step, name in enumerate(FUNNEL_EVENTS, start=1)],
    DAILY_PRODUCT_STATS: [{"product_id": "a"}],
    DAILY_RETENTION: [{"cohort_day": DAY}],
    DAILY_TRANSITIONS: [{"step": 1, "from_event": SESSION_START, "to_event": "Search"}],
}


@dataclass
class Counting:
    """A view of one table that notes each time that it is computed."""

    ID: str = "counting"
    TITLE: str = "Counting"
    SENTENCE: str = ""
    computed: list[Selection] = field(default_factory=list)

    def view(self, lake: Lake, selection: Selection) -> View:
        self.computed.append(selection)
        rows = lake.rows(DAILY_TRAFFIC, ["events"], DAY, DAY)
        note = Note(id="n", title="", tone=Tone.INFO, sentence=str(rows["events"].to_pylist()))
        return View(id=self.ID, title="", sentence="", panels=[note], as_of=selection.now)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def views_of(lake: SmallLake, *modules: ViewModule, clock: Clock | None = None) -> LakeViews:
    return LakeViews(reader=lake.reader(), modules=modules or VIEWS, clock=clock or Clock())


def test_an_unchanged_table_is_not_looked_at_again(small_lake: SmallLake) -> None:
    small_lake.put(DAILY_TRAFFIC, {"day": DAY, "events": 1})
    counting = Counting()
    views = views_of(small_lake, counting)
    first = views.answer("counting", {})
    small_lake.put(HOURLY_TRAFFIC, {"event_hour": NOW})  # which the view does not read
    assert views.answer("counting", {}) is first
    assert len(counting.computed) == 1


@pytest.mark.parametrize("currency", ["EUR", None])
def test_money_is_written_in_the_shops_currency(small_lake: SmallLake, currency: str | None) -> None:
    reader = small_lake.reader(settings=EventSettings(currency=currency))
    views = LakeViews(reader=reader, modules=[Counting()], clock=Clock())
    assert views.answer("counting", {}).view.currency == (currency or "")


@pytest.mark.parametrize("begin_with", [[{"day": DAY, "events": 1}], []], ids=["there", "not there yet"])
def test_a_table_that_changed_makes_another_version(small_lake: SmallLake, begin_with: list[dict[str, object]]) -> None:
    if begin_with:
        small_lake.put(DAILY_TRAFFIC, *begin_with)
    views = views_of(small_lake, Counting())
    first = views.answer("counting", {})
    small_lake.put(DAILY_TRAFFIC, {"day": DAY, "events": 2})
    second = views.answer("counting", {})
    assert first.version != second.version
    assert "[2]" in json.dumps(to_json(second.view))


def test_other_choices_and_another_hour_are_other_views(small_lake: SmallLake) -> None:
    clock = Clock()
    counting = Counting()
    views = views_of(small_lake, counting, clock=clock)
    versions = {views.answer("counting", {}).version, views.answer("counting", {"day": "2026-11-26"}).version}
    clock.now += timedelta(hours=1)
    versions.add(views.answer("counting", {}).version)
    assert len(versions) == 3
    clock.now += timedelta(minutes=10)
    assert views.answer("counting", {}).version in versions


def test_a_view_that_is_not_complete_yet_is_not_kept(small_lake: SmallLake) -> None:
    small_lake.put(CLEAN_EVENTS, {"event_time": NOW - timedelta(days=1), "event_name": "A", "user_id": "u"})
    views = views_of(small_lake)
    views.reader.slow._patience = 0.0
    query = {"steps": "A", "day": "2026-11-26"}
    first = views.answer("funnel", query)
    views.reader.slow._patience = 60.0
    second = views.answer("funnel", query)
    assert [first.view.panels[0].id, second.view.panels[0].id] == ["computing", "funnel"]
    assert first.version != second.version
    assert views.answer("funnel", query) is second


def test_twenty_who_ask_at_once_get_one_computation(small_lake: SmallLake) -> None:
    small_lake.put(DAILY_TRAFFIC, {"day": DAY, "events": 1})
    counting = Counting()
    views = views_of(small_lake, counting)
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: views.answer("counting", {}), range(60)))
    assert len({answer.version for answer in answers}) == 1
    assert len(counting.computed) < 20


def test_twenty_who_ask_for_all_views_of_a_changing_lake_get_each_one(small_lake: SmallLake) -> None:
    client = Client(app=create_app(views_of(small_lake), authenticate), headers=SESSION)
    paths = [f"/data/{VIEWS[number % len(VIEWS)].ID}?day=2026-11-26" for number in range(20)]
    for events in range(2):
        small_lake.put(DAILY_TRAFFIC, {"day": DAY, "events": events})
        small_lake.put(HOURLY_TRAFFIC, {"event_hour": NOW - timedelta(days=1), "events": events})
        assert [answer.status_code for answer in client.get_at_once(paths)] == [200] * 20


@pytest.mark.parametrize("module", VIEWS, ids=lambda module: module.ID)
def test_before_anything_is_written_each_view_says_what_to_do(small_lake: SmallLake, module: ViewModule) -> None:
    (note,) = views_of(small_lake).answer(module.ID, {}).view.panels
    assert isinstance(note, Note)
    assert note.tone is Tone.EMPTY
    assert note.remedy


@pytest.mark.parametrize("day", ["", "today"])
@pytest.mark.parametrize("module", VIEWS, ids=lambda module: module.ID)
def test_no_view_is_as_of_a_time_that_is_still_to_come(small_lake: SmallLake, module: ViewModule, day: str) -> None:
    """Whoever has runs write the hour and the day that are open."""
    now = datetime.now(UTC)
    small_lake.put(LANDING_LEDGER, {"landing_hour": hour_of(now)})
    for table in (EVENT_LEDGER, HOURLY_TRAFFIC):
        small_lake.put(table, {"event_hour": hour_of(now)})
    for table, rows in DAY_TABLES.items():
        small_lake.put(table, *({"day": day_of(now), **row} for row in rows))
    views = views_of(small_lake, clock=Clock(now))
    view = views.answer(module.ID, {"day": str(day_of(now))} if day else {}).view
    assert view.as_of <= datetime.now(UTC)


#: What is live has no day.
OF_A_DAY = [module for module in VIEWS if module.ID != "live"]


@pytest.mark.parametrize("module", OF_A_DAY, ids=lambda module: module.ID)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"day": "yesterday"}, r"day is 'yesterday', which is no day; write it like 2026-11-27 \(UTC\)"),
        ({"day": "2026-12-24"}, r"day is '2026-12-24', which is in the future; choose a day up to 2026-11-27"),
        ({"day": "0001-01-01"}, "day is '0001-01-01', which is before there were events"),
    ],
)
def test_a_wrong_day_is_named_with_the_remedy(
    small_lake: SmallLake, module: ViewModule, query: Mapping[str, str], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        views_of(small_lake).answer(module.ID, query)


CHOICES = st.sampled_from(
    [
        *("day", "days", "zone", "bots", "order", "steps", "by", "event", "step", "hour", "dag", "run", "run_key"),
        *("stream", "reason"),
    ]
)
#: What a text may be besides a choice that there is.
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["2026-11-26", "2026-11-26T10", "7", "A,B", "'; DROP TABLE x; --", "\0", "9" * 50]),
)


class NoTables:
    """A catalog of a database that is not there yet."""

    def locations(self) -> Mapping[str, str]:
        return {}


@pytest.fixture(scope="module")
def no_lake() -> LakeReader:
    return LakeReader(catalog=NoTables(), properties={})


@settings(max_examples=60)
@given(query=st.dictionaries(CHOICES, TEXTS, max_size=4), module=st.sampled_from(VIEWS))
def test_whatever_the_address_says_there_is_a_view_or_a_remedy(
    no_lake: LakeReader, query: dict[str, str], module: ViewModule
) -> None:
    try:
        view = module.view(no_lake.lake(), Selection(query=query, now=NOW))
    except QueryError as wrong:
        remedy = wrong.remedy
    else:
        remedy = json.dumps(to_json(view), allow_nan=False)
    assert remedy
