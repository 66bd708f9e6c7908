"""Nothing is published from an hour that does not balance."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.ledger import UNFINISHED, EventRow, LandedHour, LandingRow
from contracts.versions import event_hour_input_version
from hour_ledger.balance import (
    LedgerImbalanceError,
    NotInLedgerError,
    check_event_row,
    check_landing_row,
)

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LANDING = LandingRow(
    landing_hour=TEN,
    input_version="v1",
    settled=True,
    unreadable_objects=0,
    lines=10,
    received=8,
    rejected=2,
    received_by_event_hour={TEN: 8},
)
LANDED = [LANDING]
EVENT = EventRow(event_hour=TEN, input_version=event_hour_input_version(TEN, LANDED), received=8, clean=7, duplicates=1)


def test_a_balanced_landing_hour_passes() -> None:
    assert check_landing_row(TEN, LANDING) is LANDING


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(LANDING, lines=11), id="a-line-was-lost"),
        pytest.param(replace(LANDING, lines=9), id="a-line-was-made"),
        pytest.param(replace(LANDING, received_by_event_hour={TEN: 7}), id="an-event-hour-is-short"),
    ],
)
def test_a_landing_hour_that_does_not_balance_fails(row: LandingRow) -> None:
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10"):
        check_landing_row(TEN, row)


def test_a_landing_hour_without_a_row_fails() -> None:
    with pytest.raises(NotInLedgerError, match="2026-11-22T10"):
        check_landing_row(TEN, None)


def test_a_balanced_event_hour_passes() -> None:
    assert check_event_row(TEN, EVENT, LANDED) is EVENT


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(EVENT, clean=6), id="an-event-was-lost"),
        pytest.param(replace(EVENT, received=7, clean=6), id="stage-2-read-less-than-stage-1-wrote"),
    ],
)
def test_an_event_hour_that_does_not_balance_fails(row: EventRow) -> None:
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10"):
        check_event_row(TEN, row, LANDED)


def test_an_event_hour_whose_input_has_changed_since_is_checked_by_its_own_figures_only() -> None:
    newer = [LandedHour(landing_hour=TEN, input_version="v2", received_by_event_hour={TEN: 9})]

    assert check_event_row(TEN, EVENT, newer) is EVENT


def test_an_event_hour_that_received_nothing_needs_no_row() -> None:
    assert check_event_row(TEN, None, []) is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="no-row"),
        pytest.param(replace(EVENT, input_version=UNFINISHED, received=0, clean=0, duplicates=0), id="unfinished-row"),
    ],
)
def test_an_event_hour_that_received_events_needs_a_finished_row(row: EventRow | None) -> None:
    with pytest.raises(NotInLedgerError, match="8 events"):
        check_event_row(TEN, row, LANDED)
