"""What is read before somebody asks for it: in steps, once for each version, and never in the way of who asks."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Event

import pytest

from contracts.tables import DAILY_TRAFFIC, HOURLY_TRAFFIC
from pages.ahead import Ahead
from pages.service import LakeViews
from pages.views import VIEWS
from tests.plugins.pages.conftest import NOW, SmallLake

DAY = timedelta(days=1)


def finished(ahead: Ahead) -> None:
    """Wait for all turns, each of which is submitted by the one before."""
    while ahead._works:
        ahead._pool.submit(lambda: None).result(30)


def test_work_is_done_once_for_a_version_and_again_for_the_next() -> None:
    done: list[str] = []

    def work() -> Iterator[None]:
        for part in ("a", "b"):
            done.append(part)
            yield

    ahead = Ahead(clock=lambda: 0.0)
    for version in (1, 1, 2):
        ahead.begin(version, work)
        finished(ahead)
    assert done == ["a", "b", "a", "b"]


def test_it_rests_for_as_long_as_it_worked() -> None:
    now = [0.0]

    def work() -> Iterator[None]:
        now[0] += 10
        yield

    begun = []
    ahead = Ahead(clock=lambda: now[0])
    for version, at in ((1, 0.0), (2, 19.0), (3, 20.0)):
        now[0] = at
        ahead.begin(version, work)
        begun.append(ahead._version == version)
        finished(ahead)
    assert begun == [True, False, True]


def test_who_comes_during_the_work_begins_no_second_one() -> None:
    begun, end = [], Event()

    def work() -> Iterator[None]:
        begun.append(1)
        end.wait(30)
        yield

    ahead = Ahead()
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda version: ahead.begin(version, work), range(8)))
    end.set()
    finished(ahead)
    assert len(begun) == 1


def test_what_fails_is_logged_and_the_next_version_is_worked_on(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Iterator[None]:
        raise ZeroDivisionError
        yield

    done = []

    def works() -> Iterator[None]:
        done.append(1)
        yield

    ahead = Ahead(clock=lambda: 0.0)
    ahead.begin(1, fails)
    finished(ahead)
    ahead.begin(2, works)
    finished(ahead)
    assert "reading ahead ended early" in caplog.text
    assert done == [1]
    assert caplog.records[0].levelno == logging.ERROR


def test_who_looks_at_one_view_has_the_others_computed_and_the_days_before_read(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = NOW.date()
    small_lake.put(DAILY_TRAFFIC, *({"day": today - number * DAY} for number in range(1, 40)))
    small_lake.put(HOURLY_TRAFFIC, {"event_hour": NOW})
    views = LakeViews(reader=small_lake.reader(), modules=VIEWS, clock=lambda: NOW, reads_ahead=True)
    views.answer("today", {})
    finished(views._ahead)
    assert {key[0] for key in views._last} == {module.ID for module in VIEWS}
    monkeypatch.setattr("pages.lake.iceberg.StoredVersion.rows", lambda *_: pytest.fail("a file is read"))
    rows = views.reader.lake().rows(DAILY_TRAFFIC, ["day"], date(2026, 10, 20), today)
    assert rows.num_rows == 38


def test_views_are_computed_ahead_from_the_end_of_the_navigation(small_lake: SmallLake) -> None:
    """Who goes through them from its beginning does not come to each just while it is computed."""
    small_lake.put(HOURLY_TRAFFIC, {"event_hour": NOW})
    views = LakeViews(reader=small_lake.reader(), modules=VIEWS, clock=lambda: NOW, reads_ahead=True)
    views.answer("live", {})
    finished(views._ahead)
    others = [module.ID for module in VIEWS if module.ID != "live"]
    assert [key[0] for key in views._last if key[0] != "live"] == others[::-1]


def test_what_is_large_is_not_read_before_somebody_asks(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.lake.reader.AHEAD_ROWS", 0)
    small_lake.put(DAILY_TRAFFIC, {"day": date(2026, 11, 1)}, {"day": date(2026, 11, 2)})
    reader = small_lake.reader()
    reader.lake().rows(DAILY_TRAFFIC, ["day"], date(2026, 11, 2), date(2026, 11, 2))
    size = reader._rows.size
    assert list(reader.read_ahead(NOW.date())) == []
    assert reader._rows.size == size
