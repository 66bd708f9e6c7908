"""Each rule of what is a bot's event, and of what is counted without them, by literal rows in one run of job 2."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from contracts.bots import HARMLESS_REASONS, USER_AGENT_LOOKED_AT, BotReason
from contracts.partitions import HOUR
from contracts.tables import CLEAN_EVENTS, HOURLY_EVENT_COUNTS, HOURLY_PRODUCT_STATS, HOURLY_TRAFFIC, Table
from spark_jobs.hourly import computed_hours
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.user_agents import reason_of_agent
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import table_rows

START = datetime(2026, 11, 1, tzinfo=UTC)
MICROSECOND, SECOND, MINUTE = timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
RATE_IN_TESTS = 3
AT_ONCE_IN_TESTS = 2

#: Each rule has an hour of its own, with an empty one before it.
AGENTS, LONG_AGENT, RATE, COPIES, TWO_HOURS, MIXED, TIE, MONEY, CLIENTS, INSTANT, SILENT = (
    START + i * 3 * HOUR for i in range(11)
)


def burst(hour: datetime, user_id: str, count: int) -> list[ReceivedEvent]:
    return at_times(user_id, *(hour + i * MINUTE for i in range(count)))


def at_times(user_id: str, *times: datetime) -> list[ReceivedEvent]:
    return [ReceivedEvent(event_time=time, user_id=user_id, click_id=f"{user_id}{i}") for i, time in enumerate(times)]


EVENTS = [
    ReceivedEvent(event_time=AGENTS, click_id="crawler", user_id="a", user_agent=CRAWLER),
    ReceivedEvent(event_time=AGENTS, click_id="person", user_id="b", user_agent=PERSON),
    ReceivedEvent(event_time=AGENTS, click_id="unknown", user_id="c", user_agent=None),
    ReceivedEvent(event_time=CLIENTS, click_id="proxy", user_id="a", user_agent="Amazon CloudFront"),
    ReceivedEvent(event_time=CLIENTS, click_id="app", user_id="b", user_agent="okhttp/4.9.3"),
    ReceivedEvent(event_time=CLIENTS, click_id="server", user_id="c", user_agent="WooCommerce/8.3 Hookshot"),
    ReceivedEvent(event_time=CLIENTS, click_id="crawler", user_id="d", user_agent="okhttpBot/1.0 Googlebot/2.1"),
    *(replace(event, user_agent="axios/1.6.2") for event in burst(CLIENTS, "machine", RATE_IN_TESTS + 1)),
    ReceivedEvent(event_time=LONG_AGENT, click_id="seen", user_agent="x" * (USER_AGENT_LOOKED_AT - 10) + "Googlebot/"),
    ReceivedEvent(event_time=LONG_AGENT, click_id="unseen", user_agent="x" * USER_AGENT_LOOKED_AT + "Googlebot/"),
    *burst(RATE, "just", RATE_IN_TESTS),
    *burst(RATE, "more", RATE_IN_TESTS + 1),
    *burst(COPIES, "ann", RATE_IN_TESTS),
    *burst(COPIES, "ann", RATE_IN_TESTS),
    *at_times("machine", *[INSTANT] * AT_ONCE_IN_TESTS, INSTANT + SECOND - MICROSECOND),
    *at_times("page", *[INSTANT] * AT_ONCE_IN_TESTS),
    *at_times("person", *[INSTANT] * AT_ONCE_IN_TESTS, INSTANT + SECOND),
    *at_times("copied", *[INSTANT] * AT_ONCE_IN_TESTS),
    *at_times("copied", *[INSTANT] * AT_ONCE_IN_TESTS),
    *at_times("both", *[INSTANT] * (RATE_IN_TESTS + 1)),
    ReceivedEvent(event_time=SILENT, click_id="script", user_id="a", request_id="r", source_ip="203.0.113.0"),
    ReceivedEvent(event_time=SILENT, click_id="bare", user_id="b"),
    ReceivedEvent(event_time=SILENT, click_id="replayed", user_id="c", request_id="events.jsonl:1"),
    ReceivedEvent(event_time=SILENT, click_id="from elsewhere", user_id="d", source_ip="203.0.113.0"),
    *(replace(event, request_id="r", source_ip="203.0.113.0") for event in burst(SILENT, "machine", RATE_IN_TESTS + 1)),
    *burst(TWO_HOURS + 57 * MINUTE, "ann", 2 * RATE_IN_TESTS),
    ReceivedEvent(event_time=MIXED, click_id="1", user_agent=CRAWLER),
    ReceivedEvent(event_time=MIXED + MINUTE, click_id="2"),
    ReceivedEvent(event_time=MIXED + 40 * MINUTE, click_id="3"),
    ReceivedEvent(event_time=TIE, click_id="1", user_agent=CRAWLER),
    ReceivedEvent(event_time=TIE, click_id="2"),
    *(
        ReceivedEvent(
            event_time=MONEY,
            user_id=agent,
            click_id=agent + name,
            event_name=name,
            product_id="p",
            price=price,
            user_agent=agent,
        )
        for agent in (CRAWLER, PERSON)
        for name, price in (("ViewContent", None), ("Purchase", Decimal("9.99")))
    ),
    ReceivedEvent(event_time=MONEY, click_id="free", event_name="Purchase", user_agent=CRAWLER, product_id="only bots"),
]


@dataclass(frozen=True)
class Made:
    """The lake after the one run."""

    lake: Lake

    def rows(self, table: Table, hour: datetime) -> list[dict[str, object]]:
        names = [column.name for column in table.columns]
        rows = [row for row in table_rows(self.lake, table) if hour <= row[0] < hour + HOUR]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def reasons(self, hour: datetime, by: str = "click_id") -> dict[object, list[str]]:
        rows = self.rows(CLEAN_EVENTS, hour)
        assert all(row["is_bot"] == bool({*row["bot_reasons"]} - HARMLESS_REASONS) for row in rows)  # type: ignore[misc]
        return {row[by]: row["bot_reasons"] for row in rows}  # type: ignore[misc]

    def traffic(self, hour: datetime, *measures: str) -> list[tuple[object, object]]:
        (row,) = self.rows(HOURLY_TRAFFIC, hour)
        return [(row[measure], row[f"{measure}_without_bots"]) for measure in measures]


@pytest.fixture(scope="module")
def made(empty_tables: Lake, new_lake: NewLake) -> Made:
    lake = copy_lake(empty_tables, new_lake())
    land(lake, [Landing(landing_hour=START, events=EVENTS)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computed_hours, "BOT_EVENTS_PER_HOUR", RATE_IN_TESTS)
        patch.setattr(computed_hours, "BOT_EVENTS_AT_ONCE", AT_ONCE_IN_TESTS)
        aggregate_hours(lake, {event.event_hour for event in EVENTS})
    return Made(lake)


@pytest.mark.spark
def test_an_event_with_a_known_crawlers_user_agent_is_flagged_and_kept(made: Made) -> None:
    assert made.reasons(AGENTS) == {"crawler": ["crawler_user_agent"], "person": [], "unknown": []}


@pytest.mark.spark
def test_a_proxy_a_library_or_a_shops_server_is_named_and_makes_no_bot_by_itself(made: Made) -> None:
    reasons = made.reasons(CLIENTS, by="user_id")
    assert reasons == {
        **{user: ["http_client"] for user in "abc"},
        "d": ["crawler_user_agent"],
        "machine": ["rate", "http_client"],
    }
    assert made.traffic(CLIENTS, "events", "users") == [(8, 3), (5, 3)]


@pytest.mark.spark
def test_a_user_agent_is_looked_at_up_to_its_limit(made: Made) -> None:
    assert made.reasons(LONG_AGENT) == {"seen": ["crawler_user_agent"], "unseen": []}


@pytest.mark.spark
def test_every_event_of_a_user_above_the_rate_is_flagged_and_none_of_one_at_it(made: Made) -> None:
    assert made.reasons(RATE, by="user_id") == {"just": [], "more": ["rate"]}


@pytest.mark.spark
def test_a_user_whose_events_of_an_hour_are_too_many_for_one_page_and_happen_at_once_is_a_machine(made: Made) -> None:
    assert made.reasons(INSTANT, by="user_id") == {
        "machine": ["instant"],
        "page": [],
        "person": [],
        "copied": [],
        "both": ["rate", "instant"],
    }
    assert made.traffic(INSTANT, "events", "users") == [(14, 7), (5, 3)]


@pytest.mark.spark
def test_a_request_without_the_header_is_named_and_makes_no_bot_by_itself(made: Made) -> None:
    assert made.reasons(SILENT, by="user_id") == {
        "a": ["no_user_agent"],
        **{user: [] for user in "bcd"},
        "machine": ["rate", "no_user_agent"],
    }
    assert made.traffic(SILENT, "events", "users") == [(8, 4), (5, 4)]


@pytest.mark.spark
def test_copies_of_an_event_do_not_count_for_the_rate(made: Made) -> None:
    assert set(map(tuple, made.reasons(COPIES).values())) == {()}


@pytest.mark.spark
def test_the_rate_is_that_of_one_event_hour(made: Made) -> None:
    for hour in (TWO_HOURS, TWO_HOURS + HOUR):
        assert list(made.reasons(hour).values()) == [[]] * RATE_IN_TESTS


@pytest.mark.spark
def test_a_user_counts_without_bots_if_one_event_is_not_flagged(made: Made) -> None:
    assert made.traffic(AGENTS, "events", "users") == [(3, 2), (3, 2)]
    assert made.traffic(MIXED, "events", "users") == [(3, 2), (1, 1)]
    (search,) = made.rows(HOURLY_EVENT_COUNTS, MIXED)
    assert (search["users"], search["users_without_bots"]) == (1, 1)


@pytest.mark.spark
def test_a_session_counts_without_bots_if_its_first_event_is_not_flagged(made: Made) -> None:
    assert made.traffic(MIXED, "sessions_started") == [(2, 1)]


@pytest.mark.spark
def test_of_events_at_one_time_one_that_is_not_flagged_starts_the_session(made: Made) -> None:
    assert made.traffic(TIE, "sessions_started") == [(1, 1)]


@pytest.mark.spark
def test_money_and_steps_are_counted_with_and_without_bots(made: Made) -> None:
    assert made.traffic(MONEY, "views", "purchases", "revenue", "purchases_without_price") == [
        (2, 1),
        (3, 1),
        (Decimal("19.98"), Decimal("9.99")),
        (1, 0),
    ]
    only_bots, both = made.rows(HOURLY_PRODUCT_STATS, MONEY)
    assert [only_bots[name] for name in ("product_id", "purchases", "purchases_without_bots")] == ["only bots", 1, 0]
    assert [both[name] for name in ("revenue", "revenue_without_bots")] == [Decimal("19.98"), Decimal("9.99")]


def test_every_example_of_the_list_is_a_crawler_and_its_longest_is_looked_at_whole() -> None:
    examples = [example for crawler in CRAWLER_USER_AGENTS_DATA for example in crawler["instances"]]
    reasons = [reason_of_agent(example) for example in examples]
    assert set(reasons) == {BotReason.CRAWLER_USER_AGENT, BotReason.HTTP_CLIENT}
    assert reasons.count(BotReason.HTTP_CLIENT) < len(examples) / 20
    assert reason_of_agent(PERSON) is None
    assert max(map(len, examples)) < USER_AGENT_LOOKED_AT


def test_a_program_of_the_shops_own_is_an_http_client_whatever_lists_say() -> None:
    own = ("ShopApp/", "Mozilla/5.0 (compatible; Google")
    assert [
        reason_of_agent(agent, own) for agent in (CRAWLER, "ShopApp/3 (bot)", "MyShopApp/3 Googlebot/2.1", PERSON)
    ] == [
        BotReason.HTTP_CLIENT,
        BotReason.HTTP_CLIENT,
        BotReason.CRAWLER_USER_AGENT,
        None,
    ]
