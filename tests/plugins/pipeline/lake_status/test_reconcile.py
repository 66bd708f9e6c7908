"""What a run of `reconcile_hours` shows: what it found stale, and all that its landing hours feed, if it is made."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from contracts.ledger import DayRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, hours_between
from contracts.stages import DAYS, EVENT_HOURS
from pipeline.lake_status import reconcile
from pipeline.lake_status.reconcile import Stale, reconciled_keys
from tests.plugins.pipeline.lake_status.fake_ledger import FakeLedger, landed

LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://w/warehouse", database="lake")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
TODAY = TEN.date()
NOTHING = Stale(keys={})


def day_row(day: date, ledger: FakeLedger) -> DayRow:
    current = DAYS.inputs([day], ledger.events, [])[day]
    return DayRow(
        day=day,
        input_version=current.input_version,
        events_version=current.source_version,
        events=current.rows,
        users=0,
        sessions=0,
        users_fingerprint="",
    )


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> FakeLedger:
    """Six landing hours from ten on, each made; so are its day and the day before."""
    ledger = FakeLedger(landed(hour) for hour in hours_between(TEN, TEN + 6 * HOUR))
    ledger.days = [day_row(TODAY - DAY, ledger), day_row(TODAY, ledger)]
    monkeypatch.setattr(reconcile, "open_ledger", lambda _: ledger)
    return ledger


def test_a_landing_hour_that_was_transformed_shows_what_it_feeds_and_the_hour_after(lake: FakeLedger) -> None:
    assert reconciled_keys(LAKE, EVENT_HOURS, Stale(keys={"landing_hour": (TEN,)})) == [TEN, TEN + HOUR]


def test_an_hour_that_was_stale_is_shown_if_it_is_made_now(lake: FakeLedger) -> None:
    before = Stale(keys={"event_hour": (TEN, TEN + HOUR, TEN + 2 * HOUR)})
    lake.events[1] = replace(lake.events[1], input_version="older")
    del lake.events[2]

    assert reconciled_keys(LAKE, EVENT_HOURS, before) == [TEN]


def test_a_day_is_shown_with_its_hours_and_with_those_of_the_day_beside_it(lake: FakeLedger) -> None:
    assert reconciled_keys(LAKE, DAYS, Stale(keys={"landing_hour": (TEN,)})) == [TODAY - DAY, TODAY]


def test_a_day_that_is_still_stale_is_not_shown(lake: FakeLedger) -> None:
    lake.days[0] = replace(lake.days[0], input_version="older")

    assert reconciled_keys(LAKE, DAYS, Stale(keys={"day": (TODAY - DAY, TODAY)})) == [TODAY]


def test_a_run_that_made_nothing_shows_nothing(lake: FakeLedger) -> None:
    assert reconciled_keys(LAKE, EVENT_HOURS, NOTHING) == []
    assert reconciled_keys(LAKE, DAYS, NOTHING) == []
