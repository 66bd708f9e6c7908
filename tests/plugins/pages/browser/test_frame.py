"""The page in a frame as Airflow 3.3.2 makes it: its theme, the address above it, and links that lead out of it.

The document around the frame is the test's own, with Airflow's sandbox; `local/demo/screenshots.py` shows the real one.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Route

from tests.plugins.pages.browser.served import Served

pytestmark = pytest.mark.browser

#: As ui/src/pages/Iframe.tsx writes it.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"


@pytest.fixture
def outer(browser: Browser, served: Served) -> Iterator[Page]:
    """A page of Airflow around `/?view=today`, behind a proxy that puts nothing before its path."""

    def airflow(route: Route) -> None:
        query = urlsplit(route.request.url).query
        body = f"""<!doctype html><html lang=en class=dark><base href=/><title>Airflow</title><p>airflow</p>
            <iframe title=Analytics sandbox="{SANDBOX}" src="/?{query}" width=1200 height=800></iframe></html>"""
        route.fulfill(body=body, content_type="text/html")

    with browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme="light") as context:
        page = context.new_page()
        for path in ("plugin", "dags"):
            page.route(f"**/{path}/**", airflow)
        page.goto(f"{served.url}plugin/clickstream/?view=today")
        yield page


def frame(outer: Page) -> FrameLocator:
    return outer.frame_locator("iframe")


def test_theme_follows_airflows_while_it_changes(outer: Page) -> None:
    root = frame(outer).locator("html")
    assert root.get_attribute("data-theme") == "dark", "the system's is light"
    frame(outer).locator("canvas").first.wait_for()
    outer.evaluate("document.documentElement.className = 'light'")
    frame(outer).locator("html[data-theme=light]").wait_for(state="attached")


def test_address_above_follows_so_that_a_copied_link_opens_the_same(outer: Page, served: Served) -> None:
    before = outer.evaluate("history.length")
    frame(outer).get_by_role("button", name="Country").click()
    frame(outer).get_by_role("button", name="Local").click()
    outer.wait_for_url(f"{served.url}plugin/clickstream/?view=today&by=country&zone=local")
    assert outer.evaluate("history.length") == before + 2, "a step for each choice"
    outer.reload()
    frame(outer).locator("article[data-view=today]").wait_for()
    assert frame(outer).get_by_role("button", name="Local").get_attribute("aria-pressed") == "true"
    assert served.queries[-1] == {"by": "country"}


def test_address_of_a_run_is_left_alone(outer: Page, served: Served) -> None:
    address = f"{served.url}dags/transform_events/runs/one/plugin/clickstream_run?view=trust"
    outer.goto(address)
    frame(outer).get_by_role("link", name="Today").click()
    frame(outer).locator("article[data-view=today]").wait_for()
    assert outer.url == address


def test_link_to_airflow_leaves_the_frame_which_the_sandbox_forbids_to_itself(outer: Page) -> None:
    outer.goto(outer.url.replace("today", "trust"))
    # The app is at the root here, where `..` is the root again.
    frame(outer).get_by_role("link", name="The run of 09:00").click()
    outer.wait_for_url("**/dags/transform_events/runs/scheduled__2026-11-27T09")


def test_link_to_airflow_opens_a_tab_where_one_is_asked_for(outer: Page) -> None:
    outer.goto(outer.url.replace("today", "trust"))
    with outer.context.expect_page() as opened:
        frame(outer).get_by_role("link", name="The run of 09:00").click(modifiers=["ControlOrMeta"])
    assert opened.value.url.endswith("/dags/transform_events/runs/scheduled__2026-11-27T09")
    assert "view=trust" in outer.url
