"""A view that changes is drawn anew without taking anything away, and a server that fails takes nothing away either."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pages.panels import View
from tests.plugins.pages.browser.drawn import NOW
from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.browser.hostile_views import broken
from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser

ASK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


def quick(view: View, seconds: int = 1) -> View:
    return replace(view, refresh_seconds=seconds)


def later(view: View, **changes: Any) -> View:
    return replace(view, as_of=NOW + timedelta(minutes=5), **changes)


def test_refresh_keeps_focus_scroll_and_what_is_typed(tab: Watched, served: Served) -> None:
    live = full()["live"]
    served.give({**full(), "live": quick(live)})
    page = tab.open("live")
    tab.rest()
    page.get_by_role("searchbox").fill("user")
    page.evaluate("""() => {
        scrollTo(0, 200)
        document.querySelector("[data-panel=lines] .scroll").scrollTop = 60
        window.before = [...document.querySelectorAll("[data-panel], canvas, input, [data-panel=lines] tr")]
    }""")
    served.views = {**full(), "live": later(live, refresh_seconds=0)}
    served.version += 1
    page.locator(".as-of").get_by_text("27 Nov, 14:42:12").wait_for()
    assert page.evaluate("window.before.every((one) => one.isConnected)"), "a node was thrown away"
    assert page.evaluate("[scrollY, document.querySelector('[data-panel=lines] .scroll').scrollTop]") == [200, 60]
    assert page.evaluate("document.activeElement.value") == "user"


def test_unchanged_view_is_not_sent_again(tab: Watched, served: Served) -> None:
    served.give({**full(), "live": quick(full()["live"])})
    with tab.page.expect_response(lambda answer: answer.status == 304 and "data/live" in answer.url):
        tab.open("live")


def test_hidden_page_asks_for_nothing(tab: Watched, served: Served) -> None:
    served.give({**full(), "live": quick(full()["live"])})
    page = tab.open("live")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.evaluate(ASK_AGAIN)
    tab.rest()
    asked = len(served.queries)
    page.wait_for_timeout(1_500)
    assert len(served.queries) == asked
    page.evaluate("delete document.hidden")
    with page.expect_response(lambda answer: "data/live" in answer.url):
        page.evaluate(ASK_AGAIN)


def test_figures_stay_marked_as_old_while_the_server_fails_and_come_back(tab: Watched, served: Served) -> None:
    live = full()["live"]
    served.give({**full(), "live": quick(live)})
    page = tab.open("live")
    served.views = broken()
    banner = page.get_by_role("alert")
    banner.get_by_text("The catalog does not answer.").wait_for()
    assert "Look whether the local cloud is up." in str(banner.text_content())
    assert "The figures below are of 27 Nov, 14:37:12 UTC." in str(banner.text_content())
    assert page.locator("main.old").count() == 1
    assert page.locator("[data-value=Users]").text_content() == "412"
    served.views = {**full(), "live": later(live)}
    served.version += 1
    page.locator(".as-of").get_by_text("27 Nov, 14:42:12").wait_for()
    assert page.locator("main.old").count() == 0
    assert banner.text_content() == ""


def test_server_that_is_gone_is_told_from_one_that_answers_with_an_error(tab: Watched, served: Served) -> None:
    page = tab.open("products")
    page.context.set_offline(True)
    try:
        page.get_by_role("button", name="the day before").click()
        page.get_by_role("alert").get_by_text("The server cannot be reached.").wait_for()
    finally:
        page.context.set_offline(False)
    page.get_by_role("button", name="Ask again").click()
    page.locator("[data-panel=products]").wait_for()
    assert page.get_by_role("alert").text_content() == ""


def test_error_of_a_choice_stands_in_the_place_of_the_view_and_the_choices_stay(tab: Watched, served: Served) -> None:
    page = tab.open("today")
    served.views = broken()
    page.get_by_role("button", name="the day before").click()
    page.get_by_text("“day” is “x”, which is no day.").wait_for()
    assert page.get_by_text("Write it like 2026-11-27.").is_visible()
    served.give(full())
    page.get_by_role("button", name="the day after").click()
    page.locator("[data-panel=totals]").wait_for()


def test_who_is_signed_out_is_told_to_sign_in_and_asks_no_more(tab: Watched, served: Served) -> None:
    served.give({**full(), "live": quick(full()["live"])})
    page = tab.open("live")
    served.signed_out = True
    page.get_by_role("alert").get_by_text("You are signed out.").wait_for()
    assert page.get_by_role("link", name="Sign in").get_attribute("href") == "../"
    assert page.locator("[data-value=Users]").text_content() == "412"
    asked = len(tab.requests)
    page.wait_for_timeout(1_500)
    assert len(tab.requests) == asked


def test_answer_that_comes_too_late_is_not_drawn(tab: Watched, served: Served) -> None:
    page = tab.open("today")
    page.route("**/data/funnel", lambda route: None)  # never answered
    page.get_by_role("navigation").get_by_role("link", name="Funnel").click()
    page.locator("main[aria-busy]").wait_for()
    tab.go("trust")
    page.unroute("**/data/funnel")
    assert page.locator("article").get_attribute("data-view") == "trust"
    assert page.locator("main[aria-busy]").count() == 0
