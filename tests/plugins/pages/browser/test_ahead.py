"""What a person points at is asked for before the click: one address at a time, and never what is costly."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route

from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser


@pytest.fixture
def page(tab: Watched, served: Served) -> Page:
    page = tab.open("today")
    page.mouse.move(640, 890)
    tab.rest()
    tab.requests.clear()
    return page


def way(page: Page, view: str) -> Locator:
    return page.get_by_role("navigation").get_by_role("link", name=view.capitalize(), exact=True)


def asked(tab: Watched) -> list[str]:
    return [urlsplit(url).path.removeprefix("/data/") for url in tab.requests]


def test_view_that_was_pointed_at_stands_before_the_server_answers_again(tab: Watched, page: Page) -> None:
    with page.expect_response("**/data/paths"):
        way(page, "paths").hover()
    page.route("**/data/paths", lambda route: None)  # never answered
    way(page, "paths").click()
    page.locator("article[data-view=paths]").wait_for()
    page.unroute("**/data/paths")


def test_focus_asks_ahead_too(tab: Watched, page: Page) -> None:
    with page.expect_response("**/data/retention"):
        way(page, "retention").focus()


def test_click_during_the_asking_asks_no_second_time(tab: Watched, page: Page) -> None:
    held: list[Route] = []
    page.route("**/data/products", lambda route: held.append(route))
    with page.expect_request("**/data/products"):
        way(page, "products").hover()
    way(page, "products").click()
    page.locator("main[aria-busy]").wait_for()
    held[0].continue_()
    page.locator("article[data-view=products]").wait_for()
    page.unroute("**/data/products")
    assert asked(tab) == ["products"]


def test_asking_ahead_ends_when_the_person_goes_elsewhere(tab: Watched, page: Page) -> None:
    page.route("**/data/scaling", lambda route: None)  # never answered
    with page.expect_request("**/data/scaling"):
        way(page, "scaling").hover()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/data/scaling")):
        way(page, "trust").click()
    page.locator("article[data-view=trust]").wait_for()
    page.unroute("**/data/scaling")


def test_costly_choices_are_asked_for_by_a_click_alone(tab: Watched, page: Page) -> None:
    tab.go("funnel")
    page.get_by_role("button", name="without View Product").hover()
    with page.expect_response(lambda answer: "day=" in answer.url):
        page.get_by_role("button", name="the day before").hover()
    names = {name for url in tab.requests for name, _ in parse_qsl(urlsplit(url).query)}
    assert names == {"day"}


def test_nothing_is_asked_ahead_where_traffic_is_to_be_saved(tab: Watched, page: Page) -> None:
    page.evaluate("Object.defineProperty(navigator.connection, 'saveData', { value: true, configurable: true })")
    way(page, "live").hover()
    page.evaluate("delete navigator.connection.saveData")
    with page.expect_response("**/data/rejected"):
        way(page, "rejected").hover()
    assert asked(tab) == ["rejected"]
