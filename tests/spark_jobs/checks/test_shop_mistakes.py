"""What shops do wrong, each in an hour of its own of one lake: which check says so, and that no other does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.data_checks import BOT_SHARE_EVENTS
from contracts.event_settings import EventSettings
from contracts.partitions import HOUR
from contracts.rules import BOT_EVENTS_PER_HOUR
from contracts.tables import DATA_CHECKS
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

#: Hours with one between them, whose ids nobody else has.
START = datetime(2026, 11, 22, tzinfo=UTC)
COUNTERS, RETRIES, ONE_PROXY, ONE_GUEST, APP_OF_THE_SHOP, HYPHENS = (START + 2 * number * HOUR for number in range(6))
SECOND = timedelta(seconds=1)
#: An app's header that lists of crawlers have by its library.
APP = "ShopApp/3.1 (Scrapy)"


def counters() -> list[ReceivedEvent]:
    """Each page counts its own clicks from 1, so that ids are few and people are many."""
    names = ("Search", "ViewContent", "Purchase")
    return [
        ReceivedEvent(
            event_time=COUNTERS + visitor * SECOND,
            user_id=f"visitor {visitor}",
            click_id=str(number),
            event_name=name,
            price=Decimal(visitor) if name == "Purchase" else None,
        )
        for visitor in range(10)
        for number, name in enumerate(names, start=1)
    ]


def retries() -> list[ReceivedEvent]:
    """A client that sends everything again until it is answered."""
    return [
        ReceivedEvent(
            event_time=RETRIES + number * SECOND,
            received_at=RETRIES + number * SECOND + attempt * SECOND,
            click_id=f"retried {number}",
            request_id=f"attempt {attempt}",
            event_name="Purchase",
            price=Decimal("9.99"),
        )
        for number in range(10)
        for attempt in range(3)
    ]


def visitors(hour: datetime, events: int, *, user: str = "", agent: str = "Amazon CloudFront") -> list[ReceivedEvent]:
    """Visitors behind one proxy, each an event a second; or all of them under one id."""
    return [
        ReceivedEvent(
            event_time=hour + number * SECOND,
            user_id=user or f"visitor {number % 50}",
            click_id=f"{hour} {number}",
            request_id="r",
            source_ip="203.0.113.0",
            user_agent=agent,
        )
        for number in range(events)
    ]


def hyphens() -> list[ReceivedEvent]:
    names = ["view-item", "view-item", "add-to-cart", "Purchased", "sign-up"]
    return [
        ReceivedEvent(event_time=HYPHENS + number * SECOND, click_id=f"hyphen {number}", event_name=name)
        for number, name in enumerate(names)
    ]


@dataclass(frozen=True)
class Checked:
    """The checks of the hours that one run made."""

    rows: list[Mapping[str, Any]]

    @classmethod
    def of(cls, lake: Lake) -> "Checked":
        names = [column.name for column in DATA_CHECKS.columns]
        return cls([dict(zip(names, row, strict=True)) for row in table_rows(lake, DATA_CHECKS)])

    def warnings(self, hour: datetime) -> dict[str, tuple[float, str]]:
        """Return what did not hold in an hour, with its figure and the detail."""
        return {
            row["check_name"]: (row["observed"], row["detail"])
            for row in self.rows
            if row["checked_from"] == hour and row["stage"] == "event_hour" and not row["passed"]
        }


@pytest.fixture(scope="module")
def lake(empty_tables: Lake, new_lake: NewLake) -> Lake:
    return copy_lake(empty_tables, new_lake())


@pytest.fixture(scope="module")
def checked(lake: Lake) -> Checked:
    events = [
        *counters(),
        *retries(),
        *visitors(ONE_PROXY, BOT_SHARE_EVENTS),
        *visitors(ONE_GUEST, BOT_EVENTS_PER_HOUR + 1, user="guest"),
        *visitors(APP_OF_THE_SHOP, BOT_SHARE_EVENTS, agent=APP),
        *hyphens(),
    ]
    land(lake, [Landing(landing_hour=START, events=events)])
    aggregate_hours(lake, {event.event_hour for event in events})
    return Checked.of(lake)


def test_counters_as_ids_lose_other_peoples_events(checked: Checked) -> None:
    assert checked.warnings(COUNTERS) == {
        "duplicate_share": (0.9, "27 of 30 received events"),
        "copies_that_differ": (27, "27 of 27 copies; 27 of another user"),
    }


def test_an_event_that_is_sent_again_is_no_other_event(checked: Checked) -> None:
    assert set(checked.warnings(RETRIES)) == {"duplicate_share"}


def test_visitors_behind_one_proxy_are_people(checked: Checked) -> None:
    assert checked.warnings(ONE_PROXY) == {}


def test_people_who_share_an_id_are_taken_for_a_bot(checked: Checked) -> None:
    assert checked.warnings(ONE_GUEST) == {
        "bot_share": (1, "1001 of 1001 events; 1001 of users with more than a person causes")
    }


def test_people_with_an_app_that_lists_of_crawlers_have_are_taken_for_bots(checked: Checked) -> None:
    assert checked.warnings(APP_OF_THE_SHOP) == {
        "bot_share": (1, "300 of 300 events; 0 of users with more than a person causes")
    }


def test_names_that_look_like_a_standard_events_are_named_with_what_they_look_like(checked: Checked) -> None:
    assert checked.warnings(HYPHENS) == {
        "names_like_standard": (
            4,
            "'view-item' 2 (ViewContent?), 'Purchased' 1 (Purchase?), 'add-to-cart' 1 (AddToCart?) of 5 events",
        )
    }


def test_what_an_environment_says_of_its_app_and_of_a_name_ends_the_warning(lake: Lake, checked: Checked) -> None:
    hours = {APP_OF_THE_SHOP, HYPHENS}
    assert all(map(checked.warnings, hours))
    names = ("view-item", "Purchased", "add-to-cart")
    said = EventSettings(not_bots=("ShopApp/",), event_names=tuple((name, name) for name in names))
    assert len(aggregate_hours(replace(lake, events=said), hours).written) == len(hours)
    assert [Checked.of(lake).warnings(hour) for hour in hours] == [{}, {}]
