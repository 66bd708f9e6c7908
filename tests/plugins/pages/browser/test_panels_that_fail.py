"""A panel that cannot be drawn says so in its place, and the others stand; a browser's odd language is no failure."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched, watched_page

pytestmark = pytest.mark.browser

Change = Callable[[list[Any]], None]


@pytest.fixture
def page(tab: Watched, served: Served) -> Iterator[Page]:
    yield tab.page
    tab.page.unroute("**/data/today*")


def change(page: Page, changed: Change) -> None:
    """Have the panels of *today* come otherwise than any server of ours sends them."""

    def answer(route: Route) -> None:
        given = route.fetch()
        view = given.json()
        changed(view["panels"])
        route.fulfill(response=given, json=view)

    page.route("**/data/today*", answer)


def test_panel_that_fails_says_so_and_the_others_are_drawn(tab: Watched, page: Page) -> None:
    def changed(panels: list[Any]) -> None:
        next(panel for panel in panels if panel["kind"] == "bars")["bars"] = None

    change(page, changed)
    tab.open("today")
    tab.rest()
    failed = page.locator(".panel").filter(has_text="This panel could not be drawn")
    assert failed.count() == 1
    assert failed.get_by_role("heading").count() == 1, "its title says which it is"
    assert page.locator(".panel.figures, .panel.series canvas").count() >= 2
    assert page.get_by_role("alert").text_content() == ""


def test_picture_that_fails_says_so_in_its_place_and_its_table_stays(tab: Watched, page: Page) -> None:
    def changed(panels: list[Any]) -> None:
        series = next(panel for panel in panels if panel["kind"] == "series")
        series["lines"] = [{**line, "values": None} for line in series["lines"]]

    change(page, changed)
    tab.open("today")
    tab.rest()
    plot = page.locator("[data-panel=hours] .plot")
    assert "The picture cannot be drawn" in str(plot.text_content())
    assert page.locator("[data-panel=sources] .value").count() > 0
    page.unroute("**/data/today*")
    page.get_by_role("button", name="the day before").click()
    page.locator("[data-panel=hours] canvas").wait_for()


def test_pictures_are_drawn_in_a_browser_whose_language_is_no_language_tag(browser: Browser, server: Served) -> None:
    with watched_page(browser, server) as watched:
        odd = "Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix' })"
        watched.page.add_init_script(odd)
        watched.open("today")
        watched.rest()
        assert watched.page.locator(".plot canvas").count() == watched.page.locator(".plot").count() > 0
        assert watched.complaints == []
