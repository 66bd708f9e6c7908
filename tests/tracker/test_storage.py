"""What a browser keeps of a visitor: events over reloads, killed tabs and full storage, and nothing without consent."""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.tracker.fake_api import FakeApi, accept, accept_once, fail
from tests.tracker.pages import flush, hide, kill, record, record_many, settle, show, wait_for_lock, wait_for_no_lock
from tests.tracker.shop import Shop

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

#: As in a browser that keeps no data of sites, or in a page within a sandboxed frame.
BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})"
#: Up to the last character that fits.
FULL = """() => {
    for (let size = 2 ** 22; size >= 1;) {
        try { localStorage['filling ' + Math.random()] = 'x'.repeat(size) } catch { size /= 2 }
    }
}"""


def keys(page: Page) -> list[str]:
    """Return the tracker's keys in the storage of the shop's origin."""
    return sorted(page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('clickstream'))"))


def test_events_that_nobody_took_survive_a_reload(open_page: Open, api: FakeApi) -> None:
    api.otherwise = fail
    page = open_page()
    record_many(page, 20)
    page.reload()
    api.wait_for(batches=1)
    api.otherwise = accept
    page.wait_for_function("typeof clickstream.init == 'function'")
    flush(page)
    api.wait_for(stored=20)
    settle(page)
    assert set(api.copies().values()) == {1}
    assert len(keys(page)) == 1


def test_events_of_an_offline_visitor_are_sent_when_the_network_is_back(
    open_page: Open, api: FakeApi, visitor: BrowserContext
) -> None:
    page = open_page()
    # Any wait is longer than the test's patience: nothing but the network's return can end it.
    page.evaluate("Math.random = () => 100")
    visitor.set_offline(True)
    record_many(page, 60)
    flush(page)
    page.wait_for_function("performance.getEntriesByType('resource').some(e => e.name.endsWith('/batch'))")
    assert api.stored == []
    visitor.set_offline(False)
    api.wait_for(stored=60)
    settle(page)
    assert set(api.copies().values()) == {1}


def test_two_tabs_send_each_event_once(open_page: Open, api: FakeApi) -> None:
    first, second = open_page("/one"), open_page("/two")
    for turn in range(6):
        for page, name in ((first, "A"), (second, "B")):
            record_many(page, 40, name=f"{name}{turn}x")
            hide(page)
            show(page)
            flush(page)
    api.wait_for(stored=480)
    settle(first)
    assert len(api.copies()) == 480
    assert set(api.copies().values()) == {1}
    assert len({event["anonymous_id"] for event in api.stored}) == 1


def test_tab_that_stays_sends_what_a_killed_one_left(open_page: Open, api: FakeApi) -> None:
    stays, killed = open_page("/stays"), open_page("/killed", clock=True)
    record_many(killed, 20)
    # Each page has a lock of its own: as long as it holds it, no other takes its events.
    hide(stays)
    show(stays)
    flush(stays)
    record(stays, "Own")
    flush(stays)
    api.wait_for(stored=1)
    settle_own(stays)
    assert api.stored_names() == ["Own"]
    kill(killed)
    show(stays)
    wait_for_lock(stays)
    flush(stays)
    api.wait_for(stored=21)
    settle(stays)
    assert set(api.copies().values()) == {1}
    assert len(keys(stays)) == 1


def settle_own(page: Page) -> None:
    """Wait until only the events of another page are queued."""
    page.wait_for_function(
        "Object.keys(localStorage).filter(key => key.startsWith('clickstream')).length == 21", polling=20
    )


def test_next_visit_sends_what_a_killed_tab_left(open_page: Open, api: FakeApi) -> None:
    page = open_page(clock=True)
    record_many(page, 20)
    kill(page)
    page = open_page()
    wait_for_lock(page)
    flush(page)
    api.wait_for(stored=20)
    assert set(api.copies().values()) == {1}


def test_page_that_comes_back_from_the_back_forward_cache_neither_loses_nor_doubles(
    open_page: Open, api: FakeApi
) -> None:
    api.otherwise = fail
    page = open_page(clock=True)
    record_many(page, 5)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    api.wait_for(batches=1)
    wait_for_no_lock(page)
    api.otherwise = accept
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    record(page, "Later")
    wait_for_lock(page)
    flush(page)
    api.wait_for(stored=6)
    settle(page)
    assert set(api.copies().values()) == {1}


def test_page_that_goes_before_its_lock_is_granted_holds_none(open_page: Open, api: FakeApi) -> None:
    answered = threading.Event()
    api.otherwise = accept_once(answered)
    page = open_page(clock=True)
    page.evaluate(
        "clickstream('Search', {search_keyword: 'boots'});"
        "dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))"
    )
    api.wait_for(batches=1)
    wait_for_no_lock(page)
    answered.set()


def test_page_that_comes_back_leaves_its_events_to_the_page_that_took_them(open_page: Open, api: FakeApi) -> None:
    api.otherwise = fail
    page = open_page(clock=True)
    record_many(page, 5)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    api.wait_for(batches=1)
    taker = open_page("/taker", clock=True)
    wait_for_lock(taker)
    released = threading.Event()
    api.otherwise = accept_once(released)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    flush(page)
    flush(taker)
    api.wait_for(stored=5)
    released.set()
    settle(taker)
    assert set(api.copies().values()) == {1}


@pytest.mark.parametrize("state", ["full", "blocked"])
def test_events_are_sent_from_memory_where_nothing_can_be_stored(
    open_page: Open, api: FakeApi, visitor: BrowserContext, state: str
) -> None:
    if state == "blocked":
        visitor.add_init_script(BLOCKED)
    page = open_page()
    if state == "full":
        page.evaluate(FULL)
    api.answers.append(fail)
    record_many(page, 60)
    api.wait_for(batches=1)
    record_many(page, 60, name="F")
    flush(page)
    api.wait_for(stored=120)
    settle(page)
    assert set(api.copies().values()) == {1}
    assert len({event["anonymous_id"] for event in api.stored}) == 1
    assert page.evaluate("[thrown, clickstream.lost]") == [[], 0]


def test_page_without_web_locks_sends_its_events_and_those_that_were_left(
    open_page: Open, api: FakeApi, visitor: BrowserContext
) -> None:
    visitor.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    page = open_page(clock=True)
    record_many(page, 20)
    kill(page)
    page = open_page()
    record_many(page, 3, name="F")
    flush(page)
    api.wait_for(stored=23)
    assert set(api.copies().values()) == {1}


def test_full_queue_drops_its_oldest_events_and_counts_them(open_page: Open, api: FakeApi) -> None:
    api.otherwise = fail
    page = open_page(clock=True)
    page.evaluate("window.reasons = []; clickstream.init({onerror: reason => reasons.push(reason)})")
    record_many(page, 100, size=20_000)
    lost = page.evaluate("clickstream.lost")
    assert page.evaluate("reasons") == ["queue full"] * lost
    stored = page.evaluate("Object.values(localStorage).filter(value => value[0] == '{').map(JSON.parse)")
    assert sorted(event["event_name"] for event in stored) == sorted(f"E{number}" for number in range(lost, 100))
    assert 900_000 < page.evaluate("Object.values(localStorage).join('').length") <= 1_000_000


def test_nothing_is_stored_or_sent_before_consent(open_page: Open, api: FakeApi, shop: Shop) -> None:
    shop.attributes["data-consent"] = "required"
    page = open_page("/landing?utm_source=mail", clock=True)
    record(page, "Search")
    flush(page)
    hide(page)
    show(page)
    page.clock.run_for(60_000)
    assert keys(page) == []
    assert page.evaluate("document.cookie + Object.keys(sessionStorage)") == ""
    assert api.batches == []
    page.evaluate("history.pushState({}, '', '/later'); clickstream.consent(true)")
    assert len(keys(page)) == 2
    flush(page)
    api.wait_for(stored=1)
    assert api.stored[0]["utm_source"] == "mail"
    assert "/landing" in api.stored[0]["page_url"]


def test_visitor_who_refuses_is_not_recorded(open_page: Open, api: FakeApi, shop: Shop) -> None:
    shop.attributes["data-consent"] = "required"
    page = open_page()
    record(page, "Before")
    page.evaluate("clickstream.consent(false)")
    record(page, "Refused")
    page.evaluate("clickstream.consent(true)")
    record(page, "After")
    flush(page)
    api.wait_for(stored=1)
    assert api.stored_names() == ["After"]


def test_forgotten_visitor_leaves_nothing_behind(open_page: Open, api: FakeApi) -> None:
    other, page = open_page("/other", clock=True), open_page(clock=True)
    page.evaluate("clickstream.identify('123'); localStorage.theirs = 1")
    record(page, "Known")
    record(other, "InOtherTab")
    assert len(keys(page)) == 3
    page.evaluate("clickstream.forget()")
    record(page, "Refused")
    assert page.evaluate("Object.keys(localStorage)") == ["theirs"]
    for tab in (page, other):
        tab.clock.run_for(5_000)
    page.evaluate("clickstream.consent(true)")
    record(page, "Again")
    flush(page)
    api.wait_for(stored=1)
    settle(page)
    assert api.stored_names() == ["Again"]
    assert "user_id" not in api.stored[0]
