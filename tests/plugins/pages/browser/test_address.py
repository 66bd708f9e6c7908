"""The address is the state: what a person chooses is in it, and who opens it sees what that person saw."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page

from pages.panels import Control, Option, View
from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser


def address(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))


def following(view: View) -> object:
    """Return what answers with a view whose choices are those of the query, as the server's own do."""

    def answer(query: Mapping[str, str]) -> View:
        def chosen(control: Control) -> Control:
            return replace(control, value=query.get(control.name, control.value))

        return replace(view, controls=[chosen(control) for control in view.controls])

    return answer


@pytest.fixture
def page(tab: Watched, served: Served) -> Page:
    served.give({name: following(view) for name, view in full().items()})  # type: ignore[misc]
    return tab.page


def test_each_kind_of_choice_goes_into_the_address_and_comes_back_from_it(tab: Watched, page: Page) -> None:
    tab.open("today")
    page.get_by_role("button", name="the day before").click()
    page.get_by_role("switch", name="with bots").click()
    page.get_by_role("button", name="Country").click()
    assert address(page) == {"view": "today", "day": "2026-11-26", "bots": "on", "by": "country"}
    tab.rest()
    page.reload()
    tab.rest()
    assert page.get_by_label("Day (UTC)", exact=True).last.input_value() == "2026-11-26"
    assert page.get_by_role("switch", name="with bots").get_attribute("aria-checked") == "true"
    assert page.get_by_role("button", name="Country").get_attribute("aria-pressed") == "true"


def test_steps_are_added_moved_and_taken_away(tab: Watched, page: Page) -> None:
    tab.open("funnel")
    page.get_by_role("button", name="without View Product").click()
    page.get_by_role("button", name="without View Product").wait_for(state="detached")
    page.get_by_label("Add to Steps").select_option("Search")
    page.get_by_role("button", name="earlier: Search").click()
    page.wait_for_function("() => location.search.includes('Add_To_Cart%2CSearch%2CPurchase')")
    assert address(page)["steps"] == "Page_View,Add_To_Cart,Search,Purchase"
    page.get_by_role("button", name="Any order").click()
    tab.rest()
    assert page.locator(".chosen li").evaluate_all("all => all.map(one => one.dataset.key)") == [
        "Page_View", "Add_To_Cart", "Search", "Purchase",
    ]  # fmt: skip


def test_back_returns_to_the_view_before_with_its_choices(tab: Watched, page: Page) -> None:
    tab.open("today", day="2026-11-20", by="source")
    tab.go("funnel")
    assert address(page) == {"view": "funnel", "day": "2026-11-20"}, "the day means the same in every view"
    page.go_back()
    page.wait_for_selector("article[data-view=today]")
    assert address(page) == {"view": "today", "day": "2026-11-20", "by": "source"}
    assert page.get_by_role("navigation").locator("[aria-current=page]").text_content() == "Today"


def test_server_is_asked_with_its_own_choices_alone(tab: Watched, page: Page, served: Served) -> None:
    tab.open("live", zone="local", table="minutes", **{"find.lines": "user-3", "day": "2026-11-20"})
    assert served.queries == [{"day": "2026-11-20"}]
    assert page.locator("[data-panel=lines] tbody tr").count() == 3
    csv = page.locator("[data-panel=lines] a.way").get_attribute("href")
    assert csv == "csv/live/lines?day=2026-11-20"


def test_filter_and_order_of_a_table_are_in_the_address(tab: Watched, page: Page) -> None:
    tab.open("products")
    rows = page.locator("[data-panel=products] tbody tr")
    page.get_by_role("searchbox", name="Product").fill("sku-100")
    assert rows.count() == 10
    page.get_by_role("button", name="Sold").click()
    assert rows.first.locator("td").first.text_content() == "SKU-1009"
    page.get_by_role("button", name="Sold").click()
    assert rows.first.locator("td").first.text_content() == "SKU-1000"
    assert address(page) == {"view": "products", "find.products": "sku-100", "sort.products": "-sold"}
    page.get_by_role("searchbox", name="Product").fill("no such thing")
    assert page.locator("[data-panel=products] .nothing").text_content() == "No row contains “no such thing”."


def test_links_lead_to_other_views_and_to_pages_of_airflow_by_relative_addresses(tab: Watched, page: Page) -> None:
    tab.open("trust")
    assert page.get_by_role("link", name="The run of 09:00").get_attribute("href") == (
        "../dags/transform_events/runs/scheduled__2026-11-27T09"
    )
    page.get_by_role("link", name="rejected", exact=True).last.click()
    page.wait_for_selector("article[data-view=rejected]")
    tab.open("live")
    page.get_by_role("link", name="price_is_negative").click()
    page.wait_for_selector("article[data-view=rejected]")
    assert address(page) == {"view": "rejected", "reason": "price_is_negative"}


def test_keyboard_reaches_the_figures_the_choices_and_the_values_of_a_chart(tab: Watched, page: Page) -> None:
    tab.open("today")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.localName") == "h1", "the first key leads past the navigation"
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.textContent || document.activeElement.className).trim()"))
        if page.evaluate("document.activeElement.className") == "plot":
            break
    assert {"the day before", "with bots", "Source", "27 Nov"} <= set(reached)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    read = page.locator("series-chart [aria-live]").first.text_content()
    values = [line["values"][1] for line in tab.data("today")["panels"][1]["lines"]]
    assert read == f"Fri 27 Nov, 01:00 UTC, 27 Nov {values[0]:,}, 20 Nov {values[1]:,}"


def test_legend_hides_a_line_and_a_stack_closes_over_it(tab: Watched, page: Page) -> None:
    tab.open("live")
    tab.rest()
    top = "document.querySelector('series-chart').plotted.scales.count.max"
    before = page.evaluate(top)
    page.get_by_role("button", name="Page_View").click()
    assert page.get_by_role("button", name="Page_View").get_attribute("aria-pressed") == "false"
    assert page.evaluate(top) < before


def test_name_with_a_comma_is_one_step(tab: Watched, page: Page, served: Served) -> None:
    def answer(query: Mapping[str, str]) -> View:
        options = [Option(value=name, label=name) for name in ("a,b", "c")]
        steps = Control(name="steps", label="Steps", kind="steps", value=query.get("steps", "c"), options=options)
        return replace(full()["funnel"], controls=[steps])

    served.give({**full(), "funnel": answer})
    tab.open("funnel")
    page.get_by_label("Add to Steps").select_option("a,b")
    page.locator(".chosen li").nth(1).wait_for()
    assert address(page)["steps"] == "c,a,,b"
    assert page.locator(".chosen li").nth(1).get_attribute("data-key") == "a,b"


def test_what_is_said_of_two_choices_stands_once_and_describes_both(tab: Watched, page: Page, served: Served) -> None:
    days = [Control(name=name, label=name, kind="day", value="2026-11-27", hint="A UTC day.") for name in ("a", "b")]
    served.give({**full(), "today": replace(full()["today"], controls=days)})
    tab.open("today")
    assert page.get_by_text("A UTC day.").count() == 1
    for label in ("a", "b"):
        described = page.get_by_role("group", name=label, exact=True).get_attribute("aria-describedby")
        assert page.locator(f"#{described}").text_content() == "A UTC day."
