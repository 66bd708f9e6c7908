"""A call in a page → the event that arrives, as the validation of lines reads it; and calls that make no event."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page

from contracts.timestamps import parse_timestamp
from spark_jobs.validation.line import Received, validate_line
from tests.tracker.fake_api import Event, FakeApi
from tests.tracker.pages import flush, record, settle
from tests.tracker.shop import Shop

pytestmark = pytest.mark.browser

NAUGHTY: Final = Path(__file__).parents[1] / "data" / "naughty_strings.jsonl.gz"


def instant(text: str) -> datetime:
    """Read a timestamp as the pipeline does."""
    parsed = parse_timestamp(text)
    assert parsed is not None, text
    return parsed


def received(event: Event) -> Any:
    """Validate the event as the first job does; return the values of its columns."""
    received_at = int(instant(event["sent_at"]).timestamp() * 1_000)
    line = json.dumps({"received_at": received_at, "event": event}).encode()
    judged = validate_line(line)
    assert isinstance(judged, Received), judged
    return judged.values


def only_event(page: Page, api: FakeApi) -> Event:
    """Return the one event, once it has come."""
    flush(page)
    api.wait_for(stored=1)
    (event,) = api.stored
    return event


def test_event_has_what_the_contract_wants(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page("/mug?utm_source=mail&utm_medium=news&utm_campaign=may&size=2#top")
    record(page, "Purchase", {"product_id": 557246, "price": 417.97, "currency": "EUR", "coupon": "MAY"})
    event = only_event(page, api)
    values = received(event)
    assert values["event_name"] == "Purchase"
    assert (values["product_id"], str(values["price"])) == ("557246", "417.97")
    assert event["page_url"].endswith("/mug?utm_source=mail&utm_medium=news&utm_campaign=may&size=2")
    assert [event[f"utm_{name}"] for name in ("source", "medium", "campaign")] == ["mail", "news", "may"]
    assert (event["currency"], event["coupon"]) == ("EUR", "MAY")
    assert instant(event["sent_at"]) >= instant(event["timestamp"])


def test_event_knows_where_the_visitor_came_from(open_page: Callable[..., Page], api: FakeApi, shop: Shop) -> None:
    page = open_page("/search")
    page.evaluate("location.href = '/mug'")
    page.wait_for_url("**/mug")
    page.wait_for_function("typeof clickstream.init == 'function'")
    record(page, "ViewContent")
    assert only_event(page, api)["referrer"] == f"{shop.url}/search"


def test_event_knows_the_time_on_its_page_and_how_much_was_seen(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page(clock=True)
    record(page, "ViewContent", {"product_id": "mug"})
    flush(page)
    settle(page)
    page.clock.run_for(79_000)
    page.evaluate("new Promise(seen => { addEventListener('scroll', seen, {once: true}); scrollTo(0, 600) })")
    page.evaluate("scrollTo(0, 0)")
    record(page, "AddToCart", {"product_id": "mug"})
    record(page, "Purchase", {"time_on_data": 3.5, "percent_viewed": 12.5})
    flush(page)
    api.wait_for(stored=3)
    seen = {e["event_name"]: e["additional_data"] for e in api.stored}
    assert [seen[name]["percent_viewed"] for name in ("ViewContent", "AddToCart")] == [33, 67]
    assert seen["AddToCart"]["time_on_data"] - seen["ViewContent"]["time_on_data"] == 79
    assert seen["Purchase"] == {"time_on_data": 3.5, "percent_viewed": 12.5}


def test_address_that_an_application_sets_is_a_new_page(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page("/first", clock=True)
    page.clock.run_for(50_000)
    page.evaluate("history.pushState({}, '', '/second')")
    record(page, "ViewContent")
    event = only_event(page, api)
    assert event["page_url"].endswith("/second")
    assert event["referrer"].endswith("/first")
    assert event["additional_data"]["time_on_data"] == 0


def test_visitor_is_the_user_until_the_shop_names_one(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page()
    record(page, "Search")
    page.evaluate("clickstream.identify(123)")
    record(page, "AddToCart")
    page.evaluate("clickstream.identify()")
    record(page, "ViewContent")
    flush(page)
    api.wait_for(stored=3)
    visitor = api.stored[0]["anonymous_id"]
    assert [event.get("user_id") for event in api.stored] == [None, "123", None]
    assert [received(event)["user_id"] for event in api.stored] == [visitor, "123", visitor]
    assert {event["anonymous_id"] for event in api.stored} == {visitor}


def test_visitor_is_the_same_on_every_page(open_page: Callable[..., Page], api: FakeApi) -> None:
    for path in ("/one", "/two"):
        record(page := open_page(path), "Search")
        flush(page)
    api.wait_for(stored=2)
    assert len({event["anonymous_id"] for event in api.stored}) == 1


def test_calls_from_before_the_script_has_loaded_count(
    open_page: Callable[..., Page], api: FakeApi, shop: Shop
) -> None:
    shop.before = "clickstream(() => clickstream.identify('early')); clickstream('Search', {query: 'mug'})"
    event = only_event(open_page(), api)
    assert (event["event_name"], event["query"], event["user_id"]) == ("Search", "mug", "early")


def test_script_that_is_there_twice_sends_an_event_once(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page()
    page.add_script_tag(url="/clickstream.js?again")
    record(page, "Search")
    flush(page)
    record(page, "AddToCart")
    flush(page)
    api.wait_for(stored=2)
    assert api.copies() == {"Search": 1, "AddToCart": 1}


def test_endpoint_may_come_later_from_the_page(open_page: Callable[..., Page], api: FakeApi, shop: Shop) -> None:
    shop.attributes = {}
    page = open_page()
    record(page, "Search")
    page.evaluate("url => clickstream.init({endpoint: url, pixel: 'shop-7'})", api.url)
    assert only_event(page, api)["pixel_id"] == "shop-7"


def test_page_cannot_set_what_identifies_an_event(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page()
    record(
        page,
        "Search",
        {"click_id": 1, "timestamp": "x", "event_name": 2, "user_id": 3, "anonymous_id": 4, "sent_at": 5, "price": 6},
    )
    event = only_event(page, api)
    assert received(event)["event_name"] == "Search"
    assert received(event)["user_id"] == event["anonymous_id"] != 4
    assert "user_id" not in event


def test_additional_data_of_the_page_is_kept(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page()
    record(page, "Search", {"product_id": "mug", "additional_data": {"colour": "red", "product_id": "cup"}})
    data = only_event(page, api)["additional_data"]
    assert (data["colour"], data["product_id"]) == ("red", "mug")


#: What a page may pass by mistake or on purpose, and whether an event comes of it.
HOSTILE: Final = {
    "no name": ("clickstream()", False),
    "null": ("clickstream(null, null)", False),
    "symbol": ("clickstream(Symbol('x'))", False),
    "number as name": ("clickstream(7)", True),
    "properties are text": ("clickstream('A', 'text')", True),
    "big integer": ("clickstream('A', {price: 10n})", False),
    "cycle": ("const a = {}; a.a = a; clickstream('A', a)", False),
    "getter that throws": ("clickstream('A', {get price() { throw new Error('no') }})", False),
    "proxy that throws": ("clickstream('A', new Proxy({}, {ownKeys() { throw 1 }}))", False),
    "toJSON": ("clickstream('A', {toJSON: () => 'another'})", True),
    "inner toJSON that throws": ("clickstream('A', {x: {toJSON() { throw new Error('no') }}})", False),
    "megabyte": ("clickstream('A', {x: 'x'.repeat(1e6)})", False),
    "deep": ("let d = {}; for (let i = 0; i < 1e5; i++) d = {d}; clickstream('A', {d})", False),
    "function": ("clickstream('A', {x() {}, y: undefined, z: NaN})", True),
    "function that throws": ("clickstream(() => { throw new Error('no') })", False),
    "element": ("clickstream('A', {x: document.body, y: window.origin})", True),
    "lone surrogate": ("clickstream('A', {x: '\\ud800'})", True),
    "own prototype": ("""clickstream('A', JSON.parse('{"__proto__": {"price": 1}}'))""", True),
    "user that is no text": ("clickstream.identify({toString() { throw 1 }})", False),
    "options": ("clickstream.init(null); clickstream.init({onerror: 5}); clickstream(Symbol())", False),
    "onerror that throws": ("clickstream.init({onerror() { throw new Error('no') }}); clickstream(Symbol())", False),
}


def test_hostile_call_throws_nothing_into_the_page_and_harms_no_other_event(
    open_page: Callable[..., Page], api: FakeApi
) -> None:
    page = open_page()
    for call, _ in HOSTILE.values():
        page.evaluate(f"() => {{ {call} }}")
    record(page, "After")
    flush(page)
    events = sum(makes_one for _, makes_one in HOSTILE.values())
    api.wait_for(stored=events + 1)
    assert page.evaluate("thrown") == []
    assert api.stored_names()[-1] == "After"
    assert len(api.stored) == events + 1
    assert page.evaluate("clickstream.lost") == len(HOSTILE) - events
    for event in api.stored:
        if event["event_name"] != "7":
            received(event)


def test_what_makes_no_event_is_reported_with_the_reason(open_page: Callable[..., Page], api: FakeApi) -> None:
    page = open_page()
    page.evaluate("""() => {
        window.reasons = []
        clickstream.init({onerror: reason => reasons.push(String(reason))})
        clickstream('A', {price: 10n})
        clickstream('A', {x: 'x'.repeat(1e6)})
    }""")
    first, second = page.evaluate("reasons")
    assert "BigInt" in first
    assert second == "too large"


def test_every_naughty_string_arrives_as_it_was(open_page: Callable[..., Page], api: FakeApi) -> None:
    strings = [json.loads(line) for line in gzip.decompress(NAUGHTY.read_bytes()).splitlines()]
    strings = [text for text in strings if isinstance(text, str)]
    page = open_page()
    page.evaluate("strings => strings.forEach(text => clickstream('Search', {query: text}))", strings)
    flush(page)
    api.wait_for(stored=len(strings))
    assert sorted(event["query"] for event in api.stored) == sorted(strings)
    assert page.evaluate("[thrown, clickstream.lost]") == [[], 0]


def test_request_carries_no_cookie(open_page: Callable[..., Page], api: FakeApi, visitor: BrowserContext) -> None:
    visitor.add_cookies([{"name": "session", "value": "secret", "url": api.url}])
    record(page := open_page(), "Search")
    only_event(page, api)
    assert "Cookie" not in api.batches[0].headers
