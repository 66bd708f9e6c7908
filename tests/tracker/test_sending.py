"""When events leave a page, what is sent again, and when: a shop, a real browser, and an API that answers as told."""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from contracts.event import MAX_BATCH_EVENTS
from tests.tracker.fake_api import (
    Answer,
    Event,
    FakeApi,
    accept,
    accept_once,
    accept_only,
    fail,
    hang_up,
    refuse,
    throttle,
)
from tests.tracker.pages import flush, hide, record_many, settle, wait_for_reply, watch_replies

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def test_events_within_two_seconds_are_one_batch(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    record_many(page, 3)
    page.clock.run_for(1_900)
    assert api.batches == []
    page.clock.run_for(200)
    api.wait_for(batches=1)
    assert api.stored_names() == ["E0", "E1", "E2"]


def test_full_batch_does_not_wait(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    record_many(page, 50)
    api.wait_for(stored=50)
    assert len(api.batches) == 1


def test_batch_is_within_the_limits_of_the_api_and_of_browsers(open_page: Open, api: FakeApi) -> None:
    page = open_page()
    record_many(page, 400, size=1_000)
    api.wait_for(stored=400)
    assert max(batch.size for batch in api.batches) <= 60 * 1024
    assert max(len(batch.events) for batch in api.batches) <= MAX_BATCH_EVENTS
    assert set(api.copies().values()) == {1}


def test_exactly_what_was_not_accepted_is_sent_again(open_page: Open, api: FakeApi) -> None:
    api.answers.append(accept_only(0, 2))
    page = open_page(clock=True)
    watch_replies(page)
    record_many(page, 4)
    flush(page)
    api.wait_for(batches=1)
    wait_for_reply(page)
    page.clock.run_for(5_000)
    api.wait_for(batches=2)
    first, second = api.batches
    assert [event["event_name"] for event in second.events] == ["E1", "E3"]
    for before, after in zip((first.events[1], first.events[3]), second.events, strict=True):
        assert after["sent_at"] > before["sent_at"]
        assert {**after, "sent_at": ""} == {**before, "sent_at": ""}


def test_retry_after_is_waited_for_whatever_the_page_does(open_page: Open, api: FakeApi) -> None:
    api.answers.append(throttle(30))
    page = open_page(clock=True)
    watch_replies(page)
    record_many(page, 60)
    api.wait_for(batches=1)
    wait_for_reply(page)
    page.clock.run_for(29_000)
    record_many(page, 60, name="F")
    page.evaluate("clickstream.flush(); dispatchEvent(new Event('online'))")
    assert len(api.batches) == 1
    page.clock.run_for(4_000)
    api.wait_for(stored=120)
    assert set(api.copies().values()) == {1}


def test_wait_after_failures_is_drawn_from_a_range_that_doubles(open_page: Open, api: FakeApi) -> None:
    api.otherwise = fail
    page = open_page(clock=True)
    watch_replies(page)
    record_many(page, 1)
    page.evaluate("() => { Math.random = () => 0.5 }")
    flush(page)
    for tries, seconds in enumerate([1, 2, 4, 8, 16, 30, 30], start=1):
        wait_for_reply(page, tries)
        page.clock.run_for(seconds * 1_000 - 100)
        assert len(api.batches) == tries
        page.clock.run_for(200)
        api.wait_for(batches=tries + 1)


#: Makes any wait after a failure longer than a test.
LONG_WAITS = "() => { Math.random = () => 1_000 }"


def test_event_of_the_meantime_does_not_shorten_the_wait_after_a_failure(open_page: Open, api: FakeApi) -> None:
    released = threading.Event()
    api.otherwise = lambda events: Answer(status=503, body={}, held=released)
    page = open_page(clock=True)
    watch_replies(page)
    page.evaluate(LONG_WAITS)
    record_many(page, 1)
    flush(page)
    api.wait_for(batches=1)
    record_many(page, 1, name="F")
    released.set()
    wait_for_reply(page)
    page.clock.run_for(60_000)
    assert len(api.batches) == 1


def test_success_ends_the_wait_after_a_failure(open_page: Open, api: FakeApi) -> None:
    api.answers.append(fail)
    page = open_page(clock=True)
    watch_replies(page)
    page.evaluate(LONG_WAITS)
    record_many(page, 1)
    flush(page)
    wait_for_reply(page)
    flush(page)
    api.wait_for(stored=1)
    settle(page)
    record_many(page, 1, name="F")
    page.clock.run_for(3_000)
    api.wait_for(stored=2)


def test_connection_that_ends_without_an_answer_loses_nothing(open_page: Open, api: FakeApi) -> None:
    api.answers.append(hang_up)
    page = open_page()
    record_many(page, 3)
    flush(page)
    api.wait_for(stored=3)
    assert len(api.batches) == 2


def test_answer_that_is_no_json_loses_nothing(open_page: Open, api: FakeApi) -> None:
    api.answers.append(lambda events: Answer(status=200, body="a portal's page"))
    page = open_page()
    record_many(page, 3)
    flush(page)
    api.wait_for(stored=3)


def test_event_that_cannot_be_stored_is_dropped_alone(open_page: Open, api: FakeApi) -> None:
    def pick(events: list[Event]) -> Answer:
        return refuse(events) if any(event["event_name"] == "E3" for event in events) else accept(events)

    api.otherwise = pick
    page = open_page()
    # All waits are a hundred times shorter.
    page.evaluate("() => { const set = setTimeout; window.setTimeout = (action, delay) => set(action, delay / 100) }")
    page.evaluate("window.lost = []; clickstream.init({onerror: (why, event) => lost.push(why, event)})")
    record_many(page, 8)
    flush(page)
    api.wait_for(stored=7)
    settle(page)
    reason, event = page.evaluate("lost")
    assert reason == "refused"
    assert '"E3"' in event
    assert page.evaluate("clickstream.lost") == 1
    assert sorted(api.stored_names()) == [f"E{number}" for number in range(8) if number != 3]


def test_api_that_refuses_everything_is_not_asked_for_ever(open_page: Open, api: FakeApi) -> None:
    api.otherwise = refuse
    page = open_page()
    page.evaluate("Math.random = () => 0.001")
    record_many(page, 6)
    flush(page)
    settle(page)
    assert page.evaluate("clickstream.lost") == 6
    assert len(api.batches) == 8  # of 6, of 3, and of each alone


@pytest.mark.parametrize("leave", ["about:blank", "close"])
def test_what_waits_is_sent_when_the_page_goes(open_page: Open, api: FakeApi, leave: str) -> None:
    page = open_page(clock=True)
    record_many(page, 5)
    if leave == "close":
        page.close()
    else:
        page.goto(leave)
    api.wait_for(stored=5)


def test_what_waits_is_sent_when_the_page_is_hidden(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    record_many(page, 5)
    hide(page)
    api.wait_for(stored=5)


def test_event_of_a_hidden_page_does_not_wait(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    hide(page)
    record_many(page, 1)
    api.wait_for(stored=1)


def test_event_that_is_recorded_while_the_page_goes_is_sent(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    page.evaluate("addEventListener('pagehide', () => clickstream('Left'))")
    page.goto("about:blank")
    api.wait_for(stored=1)


def test_requests_in_flight_are_small_enough_for_a_browser_to_let_them_outlive_the_page(
    open_page: Open, api: FakeApi
) -> None:
    released = threading.Event()
    api.otherwise = accept_once(released)
    page = open_page(clock=True)
    record_many(page, 55, size=500)
    api.wait_for(batches=1)
    record_many(page, 100, name="F", size=2_000)
    hide(page)
    api.wait_for(batches=2)
    in_flight = sum(batch.size for batch in api.batches)
    assert 55_000 < in_flight <= 60 * 1024
    released.set()
    api.wait_for(stored=155)
    assert set(api.copies().values()) == {1}
