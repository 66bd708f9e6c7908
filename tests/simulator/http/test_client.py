"""The client against a real HTTP server that throttles, fails and breaks connections.

What got a 2xx is stored; only what failed is sent again, after a wait with full jitter; what may be stored is marked.
"""

import asyncio
import io
import json
from collections import Counter
from datetime import UTC, datetime
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import ApiError
from simulator.http.client import BackOff, Clock, EventsClient, retry_after_seconds
from simulator.http.report import StreamReport, StreamSummary
from simulator.http.sources import OutgoingEvent
from tests.simulator.fake_api import STORE_ALL, Behaviour, FakeEventsApi, fake_api

_NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


class Delivery:
    """One delivery of events to an address, with all that came of it."""

    def __init__(self, url: str, *, single: bool = False, max_tries: int = 10, give_up_seconds: float = 300.0) -> None:
        self.clock = FakeClock()
        self.log = io.StringIO()
        self.report = StreamReport(self.log)
        self._url = url
        self._single = single
        self._back_off = BackOff(max_tries=max_tries, give_up_seconds=give_up_seconds)

    def deliver(self, events: list[OutgoingEvent]) -> StreamSummary:
        asyncio.run(self._deliver(events))
        return self.report.summary(1.0)

    async def _deliver(self, events: list[OutgoingEvent]) -> None:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            client = EventsClient(
                http,
                self._url,
                single=self._single,
                back_off=self._back_off,
                report=self.report,
                random=Random(1),
                clock=Clock(now=self.clock.now, sleep=self.clock.sleep),
            )
            await client.deliver(events)

    @property
    def logged(self) -> list[str]:
        return self.log.getvalue().splitlines()


def _events(count: int, **fields: object) -> list[OutgoingEvent]:
    return [
        OutgoingEvent(body=json.dumps({"user_id": "1", "click_id": f"c{n}", **fields}).encode(), click_id=f"c{n}")
        for n in range(count)
    ]


def _stored(api: FakeEventsApi) -> Counter[str]:
    return Counter(event["click_id"] for event in api.stored)


def _once(count: int) -> Counter[str]:
    return Counter({f"c{n}": 1 for n in range(count)})


def test_a_batch_goes_to_the_batch_route_in_one_request_and_in_order() -> None:
    with fake_api() as api:
        summary = Delivery(api.url + "/").deliver(_events(5))
        assert api.requests == [("/stage/events/batch", api.stored)]
        assert [event["click_id"] for event in api.stored] == ["c0", "c1", "c2", "c3", "c4"]
    assert (summary.sent, summary.accepted, summary.retried, summary.gave_up) == (5, 5, 0, 0)
    assert summary.complete


def test_a_single_event_goes_to_the_events_route_as_an_object() -> None:
    with fake_api() as api:
        Delivery(api.url, single=True).deliver(_events(1, timestamp="2026-11-20 10:00:00", event_name="Search"))
        assert [(path, len(events)) for path, events in api.requests] == [("/stage/events", 1)]
        assert _stored(api) == _once(1)


def test_only_the_failed_events_of_a_partly_stored_batch_are_sent_again() -> None:
    with fake_api([Behaviour(throttled=frozenset({1, 3})), Behaviour(throttled=frozenset({0}))]) as api:
        delivery = Delivery(api.url)
        summary = delivery.deliver(_events(5))
        sent = [[event["click_id"] for event in events] for _, events in api.requests]
        assert sent == [["c0", "c1", "c2", "c3", "c4"], ["c1", "c3"], ["c1"]]
        assert _stored(api) == _once(5)
    assert (summary.sent, summary.accepted, summary.retried) == (8, 5, 3)
    assert summary.possibly_duplicated == 0
    assert sorted(delivery.logged) == ["c0", "c1", "c2", "c3", "c4"]


def test_a_throttled_request_waits_at_least_as_long_as_the_server_says() -> None:
    with fake_api(
        [Behaviour(throttle_all=True, retry_after="7"), Behaviour(gateway_status=429, retry_after="3")]
    ) as api:
        delivery = Delivery(api.url)
        summary = delivery.deliver(_events(2))
        assert _stored(api) == _once(2)
    first, second = delivery.clock.slept
    assert 7 <= first <= 7.1
    assert 3 <= second <= 3.2
    assert summary.statuses == {"200": 1, "429": 2}
    assert summary.possibly_duplicated == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_without_statuses_is_sent_again_and_marked(status: int) -> None:
    with fake_api([Behaviour(gateway_status=status)]) as api:
        summary = Delivery(api.url).deliver(_events(3))
        assert _stored(api) == _once(3)
    assert (summary.accepted, summary.retried, summary.possibly_duplicated) == (3, 3, 3)


def test_a_connection_that_breaks_after_sending_may_duplicate_and_is_marked() -> None:
    with fake_api([Behaviour(break_connection="after"), Behaviour(throttled=frozenset({0}))]) as api:
        delivery = Delivery(api.url)
        summary = delivery.deliver(_events(3))
        assert _stored(api) == Counter({"c0": 2, "c1": 2, "c2": 2})
    assert (summary.accepted, summary.possibly_duplicated, summary.gave_up) == (3, 3, 0)
    assert sorted(delivery.logged) == ["c0", "c1", "c2"]


def test_a_refused_connection_is_tried_again_until_it_gives_up_and_nothing_may_have_been_stored() -> None:
    with fake_api() as api:
        url = api.url
    delivery = Delivery(url, max_tries=4)
    summary = delivery.deliver(_events(2))
    assert len(delivery.clock.slept) == 3
    assert (summary.sent, summary.accepted, summary.retried, summary.gave_up) == (8, 0, 6, 2)
    assert (summary.possibly_stored, summary.connection_errors) == (0, {"ConnectError": 4})
    assert not summary.complete
    assert delivery.logged == []


def test_it_gives_up_after_its_time_and_says_how_many_may_be_stored() -> None:
    with fake_api([Behaviour(gateway_status=504), *[Behaviour(throttle_all=True, retry_after="20")] * 9]) as api:
        delivery = Delivery(api.url, give_up_seconds=50)
        summary = delivery.deliver(_events(3))
        assert not api.stored
    assert delivery.clock.at <= 50
    assert (summary.gave_up, summary.possibly_stored, summary.accepted) == (3, 3, 0)
    assert summary.sent == summary.accepted + summary.refused + summary.retried + summary.gave_up


def test_one_event_that_the_edge_refuses_does_not_take_its_neighbours_down() -> None:
    events = _events(9)
    events[4].body = b'{"click_id": "c4", "refuse_me": 1}'
    with fake_api() as api:
        delivery = Delivery(api.url)
        summary = delivery.deliver(events)
        assert _stored(api) == _once(9) - Counter({"c4": 1})
    assert (summary.accepted, summary.refused) == (8, 1)
    assert summary.refusals == {"400 Invalid request body: refuse_me": 1}
    assert summary.sent == summary.accepted + summary.refused + summary.retried + summary.gave_up
    assert not summary.complete


def test_a_refusal_is_not_tried_again() -> None:
    with fake_api([Behaviour(gateway_status=413)]) as api:
        delivery = Delivery(api.url)
        summary = delivery.deliver(_events(1))
        assert len(api.requests) == 1
    assert (summary.refused, delivery.clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (Behaviour(gateway_status=404), "answered 404 'gateway'.*ApiUrl"),
        (Behaviour(gateway_status=501), "answered 501 'gateway'.*ApiUrl"),
        (Behaviour(gateway_status=200, body=b"<html>hello</html>"), "answered 200 .*ApiUrl"),
        (Behaviour(body=b'{"events": [{"status": "accepted"}]}'), "answered 1 statuses to 2 events"),
    ],
)
def test_an_answer_that_is_not_the_events_apis_ends_the_run(behaviour: Behaviour, message: str) -> None:
    with fake_api([behaviour, STORE_ALL]) as api, pytest.raises(ApiError, match=message):
        Delivery(api.url).deliver(_events(2))


@given(tries=st.integers(1, 10_000), share=st.floats(0, 1, exclude_max=True))
def test_a_delay_lies_between_nothing_and_the_doubling_bound(tries: int, share: float) -> None:
    delay = BackOff(first_seconds=0.1, longest_seconds=10).delay(tries, None, lambda: share)
    assert 0 <= delay <= min(10.0, 0.1 * 2.0 ** min(tries - 1, 30))


def test_the_bound_doubles_with_each_try_up_to_the_longest() -> None:
    back_off = BackOff(first_seconds=1, longest_seconds=10)
    assert [back_off.delay(tries, None, lambda: 1.0) for tries in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 10, 10]


@given(retry_after=st.floats(0, 100), share=st.floats(0, 1))
def test_a_delay_is_never_shorter_than_the_server_asked_for(retry_after: float, share: float) -> None:
    assert BackOff().delay(3, retry_after, lambda: share) >= retry_after


def test_it_gives_up_after_so_many_tries_or_so_long() -> None:
    back_off = BackOff(max_tries=3, give_up_seconds=60)
    assert not back_off.gives_up(2, 59)
    assert back_off.gives_up(3, 0)
    assert back_off.gives_up(1, 60.1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, _NOW) == seconds
