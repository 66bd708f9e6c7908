"""Rules of the figures, without Spark: what is counted, what can't be known, what bounds say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.data_checks import BOT_SHARE_EVENTS, EVENT_HOUR_CHECKS, LANDING_HOUR_CHECKS, Figure
from contracts.event_settings import OPTIONS
from contracts.ledger import EventRow, LandingLedgerRow
from contracts.partitions import HOUR
from contracts.rules import ALLOWED_LATENESS
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.checks.figures import (
    HourCounts,
    currency_figures,
    event_hour_figures,
    landing_figures,
)
from spark_jobs.checks.file_figures import FileFigures

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def micros(**times: datetime) -> dict[str, float]:
    return {name: (time - TEN) / timedelta(microseconds=1) + TEN.timestamp() * 1e6 for name, time in times.items()}


def row(*, settled: bool = True) -> LandingLedgerRow:
    return LandingLedgerRow(
        landing_hour=TEN,
        input_version="v",
        settled=settled,
        objects=("a", "b"),
        unreadable_objects=1,
        bytes=10,
        lines=5,
        received=3,
        rejected=2,
        rejected_by_reason={"not_json": 2},
        received_by_event_hour={TEN: 3},
    )


RECEIVED = FileFigures(
    rows=3,
    nulls={"price": 2},
    lowest={"price": 1.5, **micros(event_time=TEN - timedelta(days=6), received_at=TEN)},
    highest={"price": 9, **micros(event_time=TEN + timedelta(minutes=59), received_at=TEN + timedelta(minutes=58))},
)
FILES = {
    (RECEIVED_EVENTS.name, TEN): RECEIVED,
    (REJECTED_EVENTS.name, TEN): FileFigures(rows=3, nulls={}, lowest={}, highest={}),
}


def test_there_is_a_figure_for_each_check() -> None:
    assert set(landing_figures(row(), FILES, {})) == {check.name for check in LANDING_HOUR_CHECKS}
    made = EventRow(event_hour=TEN, input_version="v", received=1, clean=1, duplicates=0)
    found = {*event_hour_figures(made, {}, {}, HourCounts()), *currency_figures({}, None)}
    assert found == {check.name for check in EVENT_HOUR_CHECKS}
    assert set(currency_figures({}, "EUR")) == set(currency_figures({}, None))


@pytest.mark.parametrize(
    ("purchases", "currency", "check", "value", "detail"),
    [
        ({}, None, "purchase_currencies", 0, "purchases with a price: none"),
        ({"EUR": 2, None: 9}, None, "purchase_currencies", 1, "purchases with a price: 2 EUR, 9 without currency"),
        ({"USD": 1, "EUR": 2}, None, "purchase_currencies", 2, "purchases with a price: 2 EUR, 1 USD"),
        ({"USD": 1}, None, "other_currency_share", None, "the shop's currency is not set (CLICKSTREAM_CURRENCY)"),
        ({"USD": 1}, "EUR", "purchase_currencies", None, "the shop's currency is EUR"),
        ({}, "EUR", "other_currency_share", None, "0 of 0 purchases with a price (none)"),
        (
            {"EUR": 3, None: 1},
            "EUR",
            "other_currency_share",
            0,
            "0 of 4 purchases with a price (3 EUR, 1 without currency)",
        ),
        ({"EUR": 3, "USD": 1}, "EUR", "other_currency_share", 0.25, "1 of 4 purchases with a price (3 EUR, 1 USD)"),
    ],
)
def test_currencies_are_counted_until_the_shop_names_its_own_and_then_the_others_are(
    purchases: dict[str | None, int], currency: str | None, check: str, value: float | None, detail: str
) -> None:
    assert currency_figures(purchases, currency)[check] == Figure(value=value, detail=detail)


def test_the_checks_of_currencies_name_the_setting() -> None:
    sentences = [check.sentence for check in EVENT_HOUR_CHECKS if "currenc" in check.name]
    (variable,) = (option.variable for option in OPTIONS if option.field == "currency")
    assert len(sentences) == 2
    assert all(variable in sentence for sentence in sentences)


def test_the_field_that_could_not_be_read_most_often_gives_the_share_and_all_are_named() -> None:
    figure = landing_figures(replace(row(), unread_by_field={"currency": 1, "additional_data.price": 2}), FILES, {})
    assert figure["unread_share"].value == 2 / 3
    assert figure["unread_share"].detail == "additional_data.price 2, currency 1 of 3 events"
    assert landing_figures(row(), FILES, {})["unread_share"].value == 0


def test_an_unreadable_object_is_a_rejection_but_no_line() -> None:
    figure = landing_figures(row(), FILES, {})["lines_lost"]
    assert (figure.value, figure.detail) == (0, "5 lines, 3 received, 2 rejected")
    assert landing_figures(row(), {}, {})["lines_lost"].value == 6


def test_bounds_tell_how_old_the_oldest_event_may_be_and_how_far_ahead_the_newest() -> None:
    figures = landing_figures(row(), FILES, {})
    assert figures["oldest_event_seconds"].value == timedelta(days=6).total_seconds()
    assert figures["future_event_seconds"].value == 60
    assert landing_figures(row(), {}, {})["oldest_event_seconds"].value is None


def test_arrivals_outside_of_the_landing_hour_tell_of_an_object_under_another_hours_prefix() -> None:
    figures = landing_figures(row(), FILES, {})
    assert (figures["first_arrival_seconds"].value, figures["last_arrival_seconds"].value) == (0, -120)
    arrivals = micros(received_at=TEN - timedelta(days=30)), micros(received_at=TEN + timedelta(hours=1, days=4))
    misplaced = FileFigures(rows=2, nulls={}, lowest=arrivals[0], highest=arrivals[1])
    figures = landing_figures(row(), {(RECEIVED_EVENTS.name, TEN): misplaced}, {})
    assert figures["first_arrival_seconds"].value == timedelta(days=30).total_seconds()
    assert figures["last_arrival_seconds"].value == timedelta(days=4).total_seconds()


def test_an_event_that_is_as_late_as_is_allowed_to_the_microsecond_is_not_later() -> None:
    arrival = TEN + timedelta(microseconds=123_457)
    received = FileFigures(
        rows=1, nulls={}, lowest=micros(event_time=arrival - ALLOWED_LATENESS, received_at=arrival), highest={}
    )
    figure = landing_figures(row(), {(RECEIVED_EVENTS.name, TEN): received}, {})["oldest_event_seconds"]
    assert figure.value == ALLOWED_LATENESS.total_seconds()


def test_the_share_of_nulls_is_of_the_received_events() -> None:
    figure = landing_figures(row(), FILES, {})["null_share_price"]
    assert (figure.value, figure.detail) == (2 / 3, "2 of 3 events")


def test_only_a_settled_hour_can_be_quiet() -> None:
    assert landing_figures(row(), FILES, {})["quiet_minutes"].value == 2
    assert landing_figures(row(settled=False), FILES, {})["quiet_minutes"].value is None


@pytest.mark.parametrize(
    ("first", "last", "outside"),
    [
        (TEN, TEN + HOUR - timedelta(microseconds=1), (0, 0)),
        (TEN - timedelta(seconds=2), TEN + HOUR + timedelta(seconds=3), (2, 3.000001)),
    ],
)
def test_an_event_of_another_hour_is_outside(first: datetime, last: datetime, outside: tuple[float, float]) -> None:
    clean = FileFigures(rows=1, nulls={}, lowest=micros(event_time=first), highest=micros(event_time=last))
    made = EventRow(event_hour=TEN, input_version="v", received=1, clean=1, duplicates=0)
    figures = event_hour_figures(made, {(CLEAN_EVENTS.name, TEN): clean}, {}, HourCounts())
    found = (figures["seconds_before_hour"].value, figures["seconds_after_hour"].value)
    assert found == outside


def test_an_event_at_the_very_end_belongs_to_the_next_hour() -> None:
    clean = FileFigures(rows=1, nulls={}, lowest={}, highest=micros(event_time=TEN + HOUR))
    made = EventRow(event_hour=TEN, input_version="v", received=1, clean=1, duplicates=0)
    after = event_hour_figures(made, {(CLEAN_EVENTS.name, TEN): clean}, {}, HourCounts())["seconds_after_hour"].value
    assert after is not None
    assert after > 0


def hour_figure(name: str, counts: HourCounts) -> Figure:
    made = EventRow(event_hour=TEN, input_version="v", received=500, clean=counts.clean, duplicates=counts.duplicates)
    return event_hour_figures(made, {}, {}, counts)[name]


def test_names_that_look_like_a_standard_events_are_named_the_most_frequent_first() -> None:
    names = {f"AddToCart{number}": number for number in range(1, 7)} | {"purchased": 9}
    figure = hour_figure("names_like_standard", HourCounts(clean=100, mistaken_names=names))
    assert figure.value == 30
    assert figure.detail.startswith("'purchased' 9 (Purchase?), 'AddToCart6' 6 (AddToCart?), 'AddToCart5' 5 ")
    assert figure.detail.endswith("'AddToCart3' 3 (AddToCart?), and 2 more names of 100 events")
    none = hour_figure("names_like_standard", HourCounts(clean=100))
    assert (none.value, none.detail) == (0, "0 of 100 events")


def test_the_share_of_bots_is_known_of_some_hundred_events() -> None:
    figure = hour_figure("bot_share", HourCounts(clean=BOT_SHARE_EVENTS, bots=180, of_machines=150))
    assert (figure.value, figure.detail) == (0.6, "180 of 300 events; 150 of users with more than a person causes")
    few = hour_figure("bot_share", HourCounts(clean=BOT_SHARE_EVENTS - 1, bots=299))
    assert few.value is None
    assert few.detail.endswith("; fewer than 300 events say nothing")
