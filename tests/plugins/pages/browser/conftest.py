"""One browser and one server for the tests of a file; a page is opened once and led from view to view."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.plugins.pages.browser.full_views import full
from tests.plugins.pages.browser.served import Served, running_pages
from tests.plugins.pages.browser.watched import Watched, watched_page
from tests.tracker.browser import running_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, until the file ends: Playwright runs once at a time in a process, and other files may need it."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with running_pages() as served:
        yield served


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Served) -> Iterator[Watched]:
    """A tab for all tests of a file, in another zone than UTC; what it complains of is kept."""
    with watched_page(browser, server) as watched:
        yield watched


@pytest.fixture
def served(server: Served) -> Served:
    """The server with the full views, as if nothing had happened to it."""
    server.give(full())
    return server
