"""One browser for the tests of a file; for each test a new visitor, a shop, and an API on another origin."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.tracker.browser import running_browser
from tests.tracker.fake_api import FakeApi, running_api
from tests.tracker.shop import Shop, running_shop

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, until the file ends: Playwright runs once at a time in a process, and other files may need it."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with running_api() as api:
        yield api


@pytest.fixture
def shop(api: FakeApi) -> Iterator[Shop]:
    with running_shop(api.url) as shop:
        yield shop


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile that nobody used before; its pages share storage."""
    with browser.new_context(viewport={"width": 800, "height": 600}) as context:
        yield context


@pytest.fixture
def open_page(visitor: BrowserContext, shop: Shop) -> Open:
    """Open a page of the shop in a new tab, and wait until the tracker has loaded.

    With `clock`, the page's clock stands still from then on: timers fire when the test moves it.
    """

    def open_page(path: str = "/", *, clock: bool = False) -> Page:
        page = visitor.new_page()
        if clock:
            page.clock.install()
        page.goto(shop.url + path)
        page.wait_for_function("typeof clickstream.init == 'function'")
        if clock:
            page.clock.pause_at(datetime.now(tz=UTC) + timedelta(seconds=1))
        return page

    return open_page
