"""What the page writes, read back, is what the server sent: in figures, tables, pictures as tables, and times."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from pages.panels import Figure, Figures, Flow, Unit, View
from tests.plugins.pages.browser.drawn import NOW
from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.browser.hostile_views import broken
from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser

UNKNOWN: Final = "–"


def read_back(text: str) -> Decimal:
    """Return the number that a text of the page says; currencies, groups and units are left out."""
    digits = re.sub(r"[^\d.\-−]", "", text.replace("−", "-"))
    return Decimal(digits)


def sent(value: Any) -> Decimal:
    return Decimal(str(value))


def figures_of(page: Page) -> dict[str, str]:
    found = page.locator("[data-value]").evaluate_all("all => all.map((one) => [one.dataset.value, one.textContent])")
    return dict(found)


def test_figures_have_all_digits_that_were_sent(tab: Watched, served: Served) -> None:
    served.give(broken())
    page = tab.open("paths")
    shown = figures_of(page)
    assert shown == {
        "large": "9,007,199,254,740,991",
        "money": "123,456,789,012,345,678,901.10\u00a0XYZ",
        "exponent": "1,000.00\u00a0XYZ",
        "small": "0.00\u00a0XYZ",
        "below": "-$0.005",
        "unknown": UNKNOWN,
        "nearly all": "> 99.99\u00a0%",
        "negative": "-3",
    }


def test_numbers_on_the_page_are_those_of_the_view(tab: Watched, served: Served) -> None:
    page = tab.open("today")
    view = tab.data("today")
    shown = figures_of(page)
    for figure in view["panels"][0]["figures"]:
        if figure["unit"] == "percent":
            assert abs(read_back(shown[figure["label"]]) / 100 - sent(figure["value"])) <= Decimal("0.0005")
        else:
            assert read_back(shown[figure["label"]]) == sent(figure["value"]), figure["label"]
    for panel in view["panels"]:
        if panel["kind"] == "bars":
            values = page.locator(f"[data-panel={panel['id']}] .value").all_text_contents()
            assert [read_back(text) for text in values] == [sent(bar["value"]) for bar in panel["bars"]]


@pytest.mark.parametrize(
    ("view", "panel"), [("today", "hours"), ("today", "sources"), ("funnel", "steps"), ("trust", "ledger")]
)
def test_picture_as_a_table_has_all_of_its_numbers(tab: Watched, served: Served, view: str, panel: str) -> None:
    page = tab.open(view, table=panel)
    cells = page.locator(f"[data-panel={panel}] td.number").all_text_contents()
    numbers = [text for text in cells if text != UNKNOWN and "%" not in text and not re.search(r"[a-z]", text)]
    given = next(one for one in tab.data(view)["panels"] if one["id"] == panel)
    assert sorted(map(read_back, numbers)) == sorted(expected_numbers(given))


def expected_numbers(panel: Mapping[str, Any]) -> list[Decimal]:
    """Return the counts of a panel that its table has, without shares and durations."""
    match panel["kind"]:
        case "series":
            found = [value for line in panel["lines"] for value in line["values"]]
        case "bars":
            found = [value for bar in panel["bars"] for value in (bar["value"], bar["before"])] + [panel["total"]]
        case "funnel":
            users = [step["users"] for step in panel["steps"]]
            found = users + [before - after for before, after in pairwise(users)]
        case _:
            branches = [branch["count"] for stage in panel["stages"] for branch in stage["branches"]]
            found = [stage["count"] for stage in panel["stages"]] + branches + [one for one in panel["missing"] if one]
    return [sent(value) for value in found if value is not None]


def test_hours_are_written_in_the_chosen_zone_and_days_in_utc(tab: Watched, served: Served) -> None:
    page = tab.open("trust")
    hour = page.locator("[data-panel=hours] tbody time").first
    assert hour.text_content() == "Fri 27 Nov, 00:00"
    page.get_by_role("button", name="Local").click()
    assert hour.text_content() == "Fri 27 Nov, 01:00"
    assert hour.get_attribute("datetime") == "2026-11-27T00:00:00Z"
    assert "Europe/Berlin" in str(page.locator(".as-of").text_content())
    tab.open("funnel", zone="local", table="days")
    assert page.locator("[data-panel=days] tbody time").first.text_content() == "Thu, 29 Oct 2026"


def test_what_is_not_settled_says_so_in_words(tab: Watched, served: Served) -> None:
    page = tab.open("today")
    assert page.locator("[data-panel=totals] .trust strong").text_content() == "Provisional"
    assert page.locator("[data-panel=hours] .trust strong").text_content() == "Settled"
    assert "not settled since Fri 27 Nov, 14:00" in page.locator("[data-panel=hours] .legend").all_text_contents()[0]
    tab.go("live")
    assert page.locator(".view.provisional .banner strong").text_content() == "Provisional"


def test_change_is_green_or_red_by_whether_more_is_better(tab: Watched, served: Served) -> None:
    figures = [
        Figure(label="sales", value=2, before=1, more_is_better=True),
        Figure(label="errors", value=2, before=1, more_is_better=False),
        Figure(label="bots", value=2, before=1),
        Figure(label="new", value=2, before=0, more_is_better=True),
        Figure(label="share", value=0.5, before=0.25, unit=Unit.PERCENT, more_is_better=True),
    ]
    panel = Figures(id="totals", title="Totals", figures=figures)
    served.give({**full(), "today": View(id="today", title="Today", sentence="", panels=[panel], as_of=NOW)})
    page = tab.open("today")
    shown = page.locator(".numbers > div").evaluate_all(
        """all => all.map((one) => [
            one.querySelector("dt").textContent, one.querySelector(".delta")?.className,
            one.querySelector(".delta")?.textContent,
        ])"""
    )
    assert shown == [
        ["sales", "delta good", "+100\u00a0% (better)"],
        ["errors", "delta poor", "+100\u00a0% (worse)"],
        ["bots", "delta", "+100\u00a0%"],
        ["new", None, None],
        ["share", "delta good", "+100\u00a0% (better)"],
    ]


def test_flow_is_red_where_it_does_not_add_up_and_there_alone(tab: Watched, served: Served) -> None:
    page = tab.open("trust")
    assert page.locator("[data-panel=ledger] li.unbalanced .name").all_text_contents() == ["Received"]
    assert page.locator("[data-panel=ledger] .missing .value").all_text_contents() == ["17"]
    ledger = full()["trust"].panels[0]
    assert isinstance(ledger, Flow)
    served.give({**full(), "trust": replace(full()["trust"], panels=[replace(ledger, stages=ledger.stages[3:])])})
    tab.open("trust")
    assert page.locator("li.unbalanced, .missing").count() == 0


def test_flow_says_of_other_units_neither_that_they_add_up_nor_that_they_do_not(tab: Watched, served: Served) -> None:
    page = tab.open("trust")
    first = page.locator("[data-panel=ledger] .stages > li").first
    assert first.locator(".uncompared").text_content() == "6.84 lines for each record"
    assert first.locator(".balanced, .missing").count() == 0
    # Each unit has its own height: the few records are as high as the many lines.
    heights = page.locator("[data-panel=ledger] .ribbon path:first-child").evaluate_all(
        "all => all.map((one) => Math.round(one.getBBox().height))"
    )
    assert heights[0] == 96
