"""The file draws its views by itself, asks for nothing, and whatever a name in it is, it stays text."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from clickstream_report.document import document, in_script
from clickstream_report.views_of_day import SHOWN, report
from pages.panels import View
from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.browser.hostile_views import ATTACKS, hostile
from tests.plugins.pages.fixture_views import FixtureViews
from tests.tracker.browser import running_browser

DAY = date(2026, 11, 27)
MADE_AT = datetime(2026, 11, 28, 2, 30, tzinfo=UTC)


def file_of(views: Mapping[str, View]) -> str:
    return report(FixtureViews(views=views), DAY, made_at=MADE_AT)


@given(st.text())
def test_no_text_ends_the_element_that_holds_the_figures(text: str) -> None:
    written = in_script({"text": text})
    assert "<" not in written
    assert json.loads(written) == {"text": text}


def test_file_names_no_address_to_load_from() -> None:
    content = document(DAY, [], MADE_AT)
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*\b(?:src|href)=", content) == []
    assert "default-src 'none'" in content
    assert "unsafe" not in content


def test_views_are_asked_for_the_day_and_lose_what_needs_a_server() -> None:
    views = FixtureViews(views=full())
    content = report(views, DAY, made_at=MADE_AT)
    assert views.queries == [{"day": "2026-11-27"}] * len(SHOWN)
    (figures,) = re.findall(r'id="figures">(.*?)</script>', content)
    shown = json.loads(figures)
    assert [view["id"] for view in shown["views"]] == list(SHOWN)
    assert all(view["controls"] == [] and view["refresh_seconds"] == 0 for view in shown["views"])
    assert shown["made"] == "2026-11-28 02:30:00 UTC"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB") as context:
        yield context.new_page()


def opened(page: Page, folder: Path, views: Mapping[str, View]) -> list[str]:
    """Open the file from disk; return the list to which go what its console says and what it asks for."""
    path = folder / "report.html"
    path.write_text(file_of(views), encoding="utf-8")
    noted: list[str] = []
    page.on("console", lambda said: noted.append(said.text))
    page.on("pageerror", lambda error: noted.append(str(error)))
    page.on("request", lambda request: noted.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_selector("#trust article")
    return noted


@pytest.mark.browser
def test_file_from_disk_draws_every_view_and_asks_for_nothing(page: Page, tmp_path: Path) -> None:
    noted = opened(page, tmp_path, full())
    assert page.locator("article").evaluate_all("all => all.map((one) => one.dataset.view)") == list(SHOWN)
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every((one) => one.querySelector('canvas'))")
    assert page.locator("[data-panel=totals] [data-value=Visitors]").text_content() == "48,213"
    page.locator("#funnel").get_by_role("button", name="Table instead of a picture: From page").click()
    assert page.locator("#funnel td.number").first.text_content() == "48,213"
    page.get_by_role("button", name="Local").click()
    page.emulate_media(color_scheme="dark")
    assert noted == []


@pytest.mark.browser
def test_hostile_text_stays_text_in_the_file(page: Page, tmp_path: Path) -> None:
    noted = opened(page, tmp_path, hostile())
    assert page.evaluate("window.hit") is None
    assert page.locator("#report img, #report script").count() == 0
    shown = str(page.locator("#report").text_content())
    assert all(attack.lstrip("\0") in shown for attack in ATTACKS)
    assert noted == []
